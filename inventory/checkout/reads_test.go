package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// ask repeats a read until somebody answers.
func ask[T any](w *world, subject string, query any) (reply T) {
	w.t.Helper()
	b, err := json.Marshal(query)
	must(w.t, err)
	w.wait("an answer to "+subject, func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		m, err := w.nc.RequestWithContext(ctx, subject, b)
		if err != nil {
			return false
		}
		must(w.t, json.Unmarshal(m.Data, &reply))
		return true
	})
	return reply
}

func TestReads(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		server := pgtest.Start(t)
		w := newWorld(t, env, server.DSN(), 10)
		keys := keyring.New()
		start(t, Reads{NATS: w.nc, Store: kv.JetStream(w.js), Records: w.ledger, Signer: keys}.Run)

		order := func(id, fan string) wire.OrderReply {
			return ask[wire.OrderReply](w, wire.LedgerOrder, wire.OrderQuery{Order: id, Fan: fan})
		}
		code := func(p *wire.Problem) wire.Code {
			if p == nil {
				return ""
			}
			return p.Code
		}
		m := w.buy("ok", 0, 1)
		unknown := wire.OrderOfHold(wire.NewHold())

		server.Stop() // the order waits; only ORDERS has it
		if o := order(m.Order, m.Fan); o.State != wire.OrderPending || o.Total != m.Total || len(o.Seats) != 2 || o.Problem != nil {
			t.Errorf("waiting: %+v", o)
		}
		if o := order(m.Order, wire.NewFan()); code(o.Problem) != wire.CodeUnavailable {
			t.Errorf("another fan's, without PostgreSQL: %+v", o)
		}
		if o := order(unknown, m.Fan); code(o.Problem) != wire.CodeUnavailable {
			t.Errorf("unknown, without PostgreSQL: %+v", o)
		}
		server.Start()
		if o := order(m.Order, m.Fan); o.State != wire.OrderPending {
			t.Errorf("waiting: %+v", o)
		}
		if o := order(m.Order, wire.NewFan()); code(o.Problem) != wire.CodeNotFound {
			t.Errorf("another fan's: %+v", o)
		}
		if o := order(unknown, m.Fan); code(o.Problem) != wire.CodeNotFound {
			t.Errorf("unknown: %+v", o)
		}
		if o := order("nonsense.>", m.Fan); code(o.Problem) != wire.CodeBadRequest {
			t.Errorf("nonsense: %+v", o)
		}

		w.run(w.config())
		w.settled()
		o := order(m.Order, m.Fan)
		if o.State != wire.OrderPaid || len(o.Tickets) != 2 || len(o.Seats) != 2 || o.Currency != "EUR" {
			t.Fatalf("paid: %+v", o)
		}
		if o := order(m.Order, wire.NewFan()); code(o.Problem) != wire.CodeNotFound {
			t.Errorf("another fan's: %+v", o)
		}
		ticket := func(id, fan string) wire.TicketReply {
			return ask[wire.TicketReply](w, wire.LedgerTicket, wire.TicketQuery{Ticket: id, Fan: fan})
		}
		got := ticket(o.Tickets[1], m.Fan)
		barcode, err := keys.Public().VerifyBarcode(got.Barcode)
		want := keyring.Barcode{Event: testEvent, Ticket: o.Tickets[1], Seat: o.Seats[1].ID, Generation: 1}
		if err != nil || barcode != want || got.Order != m.Order || got.State != "valid" || got.Label == "" {
			t.Errorf("ticket: %+v, %+v, %v", got, barcode, err)
		}
		if r := ticket(o.Tickets[1], wire.NewFan()); code(r.Problem) != wire.CodeNotFound || r.Barcode != "" {
			t.Errorf("another fan's ticket: %+v", r)
		}
		if r := ticket(wire.NewTicket(), m.Fan); code(r.Problem) != wire.CodeNotFound {
			t.Errorf("unknown ticket: %+v", r)
		}
	})
}

