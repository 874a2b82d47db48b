package pricing

import (
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// No act is made before the one before it is published: what is seen of PRICES is of two acts
// at most, by which those are promised who see it.
func TestActsFollowWhatIsPublished(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		b, at := w.book(), opens.Add(50*time.Hour)
		r := w.moving(func(s *wire.Spec) {
			s.Pricing.Spread = false
			s.Pricing.Rails = append(s.Pricing.Rails, wire.Rails{Level: "b", Floor: 4_000, Ceiling: 9_000, Step: 500})
		}).PriceRules()
		append := func(sold map[string]wire.StockSignal) wire.PriceAct {
			at = at.Add(time.Hour)
			act, err := b.append(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: at.UTC(), Rules: r, Signals: &wire.Signals{Stock: sold}}, false)
			must(t, err)
			return act
		}
		first := append(nil)
		for n, sold := range []map[string]wire.StockSignal{
			{"a": {Places: 10, Sold: 10}}, {"b": {Places: 10, Sold: 10}}, {"a": {Places: 10}, "b": {Places: 10}},
		} {
			second := append(sold)
			published, err := b.published(w.ctx(), r)
			must(t, err)
			for id, l := range first.Levels {
				if published[id].Version != l.Version {
					t.Errorf("act %d was stored, and of %s version %d is published, not %d of the act before", n+2, id, published[id].Version, l.Version)
				}
			}
			first = second
		}
	})
}

// What is frozen and what is proposed can be seen in PRICES, under the version that it is
// said of, and nobody who is late takes it back.
func TestWhatIsFrozenOrProposedIsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	r, b := w.moving(func(s *wire.Spec) { s.Pricing.Mode, s.Pricing.Approvals = wire.PricingPropose, 1 }).PriceRules(), w.book()
	at := opens.Add(50 * time.Hour).UTC()
	act := func(a wire.PriceAct) wire.PriceAct {
		a.At, a.Rules, a.Why = at, r, "why"
		a, err := b.act(w.ctx(), a)
		must(t, err)
		return a
	}
	seen := func() wire.Price {
		e, err := b.prices.Get(w.ctx(), "demo.a")
		must(t, err)
		p, err := wire.Read[wire.Price](e.Key, e.Value)
		must(t, err)
		return p
	}
	act(wire.PriceAct{Kind: wire.PriceActRules})
	late := act(wire.PriceAct{Kind: wire.PriceActFreeze, By: "ann"})
	if p := seen(); !p.Frozen || p.Version != 1 || p.Total != 12_000 {
		t.Errorf("frozen: %+v", p)
	}
	act(wire.PriceAct{Kind: wire.PriceActResume, By: "ann"})
	must(t, b.publishAct(w.ctx(), late))
	if p := seen(); p.Frozen || p.Version != 1 {
		t.Errorf("let go: %+v", p)
	}
	proposal := act(wire.PriceAct{Kind: wire.PriceActPropose, Level: "a", Total: 12_300, By: "ann"})
	if p := seen(); p.Total != 12_000 || p.Proposed == nil || *p.Proposed != (wire.PriceProposed{Total: 12_300, At: at, Until: at.Add(10 * time.Minute)}) {
		t.Errorf("proposed: %+v", p)
	}
	act(wire.PriceAct{Kind: wire.PriceActApprove, On: proposal.N, By: "bob"})
	if p := seen(); p.Total != 12_300 || p.Version != 2 || p.Proposed != nil {
		t.Errorf("approved: %+v", p)
	}
	w.right(3)
}
