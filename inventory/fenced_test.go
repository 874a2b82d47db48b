package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/seating"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// serving lets a writer that was loaded answer, and returns the end of its term.
func (h *house) serving(w *writer) (ended <-chan error) {
	h.t.Helper()
	w.stock = newStockPublisher(kv.Open(h.js, wire.StockBucket), "demo", slog.New(slog.DiscardHandler))
	w.settle = func(e seating.Ended) { w.settleHold(h.context(), e) }
	sub, err := h.nc.Subscribe(wire.SeatsAll("demo"), w.receive)
	must(h.t, err)
	must(h.t, h.nc.Flush())
	ctx, stop := context.WithCancel(context.Background())
	done, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		go w.send()
		err := errors.Join(w.serve(ctx), sub.Unsubscribe())
		close(w.replies)
		done <- err
	}()
	h.t.Cleanup(func() { stop(); <-gone })
	return done
}

// paying is a hold in checkout by the records, made by a writer of that term.
func (h *house) paying(w *writer, seat string) held {
	h.t.Helper()
	r := held{Fan: wire.NewFan()}
	hold := wire.NewHold()
	w.engine.Hold(wire.HoldRequest{Hold: hold, Claims: fanClaims(r.Fan), Seats: []string{seat}}, time.Now())
	r.HoldReply = w.engine.Checkout(wire.CheckoutRequest{Hold: hold, Fan: r.Fan, Key: "k"}, time.Now())
	if r.Problem != nil {
		h.t.Fatal(r.Problem)
	}
	must(h.t, w.flush(h.context()))
	return r
}

// A writer whose time has passed says nothing of holds that it doesn't know: whoever
// asks it is told to ask again, and gets the truth from the one who is writer.
func TestLateWriterRefusesNothing(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		h.term(1)
		requests := map[string]func(held) any{
			wire.ActExtend: func(r held) any { return wire.ExtendRequest{Hold: r.Hold, Order: r.Order} },
			wire.ActConfirm: func(r held) any {
				return wire.ConfirmRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: []wire.SeatQuote{{ID: "nowhere"}}}
			},
			wire.ActStanding: func(r held) any { return wire.StandingRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan} },
			wire.ActGiveBack: func(r held) any { return wire.ReleaseRequest{Hold: r.Hold, Order: r.Order} },
			wire.ActRelease:  func(r held) any { return wire.ReleaseRequest{Hold: r.Hold, Fan: r.Fan} },
			wire.ActCheckout: func(r held) any { return wire.CheckoutRequest{Hold: r.Hold, Fan: r.Fan, Key: "k"} },
			wire.ActMoreTime: func(r held) any { return wire.MoreTimeRequest{Hold: r.Hold, Fan: r.Fan} },
			wire.ActHold: func(held) any {
				return wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"nowhere"}}
			},
			wire.ActStatus: func(held) any { return nil },
		}
		late, term := map[string]*writer{}, uint64(2)
		for act := range requests {
			late[act] = h.unopened(term)
			term++
		}
		young := h.unopened(term)
		hold := h.paying(young, "A-1")
		for act, request := range requests {
			ended := h.serving(late[act])
			raw, err := json.Marshal(request(hold))
			must(t, err)
			m, err := h.nc.RequestWithContext(h.context(), wire.SeatsSubject("demo", act), raw)
			must(t, err)
			var r wire.Reply
			must(t, json.Unmarshal(m.Data, &r))
			if code(r.Problem) != wire.CodeUnavailable {
				t.Errorf("%s: the late writer answers %s", act, m.Data)
				continue
			}
			if err := <-ended; !errors.Is(err, kv.ErrFenced) {
				t.Errorf("%s: its term ends with %v", act, err)
			}
		}
		h.serving(young)
		if r := ask[wire.ExtendReply](h, wire.ActExtend, wire.ExtendRequest{Hold: hold.Hold, Order: hold.Order}); r.Problem != nil || r.Revision == 0 {
			t.Errorf("%+v", r)
		}
		if r := h.record("A-1"); r.State != wire.Held || r.Hold != hold.Hold {
			t.Errorf("%+v", r)
		}
	})
}

// A writer whose time has passed has no order given up by a deadline that was moved since.
func TestLateWriterGivesNothingUp(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		hold := h.paying(h.term(1), "A-1")
		late := h.unopened(2)
		h.unopened(3)
		clock := &shifted{}
		clock.shift(time.Hour)
		late.now = clock.now
		select {
		case err := <-h.serving(late):
			if !errors.Is(err, kv.ErrFenced) {
				t.Errorf("its term ends with %v", err)
			}
		case order := <-h.ledger.asked:
			t.Errorf("the late writer had %s given up", order)
		case <-h.context().Done():
			t.Error("its term does not end")
		}
		if r := h.record("A-1"); r.Hold != hold.Hold {
			t.Errorf("%+v", r)
		}
	})
}

// A checkout that asks a writer whose time has passed goes on with the next: its hold
// stands, and is paid for.
func TestCheckoutOutlivesALateWriter(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	l := h.realLedger()
	var seats []string
	for i := range h.index.Len() {
		seats = append(seats, h.index.ID(i))
	}
	must(t, l.PutEvent(h.context(), h.event, seats))
	h.term(1)
	late, young := h.unopened(2), h.unopened(3)
	hold := h.paying(young, "A-1")
	bank, err := sandbox.New(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	h.run(bank.Run)
	c, err := checkout.New(checkout.Config{NATS: h.nc, JetStream: h.js, Ledger: l, Outbox: l, Provider: sandbox.NewClient(bank.URL(), patience)})
	must(t, err)
	ended := h.serving(late)
	h.run(c.Run)
	order, err := json.Marshal(wire.OrderMessage{Order: hold.Order, Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats,
		Total: hold.Total, Currency: hold.Currency, Payment: wire.Payment{Method: "card"}, At: time.Now()})
	must(t, err)
	_, err = h.js.Publish(h.context(), wire.OrderSubject("demo", hold.Order), order, jetstream.WithExpectLastSequencePerSubject(0))
	must(t, err)
	state := func() wire.OrderState {
		o, err := l.Order(h.context(), hold.Order)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			t.Fatal(err)
		}
		if o.State == wire.OrderFailed {
			t.Fatalf("the order failed: %s", o.Reason)
		}
		return o.State
	}
	for ctx, fenced := h.context(), false; !fenced; pause(ctx) {
		must(t, ctx.Err())
		state()
		select {
		case err := <-ended:
			if fenced = errors.Is(err, kv.ErrFenced); !fenced {
				t.Fatal(err)
			}
		default:
		}
	}
	h.serving(young)
	for ctx := h.context(); state() != wire.OrderPaid || h.record("A-1").State != wire.Sold; pause(ctx) {
		must(t, ctx.Err())
	}
}

// run runs a service until the test ends.
func (h *house) run(service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	h.t.Cleanup(func() { cancel(); must(h.t, <-done) })
}
