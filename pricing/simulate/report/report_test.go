package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"frontrow/pricing/simulate"
	"frontrow/wire"
)

var opens = time.Date(2030, 5, 1, 8, 0, 0, 0, time.UTC)

// played is a small sale under two rules.
func played(t *testing.T) Report {
	t.Helper()
	s := wire.Spec{ID: "demo", Name: "Demo <&>", Venue: "Hall", Currency: "EUR", OpensAt: opens, SaleEndsAt: opens.Add(2 * time.Hour), StartsAt: opens.Add(1000 * time.Hour),
		Levels:  []wire.Level{{ID: "front", Name: "Front <b>", Base: 11_000, ServiceFee: 1_000}, {ID: "rear", Base: 6_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Rails: []wire.Rails{{Level: "front", Floor: 10_000, Ceiling: 18_000, Step: 500}}}}
	fixed := s
	fixed.Pricing = wire.PricingSpec{}
	kind, err := simulate.KindOf("hot")
	if err != nil {
		t.Fatal(err)
	}
	crowd := simulate.Synthetic(kind, []simulate.Level{{ID: "front", Opening: 12_000, Places: 400}, {ID: "rear", Opening: 6_000, Places: 600}}, 4, 2*time.Hour, 1)
	r := Report{Crowd: &crowd}
	for name, spec := range map[string]wire.Spec{"a <rule>": s.WithDefaults(), "fixed": fixed.WithDefaults()} {
		result, err := simulate.Run(t.Context(), simulate.Config{Name: name, Spec: spec, Crowd: &crowd})
		if err != nil {
			t.Fatal(err)
		}
		r.Results, r.Rules = append(r.Results, result), append(r.Rules, nil)
	}
	if r.Results[0].Name == "fixed" {
		r.Results[0], r.Results[1] = r.Results[1], r.Results[0]
	}
	r.Rules[0] = []string{"front may rise & fall"}
	return r
}

// The document is whole: it needs no script and nothing from elsewhere, has headings, tables
// with captions and headers, and charts that are told in words; nothing of it is markup that
// came from outside.
func TestHTML(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	r := played(t)
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, never := range []string{"<script", "http://", "https://", "url(", "<link", "<b>", "<rule>", "NaN"} {
		if strings.Contains(strings.ReplaceAll(text, `xmlns="http://www.w3.org/2000/svg"`, ""), never) {
			t.Errorf("it has %s", never)
		}
	}
	count := map[string]int{}
	d := xml.NewDecoder(&b)
	d.Strict, d.AutoClose = false, xml.HTMLAutoClose
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		tag, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		count[tag.Name.Local]++
		if tag.Name.Local == "svg" && !strings.Contains(fmt.Sprint(tag.Attr), "aria-label") {
			t.Error("a chart isn't told in words")
		}
		if tag.Name.Local == "th" && !strings.Contains(fmt.Sprint(tag.Attr), "scope") {
			t.Error("a header without its scope")
		}
	}
	if count["table"] != 4 || count["caption"] != 4 || count["svg"] != 4 || count["h1"] != 1 || count["h2"] != 2 {
		t.Errorf("%v", count)
	}
	for _, want := range []string{"<html lang=\"en\">", "prefers-color-scheme:dark", "A simulation compares rules", "front may rise &amp; fall", "All prices are fixed.", "sales &#43;", "a &lt;rule&gt;",
		"Price of Front &lt;b&gt;", "a &lt;rule&gt;: never above EUR 180.00"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	var again bytes.Buffer
	if err := r.HTML(&again); err != nil || again.String() != text {
		t.Errorf("another document of the same results: %v", err)
	}
}

// The CSV has each change with its reason, and ends where the sale does.
func TestCSV(t *testing.T) {
	t.Parallel()
	r := played(t)
	var b bytes.Buffer
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 1+2*2*121 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	var revenue, changes string
	whys := 0
	for _, row := range rows[1:] {
		if row[0] == "a <rule>" && row[2] == "front" {
			revenue, changes = row[9], row[10]
			if row[11] != "" {
				whys++
			}
		}
	}
	if want := fmt.Sprint(len(r.Results[0].Changes)); changes != want || fmt.Sprint(whys) != want {
		t.Errorf("%s changes with %d reasons, want %s", changes, whys, want)
	}
	last := r.Results[0].Curve
	if want := fmt.Sprint(last.At(last.Samples()-1, 0).Revenue); revenue != want {
		t.Errorf("revenue %s, want %s", revenue, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	r := played(t)
	r.Results[1].Wrong = []string{"act 2: wrong"}
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a <rule>", "fixed", "Revenue", "1000 of 1000 places (100.00 %)", "1, with 1 faults"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
	for want, minor := range map[string]int64{"EUR 12.50": 1250, "EUR 12": 1200, "EUR 7.5 M": 750_000_000, "EUR 0": 0} {
		if got := r.short(minor); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
