package main

import (
	"context"
	"encoding/json"
	"time"

	"frontrow/keyring"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

// benchJoinHTTP is the row "join over http".
func benchJoinHTTP(ctx context.Context, b *bench) error {
	region, err := b.startRegion(ctx, smallest)
	if err != nil {
		return err
	}
	baseline, err := b.redisJoin(ctx, "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no HTTP, no receipt")
	if err != nil {
		return err
	}
	return b.overHTTP(ctx, report.Result{Unit: "places/s",
		Note: "POST /v1/events/{event}/places of a new fan on open connections: limits, risk score, cookie, place and receipt; the baseline is without HTTP and without a receipt"},
		region, keyring.New(), func(_ context.Context, event string) (func(int) httpRequest, int, error) {
			r := httpRequest{path: "/v1/events/" + event + "/places", body: "{}"}
			return func(int) httpRequest { return r }, unbounded, nil
		}, baseline.side)
}

// benchHoldHTTP is the row "hold over http".
func benchHoldHTTP(ctx context.Context, b *bench) error {
	region, gateways, err := b.openSeats(ctx, b.seats)
	if err != nil {
		return err
	}
	pairs, keys := region.pairs(), keyring.New()
	baseline, err := b.redisHold(ctx, pairs, true, "Redis, SET NX EX of both in one Lua script, AOF always; no HTTP, no pass")
	if err != nil {
		return err
	}
	return b.overHTTP(ctx, report.Result{Unit: "holds/s",
		Note: "POST /v1/events/{event}/holds of two seats, each by another fan, on open connections: limits, cookies, a pass seen for the first time, risk score, writer and disk; the baseline is without HTTP and without a pass"},
		region, keys, func(ctx context.Context, event string) (func(int) httpRequest, int, error) {
			requests := make([]httpRequest, len(pairs))
			for i, pair := range pairs {
				r, err := holdRequest(keys, event, pair)
				if err != nil {
					return nil, 0, err
				}
				requests[i] = r
			}
			return func(i int) httpRequest { return requests[i] }, len(pairs), region.opened(ctx, gateways[0], event)
		}, baseline.side)
}

// overHTTP compares requests to a gateway with a baseline. The requests of an event are
// as many as of says; the first is made until the gateway knows the event.
func (b *bench) overHTTP(ctx context.Context, r report.Result, region *region, keys *keyring.Keyring, of requests, baseline side) error {
	edge, err := openEdge(region, keys)
	if err != nil {
		return err
	}
	ours := region.side("http", func(ctx context.Context, event string) (operation, int, error) {
		request, n, err := of(ctx, event)
		if err == nil {
			err = eventually(ctx, func() error { return edge.created(request(0)) })
		}
		return func(_ context.Context, i int) error { return edge.created(request(i + 1)) }, n - 1, err
	})
	r.Callers = httpCallers
	return b.compare(ctx, r, ours, baseline)
}

// requests makes those of a round.
type requests func(ctx context.Context, event string) (request func(i int) httpRequest, n int, err error)

// holdRequest is a fan's, with the cookies and the pass that they came by.
func holdRequest(keys *keyring.Keyring, event string, pair [2]string) (httpRequest, error) {
	now := time.Now()
	fan, device := wire.NewFan(), keyring.NewDevice()
	pass, err := keys.SignPass(keyring.NewPass(event, wire.PassRecord{ID: wire.NewFan(), Fan: fan, Lane: wire.LaneGeneral, Limit: 6,
		Device: wire.Hash([]byte(device)), At: now.Add(-time.Minute), Expires: now.Add(time.Hour)}))
	if err != nil {
		return httpRequest{}, err
	}
	body, err := json.Marshal(map[string]any{"seats": pair})
	face := keys.SignFace(keyring.Face{Fan: fan, At: now.Add(-time.Hour), Session: wire.NewSession()})
	return httpRequest{path: "/v1/events/" + event + "/holds", body: string(body),
		header: "Cookie: " + wire.FanCookie + "=" + face + "; " + wire.DeviceCookie + "=" + keys.SignDevice(device) + "\r\nAuthorization: Bearer " + pass + "\r\n"}, err
}
