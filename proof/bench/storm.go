package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/proof/bench/report"
	"frontrow/wire"
)

const (
	stormFans    = 100_000
	stormSeats   = 1000
	stormCallers = 1024
)

// benchStorm is the row "storm": many times more fans than seats, each asking
// for one seat by name. One of those who ask for a seat gets it.
func benchStorm(ctx context.Context, b *bench) error {
	region, gateways, err := b.openSeats(ctx, stormSeats)
	if err != nil {
		return err
	}
	seats, fans := region.singles(), b.few(stormFans)
	var won atomic.Int64
	var losers slowest
	ours := region.selling("storm", gateways[0], func(_ context.Context, event string) (operation, int, error) {
		won.Store(0)
		losers.reset()
		return func(ctx context.Context, i int) error {
			from := time.Now()
			got, err := tryHold(ctx, gateways[i%holdConns], event, seats[i%len(seats)])
			if got {
				won.Add(1)
			} else {
				losers.note(time.Since(from))
			}
			return err
		}, fans, nil
	})
	base, err := b.redisStorm(ctx, seats)
	if err != nil {
		return err
	}
	figures, err := b.alternate(ctx, b.rounds, load{callers: stormCallers}, ours, base.side)
	if err != nil {
		return err
	}
	if n := int(won.Load()); n != len(seats) {
		return fmt.Errorf("%d fans won %d seats", n, len(seats))
	}
	b.report(report.Result{Unit: "fans/s", Callers: stormCallers,
		Note: fmt.Sprintf("%d fans ask for %d seats by name, each for one; in the last round %d won, the slowest loser was answered after %v", fans, len(seats), won.Load(), losers.most())}, figures, base.side)
	return nil
}

// tryHold asks for one seat as a fan never seen before.
func tryHold(ctx context.Context, asks asker, event, seat string) (got bool, err error) {
	raw, err := request(ctx, asks, wire.SeatsSubject(event, wire.ActHold), wire.HoldRequest{Hold: wire.NewHold(),
		Claims: wire.Claims{Pass: "bench", Fan: wire.NewFan(), Limit: 6, Expires: time.Now().Add(time.Hour)}, Seats: []string{seat}})
	if err != nil {
		return false, err
	}
	_, refused, err := wire.ReadHold(raw)
	if refused != nil && refused.Code != wire.CodeTaken {
		return false, refused
	}
	return err == nil && refused == nil, err
}

// singles lists the seats that anybody may have alone.
func (r *region) singles() (seats []string) {
	for _, p := range r.pairs() {
		seats = append(seats, p[:]...)
	}
	return seats
}

// slowest remembers the longest of some waits.
type slowest struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (s *slowest) note(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, d)
}

func (s *slowest) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = nil
}

func (s *slowest) most() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waits) == 0 {
		return 0
	}
	return slices.Max(s.waits).Round(time.Millisecond)
}

func (b *bench) redisStorm(ctx context.Context, seats []string) (*redisSide, error) {
	return b.redisSide(ctx, "Redis, SET NX EX, AOF always", true, b.few(stormFans), func(r *redisSide, _ int) operation {
		return func(_ context.Context, i int) error {
			answer, err := r.do([]string{"SET", "seat:" + seats[i%len(seats)], wire.NewHold() + wire.NewFan(), "NX", "EX", "480"})
			if err == nil && answer != "OK" && answer != "" {
				err = errors.New("redis: " + answer)
			}
			return err
		}
	})
}
