package admission

import (
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// A board names the state of the prices that it shows, as soon as it shows them, if they are
// promised to those who join; those of other events name none.
func TestBoardNamesItsPrices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	promises := demo(func(e *wire.Event) {
		e.Spec.Admission.Tick = wire.Duration(time.Hour)
		e.Spec.Pricing = wire.PricingSpec{Mode: wire.PricingTiers, Promise: wire.PromiseJoin, Rails: []wire.Rails{{Level: "a", Tiers: []wire.Tier{{Sold: 50, Total: 6000}}}}}
	})
	w.event(promises)
	w.start("one")
	if b := w.board("the first board", func(wire.Board) bool { return true }); b.Priced != 1 {
		t.Errorf("before any price: %+v", b)
	}
	for i, base := range []int64{5000, 5000, 5400} { // of an equal price, too
		version := int64(3 + i)
		w.put(wire.PricesBucket, wire.PriceKey("demo", "a"), wire.Price{Amounts: wire.NewAmounts(base, 600, 0), Version: version})
		w.board("the price's number", func(b wire.Board) bool { return b.Priced == 2*version && b.Levels[0].From == base+600 })
	}
	w.put(wire.PricesBucket, wire.PriceKey("demo", "junk"), wire.Price{Amounts: wire.NewAmounts(1, 0, 0), Version: 100})
	fixed := promises
	fixed.Spec.Pricing = wire.PricingSpec{Mode: wire.PricingFixed}
	w.put(wire.EventsBucket, "demo", fixed)
	w.board("no number", func(b wire.Board) bool { return b.Priced == 0 })
	w.put(wire.EventsBucket, "demo", promises)
	if b := w.board("a number", func(b wire.Board) bool { return b.Priced != 0 }); b.Priced > 10 {
		t.Errorf("a price of no level counts: %+v", b)
	}
}

// What a place was promised is in its pass, whoever is the admitter, on every device; what
// another of the fan's places would have been promised is not. A next turn is a joining of
// its own.
func TestPassesCarryThePromise(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 3, 10)
		one := w.start("one")
		w.board("called", head(3))
		p, none := w.fans[0], w.fans[1]
		p.Priced = 34
		desk := w.verify(w.redeemOn(p, "desk"), p)
		if rec := w.record(p); desk.Priced != 34 || rec.Priced != 34 || desk.Claims().Priced != 34 {
			t.Errorf("%+v of %+v", desk, rec)
		}
		if pass := w.verify(w.redeemOn(none, "desk"), none); pass.Priced != 0 {
			t.Errorf("of a place without: %+v", pass)
		}
		one.crash()
		w.start("two")
		lower := p
		lower.Priced = 2
		if phone := w.verify(w.redeemOn(lower, "phone"), p); phone.ID == desk.ID || phone.Priced != 34 {
			t.Errorf("moved: %+v", phone)
		}
		w.clock.pass(16 * time.Minute)
		w.refused(w.redeem(p), wire.CodeJoinAgain)
		next := w.place(1, p.Fan)
		next.Priced = 36
		w.board("called again", head(next.Number))
		if pass := w.verify(w.redeem(next), next); pass.Priced != 36 {
			t.Errorf("the next turn: %+v", pass)
		}
	})
}

// A price is on the board long before the next one is due, right behind the one before.
func TestPricesDontWaitForABeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Tick = wire.Duration(time.Hour) }))
	w.start("one", func(s *Service) { s.term.Beat = time.Hour })
	w.board("the first board", func(wire.Board) bool { return true })
	for version := int64(1); version <= 3; version++ {
		w.put(wire.PricesBucket, wire.PriceKey("demo", "a"), wire.Price{Amounts: wire.NewAmounts(5000+version, 600, 0), Version: version})
		w.board("the price", func(b wire.Board) bool { return b.Levels[0].From == 5600+version })
	}
}
