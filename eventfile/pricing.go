package eventfile

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"frontrow/wire"
)

// rails compares those of the same level.
func (d *differ) rails(was, is []wire.Rails) {
	byLevel := map[string]wire.Rails{}
	for _, r := range was {
		byLevel[r.Level] = r
	}
	for _, r := range is {
		key := "pricing.rails[" + r.Level + "]"
		old, ok := byLevel[r.Level]
		if delete(byLevel, r.Level); !ok {
			d.changes = append(d.changes, Change{Key: key, Is: "said", Notice: "the price may move"})
			continue
		}
		d.structs(key+".", reflect.ValueOf(old), reflect.ValueOf(r))
	}
	for _, r := range was {
		if _, gone := byLevel[r.Level]; gone {
			d.changes = append(d.changes, Change{Key: "pricing.rails[" + r.Level + "]", Was: "said", Notice: "the price doesn't move any more"})
		}
	}
}

// list writes tiers, the points of a curve, past sales, rates of taxes, concessions and
// promotions; ok is false for anything else.
func (w writer) list(v any) (text string, ok bool) {
	var all []string
	sep := ", then "
	switch list := v.(type) {
	case []wire.Tier:
		for _, t := range list {
			all = append(all, w.tier(t))
		}
	case []wire.TaxRate:
		if len(list) > 0 {
			all = []string{w.taxes(list)}
		}
	case []wire.Concession:
		sep = "; "
		for _, c := range list {
			all = append(all, w.concession(c))
		}
	case []wire.Promotion:
		sep = "; "
		for _, p := range list {
			all = append(all, w.promotion(p))
		}
	case []wire.CurvePoint:
		for _, c := range list {
			all = append(all, fmt.Sprintf("%d %% by %s", c.Sold, wire.FormatInstant(c.At, w.zone)))
		}
	case []wire.SharePoint:
		for _, c := range list {
			all = append(all, fmt.Sprintf("%d.%02d %% after %s", c.BasisPoints/100, c.BasisPoints%100, spoken(c.After)))
		}
	case []wire.PastSale:
		for _, p := range list {
			all = append(all, fmt.Sprintf("%s (%s, %s, %d places)", p.Event, p.Venue, wire.FormatInstant(p.StartsAt, w.zone), p.Places))
		}
	default:
		return "", false
	}
	if len(all) == 0 {
		return "none", true
	}
	return strings.Join(all, sep), true
}

func (w writer) tier(t wire.Tier) string {
	from := fmt.Sprintf("once %d %% are sold", t.Sold)
	if t.Sold == 0 {
		from = "from " + wire.FormatInstant(t.From, w.zone)
	}
	return wire.FormatAmount(t.Total, w.currency) + " " + from
}

// AllIn says what a place of a level costs in all at the opening, and which taxes are in it.
func AllIn(s wire.Spec, l wire.Level) string {
	w, opening := writer{s.Zone(), s.Currency}, s.Opening(l)
	if opening.Rate == 0 {
		return w.amount(opening.Total) + ", all fees included"
	}
	var taxes []string
	for _, t := range s.Tax.Taxes([]wire.SeatQuote{{Level: l.ID, Price: opening.Amounts}}) {
		taxes = append(taxes, fmt.Sprintf("%s %v %%, %s", t.Name, t.Percent, w.amount(t.Amount)))
	}
	return w.amount(opening.Total) + ", all fees and taxes included: " + strings.Join(taxes, "; ")
}

