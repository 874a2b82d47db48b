package seating

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"pgregory.net/rapid"
)

func free() *int64 { return new(int64) }

// family is the concert with reductions: of EUR 100.00 a seat in front, EUR 60.00 behind.
func family() wire.Event {
	event := seatingtest.Concert()
	s := &event.Spec
	s.Levels[0].Base, s.Levels[0].ServiceFee, s.Levels[0].FacilityFee = 8500, 1000, 500
	s.Levels[1].Name, s.Levels[1].Base, s.Levels[1].ServiceFee = "Back stalls", 5900, 100
	s.Tax = wire.TaxSpec{Mode: wire.TaxInclusive, Rates: []wire.TaxRate{{Name: "VAT", Percent: 19_000, Levels: []string{"a"}}, {Name: "VAT", Percent: 7_000, Levels: []string{"b"}}}}
	s.Concessions = []wire.Concession{
		{ID: "child", Name: "Child", Off: wire.Off{PercentOff: 50_000}, PerOrder: 2, PerFan: 3},
		{ID: "student", Name: "Student", Levels: []string{"b"}, Off: wire.Off{AmountOff: 1_500}},
		{ID: "companion", Name: "Companion", Total: free(), NeedsFull: true},
		{ID: "flat", Name: "Flat", Total: new(int64(9_700))},
	}
	s.Promotions = []wire.Promotion{
		{ID: "ten", Seal: "1", Off: wire.Off{AmountOff: 1000}, Limit: 2},
		{ID: "fifth", Seal: "2", Off: wire.Off{PercentOff: 20_000}, PerFan: 2},
		{ID: "back", Seal: "3", Off: wire.Off{PercentOff: 33_333}, Levels: []string{"b"}},
		{ID: "all", Seal: "4", Off: wire.Off{PercentOff: 100_000}},
		{ID: "huge", Seal: "5", Off: wire.Off{AmountOff: 50_000_000}},
		{ID: "early", Seal: "6", Off: wire.Off{AmountOff: 1}, Until: start.Add(time.Minute)},
		{ID: "late", Seal: "7", Off: wire.Off{AmountOff: 1}, From: start.Add(time.Hour)},
	}
	event.Spec = event.Spec.WithDefaults()
	return event
}

func reduced(t testing.TB) *Engine {
	event := family()
	e := NewEngine(event, seatingtest.Hall(t, 4, 12, 0))
	for _, l := range event.Spec.Levels[:2] {
		e.SetPrice(l.ID, wire.Price{Amounts: event.Spec.Opening(l).Amounts, Version: 1})
	}
	return e
}

