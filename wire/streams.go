package wire

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Every stream and bucket is a value, made by the same functions in dev, tests
// and production. Buckets are created as streams: making them with the client's
// KV calls would turn atomic batches off again.

// checkoutAckWait is how long a checkout may stay silent before it is given to
// another worker; the worker says "in progress" well before.
const checkoutAckWait = 10 * time.Second

// logDuplicates is how long SALELOG knows the ids of its messages. It must be
// said: for a stream with sources the server's default is not at all.
const logDuplicates = 2 * time.Minute

// MaxCheckouts is how many checkouts may be under way at once.
const MaxCheckouts = 8192

// bucket is the configuration of a KV bucket's stream. No limits, no expiry:
// records are explicit and are never removed while they matter.
func bucket(name string, history int64, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: KVStream(name), Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: history, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
		AllowRollup: true, DenyDelete: true, AllowDirect: true, Discard: jetstream.DiscardNew,
		AllowAtomicPublish: true, Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// passingAge is how long records that need no removal are kept, as a rule.
const passingAge = time.Hour

// passing lets the records of a bucket expire: for what may be lost, or come back.
func passing(c jetstream.StreamConfig, age time.Duration) jetstream.StreamConfig {
	c.MaxAge = age
	return c
}

// signedOut is the bucket of the sessions that fans have ended. When it is full,
// nobody can end another: forgetting one would begin it again.
func signedOut(replicas int) jetstream.StreamConfig {
	c := passing(bucket(SignedOutBucket, 1, replicas), SessionLife)
	c.MaxMsgs = MaxSignOuts
	return c
}

// Core lists the streams that exist once, whatever is on sale.
func Core(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		bucket(EventsBucket, 16, replicas),
		bucket(BoardBucket, 1, replicas),
		bucket(StockBucket, 1, replicas),
		bucket(PricesBucket, 64, replicas),
		bucket(LeasesBucket, 1, replicas),
		passing(bucket(CheckoutsBucket, 1, replicas), passingAge),
		passing(bucket(ChallengesBucket, 1, replicas), passingAge),
		passing(bucket(RevokedBucket, 1, replicas), MaxPassLife),
		signedOut(replicas),
		{
			// Not a work queue: there, on one server, each acknowledgement is a removal
			// with an fsync of its own (docs/adr/0001). The workers trim what is done.
			Name: OrdersStream, Subjects: []string{OrdersAll},
			MaxMsgs: -1, MaxBytes: -1, AllowDirect: true, AllowAtomicPublish: true,
			Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
		},
		{
			Name: SaleLogStream, Subjects: []string{LogAll}, MaxMsgs: -1, MaxBytes: -1,
			AllowDirect: true, AllowAtomicPublish: true, DenyDelete: true, Duplicates: logDuplicates,
			Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
		},
		plansStore(replicas),
	}
}

// plansStore is the stream of the object store (ADR-20) that holds seating plans
// by digest. Clients make one that any replica answers for. Here the leader alone
// does, or a plan would be missing, for an instant, to the one who has just put it.
func plansStore(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "OBJ_" + PlansObjects, Subjects: []string{"$O." + PlansObjects + ".C.>", "$O." + PlansObjects + ".M.>"},
		Description: "seating plans by digest", AllowRollup: true, AllowDirect: false, MaxMsgs: -1, MaxBytes: -1,
		Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// ForEvent lists the streams of one event.
func ForEvent(event string, replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		bucket(SeatsBucket(event), 8, replicas),
		bucket(PassesBucket(event), 4, replicas), // what rewrites find: records that somebody spoils can be read as they were
	}
}

// ForQueue lists the streams of an event's queue, in each region's domain.
func ForQueue(event string, replicas int) (configs []jetstream.StreamConfig) {
	for _, lane := range Lanes() {
		configs = append(configs, bucket(QueueBucket(event, lane), 1, replicas))
	}
	return append(configs, bucket(CodesBucket(event), 1, replicas))
}

// LogSource makes SALELOG copy an event's flush records, in order and without
// a process of ours in between.
func LogSource(event string) *jetstream.StreamSource {
	from := KVSubject(SeatsBucket(event), LogPrefix+"*")
	return &jetstream.StreamSource{
		Name:              KVStream(SeatsBucket(event)),
		SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: from, Destination: LogSubject(event, LogSeats)}},
	}
}

