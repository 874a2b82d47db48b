package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

const joinCallers = 2048

// benchJoins is the row "joins".
func benchJoins(ctx context.Context, b *bench) error {
	region, err := b.startRegion(ctx, smallest)
	if err != nil {
		return err
	}
	keys := keyring.New()
	ours := region.side("join", func(_ context.Context, event string) (operation, int, error) {
		committer := region.committer(event)
		return func(ctx context.Context, _ int) error { return join(ctx, committer, keys, event) }, unbounded, nil
	})
	baseline, err := b.redisJoin(ctx, "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no receipt")
	if err != nil {
		return err
	}
	return b.compare(ctx, report.Result{Unit: "places/s", Callers: joinCallers,
		Note: "a fan's first place, create-only through kv.Committer, and its signed receipt"}, ours, baseline.side)
}

// committer writes the places of an event.
func (r *region) committer(event string) *kv.Committer {
	c := kv.NewCommitter(kv.CommitterConfig{Stream: &kv.Open(r.js, wire.QueueBucket(event, wire.LaneGeneral)).Stream})
	r.background("committer", c.Run)
	return c
}

// join is what a gateway does for a fan it has not seen before.
func join(ctx context.Context, c *kv.Committer, keys *keyring.Keyring, event string) error {
	fan, at := wire.NewFan(), time.Now().UTC()
	raw, err := json.Marshal(wire.PlaceRecord{Fan: fan, At: at})
	if err != nil {
		return err
	}
	number, err := c.Do(ctx, kv.Write{Key: wire.PlaceKey(fan), Value: raw, Expect: kv.Absent()})
	if err != nil {
		return err
	}
	keys.SignReceipt(wire.Place{Event: event, Lane: wire.LaneGeneral, Region: "home", Number: uint64(number), Fan: fan, At: at})
	return nil
}

func (b *bench) redisJoin(ctx context.Context, name string) (*redisSide, error) {
	return b.redisSide(ctx, name, true, unbounded, func(r *redisSide, round int) operation {
		queue := fmt.Sprint("queue:join-", round)
		return func(context.Context, int) error {
			fan := wire.NewFan()
			rank, err := r.do([]string{"ZADD", queue, "NX", strconv.FormatInt(time.Now().UnixMicro(), 10), fan}, []string{"ZRANK", queue, fan})
			if rank == "" && err == nil {
				err = errors.New("a fan who joined has no rank")
			}
			return err
		}
	})
}