// Seats are in front, C-1 to C-3 behind. Concessions count first, then the code on
// what they come to, of which each seat has its share to the cent.
func TestReductions(t *testing.T) {
	for name, c := range map[string]struct {
		seats string // held
		at    string // concessions, seat=id
		code  string
		want  string // totals, seat by seat, or a problem
	}{
		"nothing":                    {"A-1 C-1", "", "", "10000 6000"},
		"a child":                    {"A-1 A-2", "A-2=child", "", "10000 5000"},
		"an amount off":              {"C-1", "C-1=student", "", "4500"},
		"a companion":                {"A-1 A-2", "A-2=companion", "", "10000 0"},
		"a fixed total":              {"A-1", "A-1=flat", "", "9700"},
		"a fixed total above":        {"C-1", "C-1=flat", "", "6000"},
		"a code's amount is shared":  {"A-1 C-1", "", "ten", "9375 5625"},
		"to the cent":                {"A-1 A-2 A-3", "", "ten", "9666 9667 9667"},
		"a code's percentage":        {"A-1 C-1", "", "fifth", "8000 4800"},
		"of one level":               {"A-1 C-1 C-2", "", "back", "10000 4000 4000"},
		"first child, then the code": {"A-1 A-2", "A-2=child", "fifth", "8000 4000"},
		"first child, then shared":   {"A-1 A-2", "A-2=child", "ten", "9333 4667"},
		"all of it":                  {"A-1 C-1", "A-1=child", "all", "0 0"},
		"more than all of it":        {"A-1 C-1", "", "huge", "0 0"},
		"nothing left to take off":   {"A-1 A-2", "A-1=companion", "all", "0 0"},
		"at the last instant":        {"A-1", "", "early", "9999"},

		"no such concession":    {"A-1", "A-1=senior", "", "concession"},
		"not on this level":     {"A-1", "A-1=student", "", "concession"},
		"too many of an order":  {"A-1 A-2 A-3", "A-1=child A-2=child A-3=child", "", "concession"},
		"a companion alone":     {"A-1", "A-1=companion", "", "concession"},
		"companion of a child":  {"A-1 A-2", "A-1=child A-2=companion", "", "concession"},
		"two companions of one": {"A-1 A-2 A-3", "A-2=companion A-3=companion", "", "concession"},
		"a seat not held":       {"A-1", "A-2=child", "", "invalid"},
		"no such code":          {"A-1", "", "spring", "promotion-unknown"},
		"too early":             {"A-1", "", "late", "promotion-time"},
		"of no such level":      {"A-1", "", "back", "promotion-no-effect"},
	} {
		t.Run(name, func(t *testing.T) {
			e := reduced(t)
			e.Hold(named("h", "f", strings.Fields(c.seats)...), start)
			before := fmt.Sprintf("%+v", e.reply(e.holds["h"]))
			r := wire.ReductionsRequest{Hold: "h", Fan: "f", Promotion: c.code, Concessions: map[string]string{}}
			for _, at := range strings.Fields(c.at) {
				seat, id, _ := strings.Cut(at, "=")
				r.Concessions[seat] = id
			}
			reply := e.Reduce(r, start.Add(time.Minute-1))
			if reply.Problem != nil {
				if is := fmt.Sprintf("%+v", e.reply(e.holds["h"])); string(reply.Problem.Code) != c.want || is != before {
					t.Fatalf("%v, and the hold is %s", reply.Problem, is)
				}
				return
			}
			var totals []string
			sum := int64(0)
			for _, q := range reply.Seats {
				totals = append(totals, fmt.Sprint(q.Price.Total))
				if sum += q.Price.Total; !q.Sound() {
					t.Errorf("%+v doesn't add up", q)
				}
			}
			if is := strings.Join(totals, " "); is != c.want || sum != reply.Total {
				t.Errorf("%s, %d in all; want %s", is, reply.Total, c.want)
			}
			e.Take()
			if again := e.Reduce(r, start); fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", reply) || e.Pending() > 0 {
				t.Errorf("sent again: %+v, then %+v", reply, again)
			}
			if back := e.Reduce(wire.ReductionsRequest{Hold: "h", Fan: "f"}, start); fmt.Sprintf("%+v", back) != before {
				t.Errorf("undone: %+v, was %s", back, before)
			}
		})
	}
}

// Fans know levels by their names.
func TestACodeWithoutEffectNamesItsLevels(t *testing.T) {
	e := reduced(t)
	e.Hold(named("h", "f", "A-1"), start)
	p := e.Reduce(wire.ReductionsRequest{Hold: "h", Fan: "f", Promotion: "back"}, start).Problem
	if p == nil || p.Detail != "This code takes nothing off these seats: it is for Back stalls." {
		t.Errorf("%+v", p)
	}
}

// Whose hold it is, and when it is too late.
func TestReductionsAreOfAStandingHold(t *testing.T) {
	e := reduced(t)
	e.Hold(named("h", "f", "A-1"), start)
	ask := func(hold, fan string, at time.Time) wire.Code {
		return code(e.Reduce(wire.ReductionsRequest{Hold: hold, Fan: fan, Promotion: "ten"}, at).Problem)
	}
	if c := ask("h", "g", start); c != wire.CodeForbidden {
		t.Errorf("another fan: %q", c)
	}
	if c := ask("x", "f", start); c != wire.CodeHoldOver {
		t.Errorf("no such hold: %q", c)
	}
	if c := ask("h", "f", start.Add(time.Hour)); c != wire.CodeHoldOver {
		t.Errorf("after the deadline: %q", c)
	}
	paid := e.Checkout(wire.CheckoutRequest{Hold: "h", Fan: "f", Key: "k", Body: "b"}, start)
	if c := ask("h", "f", start); c != wire.CodeCheckoutBusy {
		t.Errorf("in checkout: %q", c)
	}
	e.Confirm(wire.ConfirmRequest{Hold: "h", Order: paid.Order, Fan: "f", Seats: paid.Seats}, start)
	if c := ask("h", "f", start); c != wire.CodeHoldOver {
		t.Errorf("sold: %q", c)
	}
}

