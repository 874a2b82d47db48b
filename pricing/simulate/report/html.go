package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"frontrow/internal/chart"
	"frontrow/pricing/simulate"
)

// Bounds of the tables; the CSV has all.
const (
	mostChanges = 200
	mostSamples = 24
)

// document is what the template shows.
type document struct {
	Title, Crowd string
	Style        template.CSS
	About        []string
	Rules        []string // their names
	Measures     []measure
	Charts       []template.HTML
	Sales        []sale
}

// measure is a row of the comparison.
type measure struct {
	Name   string
	Values []string // by rules
}

// sale is one in detail.
type sale struct {
	Name    string
	Rules   []string
	Wrong   []string
	Levels  []string
	Samples []sample
	Changes []change
	More    int // changes that are not shown
}

type sample struct {
	After, Sold, Revenue, Waiting string
	Prices                        []string
}

type change struct{ After, Level, From, To, Why string }

// HTML writes the report as one document.
func (r Report) HTML(to io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	d := document{Title: "Simulated sale: " + r.Results[0].Spec.Name, Crowd: r.Crowd.Name, Style: template.CSS(chart.Style), About: r.Crowd.About, Measures: r.measures()}
	for i, res := range r.Results {
		d.Rules = append(d.Rules, res.Name)
		d.Sales = append(d.Sales, r.sale(&r.Results[i]))
		d.Sales[i].Rules = r.Rules[i]
	}
	for _, c := range r.Drawings() {
		d.Charts = append(d.Charts, template.HTML(c.SVG(false))) // package chart escapes
	}
	return t.Execute(to, d)
}

// Text writes the comparison for a terminal.
func (r Report) Text(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	for _, res := range r.Results {
		fmt.Fprintf(w, "\t%s", res.Name)
	}
	fmt.Fprintln(w)
	for _, m := range r.measures() {
		fmt.Fprintf(w, "%s\t%s\n", m.Name, strings.Join(m.Values, "\t"))
	}
	return w.Flush()
}

// measures compares the sales.
func (r Report) measures() []measure {
	beside := func(b simulate.Beside) string { return fmt.Sprintf("%d fans, %d tickets", b.Fans, b.Tickets) }
	by := func(b simulate.Beside) string {
		if b.Fans == 0 {
			return "nothing"
		}
		return fmt.Sprintf("%s, %s", r.amount(b.Sum/int64(b.Tickets)), r.amount(b.Most))
	}
	all := []struct {
		name string
		of   func(s *simulate.Result) string
	}{
		{"Revenue", func(s *simulate.Result) string { return r.amount(s.Revenue) }},
		{"Sold", func(s *simulate.Result) string {
			return fmt.Sprintf("%d of %d places (%d.%02d %%)", s.Sold, s.Places, s.Share()/100, s.Share()%100)
		}},
		{"Paid more than at the opening", func(s *simulate.Result) string { return beside(s.Dearer) }},
		{"– by how much a ticket, on average and at most", func(s *simulate.Result) string { return by(s.Dearer) }},
		{"Paid less than at the opening", func(s *simulate.Result) string { return beside(s.Cheaper) }},
		{"– by how much a ticket, on average and at most", func(s *simulate.Result) string { return by(s.Cheaper) }},
		{"Changes of prices", func(s *simulate.Result) string { return fmt.Sprint(len(s.Changes)) }},
		{"Fans who came", func(s *simulate.Result) string { return fmt.Sprint(s.Fans) }},
		{"Bought", func(s *simulate.Result) string { return fmt.Sprint(s.Bought) }},
		{"Held and never paid", func(s *simulate.Result) string { return fmt.Sprint(s.Lapsed) }},
		{"Left: too dear", func(s *simulate.Result) string { return fmt.Sprint(s.TooDear) }},
		{"Left: too few places", func(s *simulate.Result) string { return fmt.Sprint(s.SoldOut) }},
		{"Waited, median and at most", func(s *simulate.Result) string { return spoken(s.MedianWait) + ", " + spoken(s.LongestWait) }},
		{"Acts on prices, computed again", func(s *simulate.Result) string {
			if len(s.Wrong) > 0 {
				return fmt.Sprintf("%d, with %d faults", len(s.Acts), len(s.Wrong))
			}
			return fmt.Sprintf("%d, all the same", len(s.Acts))
		}},
	}
	var rows []measure
	for _, m := range all {
		row := measure{Name: m.name}
		for i := range r.Results {
			row.Values = append(row.Values, m.of(&r.Results[i]))
		}
		rows = append(rows, row)
	}
	return rows
}

