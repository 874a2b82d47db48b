package refund

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/operator"
	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/wire"

	"golang.org/x/sync/errgroup"
)

// Ledger gives back money and seats in PostgreSQL. Each call may be repeated;
// package ledger says what else holds.
type Ledger interface {
	// Order reads an order as it stands, or ledger.ErrNotFound.
	Order(ctx context.Context, order string) (ledger.Order, error)
	Refund(ctx context.Context, r ledger.RefundOrder) (ledger.Refunded, error)
	// RefundEvent refunds the next orders of an event, and returns them with those
	// refunded before of which Told has not been said; none when nothing is left.
	RefundEvent(ctx context.Context, r ledger.RefundEvent) ([]ledger.Refunded, error)
	// Told notes that the writer has taken back the seats of these refunds.
	Told(ctx context.Context, refunds []ledger.Refunded) error
	Remaining(ctx context.Context, event string) (ledger.Remaining, error)
}

// Writer asks whoever writes an event. The error is a *wire.Problem: a refusal, or
// that there was no answer, after which the act is done or not.
type Writer interface {
	Ask(ctx context.Context, event, act string, request, reply any) error
}

// Bus sends data to whoever listens, once at most, and doesn't wait.
type Bus interface {
	Publish(subject string, data []byte) error
}

// Config of what refunds. All but Captures and Now are needed.
type Config struct {
	Store    kv.Store
	Bus      Bus
	Writer   Writer
	Ledger   Ledger
	Captures Captures // for Refused, RetryCaptures and WriteOff
	Now      func() time.Time
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Store == nil || c.Bus == nil || c.Writer == nil || c.Ledger == nil {
		return errors.New("refund: Store, Bus, Writer and Ledger are needed")
	}
	return nil
}

// Bounds of a refund.
const (
	beginsFor  = 40 * time.Second // after which a request begins no further step
	tellAtOnce = 64               // orders of a step of which the writer is told at once
)

// Refunds carries out operators' requests to give money and seats back.
type Refunds struct {
	cfg     Config
	saleLog *kv.Stream
}

// New returns what refunds.
func New(cfg Config) (*Refunds, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Refunds{cfg, kv.NewStream(cfg.Store, wire.SaleLogStream)}, nil
}

// Refund does what an operator asks for, or what is missing of it. The error is a
// *wire.Problem.
func (s *Refunds) Refund(ctx context.Context, e wire.Event, asked wire.RefundOrder) (reply wire.RefundReply, err error) {
	event := e.Spec.ID
	if err := check(asked); err != nil {
		return reply, err
	}
	if err := s.refundable(ctx, event, asked); err != nil {
		return reply, err
	}
	if err := operator.Log(ctx, s.saleLog, event, wire.OperatorAct{Act: "refund", By: asked.By, At: s.cfg.Now().UTC(), Payload: asked}); err != nil {
		return reply, err
	}
	failpoint.Here(failpoint.RefundLogged)
	reply.Currency = e.Spec.Currency
	if asked.All {
		err = s.refundEvent(ctx, event, asked, &reply)
	} else {
		err = s.refundOrder(ctx, event, asked, &reply)
	}
	return reply, err
}

// check is a pure rule: does the request make sense, whatever was sold?
func check(r wire.RefundOrder) error {
	switch {
	case r.All == (r.Order != ""):
		return wire.Refuse(wire.CodeInvalid, `Name one order, or say "all":true for every order of the event.`)
	case r.All && r.Seats != nil:
		return wire.Refuse(wire.CodeInvalid, "Seats belong to an order.")
	case !r.All && !wire.IsOrder(r.Order):
		return wire.Refuse(wire.CodeInvalid, r.Order+" is no order.")
	case r.Seats != nil && len(r.Seats) == 0:
		return wire.Refuse(wire.CodeInvalid, "Name seats, or leave them out for all of the order.")
	case len(r.Seats) > wire.MaxPerFan:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("An order has at most %d seats.", wire.MaxPerFan))
	}
	return operator.Said(r.Why, r.By)
}

// refundable says why an order can't be refunded as asked, before anything is
// logged or done. Its event and its seats never change, nor does an order that
// is paid ever become another that can't be.
func (s *Refunds) refundable(ctx context.Context, event string, r wire.RefundOrder) error {
	if r.All {
		return nil
	}
	o, err := s.orderOf(ctx, event, r.Order)
	switch {
	case err != nil:
		return err
	case o.State == wire.OrderPending:
		return wire.Refuse(wire.CodeNotPaid, "The order is being paid for. Ask again when it is paid.")
	case o.State == wire.OrderFailed:
		return wire.Refuse(wire.CodeNotPaid, "The order has failed: nothing was charged. "+o.Reason)
	}
	var unknown []string
	for _, id := range r.Seats {
		is := func(q wire.SeatQuote) bool { return q.ID == id }
		if !slices.ContainsFunc(o.Seats, is) && !slices.ContainsFunc(o.Refunded, is) {
			unknown = append(unknown, id)
		}
	}
	if unknown != nil {
		p := wire.Refuse(wire.CodeUnknownSeat, "The order has no seat "+strings.Join(unknown, ", ")+"; nothing was done.")
		p.Seats = unknown
		return p
	}
	return nil
}

