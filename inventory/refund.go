package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"golang.org/x/sync/errgroup"
)

// Refunds gives back money and seats in PostgreSQL. Each call may be repeated;
// package ledger says what else holds.
type Refunds interface {
	Refund(ctx context.Context, r ledger.RefundOrder) (ledger.Refunded, error)
	// RefundEvent refunds the next orders of an event, and returns them with those
	// refunded before of which Told has not been said; none when nothing is left.
	RefundEvent(ctx context.Context, r ledger.RefundEvent) ([]ledger.Refunded, error)
	// Told notes that the writer has taken back the seats of these refunds.
	Told(ctx context.Context, refunds []ledger.Refunded) error
	Remaining(ctx context.Context, event string) (ledger.Remaining, error)
}

// Bounds of a refund.
const (
	maxRefunding  = 4                // requests under way at once, per process
	refundTimeout = 60 * time.Second // for one request
	refundBegins  = 40 * time.Second // after which a request begins no further step
	tellAtOnce    = 64               // orders of a step of which the writer is told at once
	maxWhy        = 500              // bytes
	maxBy         = 100              // bytes
)

// refund answers an operator's request to give money and seats back. Whole
// events take long, and others need not wait for them.
//
//	log the act ──► ledger: money and tickets, one transaction ──► writer: seats ──► fan: notice ──► ledger: told
//	                  └─ outbox ──► payment provider
//
// A crash anywhere leaves a refund that is whole in the ledger, or none. The
// writer may not have the seats back yet: the same request tells it, and so does
// its reconciliation, both as the ledger says, on sale or off it.
func (s *Service) refund(ctx context.Context, r micro.Request) {
	select {
	case s.refunding <- struct{}{}:
	default:
		s.respond(r, wire.Busy("As many refunds as this worker takes are under way. Try again."), nil)
		return
	}
	go func() {
		defer func() { <-s.refunding }()
		ctx, cancel := context.WithTimeout(ctx, refundTimeout)
		defer cancel()
		reply, problem := s.refunded(ctx, r)
		s.respondLater(r, problem, reply)
	}()
}

// respondLater answers in the form of the micro protocol, but past its Request:
// once the handler has returned, package micro reads that for its statistics.
func (s *Service) respondLater(r micro.Request, problem *wire.Problem, reply wire.RefundReply) {
	m := nats.NewMsg(r.Reply())
	m.Data, _ = json.Marshal(reply) // numbers and strings: can't fail
	if problem != nil {
		m.Data, _ = json.Marshal(problem)
		m.Header.Set(micro.ErrorCodeHeader, string(problem.Code))
		m.Header.Set(micro.ErrorHeader, problem.Detail)
	}
	if err := s.cfg.NATS.PublishMsg(m); err != nil {
		s.cfg.Logger.Warn("operator got no answer", "subject", r.Subject(), "err", err)
	}
}

func (s *Service) refunded(ctx context.Context, r micro.Request) (reply wire.RefundReply, p *wire.Problem) {
	var asked wire.RefundOrder
	if p := wire.DecodeStrictly(r.Data(), &asked); p != nil {
		return reply, p
	}
	if p := checkRefund(asked); p != nil {
		return reply, p
	}
	e, p := s.addressed(r)
	if p != nil {
		return reply, p
	}
	if !asked.All {
		if p := s.refundable(ctx, e.id, asked); p != nil {
			return reply, p
		}
	}
	if p := s.logAct(ctx, e.id, "refund", asked.By, asked); p != nil {
		return reply, p
	}
	failpoint.Here(failpoint.RefundLogged)
	reply.Currency = e.current().Spec.Currency
	if asked.All {
		p = s.refundEvent(ctx, e.id, asked, &reply)
	} else {
		p = s.refundOrder(ctx, e.id, asked, &reply)
	}
	return reply, p
}

// checkRefund is a pure rule: does the request make sense, whatever was sold?
func checkRefund(r wire.RefundOrder) *wire.Problem {
	said := func(text string, most int) bool {
		return strings.TrimSpace(text) != "" && len(text) <= most && !strings.ContainsRune(text, 0)
	}
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
	case !said(r.Why, maxWhy):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf(`Say "why", in at most %d bytes.`, maxWhy))
	case !said(r.By, maxBy):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf(`Say "by" whom, in at most %d bytes.`, maxBy))
	}
	return nil
}

