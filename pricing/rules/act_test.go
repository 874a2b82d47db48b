package rules

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// An operator sets what the rails allow, and nothing else; each refusal says why.
func TestActs(t *testing.T) {
	t.Parallel()
	s, now := demo(nil), opens.Add(50*time.Hour)
	act := func(kind string, state State, total int64, at time.Time) (State, string) {
		next, err := Apply(wire.PriceAct{Kind: kind, Level: "a", Total: total, At: at, Rules: s.PriceRules(), Signals: &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 100, Sold: 60}}}}, wire.PriceAct{Levels: state})
		if err != nil {
			return state, err.Error()
		}
		return next.Levels, ""
	}
	state := opening(s)
	for _, c := range []struct {
		kind  string
		total int64
		at    time.Time
		want  string
	}{
		{wire.PriceActSet, 12_400, opens.Add(-time.Hour), "invalid: The sale has not opened"},
		{wire.PriceActSet, 12_501, now, `invalid: The rails let "a" cost from EUR 115.00 to EUR 125.00 now.`},
		{wire.PriceActSet, 12_000, now, ErrNothing.Error()},
		{wire.PriceActSet, 12_400, now, ""},
		{wire.PriceActSet, 12_300, now.Add(time.Minute), `invalid: The rails let "a" cost from EUR 124.00 to EUR 124.00 now.`},
		{wire.PriceActFreeze, 0, now, ""},
		{wire.PriceActFreeze, 0, now, ErrNothing.Error()},
		{wire.PriceActRules, 0, now.Add(time.Hour), ErrNothing.Error()},
		{wire.PriceActSet, 12_300, now.Add(time.Hour), ""},
		{wire.PriceActResume, 0, now, ""},
		{wire.PriceActRules, 0, now.Add(2 * time.Hour), ""},
		{"other", 0, now, "invalid: There is no act"},
	} {
		var got string
		if state, got = act(c.kind, state, c.total, c.at); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %d: %q, want %q", c.kind, c.total, got, c.want)
		}
	}
	if p := state["a"]; p.Total != 12_800 || p.Version != 4 || p.Frozen {
		t.Errorf("%+v", p)
	}
}

