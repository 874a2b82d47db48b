package main

import (
	"context"
	"errors"
	"fmt"

	"frontrow/inventory/ledger"
	"frontrow/inventory/refund"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

const (
	holdCallers     = 512
	manyHoldCallers = 2048
	holdConns       = 2 // of as many gateways
)

// noLedger stands for PostgreSQL, which no hold waits for.
type noLedger struct {
	refund.Ledger
	refund.Captures
}

func (noLedger) PutEvent(context.Context, wire.Event, []string) error { return nil }
func (noLedger) Bookings(context.Context, string) ([]ledger.Booking, error) {
	return nil, nil
}
func (noLedger) Reopen(context.Context, string, uint64) ([]ledger.Booking, error) {
	return nil, nil
}
func (noLedger) Order(context.Context, string) (ledger.Order, error) {
	return ledger.Order{}, ledger.ErrNotFound
}
func (noLedger) GiveUp(context.Context, string, string, string) (wire.OrderReply, error) {
	return wire.OrderReply{}, errors.New("not in this bench")
}

// holdScript takes all seats or none.
const holdScript = `for _, k in ipairs(KEYS) do if redis.call('EXISTS', k) == 1 then return 0 end end
for _, k in ipairs(KEYS) do redis.call('SET', k, ARGV[1], 'NX', 'EX', ARGV[2]) end
return 1`

// openSeats is a region that sells the seats of a house without a ledger, and the
// connections of as many gateways.
func (b *bench) openSeats(ctx context.Context, seats int) (r *region, gateways []asker, err error) {
	if r, err = b.startRegion(ctx, seats); err != nil {
		return nil, nil, err
	}
	if _, err = r.sell(noLedger{}); err != nil {
		return nil, nil, err
	}
	gateways, err = r.gateways()
	return r, gateways, err
}

// benchHold is the row "hold of 2".
func benchHold(ctx context.Context, b *bench) error {
	region, gateways, err := b.openSeats(ctx, b.seats)
	if err != nil {
		return err
	}
	pairs := region.pairs()
	durable, err := b.redisHold(ctx, pairs, true, "Redis, SET NX EX of both in one Lua script, AOF always")
	if err != nil {
		return err
	}
	volatile, err := b.redisHold(ctx, pairs, false, "Redis, the same without AOF: nothing on disk")
	if err != nil {
		return err
	}
	ours := region.selling("hold", gateways[0], func(_ context.Context, event string) (operation, int, error) {
		do, n := region.holding(gateways, event)
		return do, n, nil
	})
	for _, callers := range []int{holdCallers, manyHoldCallers} {
		if err := b.compare(ctx, report.Result{Unit: "holds/s", Callers: callers,
			Note: fmt.Sprintf("requests over NATS, sent together as %d gateways do, to the event's writer of %d seats, answered when both seats and the log record are on disk", holdConns, region.index.Len())},
			ours, durable.side, volatile.side); err != nil {
			return err
		}
	}
	return nil
}

// holding is a round in which pairs are held, each once.
func (r *region) holding(gateways []asker, event string) (operation, int) {
	pairs := r.pairs()
	return func(ctx context.Context, i int) error {
		return hold(ctx, gateways[i%len(gateways)], event, wire.NewHold(), wire.NewFan(), pairs[i])
	}, len(pairs)
}

func (b *bench) redisHold(ctx context.Context, pairs [][2]string, durable bool, name string) (*redisSide, error) {
	r, err := b.redisSide(ctx, name, durable, len(pairs), func(r *redisSide, round int) operation {
		prefix := fmt.Sprintf("seat:hold-%d:", round)
		return func(_ context.Context, i int) error {
			answer, err := r.do([]string{"EVALSHA", r.script, "2", prefix + pairs[i][0], prefix + pairs[i][1], wire.NewHold() + wire.NewFan(), "480"})
			if answer != "1" && err == nil {
				err = errors.New("a free seat is taken")
			}
			return err
		}
	})
	if err == nil {
		r.script, err = r.do([]string{"SCRIPT", "LOAD", holdScript})
	}
	return r, err
}
