package simulate

import (
	"errors"
	"fmt"
	"time"

	"frontrow/pricing/curve"
	"frontrow/pricing/rules"
	"frontrow/wire"
)

// pricer makes the acts on prices, as package pricing does: it asks package rules, and what
// that allows is logged.
type pricer struct {
	rules wire.PriceRules
	tick  time.Duration
	curve *curve.Recorder
	acts  []wire.PriceAct
	next  time.Time // before which it doesn't look
}

// looks is into how many parts it divides the event's interval: so late a change can be. A
// pricer of production looks every second.
const looks = 4

func (p *pricer) last() wire.PriceAct {
	if len(p.acts) == 0 {
		return wire.PriceAct{}
	}
	return p.acts[len(p.acts)-1]
}

func (p *pricer) price(level string) wire.LevelPrice { return p.last().Levels[level] }

// open gives each level the price of the spec.
func (p *pricer) open(at time.Time) error {
	_, err := p.act(wire.PriceAct{Kind: wire.PriceActRules, At: at.UTC()})
	return err
}

// act applies an act and logs it; done is false if it would change nothing.
func (p *pricer) act(a wire.PriceAct) (done bool, err error) {
	a.Rules, a.Pricer = p.rules, "simulation"
	a, err = rules.Apply(a, p.last())
	if errors.Is(err, rules.ErrNothing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("act %d on prices: %w", a.N, err)
	}
	p.acts = append(p.acts, a)
	p.curve.Act(&a)
	return true, nil
}

// look makes the acts that are due. What needs approval is approved at the next look, by as
// many operators as it takes.
func (p *pricer) look(s *sale) error {
	if p.rules.Pricing.Mode == wire.PricingFixed || s.now.Before(p.next) {
		return nil
	}
	p.next = s.now.Add(time.Duration(p.rules.Pricing.Every) / looks)
	if err := p.approve(s.now); err != nil {
		return err
	}
	signals := s.market.Signals(p.rules, p.tick, s.now)
	a := wire.PriceAct{Kind: wire.PriceActRules, At: s.now.UTC(), Signals: &signals}
	done, err := p.act(a)
	if err == nil && !done && p.rules.Pricing.Mode == wire.PricingPropose {
		a.Kind = wire.PriceActPropose
		_, err = p.act(a)
	}
	return err
}

// approve lets operators approve the open proposal; one that is stale stays for the rules to
// replace.
func (p *pricer) approve(now time.Time) error {
	for n := 1; p.last().Proposal != nil; n++ {
		open := p.last().Proposal
		_, err := p.act(wire.PriceAct{Kind: wire.PriceActApprove, At: now.UTC(), By: fmt.Sprint("operator ", n), Why: "as all others", On: open.Act})
		if refusal := (*wire.Problem)(nil); errors.As(err, &refusal) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
