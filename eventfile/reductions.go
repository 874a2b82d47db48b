package eventfile

import (
	"fmt"
	"strings"

	"frontrow/wire"
)

// taxes writes rates: "VAT 19 % on a, b; City tax 2.5 %".
func (w writer) taxes(rates []wire.TaxRate) string {
	var all []string
	for _, r := range rates {
		all = append(all, fmt.Sprintf("%s %v %%%s", r.Name, r.Percent, on(r.Levels)))
	}
	return strings.Join(all, "; ")
}

// off writes what something costs less.
func (w writer) off(o wire.Off) string {
	if o.AmountOff > 0 {
		return w.amount(o.AmountOff) + " off"
	}
	return o.PercentOff.String() + " % off"
}

// concession writes one in plain words.
func (w writer) concession(c wire.Concession) string {
	text := fmt.Sprintf("%s (%s): ", c.ID, c.Name)
	if c.Total != nil {
		text += w.amount(*c.Total) + " in all"
	} else {
		text += w.off(c.Off)
	}
	text += on(c.Levels)
	if c.PerOrder > 0 {
		text += fmt.Sprintf(", at most %d in an order", c.PerOrder)
	}
	if c.PerFan > 0 {
		text += fmt.Sprintf(", at most %d for a fan", c.PerFan)
	}
	if c.NeedsFull {
		text += ", only with a full-price ticket each"
	}
	return text
}

// sealShown is how much of a seal tells two codes apart.
const sealShown = 6

// promotion writes one in plain words. The code is a secret, and isn't known here.
func (w writer) promotion(p wire.Promotion) string {
	text := fmt.Sprintf("%s: %s%s", p.ID, w.off(p.Off), on(p.Levels))
	if p.AmountOff > 0 {
		text += ", once an order"
	}
	if p.Limit > 0 {
		text += ", for " + plural(p.Limit, "order", "orders")
	}
	text += fmt.Sprintf(", %s of a fan", plural(max(1, p.PerFan), "order", "orders"))
	if !p.From.IsZero() {
		text += ", from " + wire.FormatInstant(p.From, w.zone)
	}
	if !p.Until.IsZero() {
		text += ", until " + wire.FormatInstant(p.Until, w.zone)
	}
	return text + ", code sealed …" + p.Seal[max(0, len(p.Seal)-sealShown):]
}

func on(levels []string) string {
	if len(levels) == 0 {
		return ""
	}
	return " on " + strings.Join(levels, ", ")
}

// ExplainReductions says in plain words what fans may pay less, a line each, and in which order
// that is counted. The spec has its defaults, and is valid.
func ExplainReductions(s wire.Spec) (lines []string) {
	w := writer{s.Zone(), s.Currency}
	for _, c := range s.Concessions {
		lines = append(lines, w.concession(c))
		for _, l := range s.Levels {
			if c.On(l.ID) {
				total := s.Opening(l).Total
				lines = append(lines, fmt.Sprintf("  %s: %s instead of %s", named(l), w.amount(c.Of(total)), w.amount(total)))
			}
		}
	}
	for _, p := range s.Promotions {
		lines = append(lines, w.promotion(p))
	}
	if len(s.Concessions) > 0 && len(s.Promotions) > 0 {
		lines = append(lines, "concessions count first, then a code on what the seats come to")
	}
	return lines
}
