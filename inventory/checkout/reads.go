package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"frontrow/internal/bus"
	"frontrow/inventory/ledger"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// Bounds of the reads.
const (
	maxReads     = 256 // answered at once; more wait in the subscription
	maxReadQueue = 8192
	readTimeout  = 4 * time.Second         // of one read, below what a gateway waits
	lookTimeout  = 1500 * time.Millisecond // of one read of the ledger
)

// Records is what reads need of the ledger. ledger.ErrNotFound means that it has no
// such record; any other error means that it could not be reached. History may
// answer from a replica. Hurry makes an order due that waits for its fan.
type Records interface {
	Order(ctx context.Context, id string) (ledger.Order, error)
	Ticket(ctx context.Context, id string) (ledger.Ticket, error)
	History(ctx context.Context, q ledger.HistoryQuery) (ledger.History, error)
	Hurry(ctx context.Context, order string, least time.Duration) error
}

// Signer renders barcodes; *keyring.Keyring is one.
type Signer interface {
	SignBarcode(keyring.Barcode) string
}

// Reads answers ledger.order, ledger.ticket and ledger.history. An order is visible
// only to its buyer: to others it does not exist.
type Reads struct {
	NATS    *nats.Conn
	Store   kv.Store // of ORDERS and CHECKOUTS
	Records Records
	Signer  Signer
	Logger  *slog.Logger // nil discards
}

// Run answers until ctx ends; it shares the requests with other instances.
func (r Reads) Run(ctx context.Context) error {
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	slots := make(chan struct{}, maxReads)
	serve := func(subject string, answer func(context.Context, []byte) any) error {
		sub, err := r.NATS.QueueSubscribe(subject, wire.LedgerQueue, func(m *nats.Msg) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			go func() {
				defer func() { <-slots }()
				ctx, cancel := context.WithTimeout(ctx, readTimeout)
				defer cancel()
				r.reply(m, answer(ctx, m.Data))
			}()
		})
		if err != nil {
			return fmt.Errorf("checkout: subscribe to %s: %w", subject, err)
		}
		context.AfterFunc(ctx, func() { _ = sub.Drain() })
		return sub.SetPendingLimits(maxReadQueue, -1)
	}
	err := serve(wire.LedgerOrder, func(ctx context.Context, b []byte) any {
		var q wire.OrderQuery
		if json.Unmarshal(b, &q) != nil || !wire.IsOrder(q.Order) {
			return wire.OrderReply{Problem: wire.Refuse(wire.CodeBadRequest, "This is not an order id.")}
		}
		return r.order(ctx, q)
	})
	if err != nil {
		return err
	}
	err = serve(wire.LedgerTicket, func(ctx context.Context, b []byte) any {
		var q wire.TicketQuery
		if json.Unmarshal(b, &q) != nil || !wire.IsTicket(q.Ticket) {
			return wire.TicketReply{Problem: wire.Refuse(wire.CodeBadRequest, "This is not a ticket id.")}
		}
		return r.ticket(ctx, q)
	})
	if err != nil {
		return err
	}
	err = serve(wire.LedgerHistory, func(ctx context.Context, b []byte) any {
		var q wire.HistoryQuery
		if json.Unmarshal(b, &q) != nil || !wire.IsFan(q.Fan) || q.Limit < 1 || q.Limit > wire.MaxHistory || q.Before != nil && q.Before.At.IsZero() {
			return wire.HistoryReply{Problem: wire.Refuse(wire.CodeBadRequest, "The request doesn't name a fan and a page of their orders.")}
		}
		return r.history(ctx, q)
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (r Reads) reply(m *nats.Msg, body any) {
	b, err := json.Marshal(body)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		r.Logger.Warn("reply", "subject", m.Subject, "err", err)
	}
}

// order looks in the ledger, then in ORDERS, then in the ledger again, where the
// order is if it left ORDERS in between.
func (r Reads) order(ctx context.Context, q wire.OrderQuery) wire.OrderReply {
	o, err := r.look(ctx, q.Order)
	if err != nil {
		queued, _, found, streamErr := readCheckout(ctx, r.Store, q.Order)
		if found && queued.Fan == q.Fan {
			return r.pending(ctx, wire.OrderReply{Order: queued.Order, Event: queued.Event, State: wire.OrderPending,
				Seats: queued.Seats, Total: queued.Total, Currency: queued.Currency})
		}
		if streamErr != nil {
			r.Logger.Warn("read an order", "err", streamErr)
			return wire.OrderReply{Problem: wire.Busy("Your order can't be looked up right now. It is not lost: try again in a moment.")}
		}
		o, err = r.look(ctx, q.Order)
	}
	switch {
	case errors.Is(err, ledger.ErrNotFound) || err == nil && o.Fan != q.Fan:
		return wire.OrderReply{Problem: wire.Refuse(wire.CodeNotFound, "There is no such order.")}
	case err != nil:
		r.Logger.Warn("read an order", "err", err)
		return wire.OrderReply{Problem: wire.Busy("Your order can't be looked up right now. It is not lost: try again in a moment.")}
	}
	switch o.State {
	case wire.OrderPending:
		return r.pending(ctx, o.Reply())
	case wire.OrderFailed:
		return r.failed(ctx, o)
	}
	return o.Reply()
}

// failed returns a failed order with what became of its seats. If the writer can't be
// reached, the reply does not say that the seats are still the fan's.
func (r Reads) failed(ctx context.Context, o ledger.Order) wire.OrderReply {
	reply := o.Reply()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var s wire.StandingReply
	err := writer{bus.New(r.NATS)}.ask(ctx, o.Event, wire.ActStanding, wire.StandingRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan}, &s)
	switch {
	case err != nil || s.Problem != nil:
		return reply
	case !s.Expires.IsZero() && payAgain(o.Reason):
		reply.Hold = &wire.StandingHold{Hold: o.Hold, Expires: s.Expires}
	default:
		s.Expires = time.Time{}
	}
	reply.Reason = whatNow(o.Reason, s.Expires)
	return reply
}

