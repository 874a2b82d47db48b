package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"frontrow/inventory"
	"frontrow/inventory/ledger"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const (
	holdCallers = 512
	holdConns   = 2 // of as many gateways
)

// noLedger stands for PostgreSQL, which no hold waits for.
type noLedger struct{ inventory.Refunds }

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
func (b *bench) openSeats(ctx context.Context, seats int) (r *region, conns []*nats.Conn, end func(), err error) {
	if r, err = startRegion(ctx, b.dir, seats, b.replicas); err != nil {
		return nil, nil, nil, err
	}
	ends := []func(){r.close}
	end = func() {
		for _, e := range slices.Backward(ends) {
			e()
		}
	}
	stop, err := r.sell(noLedger{})
	if err != nil {
		end()
		return nil, nil, nil, err
	}
	ends = append(ends, stop)
	for range holdConns {
		nc, err := r.connect()
		if err != nil {
			end()
			return nil, nil, nil, err
		}
		ends, conns = append(ends, nc.Close), append(conns, nc)
	}
	return r, conns, end, nil
}

// benchHold is the row "hold of 2".
func benchHold(ctx context.Context, b *bench) error {
	region, conns, end, err := b.openSeats(ctx, b.seats)
	if err != nil {
		return err
	}
	defer end()
	pairs := region.pairs()
	ours := side{name: "frontrow", prepare: func(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
		event := fmt.Sprint("hold-", round)
		if err := region.stage(ctx, event); err != nil {
			return nil, 0, err
		}
		err := region.onSale(ctx, conns[0], event)
		return func(ctx context.Context, i int) error {
			return hold(ctx, conns[i%holdConns], event, wire.NewHold(), wire.NewFan(), pairs[i])
		}, len(pairs), err
	}}
	durable, err := b.redisHold(ctx, pairs, true)
	if err != nil {
		return err
	}
	defer durable.close()
	volatile, err := b.redisHold(ctx, pairs, false)
	if err != nil {
		return err
	}
	defer volatile.close()
	figures, err := b.alternate(ctx, holdCallers, ours, durable.side, volatile.side)
	if err != nil {
		return err
	}
	r := result{Row: "hold of 2", Mode: region.mode(), Unit: "holds/s", Callers: holdCallers,
		Note: fmt.Sprintf("a request over NATS (%d connections) to the event's writer of %d seats, answered when both seats and the log record are on disk", holdConns, region.index.Len())}
	b.report(r, figures[0], figures[1], "Redis, SET NX EX of both in one Lua script, AOF always")
	b.report(r, figures[0], figures[2], "Redis, the same without AOF: nothing on disk")
	return nil
}

// redisSide is a side with a server of its own.
type redisSide struct {
	side
	server *redis
}

func (s redisSide) close() { _ = s.server.stop() }

func (b *bench) redisHold(ctx context.Context, pairs [][2]string, durable bool) (redisSide, error) {
	r, err := startRedis(ctx, b.dir, durable)
	if err != nil {
		return redisSide{}, err
	}
	sha, err := r.do([]string{"SCRIPT", "LOAD", holdScript})
	return redisSide{server: r, side: side{name: fmt.Sprintf("redis, durable %t", durable), prepare: func(_ context.Context, round int) (func(context.Context, int) error, int, error) {
		_, err := r.do([]string{"FLUSHALL"})
		prefix := fmt.Sprintf("seat:hold-%d:", round)
		return func(_ context.Context, i int) error {
			answer, err := r.do([]string{"EVALSHA", sha, "2", prefix + pairs[i][0], prefix + pairs[i][1], wire.NewHold() + wire.NewFan(), "480"})
			if answer != "1" && err == nil {
				err = errors.New("a free seat is taken")
			}
			return err
		}, len(pairs), err
	}}}, err
}
