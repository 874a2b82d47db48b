package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/loopback"
	"frontrow/internal/natsd"
	"frontrow/internal/streams"
	"frontrow/inventory"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// region is one nats-server, or three in a cluster, on real listeners, and what
// is on sale there.
type region struct {
	bench    *bench
	servers  []*natsd.Server
	replicas int
	js       jetstream.JetStream
	index    *plan.Index
	digest   string
	url      string          // of a server that is not ours to start; empty: servers
	next     int             // server to connect to
	events   int             // staged for rounds
	workers  int             // of the inventory
	failed   context.Context // ends with the cause when a service of ours does
	fail     context.CancelCauseFunc
	now      func() time.Time // of the writer; nil: the machine's
}

// patience is for whatever must come: a busy machine opens 80,000 seats on three servers in
// a minute.
const patience = 3 * time.Minute

// answerPatience is for one answer.
const answerPatience = 30 * time.Second

// startRegion runs the servers that the row asks for, until it ends.
func (b *bench) startRegion(ctx context.Context, seats int) (*region, error) {
	r := &region{bench: b, replicas: b.replicas}
	if err := r.start(ctx, b.dir); err != nil {
		return nil, err
	}
	return r, r.open(ctx, seats)
}

// start runs the servers. Their routes are chosen before: a cluster needs to
// know them all.
func (r *region) start(ctx context.Context, dir string) error {
	reserved, err := loopback.Reserve(r.replicas)
	if err != nil {
		return err
	}
	r.bench.end(reserved.Close)
	var routes []*url.URL
	for _, a := range reserved.Addrs() {
		routes = append(routes, &url.URL{Scheme: "nats", Host: a})
	}
	for i := range r.replicas {
		name := fmt.Sprint("nats-", i)
		opts, err := natsd.Config{Dir: filepath.Join(dir, name), Name: name}.Options()
		if err != nil {
			return err
		}
		if r.replicas > 1 {
			opts.Cluster, opts.Routes = server.ClusterOpts{Name: "bench", Host: "127.0.0.1", Port: reserved.Ports()[i]}, routes
		}
		s, err := natsd.Run(ctx, opts, nil)
		if err != nil {
			return err
		}
		r.bench.end(s.Shutdown)
		r.servers = append(r.servers, s)
	}
	return nil
}

func (r *region) open(ctx context.Context, seats int) error {
	nc, err := r.connect()
	if err != nil {
		return err
	}
	if r.js, err = jetstream.New(nc); err != nil {
		return err
	}
	r.failed, r.fail = context.WithCancelCause(context.Background())
	r.bench.end(func() { r.fail(nil) })
	if err := eventually(ctx, func() error { return streams.CreateCore(ctx, r.js, r.replicas) }); err != nil {
		return err
	}
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: seats})
	if err != nil {
		return err
	}
	raw, err := plan.Encode(p)
	if err != nil {
		return err
	}
	r.index, r.digest = plan.NewIndex(p), plan.Digest(p)
	store, err := r.js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return err
	}
	_, err = store.PutBytes(ctx, r.digest, raw)
	return err
}

// until repeats try until it succeeds, unless a service of ours fails.
func (r *region) until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.failed, func() { cancel(context.Cause(r.failed)) })()
	return eventually(ctx, try)
}

// connect is a connection of its own over TCP, as another process has, to one
// server after the other, until the row ends.
func (r *region) connect() (nc *nats.Conn, err error) {
	if r.url != "" {
		nc, err = nats.Connect(r.url, nats.ReconnectBufSize(-1))
	} else {
		r.next++
		nc, err = r.servers[r.next%len(r.servers)].Connect(nats.ReconnectBufSize(-1))
	}
	if err == nil {
		r.bench.end(nc.Close)
	}
	return nc, err
}

// gateways is the part of as many gateways that asks the other services, each on a
// connection of its own.
func (r *region) gateways() ([]asker, error) {
	askers := make([]asker, holdConns)
	for i := range askers {
		nc, err := r.connect()
		if err != nil {
			return nil, err
		}
		askers[i] = asGateway(nc)
	}
	return askers, nil
}