// pending returns a pending order with what it waits for.
func (r Reads) pending(ctx context.Context, o wire.OrderReply) wire.OrderReply {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	now := time.Now()
	if w, ok := readWaiting(ctx, r.Store, o.Order, now); ok {
		o.Reason, o.Action = told(w, now), w.Action
		if w.Action != nil { // perhaps they have just confirmed it
			if err := r.Records.Hurry(ctx, o.Order, fanLook); err != nil {
				r.Logger.Debug("an order that its fan looks at is not hurried", "order", o.Order, "err", err)
			}
		}
	}
	return o
}

func (r Reads) look(ctx context.Context, id string) (ledger.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return r.Records.Order(ctx, id)
}

func (r Reads) ticket(ctx context.Context, q wire.TicketQuery) wire.TicketReply {
	t, err := r.Records.Ticket(ctx, q.Ticket)
	switch {
	case errors.Is(err, ledger.ErrNotFound) || err == nil && t.Fan != q.Fan:
		return wire.TicketReply{Problem: wire.Refuse(wire.CodeNotFound, "There is no such ticket.")}
	case err != nil:
		r.Logger.Warn("read a ticket", "err", err)
		return wire.TicketReply{Problem: wire.Busy("Your ticket can't be looked up right now. It is not lost: try again in a moment.")}
	}
	reply := wire.TicketReply{Ticket: t.ID, Event: t.Event, Order: t.Order, Seat: t.Seat, Label: t.Label, Concession: t.Concession,
		State: t.State, Generation: t.Generation}
	if t.State == "valid" {
		reply.Barcode = r.Signer.SignBarcode(keyring.Barcode{Event: t.Event, Ticket: t.ID, Seat: t.Seat, Generation: t.Generation})
	}
	return reply
}

// history returns a page of a fan's orders, from the replica while that answers.
func (r Reads) history(ctx context.Context, q wire.HistoryQuery) wire.HistoryReply {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	asked := ledger.HistoryQuery{Fan: q.Fan, Limit: q.Limit}
	if q.Before != nil {
		asked.Before = ledger.Cursor(*q.Before)
	}
	h, err := r.Records.History(ctx, asked)
	if err != nil {
		r.Logger.Warn("read a history", "err", err)
		return wire.HistoryReply{Problem: wire.Busy("Your orders can't be looked up right now. They are not lost: try again in a moment.")}
	}
	reply := wire.HistoryReply{AsOf: h.AsOf}
	for _, o := range h.Orders {
		reply.Orders = append(reply.Orders, wire.PastOrder{OrderReply: o.Reply(), Created: o.At})
	}
	if h.Next != (ledger.Cursor{}) {
		next := wire.OrderMark(h.Next)
		reply.Next = &next
	}
	return fit(reply, int(r.NATS.MaxPayload()))
}

// fit shortens a page that is too large for one message; the next page starts with
// what is cut off. One order always fits.
func fit(h wire.HistoryReply, most int) wire.HistoryReply {
	for len(h.Orders) > 1 {
		raw, err := json.Marshal(h)
		if err == nil && len(raw) <= most {
			break
		}
		h.Orders = h.Orders[:len(h.Orders)/2]
		last := h.Orders[len(h.Orders)-1]
		h.Next = &wire.OrderMark{At: last.Created, Order: last.Order}
	}
	return h
}