// A use counts while its hold stands, and for ever once it is sold; not twice for one hold.
func TestUsesOfAPromotion(t *testing.T) {
	e := reduced(t)
	use := func(hold, fan, seat string) wire.Code {
		e.Hold(named(hold, fan, seat), start)
		r := wire.ReductionsRequest{Hold: hold, Fan: fan, Promotion: "ten"}
		e.Reduce(r, start)
		return code(e.Reduce(r, start).Problem)
	}
	if c := use("h_1", "f", "A-1"); c != "" {
		t.Fatal(c)
	}
	if c := use("h_2", "f", "A-2"); c != wire.CodePromoUsedUp {
		t.Errorf("twice by one fan: %q", c)
	}
	if c := use("h_3", "g", "A-3"); c != "" {
		t.Fatal(c)
	}
	if c := use("h_4", "k", "A-4"); c != wire.CodePromoUsedUp {
		t.Errorf("thrice: %q", c)
	}
	e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, start)
	if c := use("h_4", "k", "A-4"); c != "" {
		t.Errorf("one came back: %q", c)
	}
	paid := e.Checkout(wire.CheckoutRequest{Hold: "h_3", Fan: "g", Key: "k", Body: "b"}, start)
	e.Confirm(wire.ConfirmRequest{Hold: "h_3", Order: paid.Order, Fan: "g", Seats: paid.Seats}, start)
	if c := use("h_5", "f", "A-1"); c != wire.CodePromoUsedUp {
		t.Errorf("after a sale: %q", c)
	}
	e.Refund(wire.RefundRequest{Hold: "h_3", Order: paid.Order, Fan: "g"}, start)
	if c := use("h_5", "f", "A-1"); c != "" {
		t.Errorf("a whole order came back: %q", c)
	}
}

// A fan's concessions count over all of their holds and orders.
func TestUsesOfAConcession(t *testing.T) {
	e := reduced(t)
	children := func(hold string, seats ...string) wire.Code {
		e.Hold(named(hold, "f", seats...), start)
		r := wire.ReductionsRequest{Hold: hold, Fan: "f", Concessions: map[string]string{}}
		for _, s := range seats {
			r.Concessions[s] = "child"
		}
		return code(e.Reduce(r, start).Problem)
	}
	if c := children("h_1", "A-1", "A-2"); c != "" {
		t.Fatal(c)
	}
	sold := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k", Body: "b"}, start)
	e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: sold.Order, Fan: "f", Seats: sold.Seats}, start)
	if c := children("h_2", "A-3", "A-4"); c != wire.CodeConcession {
		t.Errorf("four of three: %q", c)
	}
	if c := children("h_3", "C-3"); c != "" {
		t.Errorf("the third: %q", c)
	}
}

// checkUses recounts what is used, and compares it with the limits.
func checkUses(t *rapid.T, e *Engine) {
	again := uses{}
	for _, h := range e.holds {
		again.add(h.fan, h.quotes, +1)
		for _, q := range h.quotes {
			if !q.Sound() {
				t.Fatalf("%+v doesn't add up", q)
			}
		}
	}
	if fmt.Sprint(again) != fmt.Sprint(e.uses) {
		t.Fatalf("%v are used, counted as %v", again, e.uses)
	}
	for what, n := range e.uses {
		if p, ok := e.spec.Promotion(what.id); what.promotion && (!ok || what.fan == "" && p.Limit > 0 && n > p.Limit || what.fan != "" && n > p.PerFan) {
			t.Fatalf("%+v is used %d times", what, n)
		}
		if c, ok := e.spec.Concession(what.id); !what.promotion && (!ok || c.PerFan > 0 && n > c.PerFan) {
			t.Fatalf("%+v is used %d times", what, n)
		}
	}
}

// drawReductions asks for reductions that may be refused.
func drawReductions(t *rapid.T, e *Engine, hold, fan string, now time.Time) {
	r := wire.ReductionsRequest{Hold: hold, Fan: fan, Concessions: map[string]string{}, Promotion: rapid.SampledFrom([]string{"", "", "ten", "fifth", "back", "all", "early", "none"}).Draw(t, "promotion")}
	if h := e.holds[hold]; h != nil {
		r.Fan = h.fan
		for _, q := range h.quotes {
			if id := rapid.SampledFrom([]string{"", "", "child", "student", "companion", "flat"}).Draw(t, "concession"); id != "" {
				r.Concessions[q.ID] = id
			}
		}
	}
	reply := e.Reduce(r, now)
	if reply.Problem != nil {
		return
	}
	total := int64(0)
	for _, q := range reply.Seats {
		total += q.Price.Total
	}
	if total != reply.Total || !reply.Quoted().Quotes(e.holds[hold].quotes) {
		t.Fatalf("%+v doesn't add up, or isn't what is paid", reply)
	}
}