// refundable says why an order can't be refunded as asked, before anything is
// logged or done. Its event and its seats never change, nor does an order that
// is paid ever become another that can't be.
func (s *Service) refundable(ctx context.Context, event string, r wire.RefundOrder) *wire.Problem {
	o, err := s.cfg.Ledger.Order(ctx, r.Order)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return wire.Refuse(wire.CodeNotFound, "There is no order "+r.Order+".")
	case err != nil:
		return wire.Busy("The ledger can't be asked just now, nothing was done: " + err.Error())
	case o.Event != event:
		return wire.Refuse(wire.CodeForbidden, "Order "+r.Order+" is of the event "+o.Event+".")
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

// logAct records an operator's act before it is done: there is no act without its record.
func (s *Service) logAct(ctx context.Context, event, act, by string, payload any) *wire.Problem {
	raw, err := json.Marshal(wire.OperatorAct{Act: act, By: by, At: s.cfg.Now().UTC(), Payload: payload})
	if err == nil {
		_, err = kv.Publish(ctx, s.cfg.NATS, []kv.Msg{{Subject: wire.LogSubject(event, wire.LogOperator), Data: raw}})
	}
	if err != nil {
		return wire.Busy("Nothing was done, since it could not be logged: " + err.Error())
	}
	return nil
}

func (s *Service) refundOrder(ctx context.Context, event string, r wire.RefundOrder, reply *wire.RefundReply) *wire.Problem {
	done, err := s.cfg.Refunds.Refund(ctx, ledger.RefundOrder{Order: r.Order, Seats: r.Seats, Block: r.Block, Why: r.Why, By: r.By})
	if err != nil {
		return wire.Busy("It may have been done or not, the same request settles it: " + err.Error())
	}
	tally(reply, done)
	reply.State = done.Order.State
	if p := s.takeBack(ctx, event, r, done); p != nil {
		p.Detail += " The order is refunded; the same request gives its seats back."
		return p
	}
	return nil
}

// refundEvent refunds one step of orders after the other, while there is time.
func (s *Service) refundEvent(ctx context.Context, event string, r wire.RefundOrder, reply *wire.RefundReply) *wire.Problem {
	unfinished := func(p *wire.Problem) *wire.Problem {
		p.Detail += fmt.Sprintf(" %d orders were refunded before; the same request does the rest.", reply.Refunded)
		return p
	}
	began := time.Now()
	for time.Since(began) < refundBegins {
		done, err := s.cfg.Refunds.RefundEvent(ctx, ledger.RefundEvent{Event: event, Block: r.Block, Why: r.Why, By: r.By})
		if err != nil {
			return unfinished(wire.Busy("The ledger did not answer: " + err.Error() + "."))
		}
		if len(done) == 0 {
			break
		}
		tally(reply, done...)
		if p := s.takeBack(ctx, event, r, done...); p != nil {
			return unfinished(p)
		}
	}
	// The writer is asked first: who is no longer paying by its word has paid by the
	// ledger's, or never will.
	holds, p := s.clear(ctx, event, r)
	if p != nil {
		return unfinished(p)
	}
	left, err := s.cfg.Refunds.Remaining(ctx, event)
	if err != nil {
		return unfinished(wire.Busy("The ledger did not say what is left: " + err.Error() + "."))
	}
	reply.Pending = max(left.Pending, holds.Paying) // the same orders, but for those that wait for their first step
	reply.Left = left.Paid + left.Untold + reply.Pending + holds.Standing
	reply.Standing, reply.Released, reply.Stuck = holds.Standing, holds.Ended, left.Stuck
	return nil
}

// reasonCancelled is what fans read whose holds end with the sale.
const reasonCancelled = "The sale of this event was closed, and your seats were given back. Nothing was charged."

// clear gives back the holds of a closed event that nobody is paying for, and
// counts the others.
func (s *Service) clear(ctx context.Context, event string, r wire.RefundOrder) (all wire.ClearReply, p *wire.Problem) {
	raw, _ := json.Marshal(wire.ClearRequest{By: r.By, Why: r.Why}) // strings: can't fail
	for {
		data, p := s.command(ctx, wire.SeatsSubject(event, wire.ActClear), raw)
		if p != nil {
			return all, p
		}
		var part wire.ClearReply
		if err := json.Unmarshal(data, &part); err != nil {
			return all, wire.Busy("The writer's answer is not understood.")
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
func (s *Service) takeBack(ctx context.Context, event string, r wire.RefundOrder, refunds ...ledger.Refunded) *wire.Problem {
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
			for _, part := range takingBack(o, ids, wire.RefundRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan, By: r.By, Why: r.Why}) {
				raw, _ := json.Marshal(part) // strings: can't fail
				if _, p := s.command(ctx, wire.SeatsSubject(event, wire.ActRefund), raw); p != nil {
					return p
				}
			}
			notify(s.cfg.NATS, event, o.Fan, wire.Notice{Kind: "order", Hold: o.Hold, Order: o.ID, State: string(o.State), Tickets: o.Tickets, At: s.cfg.Now().UTC()})
			mu.Lock()
			defer mu.Unlock()
			told = append(told, d)
			return nil
		})
	}
	refused := g.Wait()
	failpoint.Here(failpoint.SeatsReturned)
	if err := s.cfg.Refunds.Told(ctx, told); err != nil && refused == nil {
		refused = wire.Busy("Seats were given back, but the ledger could not note it: " + err.Error() + ".")
	}
	var p *wire.Problem
	errors.As(refused, &p) // nil stays nil
	return p
}

// takingBack is r for seats of an order that its refund leaves on sale, and for
// those it takes off.
func takingBack(o ledger.Order, seats []string, r wire.RefundRequest) (parts []wire.RefundRequest) {
	off := r
	off.Block = true
	for _, id := range seats {
		if slices.Contains(o.OffSale, id) {
			off.Seats = append(off.Seats, id)
		} else {
			r.Seats = append(r.Seats, id)
		}
	}
	for _, part := range []wire.RefundRequest{r, off} {
		if len(part.Seats) > 0 { // no seats would mean all of the order
			parts = append(parts, part)
		}
	}
	return parts
}
