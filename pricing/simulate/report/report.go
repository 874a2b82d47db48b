// Package report writes what came of simulated sales: as one HTML document that needs nothing
// else, not even a script, as CSV, and as drawings for other documents. It is pure, and the
// same results give the same bytes.
package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"frontrow/internal/chart"
	"frontrow/pricing/curve"
	"frontrow/pricing/simulate"
	"frontrow/wire"
)

// Report is what was played: one crowd, against several rules.
type Report struct {
	Crowd   *simulate.Crowd
	Results []simulate.Result // at least one; all of the same levels and currency
	Rules   [][]string        // of each result, in plain words
}

// Drawing is a chart with the name of its file, without an ending.
type Drawing struct {
	Name string
	chart.Chart
}

// Drawings are the charts: the price of each level that any rules move, and what is sold,
// taken in and waiting.
func (r Report) Drawings() (all []Drawing) {
	for k, l := range r.Results[0].Spec.Levels {
		if d, moves := r.prices(k, l); moves {
			all = append(all, d)
		}
	}
	percent := func(bp int64) string { return fmt.Sprintf("%d %%", bp/100) }
	waiting := r.over("waiting", "Fans who wait", "How many fans wait to be called, over time.", nil, func(s *curve.Sale, i int) int64 { return s.At(i, 0).Waiting })
	all = append(all,
		r.over("sold", "Sold, of all places", "The share of the places that is sold, over time.", percent, func(s *curve.Sale, i int) int64 {
			var sold int64
			for k := range s.Levels {
				sold += s.At(i, k).Sold
			}
			return sold * 10_000 / int64(max(1, s.Places))
		}),
		r.over("revenue", "Revenue", "What was paid so far, over time.", r.short, revenue))
	if len(waiting.Lines[0].Points) > 0 {
		all = append(all, waiting)
	}
	return all
}

func revenue(s *curve.Sale, i int) (sum int64) {
	for k := range s.Levels {
		sum += s.At(i, k).Revenue
	}
	return sum
}

func (r Report) amount(minor int64) string {
	return wire.FormatAmount(minor, r.Results[0].Spec.Currency)
}

// short writes an amount for an axis: "EUR 12.50", "EUR 120", "EUR 7.5 M".
func (r Report) short(minor int64) string {
	const million = 1_000_000
	text := r.amount(minor)
	unit := int64(math.Pow10(wire.CurrencyDigits(r.Results[0].Spec.Currency)))
	switch whole := minor / unit; {
	case minor%unit != 0:
		return text
	case whole >= million:
		return fmt.Sprintf("%s %g M", text[:3], float64(whole)/million)
	}
	text, _, _ = strings.Cut(text, ".")
	return text
}

// prices draws a level's price under each rules, between their rails.
func (r Report) prices(k int, l wire.Level) (d Drawing, moves bool) {
	d = Drawing{"price-" + l.ID, chart.Chart{Title: "Price of " + name(l) + " (dotted: never below, never above)", About: "What a ticket cost, fees included, over time, and the lowest and highest that the rules allow.", To: r.length(), Label: r.short}}
	for i, res := range r.Results {
		level := res.Spec.Levels[k]
		line := chart.Line{Name: res.Name, Look: i, Steps: true, Points: []chart.Point{{Value: res.Spec.Opening(level).Total}}}
		for _, c := range res.Changes {
			if c.Level == l.ID {
				line.Points = append(line.Points, chart.Point{After: c.After, Value: c.To})
			}
		}
		if floor, ceiling := res.Spec.Bounds(level); floor < ceiling {
			moves = true
			d.Rails = append(d.Rails, chart.Rail{Name: res.Name + ": never below " + r.amount(floor), Look: i, Value: floor}, chart.Rail{Name: res.Name + ": never above " + r.amount(ceiling), Look: i, Value: ceiling})
		}
		d.Lines = append(d.Lines, line)
	}
	return d, moves
}

// over draws an amount at each sample, unless it is curve.Unknown.
func (r Report) over(file, title, about string, label func(int64) string, of func(s *curve.Sale, i int) int64) Drawing {
	d := Drawing{file, chart.Chart{Title: title, About: about, To: r.length(), Label: label}}
	for look, res := range r.Results {
		line := chart.Line{Name: res.Name, Look: look}
		for i := range res.Curve.Samples() {
			if v := of(&res.Curve, i); v != curve.Unknown {
				line.Points = append(line.Points, chart.Point{After: time.Duration(i) * res.Curve.Every, Value: v})
			}
		}
		d.Lines = append(d.Lines, line)
	}
	return d
}

// length is that of the longest sale.
func (r Report) length() (longest time.Duration) {
	for _, res := range r.Results {
		longest = max(longest, time.Duration(res.Curve.Samples()-1)*res.Curve.Every)
	}
	return longest
}

func name(l wire.Level) string {
	if l.Name == "" {
		return l.ID
	}
	return l.Name
}

// CSV writes each level of each sale at each sample, with the columns of a curve (package
// curve), those of the rules before them, and behind them the reasons of the changes since
// the sample before.
func (r Report) CSV(to io.Writer) error {
	w := csv.NewWriter(to)
	_ = w.Write([]string{"rules", "seconds", "level", "places", "sold", "held", "returned", "price", "waiting", "revenue", "changes", "why"}) // Flush has the error
	for _, res := range r.Results {
		why, changes := map[string]string{}, map[string]int{}
		left := res.Changes
		for i := range res.Curve.Samples() {
			at := time.Duration(i) * res.Curve.Every
			clear(why)
			for ; len(left) > 0 && left[0].After <= at; left = left[1:] {
				why[left[0].Level] = left[0].Why
				changes[left[0].Level]++
			}
			for k, level := range res.Curve.Levels {
				row := res.Curve.At(i, k)
				waiting := ""
				if row.Waiting != curve.Unknown {
					waiting = number(row.Waiting)
				}
				_ = w.Write([]string{res.Name, number(int64(at / time.Second)), level, number(row.Places), number(row.Sold), number(row.Held), number(row.Returned), number(row.Price), waiting,
					number(row.Revenue), strconv.Itoa(changes[level]), why[level]})
			}
		}
	}
	w.Flush()
	return w.Error()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