// asker asks for one answer.
type asker interface {
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
}

// asGateway asks as a gateway does: what goes to a writer travels together.
func asGateway(nc *nats.Conn) asker { return asking.New(bus.New(nc), wire.TogetherFans) }

// jetStream is a JetStream context on a connection of its own.
func (r *region) jetStream() (jetstream.JetStream, error) {
	nc, err := r.connect()
	if err != nil {
		return nil, err
	}
	return jetstream.New(nc)
}

// background runs a service until the row ends; its error ends the row.
func (r *region) background(name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(r.failed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			r.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	stop = func() { cancel(); <-done }
	r.bench.end(stop)
	return stop
}

// event is the record of an event whose holds outlast the bench.
func (r *region) event(id string) wire.Event {
	spec := wire.Spec{ID: id, Name: "Bench", Currency: "EUR", Hold: wire.HoldSpec{TTL: wire.MaxHoldTTL, Checkout: wire.MaxHoldTTL}}
	for i, c := range r.index.Plan().CategoryNames() {
		spec.Levels = append(spec.Levels, wire.Level{ID: fmt.Sprint("level-", i), Name: c, Categories: []string{c}, Base: 9500, ServiceFee: 950, FacilityFee: 300})
	}
	return wire.Event{Spec: spec.WithDefaults(), Plan: r.digest, Places: r.index.Len(), State: wire.EventOpen, At: time.Now().UTC()}
}

// stage puts an event on sale; services that watch begin with it at once.
func (r *region) stage(ctx context.Context, id string) error {
	if err := streams.CreateForEvent(ctx, r.js, id, r.replicas); err != nil {
		return err
	}
	event := r.event(id)
	for _, l := range event.Spec.Levels {
		price := wire.Price{Amounts: wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee), Version: 1}
		if err := r.put(ctx, wire.PricesBucket, wire.PriceKey(id, l.ID), price); err != nil {
			return err
		}
	}
	return r.put(ctx, wire.EventsBucket, id, event)
}

// side is ours of a row: each round has an event of its own, of which the operation is made.
func (r *region) side(name string, of func(ctx context.Context, event string) (operation, int, error)) side {
	return side{name: "frontrow", prepare: func(ctx context.Context, _ int) (operation, int, error) {
		r.events++
		event := fmt.Sprint(name, "-", r.events)
		if err := r.stage(ctx, event); err != nil {
			return nil, 0, err
		}
		return of(ctx, event)
	}}
}

// selling is a side whose event is on sale when the round begins. What the round costs
// includes its seats' records, which are written behind.
func (r *region) selling(name string, asks asker, of func(ctx context.Context, event string) (operation, int, error)) side {
	var event string
	s := r.side(name, func(ctx context.Context, id string) (operation, int, error) {
		event = id
		if err := r.opened(ctx, asks, event); err != nil {
			return nil, 0, err
		}
		return of(ctx, event)
	})
	s.after = func(ctx context.Context) error { return r.atRest(ctx, asks, event) }
	return s
}

// opened returns when an event has been on sale for long enough for its writer to be at rest.
func (r *region) opened(ctx context.Context, asks asker, event string) error {
	if err := r.onSale(ctx, asks, event); err != nil {
		return err
	}
	return r.atRest(ctx, asks, event)
}

// atRest returns when the records of an event's seats say what its log says.
func (r *region) atRest(ctx context.Context, asks asker, event string) error {
	stock, err := ask[wire.Stock](ctx, asks, wire.SeatsSubject(event, wire.ActStatus), nil)
	if err != nil {
		return err
	}
	bucket, err := r.js.KeyValue(ctx, wire.SeatsBucket(event))
	if err != nil {
		return err
	}
	return r.until(ctx, func() error {
		e, err := bucket.Get(ctx, wire.CheckpointKey)
		if err != nil {
			return err
		}
		at, err := wire.Read[wire.Checkpoint](wire.CheckpointKey, e.Value())
		if err == nil && at.Flush < stock.Flush {
			err = fmt.Errorf("the records of %s are of log.%d, the last is log.%d", event, at.Flush, stock.Flush)
		}
		return err
	})
}

