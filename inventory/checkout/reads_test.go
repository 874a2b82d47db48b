package checkout

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/wire"
)

// ask sends a read until somebody listens.
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
		keys := wire.NewKeyring()
		start(t, Reads{NATS: w.nc, JetStream: w.js, Records: w.ledger, Signer: keys}.Run)

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

		server.Stop() // the order waits; only ORDERS knows of it
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
		want := wire.Barcode{Event: testEvent, Ticket: o.Tickets[1], Seat: o.Seats[1].ID, Generation: 1}
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
