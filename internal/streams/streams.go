package streams

import (
	"context"
	"fmt"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// checkoutAckWait is how long a checkout may be silent before another worker gets it; its
// worker says "in progress" well before.
const checkoutAckWait = 10 * time.Second

// logDuplicates is how long SALELOG remembers the ids of its messages. It must be explicit:
// for a stream with sources the server's default is zero.
const logDuplicates = 2 * time.Minute

// bucket returns the configuration of a KV bucket's stream. No limits, no expiry:
// records are explicit and are never removed while they matter.
func bucket(name string, history int64, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: wire.KVStream(name), Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: history, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
		AllowRollup: true, DenyDelete: true, AllowDirect: true, Discard: jetstream.DiscardNew,
		AllowAtomicPublish: true, Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// passingAge is how long records that nobody removes are usually kept.
const passingAge = time.Hour

// passing lets a bucket's records expire, if they become meaningless or are written again.
func passing(c jetstream.StreamConfig, age time.Duration) jetstream.StreamConfig {
	c.MaxAge = age
	return c
}

// signedOut returns the bucket of the sessions that fans have ended. When it is full,
// nobody can end another: dropping a record would revive its session.
func signedOut(replicas int) jetstream.StreamConfig {
	c := passing(bucket(wire.SignedOutBucket, 1, replicas), wire.SessionLife)
	c.MaxMsgs = wire.MaxSignOuts
	return c
}

// Core lists the streams that exist once, whatever is on sale.
func Core(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		bucket(wire.EventsBucket, 16, replicas),
		bucket(wire.BoardBucket, 1, replicas),
		bucket(wire.StockBucket, 1, replicas),
		bucket(wire.PricesBucket, 64, replicas),
		bucket(wire.LeasesBucket, 1, replicas),
		passing(bucket(wire.CheckoutsBucket, 1, replicas), passingAge),
		passing(bucket(wire.ChallengesBucket, 1, replicas), passingAge),
		passing(bucket(wire.RevokedBucket, 1, replicas), wire.MaxPassLife),
		signedOut(replicas),
		{
			// Not a work queue: there, on one server, each acknowledgement is a removal
			// with an fsync of its own (docs/adr/0001). The workers trim what is done.
			Name: wire.OrdersStream, Subjects: []string{wire.OrdersAll},
			MaxMsgs: -1, MaxBytes: -1, AllowDirect: true, AllowAtomicPublish: true,
			Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
		},
		{
			Name: wire.SaleLogStream, Subjects: []string{wire.LogAll}, MaxMsgs: -1, MaxBytes: -1,
			AllowDirect: true, AllowAtomicPublish: true, DenyDelete: true, Duplicates: logDuplicates,
			Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
		},
		plansStore(replicas),
	}
}

// plansStore returns the stream of the object store (ADR-20) that holds seating plans by
// digest. Clients would make one for which any replica answers. Here only the leader does,
// or a plan could be missing for a moment to whoever has just stored it.
func plansStore(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "OBJ_" + wire.PlansObjects, Subjects: []string{"$O." + wire.PlansObjects + ".C.>", "$O." + wire.PlansObjects + ".M.>"},
		Description: "seating plans by digest", AllowRollup: true, AllowDirect: false, MaxMsgs: -1, MaxBytes: -1,
		Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// ForEvent lists the streams of one event.
func ForEvent(event string, replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		bucket(wire.SeatsBucket(event), 8, replicas),
		bucket(wire.PassesBucket(event), 4, replicas), // so that records that are overwritten with junk can be read as they were
	}
}

// ForQueue lists the streams of an event's queue, in each region's domain.
func ForQueue(event string, replicas int) (configs []jetstream.StreamConfig) {
	for _, lane := range wire.Lanes() {
		configs = append(configs, bucket(wire.QueueBucket(event, lane), 1, replicas))
	}
	return append(configs, bucket(wire.CodesBucket(event), 1, replicas))
}

// logSource makes SALELOG copy an event's flush records, in order and without a process of
// ours in between.
func logSource(event string) *jetstream.StreamSource {
	from := wire.KVSubject(wire.SeatsBucket(event), wire.LogPrefix+"*")
	return &jetstream.StreamSource{
		Name:              wire.KVStream(wire.SeatsBucket(event)),
		SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: from, Destination: wire.LogSubject(event, wire.LogSeats)}},
	}
}

// checkoutConsumer returns the durable consumer that shares ORDERS among the workers.
func checkoutConsumer(replicas int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: wire.CheckoutConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: checkoutAckWait,
		MaxAckPending: wire.MaxCheckouts, MaxDeliver: -1, Replicas: replicas,
	}
}

