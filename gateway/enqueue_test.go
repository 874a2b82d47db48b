package gateway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inFlight is a replicated store to which somebody else is always writing the same.
type inFlight struct{ kv.Store }

func (inFlight) Publish(context.Context, []kv.Msg) (kv.Ack, error) {
	return kv.Ack{}, fmt.Errorf("%w: %w", kv.ErrConflict, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant})
}

// A fan is told that their order was taken only once it is in ORDERS or in the ledger: not
// because another write of it is in flight, which may yet fail.
func TestOrderInFlightIsNotTaken(t *testing.T) {
	t.Parallel()
	s := open(t)
	stream := kv.NewStream(inFlight{s.waiting.Store()}, wire.OrdersStream)
	g := &Gateway{cfg: s.cfg, asks: s.asks, waiting: stream, orders: kv.NewCommitter(kv.CommitterConfig{Stream: stream, Patience: 300 * time.Millisecond})}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.orders.Run(ctx) }()
	defer func() { stop(); <-done }()

	hold := wire.NewHold()
	order := wire.OrderMessage{Order: wire.OrderOfHold(hold), Hold: hold, Event: show, Fan: wire.NewFan()}
	if err := g.enqueue(ctx, order); problemOf(err).Code != wire.CodeUnavailable {
		t.Fatalf("neither stored nor known to the ledger: %v", err)
	}
	known := order
	hold = wire.NewHold()
	known.Hold, known.Order = hold, wire.OrderOfHold(hold)
	s.answer(wire.LedgerOrder, func(m *nats.Msg) any {
		var q wire.OrderQuery
		if err := wire.Unmarshal(m.Data, &q); err == nil && q.Order == known.Order && q.Fan == known.Fan {
			return wire.OrderReply{Order: q.Order, State: wire.OrderPending}
		}
		return wire.OrderReply{Problem: wire.Refuse(wire.CodeNotFound, "There is no such order.")}
	})
	if err := g.enqueue(ctx, order); err == nil {
		t.Error("the ledger says that there is no such order")
	}
	if err := g.enqueue(ctx, known); err != nil {
		t.Error("the ledger has it:", err)
	}
	raw, err := wire.Append(nil, order)
	must(t, err)
	if _, err := s.waiting.Create(ctx, wire.OrderSubject(show, order.Order), raw); err != nil {
		t.Fatal(err)
	}
	if err := g.enqueue(ctx, order); err != nil {
		t.Error("it is in ORDERS:", err)
	}
}
