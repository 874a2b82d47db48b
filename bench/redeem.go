package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/admission"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const (
	redeemCallers = 1024
	redeemPlaces  = 60_000
)

// benchRedeem is the row "redeem": called places become passes.
func benchRedeem(ctx context.Context, b *bench) error {
	region, err := startRegion(ctx, b.dir, smallest, b.replicas)
	if err != nil {
		return err
	}
	defer region.close()
	keys := wire.NewKeyring()
	service, err := region.connect()
	if err != nil {
		return err
	}
	defer service.Close()
	a, err := admission.New(admission.Config{NATS: service, Keys: keys, Name: "bench"})
	if err != nil {
		return err
	}
	defer region.background("admission", a.Run)()
	conns := make([]*nats.Conn, holdConns)
	for i := range conns {
		if conns[i], err = region.connect(); err != nil {
			return err
		}
		defer conns[i].Close()
	}
	ours := side{name: "frontrow", prepare: func(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
		event := fmt.Sprint("redeem-", round)
		places, err := region.called(ctx, event, b.few(redeemPlaces))
		return func(ctx context.Context, i int) error {
			r, err := ask[wire.RedeemReply](ctx, conns[i%holdConns], wire.PassesSubject(event, wire.ActRedeem), wire.RedeemRequest{Place: places[i]})
			if err == nil && r.Problem != nil {
				err = r.Problem
			}
			return err
		}, len(places), err
	}}
	figures, err := b.alternate(ctx, redeemCallers, ours)
	if err != nil {
		return err
	}
	b.report(result{Row: "redeem", Mode: region.mode(), Unit: "passes/s", Callers: redeemCallers,
		Note: "a called place becomes a pass: a request over NATS to the admitter, its record on disk, signed; there is no classic way to compare with"},
		figures[0], nil, "nothing")
	return nil
}

// called makes an event of whose queue n places are called.
func (r *region) called(ctx context.Context, event string, n int) ([]wire.Place, error) {
	if err := r.stage(ctx, event); err != nil {
		return nil, err
	}
	places, err := r.joined(ctx, event, n)
	if err != nil {
		return nil, err
	}
	return places, r.callAll(ctx, event, n)
}

// callAll lets the admitter call n fans: there is room and there are seats for all.
func (r *region) callAll(ctx context.Context, event string, n int) error {
	spec := r.event(event)
	spec.Spec.Admission.Tick, spec.Spec.Admission.Ceiling = wire.Duration(time.Second), 2*n
	spec.Spec = spec.Spec.WithDefaults()
	stock := wire.Stock{Event: event, All: wire.Count{Free: 4 * n}, Levels: map[string]wire.Count{}}
	for _, l := range spec.Spec.Levels {
		stock.Levels[l.ID] = wire.Count{Free: 4 * n}
	}
	if err := r.put(ctx, wire.StockBucket, event, stock); err != nil {
		return err
	}
	if err := r.put(ctx, wire.EventsBucket, event, spec); err != nil {
		return err
	}
	return r.headReaches(ctx, event, uint64(n))
}

// joined gives n fans a place each, in batches.
func (r *region) joined(ctx context.Context, event string, n int) (places []wire.Place, err error) {
	subject := func(fan string) string {
		return wire.KVSubject(wire.QueueBucket(event, wire.LaneGeneral), wire.PlaceKey(fan))
	}
	for len(places) < n {
		var msgs []kv.Msg
		var fans []string
		for range min(kv.MaxBatch, n-len(places)) {
			fan := wire.NewFan()
			raw, err := json.Marshal(wire.PlaceRecord{Fan: fan, At: time.Now().UTC()})
			if err != nil {
				return nil, err
			}
			fans, msgs = append(fans, fan), append(msgs, kv.Msg{Subject: subject(fan), Data: raw, Expect: kv.Absent()})
		}
		ack, err := kv.Publish(ctx, r.js.Conn(), msgs)
		if err != nil {
			return nil, err
		}
		for i, fan := range fans {
			places = append(places, wire.Place{Event: event, Lane: wire.LaneGeneral, Region: "home", Number: uint64(ack.Revision(i)), Fan: fan})
		}
	}
	return places, nil
}

// headReaches waits until the board says that so many are called.
func (r *region) headReaches(ctx context.Context, event string, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	board := kv.Open(r.js, wire.BoardBucket)
	for {
		var b wire.Board
		e, err := board.Get(ctx, event)
		if err == nil && json.Unmarshal(e.Value, &b) == nil && b.Lanes[wire.LaneGeneral].Regions["home"].Head >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("head of %s: %+v", event, b.Lanes), ctx.Err(), err)
		case <-r.failed.Done():
			return context.Cause(r.failed)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
