package writer

import (
	"cmp"
	"time"

	"frontrow/inventory/seating"
	"frontrow/wire"
)

// notice is what a fan, or a gateway, is told once a decision is stored.
type notice struct {
	fan string
	wire.Notice
}

// reasonCancelled is what fans read whose holds end with the sale.
const reasonCancelled = "The sale of this event was closed, and your seats were given back. Nothing was charged."

// askAgain is the time before the ledger is asked again about a hold in checkout.
const askAgain = 2 * time.Second

// decide changes the engine as a request wants, or refuses. It depends on nothing
// but its arguments. What a reply says of how it is stored comes later.
func decide(e *seating.Engine, request any, now time.Time) (reply any, notices []notice) {
	switch r := request.(type) {
	case *wire.HoldRequest:
		reply = e.Hold(*r, now)
	case *wire.CheckoutRequest:
		reply = e.Checkout(*r, now)
	case *wire.ReleaseRequest:
		reply = release(e, *r, now)
	case *wire.StandingRequest:
		reply = wire.StandingReply{Expires: e.Standing(*r, now)}
	case *wire.ExtendRequest:
		reply = e.Extend(*r, now)
	case *wire.ConfirmRequest:
		reply = wire.Reply{Problem: e.Confirm(*r, now)}
	case *wire.BlockRequest:
		reply = e.Block(*r, now)
	case *wire.MoreTimeRequest:
		reply = e.MoreTime(*r, now)
	case *wire.ReductionsRequest:
		reply = e.Reduce(*r, now)
	case *wire.RefundRequest:
		reply = wire.Reply{Problem: e.Refund(*r, now)}
	case *wire.ClearRequest:
		cleared, ended := e.Clear(*r, now)
		reply, notices = cleared, holdNotices(ended, "released", reasonCancelled, now)
	case *wire.SeatRequest:
		reply = look(e, r.Seat)
	case *status:
		reply = e.Stock(now)
	case *facts:
		e.SetEvent(r.event)
		for level, p := range r.prices {
			e.SetPrice(level, p)
		}
	case *pastPrices:
		for _, levels := range r.acts {
			e.NotePrices(levels)
		}
	case *expiry:
		freed, overdue := e.Expire(now, r.most)
		reply, notices = expired{freed, overdue}, holdNotices(freed, "expired", "", now)
	case *postponed:
		e.Postpone(r.hold, now)
	case *verdict:
		reply, notices = endOverdue(e, r, now)
	case *soldSeats:
		reply = e.Sold()
	case *spoiledSeats:
		reply = e.Spoiled()
	case *booked:
		reply = wire.Reply{Problem: sell(e, r.ConfirmRequest, now)}
	case *repaired:
		e.Repair(r.seat, r.to, r.channel, r.why, now)
		reply = wire.Reply{}
	}
	for _, h := range e.Returned() {
		if !h.Faultless {
			notices = append(notices, notice{h.Fan, wire.Notice{Kind: wire.NoticeReturn, Hold: h.Hold, Net: h.Net, Seats: h.Seats, At: now}})
		}
	}
	return reply, notices
}

func look(e *seating.Engine, seat string) (reply wire.SeatReply) {
	if r, ok := e.Look(seat); ok {
		reply.Seat = r
	} else {
		reply.Problem = wire.Refuse(wire.CodeUnknownSeat, "The plan has no seat "+seat+".")
	}
	return reply
}

func holdNotices(ended []seating.Ended, state, reason string, now time.Time) (notices []notice) {
	for _, h := range ended {
		notices = append(notices, notice{h.Fan, wire.Notice{Kind: "hold", Hold: h.Hold, State: state, Reason: reason, At: now}})
	}
	return notices
}

func release(e *seating.Engine, r wire.ReleaseRequest, now time.Time) wire.StandingReply {
	reply := wire.StandingReply{Problem: e.Release(r, now)}
	if r.Again && reply.Problem == nil {
		reply.Expires = e.Standing(wire.StandingRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan}, now)
	}
	return reply
}

// sell makes seats those of their order, or says why not.
func sell(e *seating.Engine, r wire.ConfirmRequest, now time.Time) *wire.Problem {
	if p := e.Confirm(r, now); p != nil {
		return p
	}
	for _, q := range r.Seats {
		if e.OrderOf(q.ID) != r.Order {
			return wire.Refuse(wire.CodeTaken, "The order has other seats than "+q.ID+".")
		}
	}
	return nil
}

// endOverdue ends an overdue hold in checkout as the ledger says. Without its word
// the hold stays.
func endOverdue(e *seating.Engine, v *verdict, now time.Time) (reply wire.Reply, notices []notice) {
	h := v.hold
	switch {
	case v.err != nil:
		e.Postpone(h.Hold, now.Add(askAgain))
		return reply, nil
	case v.order.State == wire.OrderPaid:
		reply.Problem = e.Confirm(wire.ConfirmRequest{Hold: h.Hold, Order: h.Order, Fan: h.Fan, Seats: v.order.Seats}, now)
		return reply, nil
	case v.order.State == wire.OrderRefunded: // who refunded it tells the fan
		for _, part := range v.back {
			reply.Problem = cmp.Or(reply.Problem, e.Refund(part, now))
		}
		return reply, nil
	}
	reply.Problem = e.Release(wire.ReleaseRequest{Hold: h.Hold, Order: h.Order, Why: "the deadline passed during the checkout"}, now)
	return reply, []notice{{h.Fan, wire.Notice{Kind: "order", Hold: h.Hold, Order: h.Order, State: string(v.order.State), Reason: v.order.Reason, At: now}}}
}
