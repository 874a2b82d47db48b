package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"frontrow/kv"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

// benchRecovery is the rows "recovery" and "recovery after a sell-out": how long is an
// event without a writer, once the next has its lease? First half of the house is being
// bought; then all of it is sold, and the writer changes again at once.
func benchRecovery(ctx context.Context, b *bench) error {
	s, err := b.openShop(ctx, false)
	if err != nil {
		return err
	}
	const event = "recovery"
	if err := s.open(ctx, event); err != nil {
		return err
	}
	settled, err := s.listen(event)
	if err != nil {
		return err
	}
	orders, err := s.beginAll(ctx, event, len(s.pairs)/2)
	if err != nil {
		return err
	}
	how := fmt.Sprintf("from the next writer's lease to its first answer, %d seats; CPU is for a seat", s.region.index.Len())
	if err := s.recoveries(ctx, report.Result{Row: b.row, Note: how + "; half of them held, in checkout"}); err != nil {
		return err
	}
	if _, err := b.drive(ctx, load{callers: orderCallers, ops: len(s.pairs)}, func(ctx context.Context, i int) error {
		if i < len(orders) {
			return s.buy(ctx, orders[i], settled.of(orders[i].Order))
		}
		return s.sell(ctx, event, s.pairs[i], settled)
	}); err != nil {
		return err
	}
	if err := s.recoveries(ctx, report.Result{Row: b.row + " after a sell-out", Note: how + "; the last ticket was sold just before"}); err != nil {
		return err
	}
	return s.audit(ctx)
}

// recoveries changes the writer once a round and reports r.
func (s *shop) recoveries(ctx context.Context, r report.Result) error {
	b := s.region.bench
	b.meter = startMeter()
	var rounds []report.Sample
	for range b.rounds {
		took, err := s.recovery(ctx)
		if err != nil {
			return err
		}
		rounds = append(rounds, took)
	}
	r.Unit, r.Callers = "s", 1
	b.report(r, [][]report.Sample{rounds})
	return nil
}

// recovery has the writer hand over and another begin.
func (s *shop) recovery(ctx context.Context) (report.Sample, error) {
	leases, err := s.nc.SubscribeSync(wire.KVSubject(wire.LeasesBucket, wire.LeaseKey(wire.RoleWriter, s.event)))
	if err != nil {
		return report.Sample{}, err
	}
	defer leases.Unsubscribe() //nolint:errcheck // the connection is closed next
	if err := s.nc.Flush(); err != nil {
		return report.Sample{}, err
	}
	s.close()
	before := ourSeconds()
	if s.close, err = s.region.sell(s.ledger); err != nil {
		return report.Sample{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for leased := false; !leased; {
		m, err := leases.NextMsgWithContext(waiting)
		if err != nil {
			return report.Sample{}, fmt.Errorf("lease of %s: %w", s.event, err)
		}
		var l kv.Lease
		if err := json.Unmarshal(m.Data, &l); err != nil {
			return report.Sample{}, err
		}
		leased = l.Holder == s.region.worker() && !l.Released
	}
	leased := time.Now()
	err = s.region.untilSaid(ctx, s.asks, s.event, time.Millisecond, func(_ wire.Stock, err error) (bool, error) { return err == nil, nil })
	took, seats := time.Since(leased), s.region.index.Len()
	return report.Sample{Rate: took.Seconds(), CPU: 1e6 * (ourSeconds() - before) / float64(seats), N: seats}, err
}
