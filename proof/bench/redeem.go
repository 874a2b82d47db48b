package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"frontrow/admission"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

const (
	redeemCallers = 1024
	redeemPlaces  = 60_000
)

// benchRedeem is the row "redeem": called places become passes.
func benchRedeem(ctx context.Context, b *bench) error {
	region, err := b.startRegion(ctx, smallest)
	if err != nil {
		return err
	}
	keys := keyring.New()
	service, err := region.connect()
	if err != nil {
		return err
	}
	a, err := admission.New(admission.Config{NATS: service, Keys: keys, Name: "bench"})
	if err != nil {
		return err
	}
	region.background("admission", a.Run)
	gateways, err := region.gateways()
	if err != nil {
		return err
	}
	ours := region.side("redeem", func(ctx context.Context, event string) (operation, int, error) {
		places, err := region.joined(ctx, event, b.few(redeemPlaces))
		if err == nil {
			err = region.callAll(ctx, event, len(places))
		}
		return func(ctx context.Context, i int) error {
			r, err := ask[wire.RedeemReply](ctx, gateways[i%holdConns], wire.PassesSubject(event, wire.ActRedeem), wire.RedeemRequest{Place: places[i]})
			if err == nil && r.Problem != nil {
				err = r.Problem
			}
			return err
		}, len(places), err
	})
	return b.compare(ctx, report.Result{Unit: "passes/s", Callers: redeemCallers,
		Note: "a called place becomes a pass: a request over NATS to the admitter, its record on disk, signed; there is no classic way to compare with"}, ours)
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
	return r.until(ctx, func() error {
		var b wire.Board
		e, err := kv.Open(r.js, wire.BoardBucket).Get(ctx, event)
		if err == nil {
			err = json.Unmarshal(e.Value, &b)
		}
		if head := b.Lanes[wire.LaneGeneral].Regions["home"].Head; err == nil && head < n {
			err = fmt.Errorf("the head of %s is %d, want %d", event, head, n)
		}
		return err
	})
}