// Explain says in plain words what a spec's rules will do with its prices, a line each. The
// spec has its defaults, and is valid.
func Explain(s wire.Spec) (lines []string) {
	p, w := s.Pricing, writer{s.Zone(), s.Currency}
	if p.Mode == wire.PricingFixed {
		return nil
	}
	for _, l := range s.Levels {
		r, moves := p.RailsOf(l.ID)
		switch {
		case !moves:
			lines = append(lines, fmt.Sprintf("%s stays at %s", named(l), w.amount(s.Opening(l).Total)))
		case r.Freeze:
			lines = append(lines, fmt.Sprintf("%s is frozen: no rule moves it", named(l)))
		case p.Mode == wire.PricingTiers:
			text, _ := w.list(r.Tiers)
			lines = append(lines, fmt.Sprintf("%s costs %s, then %s; a tier that was reached stays so", named(l), w.amount(s.Opening(l).Total), text))
		default:
			lines = append(lines, w.rails(l, s.Opening(l).Total, r))
		}
	}
	switch {
	case p.LeastApart != 0 && p.MostApart != 0:
		lines = append(lines, fmt.Sprintf("a level always costs between %s and %s less than the one that stands before it", w.amount(p.LeastApart), w.amount(p.MostApart)))
	case p.LeastApart != 0:
		lines = append(lines, fmt.Sprintf("a level always costs at least %s less than the one that stands before it", w.amount(p.LeastApart)))
	case p.MostApart != 0:
		lines = append(lines, fmt.Sprintf("no level ever costs more than the one that stands before it, nor less by more than %s", w.amount(p.MostApart)))
	case p.Spread:
		lines = append(lines, "no level ever costs more than one that stands before it")
	}
	if p.Promises() {
		lines = append(lines, "nobody pays more for a level than the board showed when they joined the queue, however long they wait: who joins before the opening pays the price of then at most")
	}
	if p.QuietBefore > 0 {
		lines = append(lines, fmt.Sprintf("nothing changes for %s before the opening", spoken(p.QuietBefore)))
	}
	if p.QuietAfter > 0 {
		lines = append(lines, fmt.Sprintf("nothing changes for %s after the opening", spoken(p.QuietAfter)))
	}
	if p.Mode == wire.PricingPropose {
		lines = append(lines, fmt.Sprintf("each change waits until %s approved it, none of whom proposed it", plural(p.Approvals, "operator has", "operators have")))
	}
	if p.FollowsDemand() {
		plan := "evenly from the opening to " + wire.FormatInstant(s.PlannedEnd(), s.Zone())
		if len(p.Curve) > 0 {
			plan, _ = w.list(p.Curve)
		}
		lines = append(lines, "the sale is compared with this plan: "+plan)
		if past, _ := w.list(p.Comparable.Sales); len(p.Comparable.Sales) > 0 {
			lines = append(lines, "and with how these sold: "+past)
		}
		if stale := s.PriceRules().Stale(); stale != "" {
			lines = append(lines, "comparable counts nothing: "+stale)
		}
		lines = append(lines, "prices follow "+weights(p.Weights)+"; what joins or holds without buying moves them by at most a step an hour")
	}
	return lines
}

// rails says where a level's price may go, and how fast.
func (w writer) rails(l wire.Level, opening int64, r wire.Rails) string {
	var ways []string
	if r.Direction != wire.PriceDown {
		ways = append(ways, fmt.Sprintf("rise from %s to at most %s", w.amount(opening), w.amount(r.Ceiling)))
	}
	if r.Direction != wire.PriceUp {
		ways = append(ways, fmt.Sprintf("fall from %s to no less than %s", w.amount(opening), w.amount(r.Floor)))
	}
	text := fmt.Sprintf("%s may %s, in steps of at most %s every %s", named(l), strings.Join(ways, ", and "), w.amount(r.Step), spoken(r.CoolDown))
	switch r.Round {
	case wire.RoundWhole:
		text += "; its prices end in whole units"
	case wire.RoundHalf:
		text += "; its prices end in whole or half units"
	case wire.RoundNinety:
		text += "; its prices end in .99"
	}
	return text
}

func (w writer) amount(minor int64) string { return wire.FormatAmount(minor, w.currency) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// weights names the factors that count, in their order.
func weights(p wire.PricingWeights) string {
	var all []string
	for i, name := range wire.Factors() {
		if w := p.Of()[i]; w != 0 {
			all = append(all, fmt.Sprintf("%s (%d %%)", name, w))
		}
	}
	return strings.Join(all, ", ")
}

// named is what a level is called; an id alone says little to a reader.
func named(l wire.Level) string {
	if l.Name == "" || l.Name == l.ID {
		return l.ID
	}
	return fmt.Sprintf("%s (%s)", l.ID, l.Name)
}

// spoken writes a duration in words: "2 minutes", "1 hour 30 minutes".
func spoken(d wire.Duration) string {
	var parts []string
	rest := time.Duration(d)
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		n := int64(rest / u.unit)
		if rest -= time.Duration(n) * u.unit; n == 0 {
			continue
		}
		name := u.name
		if n > 1 {
			name += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	if len(parts) == 0 || rest > 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}