func TestReadsHistory(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	w := newWorld(t, natstest.Run(t), server.DSN(), 20)
	start(t, Reads{NATS: w.nc, Store: kv.JetStream(w.js), Records: w.ledger, Signer: keyring.New()}.Run)
	history := func(q wire.HistoryQuery) wire.HistoryReply {
		return ask[wire.HistoryReply](w, wire.LedgerHistory, q)
	}
	fan := wire.NewFan()
	if h := history(wire.HistoryQuery{Fan: fan, Limit: 10}); h.Problem != nil || len(h.Orders) != 0 || h.Next != nil || h.AsOf.IsZero() {
		t.Errorf("of a stranger: %+v", h)
	}
	w.run(w.config())
	var bought []wire.OrderMessage
	for i, method := range []string{"ok", "tok_decline", "ok"} {
		m := orderOf(2*i, 2*i+1)
		m.Fan, m.Payment.Method = fan, method
		w.seats.hold(m.Hold)
		w.publish(m)
		w.orders, bought = append(w.orders, m), append(bought, m)
		w.settled() // one after another
	}
	w.buy("ok", 10) // another fan's
	_, err := w.ledger.Refund(bounded(t), ledger.RefundOrder{Order: bought[2].Order, Seats: []string{bought[2].Seats[0].ID}, Why: "ill", By: "ann"})
	must(t, err)
	q := wire.HistoryQuery{Fan: fan, Limit: 2}
	first := history(q)
	q.Before = first.Next
	second := history(q)
	if len(first.Orders) != 2 || first.Next == nil || len(second.Orders) != 1 || second.Next != nil {
		t.Fatalf("%+v, %+v", first, second)
	}
	for i, o := range append(first.Orders, second.Orders...) {
		m := bought[2-i]
		want := []struct {
			state             wire.OrderState
			seats, tickets    int
			refunded, charged int64
		}{{wire.OrderPaid, 1, 1, 5400, 10800}, {wire.OrderFailed, 2, 0, 0, 10800}, {wire.OrderPaid, 2, 2, 0, 10800}}[i]
		if o.Order != m.Order || o.Event != testEvent || o.State != want.state || len(o.Seats) != want.seats || len(o.Tickets) != want.tickets ||
			o.Total != want.charged || o.Refunded != want.refunded || o.Currency != "EUR" || o.Created.IsZero() || o.Problem != nil {
			t.Errorf("order %d: %+v", i, o)
		}
	}
	for _, q := range []any{nil, "x", wire.HistoryQuery{Fan: "f_*", Limit: 1}, wire.HistoryQuery{Fan: fan}, wire.HistoryQuery{Fan: fan, Limit: 101},
		wire.HistoryQuery{Fan: fan, Limit: -1}, wire.HistoryQuery{Fan: fan, Limit: 1, Before: &wire.OrderMark{Order: "x"}}} {
		if h := ask[wire.HistoryReply](w, wire.LedgerHistory, q); h.Problem == nil || h.Problem.Code != wire.CodeBadRequest {
			t.Errorf("%+v: %+v", q, h)
		}
	}
	server.Stop()
	if h := history(q); h.Problem == nil || h.Problem.Code != wire.CodeUnavailable {
		t.Errorf("without PostgreSQL: %+v", h)
	}
	server.Start()
}

// A page too large for a message is cut short, and the next goes on from there.
func TestHistoryFitsAMessage(t *testing.T) {
	t.Parallel()
	h := wire.HistoryReply{Next: &wire.OrderMark{Order: "beyond"}}
	for i := range 100 {
		h.Orders = append(h.Orders, wire.PastOrder{OrderReply: wire.OrderReply{Order: fmt.Sprint(i)}, Created: time.Unix(int64(1000-i), 0)})
	}
	raw, err := json.Marshal(h)
	must(t, err)
	if whole := fit(h, len(raw)); len(whole.Orders) != 100 || whole.Next.Order != "beyond" {
		t.Errorf("%d orders, then %+v", len(whole.Orders), whole.Next)
	}
	if part := fit(h, len(raw)-1); len(part.Orders) != 50 || part.Next.Order != "49" || !part.Next.At.Equal(part.Orders[49].Created) {
		t.Errorf("%d orders, then %+v", len(part.Orders), part.Next)
	}
	if one := fit(h, 1); len(one.Orders) != 1 || one.Next.Order != "0" {
		t.Errorf("%d orders, then %+v", len(one.Orders), one.Next)
	}
}
