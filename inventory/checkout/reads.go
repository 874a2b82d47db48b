package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
// has no such record; any other error, that it could not be asked.
type Records interface {
	Order(ctx context.Context, id string) (ledger.Order, error)
	Ticket(ctx context.Context, id string) (ledger.Ticket, error)
}

// Signer renders barcodes; *wire.Keyring is one.
type Signer interface {
	SignBarcode(wire.Barcode) string
}

// Reads answers ledger.order and ledger.ticket. An order is its buyer's alone:
// to others it does not exist.
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
		waiting, found, streamErr := r.waiting(ctx, wire.HoldOfOrder(q.Order))
		if found && waiting.Fan == q.Fan {
			return wire.OrderReply{Order: waiting.Order, Event: waiting.Event, State: wire.OrderPending,
				Seats: waiting.Seats, Total: waiting.Total, Currency: waiting.Currency}
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
	return o.Reply()
}

func (r Reads) look(ctx context.Context, id string) (ledger.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return r.Records.Order(ctx, id)
}

// waiting reads the checkout of a hold from ORDERS, where the event is not
// known: last_by_subj takes a wildcard. The leader is asked, since another
// replica may not have the message yet; the client library would not.
func (r Reads) waiting(ctx context.Context, hold string) (m wire.OrderMessage, found bool, err error) {
	ask, err := json.Marshal(map[string]string{"last_by_subj": wire.OrderSubject("*", hold)})
	if err != nil {
		return m, false, err
	}
	got, err := r.NATS.RequestWithContext(ctx, apiPrefix(r.JetStream)+"STREAM.MSG.GET."+wire.OrdersStream, ask)
	if err != nil {
		return m, false, fmt.Errorf("read %s: %w", wire.OrdersStream, err)
	}
	var reply struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	err = json.Unmarshal(got.Data, &reply)
	switch {
	case err != nil:
		return m, false, fmt.Errorf("read %s: %w", wire.OrdersStream, err)
	case reply.Error != nil && reply.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return m, false, nil
	case reply.Error != nil:
		return m, false, fmt.Errorf("read %s: %w", wire.OrdersStream, reply.Error)
	case reply.Message == nil:
		return m, false, fmt.Errorf("read %s: empty answer", wire.OrdersStream)
	}
	// One that is not understood is poison, and about to be buried.
	return m, json.Unmarshal(reply.Message.Data, &m) == nil, nil
}

func apiPrefix(js jetstream.JetStream) string {
	switch o := js.Options(); {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	}
	return jetstream.DefaultAPIPrefix
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