// Create makes or updates the streams, keeping their contents and what their operators have
// set besides (Drift says what changes). It never removes replicas: LowerReplicas does. It
// refuses a stream of a later version.
func Create(ctx context.Context, js jetstream.JetStream, configs ...jetstream.StreamConfig) error {
	for _, c := range configs {
		now, there, err := present(ctx, js, c.Name)
		switch {
		case err != nil:
			return err
		case !there:
			c.Metadata = marked(c.Metadata)
		default:
			if c, _, err = merge(now, c); err != nil {
				return err
			}
		}
		if _, err := js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("create stream %s: %w", c.Name, err)
		}
	}
	return nil
}

// Missing names the streams of Core that don't exist although others do.
func Missing(ctx context.Context, js jetstream.JetStream) (names []string, err error) {
	all := Core(1)
	for _, c := range all {
		_, there, err := present(ctx, js, c.Name)
		if err != nil {
			return nil, err
		}
		if !there {
			names = append(names, c.Name)
		}
	}
	if len(names) == len(all) {
		return nil, nil // a new installation
	}
	return names, nil
}

// CreateCore makes everything that exists once. SALELOG keeps the sources it has.
func CreateCore(ctx context.Context, js jetstream.JetStream, replicas int) error {
	for _, c := range Core(replicas) {
		if s, err := js.Stream(ctx, c.Name); err == nil && c.Name == wire.SaleLogStream {
			c.Sources = s.CachedInfo().Config.Sources
		}
		if err := Create(ctx, js, c); err != nil {
			return err
		}
	}
	var events []string
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if event, ok := strings.CutPrefix(name, wire.KVStream(wire.SeatsBucket(""))); ok {
			events = append(events, event)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	if err := feedLog(ctx, js, events...); err != nil {
		return err
	}
	checkout := checkoutConsumer(replicas)
	if c, err := js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer); err == nil {
		checkout.Replicas = max(replicas, c.CachedInfo().Config.Replicas)
	}
	if _, err := js.CreateOrUpdateConsumer(ctx, wire.OrdersStream, checkout); err != nil {
		return fmt.Errorf("create consumer %s: %w", wire.CheckoutConsumer, err)
	}
	return nil
}

// mirror copies a bucket of the home region's domain, for reading.
func mirror(c jetstream.StreamConfig, domain string) jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: c.Name, Mirror: &jetstream.StreamSource{Name: c.Name, Domain: domain},
		MaxMsgsPerSubject: c.MaxMsgsPerSubject, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1, MaxAge: c.MaxAge,
		AllowDirect: true, MirrorDirect: true, Storage: c.Storage, Replicas: c.Replicas}
}

// CreateInRegion makes what an event needs in a region other than home: its queues, and
// mirrors of what gateways read from the home region's domain.
func CreateInRegion(ctx context.Context, js jetstream.JetStream, event, domain string, replicas int) error {
	configs := ForQueue(event, replicas)
	for _, c := range []jetstream.StreamConfig{
		plansStore(replicas), bucket(wire.EventsBucket, 16, replicas), bucket(wire.BoardBucket, 1, replicas), bucket(wire.StockBucket, 1, replicas), bucket(wire.PricesBucket, 64, replicas),
		passing(bucket(wire.RevokedBucket, 1, replicas), wire.MaxPassLife), signedOut(replicas), bucket(wire.SeatsBucket(event), 1, replicas),
	} {
		configs = append(configs, mirror(c, domain))
	}
	return Create(ctx, js, append(configs, passing(bucket(wire.ChallengesBucket, 1, replicas), passingAge))...)
}

// CreateForEvent makes an event's streams and lets SALELOG follow its seats.
func CreateForEvent(ctx context.Context, js jetstream.JetStream, event string, replicas int) error {
	if err := Create(ctx, js, append(ForEvent(event, replicas), ForQueue(event, replicas)...)...); err != nil {
		return err
	}
	return feedLog(ctx, js, event)
}

// feedTries bounds how often feedLog reads SALELOG again.
const feedTries = 8

// feedLog lets SALELOG follow the seats of events. The list of its sources is one value
// that others change too, and the last writer wins. So it is read again after each change,
// and a source lost to another's write is put back.
func feedLog(ctx context.Context, js jetstream.JetStream, events ...string) error {
	for range feedTries {
		log, err := js.Stream(ctx, wire.SaleLogStream)
		if err != nil {
			return fmt.Errorf("sale log: %w", err)
		}
		c, fed := log.CachedInfo().Config, map[string]bool{}
		for _, s := range c.Sources {
			fed[s.Name] = true
		}
		changed := false
		for _, event := range events {
			if !fed[wire.KVStream(wire.SeatsBucket(event))] {
				c.Sources, changed = append(c.Sources, logSource(event)), true
			}
		}
		if !changed {
			return nil
		}
		if err := Create(ctx, js, c); err != nil {
			return err
		}
	}
	return fmt.Errorf("sale log: somebody else changes its sources")
}
