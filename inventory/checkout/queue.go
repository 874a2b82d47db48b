package checkout

import (
	"context"
	"fmt"

	"frontrow/internal/consume"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Orders is the stream ORDERS as the checkout consumes it.
type Orders interface {
	// Source returns the consumer that all workers share.
	Source(ctx context.Context) (consume.Source, error)
	// Trim drops the acknowledged head. The stream may leave this to Trim: dropping each
	// message on acknowledgement costs a write to disk for every one.
	Trim(ctx context.Context) error
	// Bury stores the record of a message that can't be handled under subject, once per
	// id.
	Bury(ctx context.Context, subject, id string, record []byte) error
}

// queue is ORDERS in JetStream.
type queue struct{ js jetstream.JetStream }

// OrdersIn returns ORDERS in js.
func OrdersIn(js jetstream.JetStream) Orders { return queue{js} }

func (q queue) consumer(ctx context.Context) (jetstream.Consumer, error) {
	consumer, err := q.js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", wire.CheckoutConsumer, err)
	}
	return consumer, nil
}

// Source implements Orders.
func (q queue) Source(ctx context.Context) (consume.Source, error) {
	consumer, err := q.consumer(ctx)
	if err != nil {
		return nil, err
	}
	return consume.From(consumer), nil
}

// Trim implements Orders.
func (q queue) Trim(ctx context.Context) error {
	consumer, err := q.consumer(ctx)
	if err != nil {
		return err
	}
	stream, err := q.js.Stream(ctx, wire.OrdersStream)
	if err != nil {
		return err
	}
	floor := consumer.CachedInfo().AckFloor.Stream
	if floor < stream.CachedInfo().State.FirstSeq {
		return nil
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(floor+1))
}

// Bury implements Orders.
func (q queue) Bury(ctx context.Context, subject, id string, record []byte) error {
	_, err := q.js.Publish(ctx, subject, record, jetstream.WithMsgID(id))
	return err
}
