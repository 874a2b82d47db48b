package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"frontrow/internal/pgd"
	"frontrow/proof/bench/report"
	"frontrow/wire"

	"github.com/jackc/pgx/v5/pgxpool"
)

// benchExpiry is the row "expiry": every seat of the house is held until the
// same instant; how long after it is the last one free?
func benchExpiry(ctx context.Context, b *bench) error {
	var offset atomic.Int64 // of the writer's clock
	frozen := time.Now()
	var running atomic.Bool
	clock := func() time.Time {
		if !running.Load() {
			return frozen
		}
		return time.Now().Add(time.Duration(offset.Load()))
	}
	region, err := b.startRegion(ctx, b.seats)
	if err != nil {
		return err
	}
	region.now = clock
	if _, err := region.sell(noLedger{}); err != nil {
		return err
	}
	nc, err := region.connect()
	if err != nil {
		return err
	}
	asks := asGateway(nc)
	const event = "expiry"
	if err := region.stage(ctx, event); err != nil {
		return err
	}
	if err := region.onSale(ctx, asks, event); err != nil {
		return err
	}
	// While the writer's clock stands still every hold ends at the same instant.
	pairs := region.pairs()
	if _, err := b.drive(ctx, load{callers: holdCallers, ops: len(pairs)}, func(ctx context.Context, i int) error {
		return hold(ctx, asks, event, wire.NewHold(), wire.NewFan(), pairs[i])
	}); err != nil {
		return err
	}
	// Before the deadline there is time to write the seats' records.
	offset.Store(int64(time.Until(frozen)))
	running.Store(true)
	if err := region.atRest(ctx, asks, event); err != nil {
		return err
	}
	ttl := time.Duration(region.event(event).Spec.Hold.TTL)
	due := frozen.Add(ttl)
	b.meter = startMeter()
	before, began := ourSeconds(), time.Now()
	offset.Store(int64(time.Until(due)))
	late, err := region.untilFree(ctx, asks, event, began)
	if err != nil {
		return err
	}
	ours := report.Sample{Rate: late.Seconds(), CPU: 1e6 * (ourSeconds() - before) / float64(len(pairs)), N: len(pairs)}
	swept, err := b.sweep(ctx, pairs)
	if err != nil {
		return err
	}
	b.report(report.Result{Unit: "s late", Callers: 1,
		Note: fmt.Sprintf("%d holds of 2 with the same deadline: from the deadline until the last seat's record says free; the baseline is a sweep of PostgreSQL every %v, the deadline half-way between two", len(pairs), b.sweepEvery)},
		[][]report.Sample{once(ours), once(swept)}, side{name: fmt.Sprintf("PostgreSQL, a sweep every %.0f s", b.sweepEvery.Seconds())})
	return nil
}

// untilFree is how long after began every seat of the event is free. The first
// question also wakes the writer, whose clock was just moved.
func (r *region) untilFree(ctx context.Context, asks asker, event string, began time.Time) (time.Duration, error) {
	err := r.untilSaid(ctx, asks, event, 5*time.Millisecond, func(s wire.Stock, err error) (bool, error) { return s.All.Held == 0, err })
	return time.Since(began), err
}

// sweep frees as many holds the classic way.
func (b *bench) sweep(ctx context.Context, pairs [][2]string) (report.Sample, error) {
	pg, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(b.dir, "postgres"), NoSyncInit: true})
	if err != nil {
		return report.Sample{}, err
	}
	defer pg.Stop() //nolint:errcheck // its directory goes next
	pool, err := pgxpool.New(ctx, pg.DSN())
	if err != nil {
		return report.Sample{}, err
	}
	defer pool.Close()
	var seats []string
	for _, p := range pairs {
		seats = append(seats, p[:]...)
	}
	due := time.Now().Add(b.sweepEvery / 2)
	if _, err := pool.Exec(ctx, `CREATE TABLE seats (seat_id text PRIMARY KEY, status text NOT NULL, held_until timestamptz) WITH (fillfactor = 50)`); err != nil {
		return report.Sample{}, err
	}
	if _, err := pool.Exec(ctx, `INSERT INTO seats SELECT s, 'held', $2 FROM unnest($1::text[]) AS s`, seats, due); err != nil {
		return report.Sample{}, err
	}
	before := ourSeconds()
	select {
	case <-ctx.Done():
		return report.Sample{}, ctx.Err()
	case <-time.After(time.Until(due.Add(b.sweepEvery / 2))):
	}
	tag, err := pool.Exec(ctx, `UPDATE seats SET status = 'free', held_until = NULL WHERE status = 'held' AND held_until <= now()`)
	if err == nil && int(tag.RowsAffected()) != len(seats) {
		err = fmt.Errorf("%d seats swept, want %d", tag.RowsAffected(), len(seats))
	}
	return report.Sample{Rate: time.Since(due).Seconds(), CPU: 1e6 * (ourSeconds() - before) / float64(len(pairs)), N: len(pairs)}, err
}
