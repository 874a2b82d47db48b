package main

import (
	"context"
	"fmt"

	"frontrow/proof/bench/report"
)

// benchSellOut is the row "sell-out": every seat of the house, from hold over
// checkout to paid, by buyers who each want two.
func benchSellOut(ctx context.Context, b *bench) error {
	shop, err := b.openShop(ctx, false)
	if err != nil {
		return err
	}
	classic, err := openClassic(ctx, shop)
	if err != nil {
		return err
	}
	base := classic.side("no hold, no payment")
	figures, err := b.alternate(ctx, 1, load{callers: orderCallers}, side{name: "frontrow", prepare: shop.sellOut}, base)
	if err != nil {
		return err
	}
	if err := shop.audit(ctx); err != nil {
		return err
	}
	for _, rounds := range figures { // the row is about how long it takes
		for i := range rounds {
			rounds[i].Rate = float64(rounds[i].N) / rounds[i].Rate
		}
	}
	b.report(report.Result{Unit: "s", Callers: orderCallers,
		Note: fmt.Sprintf("%d orders of 2 seats, each held, marked for checkout, published, authorised by a provider in the process, committed, confirmed and captured; the baseline holds nothing and pays nothing", len(shop.pairs))}, figures, base)
	return nil
}

// sellOut makes an event whose every pair is bought once.
func (s *shop) sellOut(ctx context.Context, round int) (operation, int, error) {
	event := fmt.Sprint("sell-out-", round)
	if err := s.open(ctx, event); err != nil {
		return nil, 0, err
	}
	settled, err := s.listen(event)
	return func(ctx context.Context, i int) error { return s.sell(ctx, event, s.pairs[i], settled) }, len(s.pairs), err
}

// sell sells a pair to a fan who wants it.
func (s *shop) sell(ctx context.Context, event string, pair [2]string, settled *settlements) error {
	o, err := s.begin(ctx, event, pair)
	if err != nil {
		return err
	}
	return s.buy(ctx, o, settled.of(o.Order))
}
