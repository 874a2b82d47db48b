package writer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/checkout"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/seating"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// serving lets a writer that was loaded answer, and returns the end of its term.
func (h *fixture) serving(w *term) (ended <-chan error) {
	h.T.Helper()
	w.stock = newStockPublisher(kv.Open(h.JS, wire.StockBucket), "demo", slog.New(slog.DiscardHandler))
	w.askBeside = func(e seating.Ended) { w.askLedger(h.Context(), e) }
	w.confirmBeside = func(c command) { go w.confirmAsBooked(h.Context(), c) }
	unsubscribe, err := w.cfg.Bus.Subscribe(wire.SeatsAll("demo"), w.receive)
	must(h.T, err)
	ctx, stop := context.WithCancel(context.Background())
	done, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		go w.sendAnswers()
		err := errors.Join(w.serve(ctx), unsubscribe())
		close(w.answers)
		done <- err
	}()
	h.T.Cleanup(func() { stop(); <-gone })
	return done
}

// paying is a hold in checkout by the records, made by a writer of that term.
func (h *fixture) paying(w *term, seat string) inventorytest.Held {
	h.T.Helper()
	r := inventorytest.Held{Fan: wire.NewFan()}
	hold := wire.NewHold()
	w.engine.Hold(wire.HoldRequest{Hold: hold, Claims: inventorytest.Claims(r.Fan), Seats: []string{seat}}, time.Now())
	r.HoldReply = w.engine.Checkout(wire.CheckoutRequest{Hold: hold, Fan: r.Fan, Key: "k"}, time.Now())
	if r.Problem != nil {
		h.T.Fatal(r.Problem)
	}
	must(h.T, w.flush(h.Context()))
	return r
}

// A writer whose time has passed says nothing of holds that it doesn't know: whoever
// asks it is told to ask again, and gets the truth from the one who is writer.
func TestLateWriterRefusesNothing(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		h.term(1)
		requests := map[string]func(inventorytest.Held) any{
			wire.ActExtend: func(r inventorytest.Held) any { return wire.ExtendRequest{Hold: r.Hold, Order: r.Order} },
			wire.ActConfirm: func(r inventorytest.Held) any {
				return wire.ConfirmRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: []wire.SeatQuote{{ID: "nowhere"}}}
			},
			wire.ActStanding: func(r inventorytest.Held) any { return wire.StandingRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan} },
			wire.ActGiveBack: func(r inventorytest.Held) any { return wire.ReleaseRequest{Hold: r.Hold, Order: r.Order} },
			wire.ActRelease:  func(r inventorytest.Held) any { return wire.ReleaseRequest{Hold: r.Hold, Fan: r.Fan} },
			wire.ActCheckout: func(r inventorytest.Held) any { return wire.CheckoutRequest{Hold: r.Hold, Fan: r.Fan, Key: "k"} },
			wire.ActMoreTime: func(r inventorytest.Held) any { return wire.MoreTimeRequest{Hold: r.Hold, Fan: r.Fan} },
			wire.ActHold: func(inventorytest.Held) any {
				return wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"nowhere"}}
			},
			wire.ActStatus: func(inventorytest.Held) any { return nil },
		}
		late, term := map[string]*term{}, uint64(2)
		for act := range requests {
			late[act] = h.unopened(term)
			term++
		}
		young := h.unopened(term)
		hold := h.paying(young, "A-1")
		h.Ledger.Know(ledger.Order{ID: hold.Order, State: wire.OrderPaid, Seats: []wire.SeatQuote{{ID: "nowhere"}}})
		for act, request := range requests {
			ended := h.serving(late[act])
			raw, err := json.Marshal(request(hold))
			must(t, err)
			m, err := h.NC.RequestWithContext(h.Context(), wire.SeatsSubject("demo", act), raw)
			must(t, err)
			var r wire.Reply
			must(t, json.Unmarshal(m.Data, &r))
			if inventorytest.Code(r.Problem) != wire.CodeUnavailable {
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
		if r := h.Record("A-1"); r.State != wire.Held || r.Hold != hold.Hold {
			t.Errorf("%+v", r)
		}
	})
}

