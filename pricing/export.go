package pricing

import (
	"context"
	"fmt"
	"time"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/pricing/curve"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Export folds what the sale log has of an event into a curve, from its opening to now or to
// the end of the sale, with a sample every so often; 0: as often as a curve has room for.
func Export(ctx context.Context, js jetstream.JetStream, event string, every time.Duration, now time.Time) (curve.Sale, error) {
	record, err := latest[wire.Event](ctx, js, wire.EventsBucket, event)
	if err != nil {
		return curve.Sale{}, err
	}
	stock, err := latest[wire.Stock](ctx, js, wire.StockBucket, event)
	if err != nil {
		return curve.Sale{}, err
	}
	spec, end := record.Spec.WithDefaults(), now
	if planned := spec.PlannedEnd(); !planned.IsZero() && planned.Before(end) {
		end = planned
	}
	if record.State == wire.EventClosed && record.At.Before(end) {
		end = record.At
	}
	if spec.OpensAt.IsZero() { // it opened when its seats were made
		err := salelog.Copies(ctx, kv.JetStream(js), event, func(c salelog.Copy) {
			if spec.OpensAt.IsZero() {
				spec.OpensAt = c.At.Truncate(time.Second)
			}
		})
		if err != nil {
			return curve.Sale{}, fmt.Errorf("sale of %s: %w", event, err)
		}
	}
	length := end.Sub(spec.OpensAt)
	if spec.OpensAt.IsZero() || length < 0 {
		return curve.Sale{}, fmt.Errorf("sale of %s: it has not opened", event)
	}
	if every == 0 {
		every = curve.Every(length)
	}
	if length/every >= curve.MaxSamples {
		return curve.Sale{}, fmt.Errorf("sale of %s: it took %v, and a curve has %d samples at most: take one every %v", event, length, curve.MaxSamples, curve.Every(length))
	}
	places := map[string]int64{}
	for id, c := range stock.Levels {
		places[id] = int64(c.Total() - c.Blocked)
	}
	head := curve.Head{Event: event, Venue: spec.Venue, OpensAt: spec.OpensAt.In(spec.Zone()), Places: record.Places, Currency: spec.Currency, Every: every}
	if !spec.StartsAt.IsZero() {
		head.StartsAt = spec.StartsAt.In(spec.Zone())
	}
	return fold(ctx, kv.JetStream(js), curve.NewRecorder(head, spec.PriceRules().Levels, places, length), event)
}

// fold gives a recorder all that the log has of an event's seats and prices.
func fold(ctx context.Context, store kv.Store, into *curve.Recorder, event string) (curve.Sale, error) {
	err := salelog.Copies(ctx, store, event, func(c salelog.Copy) { into.Flush(&c.Flush) })
	if err == nil {
		err = salelog.Each(ctx, store, wire.LogSubject(event, wire.LogPrices), func(e kv.Entry) {
			if act, err := wire.Read[wire.PriceAct]("", e.Value); err == nil { // what can't be read was never in force
				into.Act(&act)
			}
		})
	}
	if err != nil {
		return curve.Sale{}, fmt.Errorf("sale of %s: %w", event, err)
	}
	return into.Sale(), nil
}

// latest reads the record of an event in a bucket.
func latest[T any, P wire.Record[T]](ctx context.Context, js jetstream.JetStream, bucket, event string) (record T, err error) {
	e, err := kv.Open(js, bucket).Get(ctx, event)
	if err == nil {
		record, err = wire.Read[T, P](event, e.Value)
	}
	if err != nil {
		return record, fmt.Errorf("%s of %s: %w", bucket, event, err)
	}
	return record, nil
}
