package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

const joinCallers = 2048

// benchJoins is the row "joins".
func benchJoins(ctx context.Context, b *bench) error {
	region, err := startRegion(ctx, b.dir, smallest, b.replicas)
	if err != nil {
		return err
	}
	defer region.close()
	nc, err := region.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	keys := wire.NewKeyring()
	ours := side{name: "frontrow", prepare: func(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
		event := fmt.Sprint("join-", round)
		if err := region.stage(ctx, event); err != nil {
			return nil, 0, err
		}
		committer := kv.NewCommitter(kv.CommitterConfig{Stream: &kv.Open(region.js, wire.QueueBucket(event, wire.LaneGeneral)).Stream})
		region.background("committer", committer.Run)
		return func(ctx context.Context, _ int) error { return join(ctx, committer, keys, event) }, unbounded, nil
	}}
	baseline, err := b.redisJoin(ctx)
	if err != nil {
		return err
	}
	defer baseline.close()
	figures, err := b.alternate(ctx, joinCallers, ours, baseline.side)
	if err != nil {
		return err
	}
	b.report(result{Row: "joins", Mode: region.mode(), Unit: "places/s", Callers: joinCallers,
		Note: "a fan's first place, create-only through kv.Committer, and its signed receipt"},
		figures[0], figures[1], "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no receipt")
	return nil
}

// join is what a gateway does for a fan it has not seen before.
func join(ctx context.Context, c *kv.Committer, keys *wire.Keyring, event string) error {
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

func (b *bench) redisJoin(ctx context.Context) (redisSide, error) {
	r, err := startRedis(ctx, b.dir, true)
	if err != nil {
		return redisSide{}, err
	}
	return redisSide{server: r, side: side{name: "redis", prepare: func(_ context.Context, round int) (func(context.Context, int) error, int, error) {
		_, err := r.do([]string{"FLUSHALL"})
		queue := fmt.Sprint("queue:join-", round)
		return func(context.Context, int) error {
			fan := wire.NewFan()
			rank, err := r.do([]string{"ZADD", queue, "NX", strconv.FormatInt(time.Now().UnixMicro(), 10), fan}, []string{"ZRANK", queue, fan})
			if rank == "" && err == nil {
				err = errors.New("a fan who joined has no rank")
			}
			return err
		}, unbounded, err
	}}}, nil
}
