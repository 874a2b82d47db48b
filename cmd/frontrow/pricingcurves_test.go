package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
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