func (r *region) put(ctx context.Context, bucket, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = r.js.Publish(ctx, wire.KVSubject(bucket, key), raw)
	return err
}

// sell starts an inventory worker on a connection of its own; stop has it hand over.
func (r *region) sell(ledger inventory.Ledger) (stop func(), err error) {
	nc, err := r.connect()
	if err != nil {
		return nil, err
	}
	r.workers++
	s, err := inventory.New(inventory.Config{NATS: nc, Ledger: ledger, Name: r.worker(), Now: r.now})
	if err != nil {
		return nil, err
	}
	return r.background("inventory", s.Run), nil
}

// worker names the inventory worker that was started last.
func (r *region) worker() string { return fmt.Sprint("bench-", r.workers) }

// onSale returns when the writer of the event answers, has heard the prices, and
// every seat is open.
func (r *region) onSale(ctx context.Context, asks asker, event string) error {
	return r.until(ctx, func() error {
		stock, err := ask[wire.Stock](ctx, asks, wire.SeatsSubject(event, wire.ActStatus), nil)
		if err != nil {
			return err
		}
		if n := stock.All.Free; n != r.index.Len() {
			return fmt.Errorf("%d of %d seats of %s are on sale", n, r.index.Len(), event)
		}
		return try(ctx, asks, event, r.pairs()[0])
	})
}

// untilSaid asks an event's writer how many seats it has, again and again, until what it
// says is enough.
func (r *region) untilSaid(ctx context.Context, asks asker, event string, every time.Duration, enough func(wire.Stock, error) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		done, err := enough(ask[wire.Stock](ctx, asks, wire.SeatsSubject(event, wire.ActStatus), nil))
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.failed.Done():
			return context.Cause(r.failed)
		case <-time.After(every):
		}
	}
}

// pairs lists disjoint pairs of adjacent seats. A companion's seat is sold with
// its accessible seat alone, so those are left out.
func (r *region) pairs() [][2]string {
	var pairs [][2]string
	for _, b := range r.index.Blocks() {
		for i := b.Start; i+1 < b.Start+b.Len; i += 2 {
			if a, z := r.index.Seat(i), r.index.Seat(i+1); a.Kind != plan.Companion && z.Kind != plan.Companion {
				pairs = append(pairs, [2]string{a.ID, z.ID})
			}
		}
	}
	return pairs
}

// request is one as the gateway makes it.
func request(ctx context.Context, asks asker, subject string, body any) ([]byte, error) {
	raw, err := wire.Append(make([]byte, 0, 512), body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	answer, err := asks.Request(ctx, subject, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	return answer, nil
}

// ask is a request with its answer decoded.
func ask[T any](ctx context.Context, asks asker, subject string, body any) (reply T, err error) {
	raw, err := request(ctx, asks, subject, body)
	if err != nil {
		return reply, err
	}
	return reply, wire.Unmarshal(raw, &reply)
}

// hold asks for a pair as a gateway does for its fan.
func hold(ctx context.Context, asks asker, event, id, fan string, pair [2]string) error {
	raw, err := request(ctx, asks, wire.SeatsSubject(event, wire.ActHold), wire.HoldRequest{Hold: id,
		Claims: wire.Claims{Pass: "bench", Fan: fan, Limit: 6, Expires: time.Now().Add(time.Hour)}, Seats: pair[:]})
	if err != nil {
		return err
	}
	_, refused, err := wire.ReadHold(raw)
	if refused != nil {
		return fmt.Errorf("hold of %v: %w", pair, refused)
	}
	return err
}

// try holds a pair and gives it back.
func try(ctx context.Context, asks asker, event string, pair [2]string) error {
	id, fan := wire.NewHold(), wire.NewFan()
	if err := hold(ctx, asks, event, id, fan, pair); err != nil {
		return err
	}
	reply, err := ask[wire.StandingReply](ctx, asks, wire.SeatsSubject(event, wire.ActRelease), wire.ReleaseRequest{Hold: id, Fan: fan})
	if reply.Problem != nil {
		return reply.Problem
	}
	return err
}