// orderOf reads an order of an event. The error is a *wire.Problem.
func (s *Refunds) orderOf(ctx context.Context, event, order string) (ledger.Order, error) {
	o, err := s.cfg.Ledger.Order(ctx, order)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return o, wire.Refuse(wire.CodeNotFound, "There is no order "+order+".")
	case err != nil:
		return o, wire.Busy("The ledger can't be asked just now, nothing was done: " + err.Error())
	case o.Event != event:
		return o, wire.Refuse(wire.CodeForbidden, "Order "+order+" is of the event "+o.Event+".")
	}
	return o, nil
}

func (s *Refunds) refundOrder(ctx context.Context, event string, r wire.RefundOrder, reply *wire.RefundReply) error {
	done, err := s.cfg.Ledger.Refund(ctx, ledger.RefundOrder{Order: r.Order, Seats: r.Seats, Block: r.Block, Why: r.Why, By: r.By})
	if err != nil {
		return unknown(err)
	}
	tally(reply, done)
	reply.State = done.Order.State
	if err := s.takeBack(ctx, event, r, done); err != nil {
		return also(err, " The order is refunded; the same request gives its seats back.")
	}
	return nil
}

// refundEvent refunds one step of orders after the other, while there is time.
func (s *Refunds) refundEvent(ctx context.Context, event string, r wire.RefundOrder, reply *wire.RefundReply) error {
	unfinished := func(err error) error {
		return also(err, fmt.Sprintf(" %d orders were refunded before; the same request does the rest.", reply.Refunded))
	}
	began := time.Now()
	for time.Since(began) < beginsFor {
		done, err := s.cfg.Ledger.RefundEvent(ctx, ledger.RefundEvent{Event: event, Block: r.Block, Why: r.Why, By: r.By})
		if err != nil {
			return unfinished(wire.Busy("The ledger did not answer: " + err.Error() + "."))
		}
		if len(done) == 0 {
			break
		}
		tally(reply, done...)
		if err := s.takeBack(ctx, event, r, done...); err != nil {
			return unfinished(err)
		}
	}
	// The writer is asked first: who is no longer paying by its word has paid by the
	// ledger's, or never will.
	holds, err := s.clear(ctx, event, r)
	if err != nil {
		return unfinished(err)
	}
	left, err := s.cfg.Ledger.Remaining(ctx, event)
	if err != nil {
		return unfinished(wire.Busy("The ledger did not say what is left: " + err.Error() + "."))
	}
	reply.Pending = max(left.Pending, holds.Paying) // the same orders, but for those that wait for their first step
	reply.Left = left.Paid + left.Untold + reply.Pending + holds.Standing
	reply.Standing, reply.Released, reply.Stuck = holds.Standing, holds.Ended, left.Stuck
	return nil
}

// clear gives back the holds of a closed event that nobody is paying for, and
// counts the others.
func (s *Refunds) clear(ctx context.Context, event string, r wire.RefundOrder) (all wire.ClearReply, err error) {
	for {
		var part wire.ClearReply
		if err := s.cfg.Writer.Ask(ctx, event, wire.ActClear, wire.ClearRequest{By: r.By, Why: r.Why}, &part); err != nil {
			return all, err
		}
		part.Ended += all.Ended
		more := part.Ended > all.Ended && part.Standing > 0
		if all = part; !more {
			return all, nil
		}
	}
}

// tally counts what was given back now.
func tally(reply *wire.RefundReply, refunds ...ledger.Refunded) {
	for _, d := range refunds {
		reply.Amount += d.Amount
		if d.Now > 0 {
			reply.Refunded++
		}
	}
}

// takeBack has the writer take back the seats of refunded orders, tells the
// fans, and notes in the ledger of which orders that was done.
func (s *Refunds) takeBack(ctx context.Context, event string, r wire.RefundOrder, refunds ...ledger.Refunded) error {
	var (
		g    errgroup.Group
		mu   sync.Mutex
		told []ledger.Refunded
	)
	failpoint.Here(failpoint.OrdersRefunded)
	g.SetLimit(tellAtOnce)
	for _, d := range refunds {
		g.Go(func() error {
			o := d.Order
			ids := make([]string, len(o.Refunded))
			for i, q := range o.Refunded {
				ids[i] = q.ID
			}
			for _, part := range o.TakingBack(ids, wire.RefundRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan, By: r.By, Why: r.Why}) {
				if err := s.cfg.Writer.Ask(ctx, event, wire.ActRefund, part, new(wire.Reply)); err != nil {
					return err
				}
			}
			s.notify(event, o.Fan, wire.Notice{Kind: "order", Hold: o.Hold, Order: o.ID, State: string(o.State), Reason: o.Reason, Tickets: o.Tickets, At: s.cfg.Now().UTC()})
			mu.Lock()
			defer mu.Unlock()
			told = append(told, d)
			return nil
		})
	}
	refused := g.Wait()
	failpoint.Here(failpoint.SeatsReturned)
	if err := s.cfg.Ledger.Told(ctx, told); err != nil && refused == nil {
		return wire.Busy("Seats were given back, but the ledger could not note it: " + err.Error() + ".")
	}
	return refused
}

// also adds a sentence to a problem.
func also(err error, sentence string) error {
	p := operator.Problem(err)
	p.Detail += sentence
	return p
}

// notify tells a fan. It is best effort: GET tells the truth.
func (s *Refunds) notify(event, fan string, n wire.Notice) {
	if raw, err := wire.Append(nil, n); err == nil {
		_ = s.cfg.Bus.Publish(wire.NoticeSubject(event, fan), raw)
	}
}
