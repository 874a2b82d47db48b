package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of the reads.
const (
	maxReads     = 256 // answered at once; more wait in the subscription
	maxReadQueue = 8192
	readTimeout  = 4 * time.Second         // of one read, below what a gateway waits
	lookTimeout  = 1500 * time.Millisecond // of one look into the ledger
)

// Records is what reads need of the ledger. ledger.ErrNotFound means that it
// has no such record; any other error, that it could not be asked. History may
// answer from a replica.
type Records interface {
	Order(ctx context.Context, id string) (ledger.Order, error)
	Ticket(ctx context.Context, id string) (ledger.Ticket, error)
	History(ctx context.Context, q ledger.HistoryQuery) (ledger.History, error)
}

// Signer renders barcodes; *wire.Keyring is one.
type Signer interface {
	SignBarcode(wire.Barcode) string
}

// Reads answers ledger.order, ledger.ticket and ledger.history. An order is its
// buyer's alone: to others it does not exist.
type Reads struct {
	NATS      *nats.Conn
	JetStream jetstream.JetStream
	Records   Records
	Signer    Signer
	Logger    *slog.Logger // nil discards
}

// Run answers until ctx ends; with others of its kind it shares the requests.
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
			return wire.OrderReply{Problem: wire.Refuse(wire.CodeBadRequest, "This is no order id.")}
		}
		return r.order(ctx, q)
	})
	if err != nil {
		return err
	}
	err = serve(wire.LedgerTicket, func(ctx context.Context, b []byte) any {
		var q wire.TicketQuery
		if json.Unmarshal(b, &q) != nil || !wire.IsTicket(q.Ticket) {
			return wire.TicketReply{Problem: wire.Refuse(wire.CodeBadRequest, "This is no ticket id.")}
		}
		return r.ticket(ctx, q)
	})
	if err != nil {
		return err
	}
	err = serve(wire.LedgerHistory, func(ctx context.Context, b []byte) any {
		var q wire.HistoryQuery
		if json.Unmarshal(b, &q) != nil || !wire.IsFan(q.Fan) || q.Limit < 1 || q.Limit > wire.MaxHistory || q.Before != nil && q.Before.At.IsZero() {
			return wire.HistoryReply{Problem: wire.Refuse(wire.CodeBadRequest, "This asks for no page of a fan's orders.")}
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
		r.Logger.Warn("reply", "subject", m.Subject, "error", err)
	}
}

// order looks into the ledger, then into ORDERS, then into the ledger again,
// where the order is if it left ORDERS in between.
func (r Reads) order(ctx context.Context, q wire.OrderQuery) wire.OrderReply {
	o, err := r.look(ctx, q.Order)
	if err != nil {
		queued, _, found, streamErr := readCheckout(ctx, r.JetStream, q.Order)
		if found && queued.Fan == q.Fan {
			return r.pending(ctx, wire.OrderReply{Order: queued.Order, Event: queued.Event, State: wire.OrderPending,
				Seats: queued.Seats, Total: queued.Total, Currency: queued.Currency})
		}
		if streamErr != nil {
			r.Logger.Warn("read an order", "error", streamErr)
			return wire.OrderReply{Problem: wire.Busy("Your order can't be looked up just now. It is not lost.")}
		}
		o, err = r.look(ctx, q.Order)
	}
	switch {
	case errors.Is(err, ledger.ErrNotFound) || err == nil && o.Fan != q.Fan:
		return wire.OrderReply{Problem: wire.Refuse(wire.CodeNotFound, "There is no such order.")}
	case err != nil:
		r.Logger.Warn("read an order", "error", err)
		return wire.OrderReply{Problem: wire.Busy("Your order can't be looked up just now. It is not lost.")}
	}
	switch o.State {
	case wire.OrderPending:
		return r.pending(ctx, o.Reply())
	case wire.OrderFailed:
		return r.failed(ctx, o)
	}
	return o.Reply()
}

// failed adds what became of the seats. If the writer can't be asked, it is not
// said that they are the fan's.
func (r Reads) failed(ctx context.Context, o ledger.Order) wire.OrderReply {
	reply := o.Reply()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var s wire.StandingReply
	err := writer{r.NATS}.ask(ctx, o.Event, wire.ActStanding, wire.StandingRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan}, &s)
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

// pending adds what the order waits for.
func (r Reads) pending(ctx context.Context, o wire.OrderReply) wire.OrderReply {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	now := time.Now()
	if w, ok := readWaiting(ctx, r.JetStream, o.Order, now); ok {
		o.Reason, o.Action = told(w, now), w.Action
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
		r.Logger.Warn("read a ticket", "error", err)
		return wire.TicketReply{Problem: wire.Busy("Your ticket can't be looked up just now. It is not lost.")}
	}
	reply := wire.TicketReply{Ticket: t.ID, Event: t.Event, Order: t.Order, Seat: t.Seat, Label: t.Label,
		State: t.State, Generation: t.Generation}
	if t.State == "valid" {
		reply.Barcode = r.Signer.SignBarcode(wire.Barcode{Event: t.Event, Ticket: t.ID, Seat: t.Seat, Generation: t.Generation})
	}
	return reply
}

// history is a page of a fan's orders, from the replica while it answers.
func (r Reads) history(ctx context.Context, q wire.HistoryQuery) wire.HistoryReply {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	asked := ledger.HistoryQuery{Fan: q.Fan, Limit: q.Limit}
	if q.Before != nil {
		asked.Before = ledger.Cursor(*q.Before)
	}
	h, err := r.Records.History(ctx, asked)
	if err != nil {
		r.Logger.Warn("read a history", "error", err)
		return wire.HistoryReply{Problem: wire.Busy("Your orders can't be looked up just now. They are not lost.")}
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

// fit shortens a page that is too large for one message; what is cut off is on
// the next. One order always fits.
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