// sale shows one in detail.
func (r Report) sale(res *simulate.Result) sale {
	s := sale{Name: res.Name, Wrong: res.Wrong, More: max(0, len(res.Changes)-mostChanges)}
	names := map[string]string{}
	for _, l := range res.Spec.Levels {
		names[l.ID] = name(l)
		s.Levels = append(s.Levels, name(l))
	}
	for _, c := range res.Changes[:len(res.Changes)-s.More] {
		s.Changes = append(s.Changes, change{spoken(c.After), names[c.Level], r.amount(c.From), r.amount(c.To), c.Why})
	}
	n := res.Curve.Samples()
	for i := 0; i < n; i += max(1, (n-1+mostSamples-1)/mostSamples) {
		row := sample{After: spoken(time.Duration(i) * res.Curve.Every), Revenue: r.amount(revenue(&res.Curve, i)), Waiting: "not known"}
		sold := int64(0)
		for k := range res.Curve.Levels {
			at := res.Curve.At(i, k)
			sold += at.Sold
			row.Prices = append(row.Prices, r.amount(at.Price))
			if at.Waiting >= 0 {
				row.Waiting = fmt.Sprint(at.Waiting)
			}
		}
		row.Sold = fmt.Sprint(sold)
		s.Samples = append(s.Samples, row)
	}
	return s
}

// spoken writes a time to the second: "1 h 5 min", "40 s".
func spoken(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.unit; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.unit
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}
h1,h2{line-height:1.2}
table{border-collapse:collapse;width:100%;margin:1rem 0}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{padding:.3rem .6rem;border-bottom:1px solid #c9c9d2;text-align:left;vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
figure{margin:1.5rem 0}
.wrong{color:#b3261e;font-weight:600}
@media (prefers-color-scheme:dark){body{color:#e6e6ea;background:#16161a}th,td{border-color:#4a4a55}.wrong{color:#f2b8b5}}
{{.Style}}
</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<ul>{{range .About}}
<li>{{.}}</li>{{end}}
<li>A simulation compares rules for one and the same crowd. It does not foretell a revenue.</li>
</ul>
<div class="scroll" tabindex="0" role="region" aria-label="Comparison">
<table>
<caption>What came of it</caption>
<thead><tr><td></td>{{range .Rules}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Measures}}
<tr><th scope="row">{{.Name}}</th>{{range .Values}}<td>{{.}}</td>{{end}}</tr>{{end}}
</tbody>
</table>
</div>
{{range .Charts}}<figure>{{.}}</figure>
{{end}}{{range .Sales}}<section>
<h2>{{.Name}}</h2>
{{if .Rules}}<ul>{{range .Rules}}
<li>{{.}}</li>{{end}}
</ul>{{else}}<p>All prices are fixed.</p>{{end}}
{{range .Wrong}}<p class="wrong">{{.}}</p>
{{end}}<div class="scroll" tabindex="0" role="region" aria-label="Course of {{.Name}}">
<table>
<caption>The course of the sale</caption>
<thead><tr><th scope="col">After</th><th scope="col" class="number">Sold</th><th scope="col" class="number">Revenue</th><th scope="col" class="number">Waiting</th>{{range .Levels}}<th scope="col" class="number">{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Samples}}
<tr><th scope="row">{{.After}}</th><td class="number">{{.Sold}}</td><td class="number">{{.Revenue}}</td><td class="number">{{.Waiting}}</td>{{range .Prices}}<td class="number">{{.}}</td>{{end}}</tr>{{end}}
</tbody>
</table>
</div>
{{if .Changes}}<div class="scroll" tabindex="0" role="region" aria-label="Changes of {{.Name}}">
<table>
<caption>What changed, and why</caption>
<thead><tr><th scope="col">After</th><th scope="col">Level</th><th scope="col" class="number">From</th><th scope="col" class="number">To</th><th scope="col">Why</th></tr></thead>
<tbody>{{range .Changes}}
<tr><th scope="row">{{.After}}</th><td>{{.Level}}</td><td class="number">{{.From}}</td><td class="number">{{.To}}</td><td>{{.Why}}</td></tr>{{end}}
</tbody>
</table>
</div>
{{if .More}}<p>And {{.More}} changes more, which are in the CSV.</p>
{{end}}{{end}}</section>
{{end}}</main>
</body>
</html>
`
