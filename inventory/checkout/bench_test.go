package checkout

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/internal/streams"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// instant is a provider and a writer that take no time.
type instant struct{}

func (instant) Authorize(_ context.Context, r payment.AuthRequest) (payment.Auth, error) {
	return payment.Auth{Order: r.Order, Reference: r.Order, State: payment.Authorized, Amount: r.Amount, Currency: r.Currency}, nil
}
func (instant) Capture(_ context.Context, t payment.Terms) (payment.Auth, error) {
	return payment.Auth{Order: t.Order, Reference: t.Reference, State: payment.Captured, Amount: t.Amount, Currency: t.Currency}, nil
}
func (instant) Void(_ context.Context, t payment.Terms) (payment.Auth, error) {
	return payment.Auth{Order: t.Order, Reference: t.Reference, State: payment.Voided, Amount: t.Amount, Currency: t.Currency}, nil
}
func (instant) Refund(context.Context, payment.RefundRequest) (payment.Auth, error) {
	return payment.Auth{}, payment.ErrPermanent
}
func (instant) Get(context.Context, string) (payment.Auth, error) {
	return payment.Auth{}, payment.ErrNotFound
}
func (instant) Extend(context.Context, string, wire.ExtendRequest) (wire.ExtendReply, error) {
	return wire.ExtendReply{Revision: 1}, nil
}
func (instant) Confirm(context.Context, string, wire.ConfirmRequest) error { return nil }
func (instant) Release(context.Context, string, wire.ReleaseRequest) (wire.StandingReply, error) {
	return wire.StandingReply{}, nil
}

// BenchmarkCheckout processes b.N orders of two seats that wait in ORDERS: Begin,
// Commit, acknowledgement and, alongside, the outbox.
func BenchmarkCheckout(b *testing.B) {
	env := natstest.Run(b)
	nc := env.Connect(b)
	js, err := jetstream.New(nc)
	ok(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ok(b, streams.CreateCore(ctx, js, 1))
	l, err := ledger.Open(ctx, ledger.Config{DSN: pgtest.New(b)})
	ok(b, err)
	defer l.Close()
	ok(b, l.Migrate(ctx))
	var seats []string
	for i := range b.N {
		m := orderOf(2*i, 2*i+1)
		seats = append(seats, m.Seats[0].ID, m.Seats[1].ID)
		body, err := json.Marshal(m)
		ok(b, err)
		_, err = js.PublishAsync(wire.OrderSubject(m.Event, m.Order), body)
		ok(b, err)
		if i%1000 == 999 || i == b.N-1 {
			<-js.PublishAsyncComplete()
		}
	}
	ok(b, l.PutEvent(ctx, wire.Event{Spec: wire.Spec{ID: testEvent, Currency: "EUR"}}, seats))
	co, err := New(Config{Bus: bus.New(nc), Store: kv.JetStream(js), Orders: OrdersIn(js), Ledger: l, Outbox: l, Parking: l, Provider: instant{}, Seats: instant{}})
	ok(b, err)
	ended := make(chan struct{})
	b.ResetTimer()
	go func() { _ = l.Run(ctx) }()
	go func() { defer close(ended); _ = co.Run(ctx) }()
	for left := uint64(1); left > 0; time.Sleep(5 * time.Millisecond) {
		c, err := js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
		ok(b, err)
		left = uint64(b.N) - c.CachedInfo().AckFloor.Stream
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	cancel()
	<-ended
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
