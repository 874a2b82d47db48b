package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"frontrow/internal/loopback"
	"frontrow/internal/natsd"
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
	servers  []*natsd.Server
	replicas int
	reserved *loopback.Reservation // of the servers' routes
	js       jetstream.JetStream
	index    *plan.Index
	digest   string
	url      string          // of a server that is not ours to start; empty: servers
	next     int             // server to connect to
	failed   context.Context // ends with the cause when a service of ours does
	fail     context.CancelCauseFunc
	now      func() time.Time // of the writer; nil: the machine's
}

const patience = 30 * time.Second

func startRegion(ctx context.Context, dir string, seats, replicas int) (*region, error) {
	r := &region{replicas: replicas}
	err := r.start(ctx, dir)
	if err == nil {
		err = r.open(ctx, seats)
	}
	if err != nil {
		r.shutdown()
		return nil, err
	}
	return r, nil
}

// start runs the servers. Their routes are chosen before: a cluster needs to
// know them all.
func (r *region) start(ctx context.Context, dir string) error {
	reserved, err := loopback.Reserve(r.replicas)
	if err != nil {
		return err
	}
	r.reserved = reserved
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
		r.servers = append(r.servers, s)
	}
	return nil
}

func (r *region) shutdown() {
	for _, s := range r.servers {
		s.Shutdown()
	}
	r.reserved.Close()
}

// mode is how results name it.
func (r *region) mode() string { return fmt.Sprint("R", r.replicas) }

func (r *region) open(ctx context.Context, seats int) error {
	nc, err := r.connect()
	if err != nil {
		return err
	}
	if r.js, err = jetstream.New(nc); err != nil {
		return err
	}
	if err := r.retry(ctx, func() error { return wire.CreateCore(ctx, r.js, r.replicas) }); err != nil {
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
	r.failed, r.fail = context.WithCancelCause(context.Background())
	return err
}

// retry repeats do while a cluster that was just started elects its leaders.
func (r *region) retry(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do()
		if err == nil || r.replicas == 1 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// connect is a connection of its own over TCP, as another process has, to one
// server after the other.
func (r *region) connect() (*nats.Conn, error) {
	if r.url != "" {
		return nats.Connect(r.url, nats.ReconnectBufSize(-1))
	}
	r.next++
	return r.servers[r.next%len(r.servers)].Connect(nats.ReconnectBufSize(-1))
}

// jetStream is a JetStream context on a connection of its own.
func (r *region) jetStream() (jetstream.JetStream, error) {
	nc, err := r.connect()
	if err != nil {
		return nil, err
	}
	return jetstream.New(nc)
}

func (r *region) close() {
	r.fail(nil)
	r.js.Conn().Close()
	r.shutdown()
}

// background runs a service until the region closes; its error ends the row.
func (r *region) background(name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(r.failed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			r.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return func() { cancel(); <-done }
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
	if err := wire.CreateForEvent(ctx, r.js, id, r.replicas); err != nil {
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

func (r *region) put(ctx context.Context, bucket, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = r.js.Publish(ctx, wire.KVSubject(bucket, key), raw)
	return err
}

// sell starts an inventory worker on a connection of its own.
func (r *region) sell(ledger interface {
	inventory.Ledger
	inventory.Refunds
}) (stop func(), err error) {
	nc, err := r.connect()
	if err != nil {
		return nil, err
	}
	s, err := inventory.New(inventory.Config{NATS: nc, Ledger: ledger, Refunds: ledger, Name: "bench", Now: r.now})
	if err != nil {
		return nil, err
	}
	end := r.background("inventory", s.Run)
	return func() { end(); nc.Close() }, nil
}

// onSale returns when the writer of the event answers, has heard the prices, and
// every seat is open.
func (r *region) onSale(ctx context.Context, nc *nats.Conn, event string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		stock, err := ask[wire.Stock](ctx, nc, wire.SeatsSubject(event, wire.ActStatus), nil)
		if err == nil && stock.All.Free == r.index.Len() {
			if err = try(ctx, nc, event, r.pairs()[0]); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("event %s is not on sale: %w", event, errors.Join(err, ctx.Err()))
		case <-r.failed.Done():
			return context.Cause(r.failed)
		case <-time.After(50 * time.Millisecond):
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
func request(ctx context.Context, nc *nats.Conn, subject string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, subject, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	return m.Data, nil
}

// ask is a request with its answer decoded.
func ask[T any](ctx context.Context, nc *nats.Conn, subject string, body any) (reply T, err error) {
	raw, err := request(ctx, nc, subject, body)
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(raw, &reply)
}

// hold asks for a pair as a gateway does for its fan.
func hold(ctx context.Context, nc *nats.Conn, event, id, fan string, pair [2]string) error {
	raw, err := request(ctx, nc, wire.SeatsSubject(event, wire.ActHold), wire.HoldRequest{Hold: id,
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
func try(ctx context.Context, nc *nats.Conn, event string, pair [2]string) error {
	id, fan := wire.NewHold(), wire.NewFan()
	if err := hold(ctx, nc, event, id, fan, pair); err != nil {
		return err
	}
	reply, err := ask[wire.StandingReply](ctx, nc, wire.SeatsSubject(event, wire.ActRelease), wire.ReleaseRequest{Hold: id, Fan: fan})
	if reply.Problem != nil {
		return reply.Problem
	}
	return err
}