// A writer whose time has passed has no order given up by a deadline that was moved since.
func TestLateWriterGivesNothingUp(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		hold := h.paying(h.term(1), "A-1")
		late := h.unopened(2)
		h.unopened(3)
		clock := &inventorytest.Clock{}
		clock.Shift(time.Hour)
		late.cfg.Now = clock.Now
		select {
		case err := <-h.serving(late):
			if !errors.Is(err, kv.ErrFenced) {
				t.Errorf("its term ends with %v", err)
			}
		case order := <-h.Ledger.Asked:
			t.Errorf("the late writer had %s given up", order)
		case <-h.Context().Done():
			t.Error("its term does not end")
		}
		if r := h.Record("A-1"); r.Hold != hold.Hold {
			t.Errorf("%+v", r)
		}
	})
}

// A checkout that asks a writer whose time has passed goes on with the next: its hold
// stands, and is paid for.
func TestCheckoutOutlivesALateWriter(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	l := h.OpenLedger()
	var seats []string
	for i := range h.Index.Len() {
		seats = append(seats, h.Index.ID(i))
	}
	must(t, l.PutEvent(h.Context(), h.Event, seats))
	h.term(1)
	late, young := h.unopened(2), h.unopened(3)
	hold := h.paying(young, "A-1")
	bank, err := sandbox.New(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	h.Run(bank.Run)
	c, err := checkout.New(checkout.Config{Bus: bus.New(h.NC), Store: kv.JetStream(h.JS), Orders: checkout.OrdersIn(h.JS), Ledger: l, Outbox: l, Parking: l, Provider: sandbox.NewClient(bank.URL(), inventorytest.Patience)})
	must(t, err)
	ended := h.serving(late)
	h.Run(c.Run)
	order, err := json.Marshal(wire.OrderMessage{Order: hold.Order, Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats,
		Total: hold.Total, Currency: hold.Currency, Payment: wire.Payment{Method: "tok_visa"}, At: time.Now()})
	must(t, err)
	_, err = h.JS.Publish(h.Context(), wire.OrderSubject("demo", hold.Order), order, jetstream.WithExpectLastSequencePerSubject(0))
	must(t, err)
	state := func() wire.OrderState {
		o, err := l.Order(h.Context(), hold.Order)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			t.Fatal(err)
		}
		if o.State == wire.OrderFailed {
			t.Fatalf("the order failed: %s", o.Reason)
		}
		return o.State
	}
	for ctx, fenced := h.Context(), false; !fenced; pause(ctx) {
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
	for ctx := h.Context(); state() != wire.OrderPaid || h.Record("A-1").State != wire.Sold; pause(ctx) {
		must(t, ctx.Err())
	}
}

// crowded is a store in which another write under the fence is in flight, as replicated
// streams say, when a log record comes.
type crowded struct {
	kv.Store
	times int
}

func (c *crowded) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	if strings.Contains(msgs[0].Subject, "."+wire.LogPrefix) && c.times > 0 {
		c.times--
		return kv.Ack{}, fmt.Errorf("%w: %w", kv.ErrConflict, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant})
	}
	return c.Store.Publish(ctx, msgs)
}

// A log record that meets records of the same writer under its fence is sent again: nobody
// is told that the seats are being moved.
func TestFlushMeetsARound(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	w := h.term(1)
	w.stream = &kv.NewBucket(&crowded{kv.JetStream(h.JS), 3}, wire.SeatsBucket("demo")).Stream
	w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1"}}, time.Now())
	must(t, w.flush(h.Context()))
	if s := h.Record("A-1"); s.State != wire.Held {
		t.Errorf("%+v", s)
	}
}
