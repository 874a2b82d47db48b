package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"frontrow/internal/pgd"
)

const sellOutLimit = 5 * time.Minute

// benchSellOut is the row "sell-out": every seat of the house, from hold over
// checkout to paid, by buyers who each want two.
func benchSellOut(ctx context.Context, b *bench) error {
	pg, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(b.dir, "postgres"), NoSyncInit: true})
	if err != nil {
		return err
	}
	defer pg.Stop() //nolint:errcheck // its directory goes next
	region, err := startRegion(ctx, b.dir, b.seats, b.replicas)
	if err != nil {
		return err
	}
	defer region.close()
	shop, err := openShop(ctx, b, region, pg.DSN(), false)
	if err != nil {
		return err
	}
	defer shop.close()
	classic, err := openClassic(ctx, pg.DSN(), region)
	if err != nil {
		return err
	}
	defer classic.pool.Close()
	limit, rounds := b.limit, b.rounds
	b.limit, b.rounds = sellOutLimit, 1
	figures, err := b.alternate(ctx, orderCallers, side{"frontrow", shop.sellOut}, side{"postgresql", classic.prepare})
	b.limit, b.rounds = limit, rounds
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
	b.report(result{Row: "sell-out", Mode: region.mode(), Unit: "s", Callers: orderCallers,
		Note: fmt.Sprintf("%d orders of 2 seats, each held, marked for checkout, published, authorised by a provider in the process, committed, confirmed and captured; the baseline holds nothing and pays nothing", len(shop.pairs))},
		figures[0], figures[1], "PostgreSQL, one transaction an order, no hold, no payment")
	return nil
}

// sellOut makes an event whose every pair is bought once.
func (s *shop) sellOut(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
	event := fmt.Sprint("sell-out-", round)
	if err := s.open(ctx, event); err != nil {
		return nil, 0, err
	}
	settled, err := s.listen(event)
	return func(ctx context.Context, i int) error {
		o, err := s.begin(ctx, event, s.pairs[i])
		if err != nil {
			return err
		}
		return s.buy(ctx, o, settled.of(o.Order))
	}, len(s.pairs), err
}
