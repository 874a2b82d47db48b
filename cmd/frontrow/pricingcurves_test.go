package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/pricing/curve"
)

// soldCurve writes a past sale of the tour's theatre, and returns its file.
func soldCurve(t *testing.T, change func(*curve.Sale), sold ...int64) string {
	t.Helper()
	s := curve.Sale{Head: curve.Head{Event: "last-year", Venue: "Test Theatre", StartsAt: time.Date(2039, 6, 21, 18, 0, 0, 0, time.UTC),
		OpensAt: time.Date(2039, 5, 1, 8, 0, 0, 0, time.UTC), Places: 400, Currency: "EUR", Every: time.Hour}, Levels: []string{"stalls", "circle"}}
	for _, n := range sold {
		s.Rows = append(s.Rows, curve.Row{Places: 200, Sold: n, Price: 8800, Waiting: curve.Unknown, Revenue: n * 8800}, curve.Row{Places: 200, Sold: n, Price: 5000, Waiting: curve.Unknown, Revenue: n * 5000})
	}
	if change != nil {
		change(&s)
	}
	var text bytes.Buffer
	if err := curve.Write(&text, s); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), s.Event+".csv")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Past sales that are like an event's come into its file, which says the same otherwise.
func TestPricingImport(t *testing.T) {
	t.Parallel()
	file, past := eventFileOf(t, pricedTour), soldCurve(t, nil, 0, 100, 150)
	barn := soldCurve(t, func(s *curve.Sale) { s.Event, s.Venue = "barn", "Barn" }, 0, 5)
	want := `  comparable: # by frontrow pricing import
    sales:
      - {event: "last-year", venue: "Test Theatre", starts_at: 2039-06-21T18:00:00Z, places: 400}
    curve:
      - {after: 0s, basis_points: 0}
      - {after: 1h0m0s, basis_points: 5000}
      - {after: 2h0m0s, basis_points: 7500}
`
	if out, err := said(t, "pricing", "import", "-f", file, past, barn); err != nil || out != want {
		t.Fatalf("%v\n%s", err, out)
	}
	if raw, _ := os.ReadFile(file); string(raw) != pricedTour {
		t.Fatalf("it was written:\n%s", raw)
	}
	for range 2 { // the second takes the place of the first
		if _, err := said(t, "pricing", "import", "--write", "-f", file, barn, past); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(file)
		if got := pricedTour + want; err != nil || string(raw) != got {
			t.Fatalf("%v\n%s\nwant\n%s", err, raw, got)
		}
	}
	if out, err := said(t, "event", "check", "-f", file); err != nil || !strings.Contains(out, "and with how these sold: last-year (Test Theatre, Tue 21 Jun 2039, 20:00 (Berlin time), 400 places)") {
		t.Errorf("%v\n%s", err, out)
	}
	if other, err := os.ReadDir(filepath.Dir(file)); err != nil || len(other) != 1 {
		t.Errorf("%v, %v", other, err)
	}
	for name, c := range map[string]struct {
		raw    string
		curves []string
		want   string
	}{
		"no match": {pricedTour, []string{barn}, curve.ErrNone.Error()},
		"fixed":    {tour, []string{past}, "pricing.mode: past sales are compared with in modes demand and propose"},
		"no curve": {pricedTour, []string{past, file}, ":1: want frontrow sales curve,…"},
		"in flow":  {tour + "pricing: {mode: demand, rails: [{level: stalls, floor: EUR 70.00, ceiling: EUR 120.00, step: EUR 2.50}]}\n", []string{past}, "it is not written with each key in a line of its own"},
	} {
		file := eventFileOf(t, c.raw)
		if _, err := said(t, append([]string{"pricing", "import", "--write", "-f", file}, c.curves...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if raw, err := os.ReadFile(file); err != nil || string(raw) != c.raw {
			t.Errorf("%s: %v\n%s", name, err, raw)
		}
	}
	if _, err := said(t, "pricing", "export", "demo", "--every", "1.5s"); !errors.As(err, &usageError{}) {
		t.Error(err)
	}
}

// A sale is played against several rules, and what came of it is written; from the same
// crowd the same bytes.
func TestPricingSimulate(t *testing.T) {
	t.Parallel()
	moving, fixed := eventFileOf(t, pricedTour), eventFileOf(t, tour)
	out := filepath.Join(t.TempDir(), "out")
	simulate := func(args ...string) (map[string]string, string, error) {
		text, err := said(t, append([]string{"pricing", "simulate", "-o", out, "--svg", out}, args...)...)
		files := map[string]string{}
		for _, name := range []string{out + ".html", out + ".csv", filepath.Join(out, "price-stalls.svg"), filepath.Join(out, "sold.svg")} {
			raw, _ := os.ReadFile(name)
			files[filepath.Ext(name)+filepath.Base(name)] = string(raw)
		}
		return files, text, err
	}
	files, text, err := simulate("-f", moving, "-f", fixed, "--synthetic", "hot", "--for", "1h")
	if err != nil || !strings.Contains(text, "Revenue") || !strings.Contains(text, "all the same") {
		t.Fatalf("%v\n%s", err, text)
	}
	for name, raw := range files {
		if len(raw) < 1000 {
			t.Errorf("%s: %q", name, raw)
		}
	}
	if html := files[".htmlout.html"]; !strings.Contains(html, "stalls (Stalls) may rise from EUR 88.00") || strings.Contains(html, "<script") {
		t.Errorf("%s", html)
	}
	if again, _, err := simulate("-f", moving, "-f", fixed, "--synthetic", "hot", "--for", "1h"); err != nil || !reflect.DeepEqual(files, again) {
		t.Errorf("another report of the same sale: %v", err)
	}
	past := soldCurve(t, nil, 0, 100, 150)
	if other, text, err := simulate("-f", moving, "--curve", past, "--elasticity", "1.5"); err != nil || !strings.Contains(other[".htmlout.html"], "Elasticity 1.50: one percent dearer") {
		t.Errorf("%v\n%s", err, text)
	}
	smaller := eventFileOf(t, changed("seats: 400", "seats: 300"))
	for want, args := range map[string][]string{
		"missing flags: --curve=FILE or --synthetic=KIND": {"-f", moving},
		"--curve and --synthetic can't be used together":  {"-f", moving, "--curve", past, "--synthetic", "hot"},
		`there is no crowd "tepid"`:                       {"-f", moving, "--synthetic", "tepid"},
		"--for 1s: write a time from 1m":                  {"-f", moving, "--synthetic", "hot", "--for", "1s"},
		`"0.05": write a number from 0.1 to 10`:           {"-f", moving, "--curve", past, "--elasticity", "0.05"},
		`"NaN": write a number`:                           {"-f", moving, "--curve", past, "--elasticity", "NaN"},
		"its levels, places or currency are not those of": {"-f", moving, "-f", smaller, "--synthetic", "hot"},
		":1: want frontrow sales curve":                   {"-f", moving, "--curve", moving},
		`it knows nothing of level "circle"`:              {"-f", moving, "--curve", soldCurve(t, func(s *curve.Sale) { s.Levels, s.Rows = s.Levels[:1], s.Rows[:2] }, 0, 100)},
		":21:15: pricing.comparable: want keys":           {"-f", eventFileOf(t, pricedTour+"  comparable: 5\n"), "--synthetic", "hot"},
	} {
		if _, _, err := simulate(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}

// How far a simulation is shows on a terminal alone.
func TestSimulationProgress(t *testing.T) {
	t.Parallel()
	if (terminal{stderr: &bytes.Buffer{}}).progress("x", 0, 1) != nil {
		t.Error("nobody looks")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if (terminal{stderr: file}).progress("x", 0, 1) != nil {
		t.Error("a file is no terminal")
	}
}
