package audit

import (
	"context"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// readOrders finds the orders that are not done: those not acknowledged yet.
func (a *audit) readOrders(ctx context.Context, js jetstream.JetStream, event string) error {
	stream, err := js.Stream(ctx, wire.OrdersStream)
	if err != nil {
		return err
	}
	checkout, err := stream.Consumer(ctx, wire.CheckoutConsumer)
	if err != nil {
		return err
	}
	info := checkout.CachedInfo()
	if a.waiting == nil {
		a.waiting = map[string]bool{}
	}
	if info.AckFloor.Stream >= stream.CachedInfo().State.LastSeq {
		return nil
	}
	orders, err := kv.OpenStream(js, wire.OrdersStream).All(ctx, wire.OrdersOf(event))
	if err != nil {
		return err
	}
	for _, e := range orders {
		if uint64(e.Revision) > info.AckFloor.Stream {
			a.waiting[wire.OrderOfSubject(e.Key)] = true
		}
	}
	return nil
}