// Checkout is the durable consumer that shares ORDERS among the workers.
func Checkout(replicas int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: CheckoutConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: checkoutAckWait,
		MaxAckPending: MaxCheckouts, MaxDeliver: -1, Replicas: replicas,
	}
}

// Create makes or updates the streams, leaving what they hold, and what their operators
// have said beside us (Drift says what changes). It never takes replicas away:
// LowerReplicas does. One of a later version is refused.
func Create(ctx context.Context, js jetstream.JetStream, configs ...jetstream.StreamConfig) error {
	for _, c := range configs {
		now, there, err := present(ctx, js, c.Name)
		switch {
		case err != nil:
			return err
		case !there:
			c.Metadata = marked(c.Metadata)
		default:
			if c, _, err = settle(now, c); err != nil {
				return err
			}
		}
		if _, err := js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("create stream %s: %w", c.Name, err)
		}
	}
	return nil
}

// Missing names the streams of Core that are not there although others are.
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
		if s, err := js.Stream(ctx, c.Name); err == nil && c.Name == SaleLogStream {
			c.Sources = s.CachedInfo().Config.Sources
		}
		if err := Create(ctx, js, c); err != nil {
			return err
		}
	}
	var events []string
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if event, ok := strings.CutPrefix(name, KVStream(SeatsBucket(""))); ok {
			events = append(events, event)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	if err := feedLog(ctx, js, events...); err != nil {
		return err
	}
	checkout := Checkout(replicas)
	if c, err := js.Consumer(ctx, OrdersStream, CheckoutConsumer); err == nil {
		checkout.Replicas = max(replicas, c.CachedInfo().Config.Replicas)
	}
	if _, err := js.CreateOrUpdateConsumer(ctx, OrdersStream, checkout); err != nil {
		return fmt.Errorf("create consumer %s: %w", CheckoutConsumer, err)
	}
	return nil
}

// mirror copies a bucket of the home region's domain, for reading.
func mirror(c jetstream.StreamConfig, domain string) jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: c.Name, Mirror: &jetstream.StreamSource{Name: c.Name, Domain: domain},
		MaxMsgsPerSubject: c.MaxMsgsPerSubject, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1, MaxAge: c.MaxAge,
		AllowDirect: true, MirrorDirect: true, Storage: c.Storage, Replicas: c.Replicas}
}

// CreateInRegion makes what an event needs in a region beside home: its queues,
// and mirrors of what gateways read of the home region's domain.
func CreateInRegion(ctx context.Context, js jetstream.JetStream, event, domain string, replicas int) error {
	configs := ForQueue(event, replicas)
	for _, c := range []jetstream.StreamConfig{
		plansStore(replicas), bucket(EventsBucket, 16, replicas), bucket(BoardBucket, 1, replicas), bucket(StockBucket, 1, replicas), bucket(PricesBucket, 64, replicas),
		passing(bucket(RevokedBucket, 1, replicas), MaxPassLife), signedOut(replicas), bucket(SeatsBucket(event), 1, replicas),
	} {
		configs = append(configs, mirror(c, domain))
	}
	return Create(ctx, js, append(configs, passing(bucket(ChallengesBucket, 1, replicas), passingAge))...)
}

// CreateForEvent makes an event's streams and lets SALELOG follow its seats.
func CreateForEvent(ctx context.Context, js jetstream.JetStream, event string, replicas int) error {
	if err := Create(ctx, js, append(ForEvent(event, replicas), ForQueue(event, replicas)...)...); err != nil {
		return err
	}
	return feedLog(ctx, js, event)
}

// feedTries bounds how often SALELOG is looked at again.
const feedTries = 8

// feedLog lets SALELOG follow the seats of events. The list of its sources is one
// value that others change too, and the servers take the last word: so it is read
// again after each change, and a source that was lost to somebody else's is put back.
func feedLog(ctx context.Context, js jetstream.JetStream, events ...string) error {
	for range feedTries {
		log, err := js.Stream(ctx, SaleLogStream)
		if err != nil {
			return fmt.Errorf("sale log: %w", err)
		}
		c, fed := log.CachedInfo().Config, map[string]bool{}
		for _, s := range c.Sources {
			fed[s.Name] = true
		}
		changed := false
		for _, event := range events {
			if !fed[KVStream(SeatsBucket(event))] {
				c.Sources, changed = append(c.Sources, LogSource(event)), true
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
