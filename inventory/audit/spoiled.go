package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// maxPlaces bounds the places read in a lane; in a lane with more, none is read.
const maxPlaces = 200_000

// recordsAreReadable names the spoiled records. The other rules go on without them. A seat's
// record breaks nothing if the log says what it would: the log is the truth.
func (a *audit) recordsAreReadable() Check {
	c := Check{Invariant: "I3", Rule: "every record of the event can be read", Looked: len(a.written) + len(a.passes) + a.log.read}
	for _, at := range slices.Sorted(maps.Keys(a.spoiled)) {
		bucket, key, _ := strings.Cut(at, " ")
		id, seat := wire.SeatOfKey(key)
		if _, known := a.records[id]; seat && known && bucket == wire.SeatsBucket(a.event.Spec.ID) {
			c.names("%s: %s; the log has the seat", at, a.spoiled[at])
			continue
		}
		c.breaks("%s: %s", at, a.spoiled[at])
	}
	return c
}

// note notes a record as spoiled if err, the error of reading it, is not nil, and
// reports whether it could be read.
func (a *audit) note(bucket, key string, err error) (ok bool) {
	at := strings.TrimPrefix(bucket, "KV_") + " " + key
	if err != nil {
		a.spoiled[at] = err.Error()
	} else {
		delete(a.spoiled, at)
	}
	return err == nil
}

// readable decodes a record, or notes that it can't be read.
func readable[T any, P wire.Record[T]](a *audit, bucket string, e kv.Entry) (T, bool) {
	record, err := wire.Read[T, P](e.Key, e.Value)
	return record, a.note(bucket, e.Key, err)
}

// load reads the last readable record under a key and notes it if the current one
// is spoiled; known is false if there is none.
func load[T any, P wire.Record[T]](ctx context.Context, a *audit, b *kv.Bucket, key string) (record T, known bool, err error) {
	e, err := b.Get(ctx, key)
	if errors.Is(err, kv.ErrNotFound) {
		return record, false, nil
	}
	if err != nil {
		return record, false, err
	}
	readable[T, P](a, b.Name(), e)
	record, err = records.Last[T, P](ctx, records.NewSpoiled(slog.New(slog.DiscardHandler), nil), &b.Stream, e)
	if wire.SpoiledKind(err) != "" {
		return record, false, nil
	}
	return record, err == nil, err
}

// readEvent reads the event's own record; known is false if it can't be read.
func (a *audit) readEvent(ctx context.Context, js jetstream.JetStream, event string) (known bool, err error) {
	a.event, known, err = load[wire.Event](ctx, a, kv.Open(js, wire.EventsBucket), event)
	if err == nil && !known && len(a.spoiled) == 0 {
		err = fmt.Errorf("there is no event %q: %w", event, kv.ErrNotFound)
	}
	return known, err
}

// readOthers reads the event's records that no rule compares.
func (a *audit) readOthers(ctx context.Context, js jetstream.JetStream, event string) error {
	type look struct {
		bucket, filter string
		read           func(bucket string, e kv.Entry)
	}
	looks := []look{
		{wire.BoardBucket, event, reads[wire.Board](a)},
		{wire.StockBucket, event, reads[wire.Stock](a)},
		{wire.PricesBucket, wire.PriceKey(event, "*"), reads[wire.Price](a)},
		{wire.RevokedBucket, wire.RevokedKey(event, "*"), reads[wire.Revocation](a)},
		{wire.LeasesBucket, wire.LeaseKey("*", event), func(bucket string, e kv.Entry) { a.note(bucket, e.Key, wire.Decode(e.Value, &kv.Lease{})) }},
		{wire.ChallengesBucket, wire.ChallengeKey(event, "*"), func(bucket string, e kv.Entry) { a.note(bucket, e.Key, wire.Decode(e.Value, &struct{}{})) }},
		{wire.CheckoutsBucket, wire.HealthKeys, reads[wire.PaymentHealth](a)},
		{wire.CheckoutsBucket, wire.WaitingKey("*"), reads[wire.Waiting](a)}, // of all events: the key names none
		{wire.CodesBucket(event), wire.CodeKey("*"), reads[wire.CodeClaim](a)},
		{wire.PassesBucket(event), wire.ClaimKey("*"), reads[wire.CodeClaim](a)},
		{wire.PassesBucket(event), wire.DrawKey, reads[wire.DrawRecord](a)},
		{wire.PassesBucket(event), wire.FenceKey, func(bucket string, e kv.Entry) { a.note(bucket, e.Key, wire.Decode(e.Value, &struct{}{})) }},
		{wire.SeatsBucket(event), wire.RecordsKey, func(bucket string, e kv.Entry) { a.note(bucket, e.Key, wire.Decode(e.Value, &struct{}{})) }},
		{wire.SeatsBucket(event), wire.WriterKey, func(bucket string, e kv.Entry) { a.note(bucket, e.Key, wire.Decode(e.Value, &struct{}{})) }},
	}
	for _, lane := range wire.Lanes() {
		if n, counted := a.joined[line{lane, homeRegion}]; counted && n <= maxPlaces {
			looks = append(looks, look{wire.QueueBucket(event, lane), wire.PlacePrefix + ">", reads[wire.PlaceRecord](a)})
		}
	}
	for _, l := range looks {
		entries, err := kv.Open(js, l.bucket).All(ctx, l.filter)
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		for _, e := range entries {
			l.read(l.bucket, e)
		}
	}
	acts := kv.OpenStream(js, wire.SaleLogStream)
	e, err := acts.Get(ctx, wire.LogSubject(event, wire.LogAdmission))
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err == nil {
		reads[wire.AdmissionAct](a)(acts.Name(), e)
	}
	return err
}

func reads[T any, P wire.Record[T]](a *audit) func(bucket string, e kv.Entry) {
	return func(bucket string, e kv.Entry) { readable[T, P](a, bucket, e) }
}