// Where changes need approval nothing moves without it: not by the proposer, not twice by the
// same, not of a proposal that isn't open, or is stale.
func TestProposals(t *testing.T) {
	t.Parallel()
	s := demo(func(s *wire.Spec) { s.Pricing.Mode, s.Pricing.Approvals = wire.PricingPropose, 2 })
	if err := s.Validate(nil); err != nil {
		t.Fatal(err)
	}
	r, start := s.PriceRules(), opens.Add(50*time.Hour)
	last := wire.PriceAct{N: 1, Levels: opening(s)}
	stock := func(sold int64) *wire.Signals {
		return &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 100, Sold: sold}}}
	}
	for i, c := range []struct {
		kind, by string
		after    time.Duration
		total    int64 // asked for
		on       int64
		sold     int64
		want     string
		costs    int64
	}{
		{kind: wire.PriceActRules, sold: 90, want: ErrNothing.Error(), costs: 12_000},
		{kind: wire.PriceActSet, by: "ann", total: 12_300, want: "invalid: Changes of these prices need approval", costs: 12_000},
		{kind: wire.PriceActPropose, sold: 90, costs: 12_000}, // act 2
		{kind: wire.PriceActPropose, sold: 52, after: time.Second, want: ErrNothing.Error(), costs: 12_000},
		{kind: wire.PriceActApprove, by: "ann", on: 1, want: "invalid: That is not the proposal", costs: 12_000},
		{kind: wire.PriceActApprove, by: "ann", on: 2, after: time.Minute, costs: 12_000},
		{kind: wire.PriceActApprove, by: "ann", on: 2, after: time.Minute, want: "invalid: ann has approved", costs: 12_000},
		{kind: wire.PriceActPropose, sold: 52, after: 5 * time.Minute, want: ErrNothing.Error(), costs: 12_000}, // somebody has approved the other
		{kind: wire.PriceActApprove, by: "bob", on: 2, after: 6 * time.Minute, costs: 12_500},
		{kind: wire.PriceActApprove, by: "cy", on: 2, after: 6 * time.Minute, want: "invalid: That is not the proposal", costs: 12_500},
		{kind: wire.PriceActPropose, by: "ann", total: 13_001, after: time.Hour, want: "invalid: The rails let", costs: 12_500},
		{kind: wire.PriceActPropose, by: "ann", total: 12_700, after: time.Hour, costs: 12_500}, // act 5
		{kind: wire.PriceActPropose, sold: 90, after: time.Hour + 4*time.Minute, want: ErrNothing.Error(), costs: 12_500},
		{kind: wire.PriceActApprove, by: "ann", on: 5, after: time.Hour, want: "invalid: Whoever proposes", costs: 12_500},
		{kind: wire.PriceActApprove, by: "bob", on: 5, after: time.Hour + 11*time.Minute, want: "invalid: The proposal is stale", costs: 12_500},
		{kind: wire.PriceActPropose, sold: 90, after: time.Hour + 12*time.Minute, costs: 12_500}, // act 6
		{kind: wire.PriceActReject, by: "ann", on: 6, after: time.Hour + 13*time.Minute, costs: 12_500},
		{kind: wire.PriceActApprove, by: "bob", on: 6, after: time.Hour + 13*time.Minute, want: "invalid: That is not the proposal", costs: 12_500},
		{kind: wire.PriceActPropose, sold: 90, after: time.Hour + 22*time.Minute, want: ErrNothing.Error(), costs: 12_500},
		{kind: wire.PriceActPropose, sold: 90, after: time.Hour + 24*time.Minute, costs: 12_500}, // act 8
		{kind: wire.PriceActFreeze, by: "ann", after: time.Hour + 25*time.Minute, costs: 12_500},
		{kind: wire.PriceActApprove, by: "ann", on: 8, after: time.Hour + 25*time.Minute, costs: 12_500},
		{kind: wire.PriceActApprove, by: "bob", on: 8, after: time.Hour + 25*time.Minute, costs: 13_000}, // people may, whatever the rules rest
	} {
		act := wire.PriceAct{Kind: c.kind, By: c.by, At: start.Add(c.after), Rules: r, On: c.on}
		if c.total > 0 {
			act.Level, act.Total = "a", c.total
		}
		if c.sold > 0 {
			act.Signals = stock(c.sold)
		}
		next, err := Apply(act, last)
		got := ""
		if err == nil {
			if wrong := Verify(last, next); len(wrong) > 0 {
				t.Errorf("%d: %v", i, wrong)
			}
			last = next
		} else {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || last.Levels["a"].Total != c.costs {
			t.Errorf("%d, %s by %q: %q, costs %d; want %q, %d", i, c.kind, c.by, got, last.Levels["a"].Total, c.want, c.costs)
		}
	}
	if p := last.Levels["a"]; p.Version != 3 || !strings.HasPrefix(p.Why, "approved: +8.33 % against the opening: sales +") {
		t.Errorf("%+v", p)
	}
}

// Whatever stands in a log, its replay says something of it.
func FuzzVerify(f *testing.F) {
	seed := func(change func(*wire.Spec), act wire.PriceAct) {
		s := demo(change)
		first := wire.PriceAct{N: 1, Kind: wire.PriceActRules, At: opens, Rules: s.PriceRules(), Levels: opening(s)}
		act.N, act.At, act.Rules, act.Levels = 2, opens.Add(50*time.Hour), s.PriceRules(), opening(s)
		one, _ := json.Marshal(first)
		two, _ := json.Marshal(act)
		f.Add(one, two)
	}
	stock := &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 10, Sold: 9}}, Sales: map[string]wire.SalesSignal{"a": {Window: math.MaxInt64, Bought: math.MaxInt64, Lapsed: 1}}, Queue: &wire.QueueSignal{Waiting: -1, Called: 1, Bought: math.MaxInt64}}
	seed(nil, wire.PriceAct{Kind: wire.PriceActRules, Signals: stock})
	seed(func(s *wire.Spec) { s.Currency, s.Pricing.Rails[0].Round = "JPY", wire.RoundHalf }, wire.PriceAct{Kind: wire.PriceActSet, Level: "a", Total: 12_100})
	seed(func(s *wire.Spec) { s.Pricing.Weights.Sales = math.MaxInt64; s.Pricing.Rails[0].Floor = math.MaxInt64 }, wire.PriceAct{Kind: wire.PriceActRules, Signals: stock})
	seed(nil, wire.PriceAct{Kind: wire.PriceActFreeze})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var last, act wire.PriceAct
		if json.Unmarshal(one, &last) != nil || json.Unmarshal(two, &act) != nil {
			return
		}
		act.Levels = nil
		if next, err := Apply(act, last); err == nil {
			act = next
		}
		Verify(last, act)
	})
}
