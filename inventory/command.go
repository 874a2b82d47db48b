package inventory

import (
	"encoding/json"
	"strings"
	"time"

	"frontrow/inventory/seating"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// command is one request to the writer on its way through a flush. Decide
// changes the engine and returns how to answer once the change is stored.
type command struct {
	msg    *nats.Msg // nil for the writer's own
	weight int       // records it may change
	decide func(e *seating.Engine, now time.Time) (answer func(*seating.Engine) any)
}

func (c command) answer(reply any) {
	if c.msg == nil || c.msg.Reply == "" {
		return
	}
	_ = c.msg.Respond(encoded(reply)) // a caller that got none asks again
}

func encoded(reply any) []byte {
	if r, ok := reply.(wire.HoldReply); ok {
		return r.AppendJSON(nil)
	}
	raw, _ := json.Marshal(reply) // plain records: can't fail
	return raw
}

// receive decodes a request and queues it, or refuses it: the queue is bounded.
func (w *writer) receive(m *nats.Msg) {
	if !wire.Asked(m.Reply) {
		return
	}
	act := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	c := command{msg: m, weight: wire.MaxPerFan}
	bad := true
	switch act {
	case wire.ActHold:
		var r wire.HoldRequest
		bad = decode(m, &r) || !wire.IsHold(r.Hold) || !wire.IsFan(r.Claims.Fan)
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any { return given(e.Hold(r, now)) }
	case wire.ActCheckout:
		var r wire.CheckoutRequest
		bad = decode(m, &r) || r.Key == ""
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any { return given(e.Checkout(r, now)) }
	case wire.ActRelease, wire.ActGiveBack:
		var r wire.ReleaseRequest
		bad = decode(m, &r)
		if act == wire.ActRelease { // whoever may ask so speaks for fans, not for orders or operators
			r = wire.ReleaseRequest{Hold: r.Hold, Fan: r.Fan}
		}
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
			reply := wire.StandingReply{Problem: e.Release(r, now)}
			if r.Again && reply.Problem == nil {
				reply.Expires = e.Standing(wire.StandingRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan}, now)
			}
			return given(reply)
		}
	case wire.ActStanding:
		var r wire.StandingRequest
		bad, c.weight = decode(m, &r), 0
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
			return given(wire.StandingReply{Expires: e.Standing(r, now)})
		}
	case wire.ActExtend:
		var r wire.ExtendRequest
		bad = decode(m, &r)
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
			reply := e.Extend(r, now)
			return func(e *seating.Engine) any {
				reply.Revision = e.Fence(r.Hold)
				return reply
			}
		}
	case wire.ActConfirm:
		var r wire.ConfirmRequest
		bad = decode(m, &r) || len(r.Seats) > wire.MaxPerFan
		c.weight = 2 * wire.MaxPerFan // it may end another hold
		c.decide = confirm(r)
	case wire.ActBlock:
		var r wire.BlockRequest
		bad = decode(m, &r) || len(r.Seats) > maxRecords
		if c.weight = len(r.Seats); c.weight == 0 {
			c.weight = seating.MaxWide
		}
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any { return given(e.Block(r, now)) }
	case wire.ActMoreTime:
		var r wire.MoreTimeRequest
		bad = decode(m, &r)
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any { return given(e.MoreTime(r, now)) }
	case wire.ActRefund:
		var r wire.RefundRequest
		bad = decode(m, &r) || !wire.IsHold(r.Hold) || r.Order == "" || len(r.Seats) > wire.MaxPerFan
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
			return given(wire.Reply{Problem: e.Refund(r, now)})
		}
	case wire.ActClear:
		var r wire.ClearRequest
		bad, c.weight = decode(m, &r), seating.MaxWide
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
			reply, ended := e.Clear(r, now)
			return func(*seating.Engine) any {
				for _, h := range ended {
					notify(w.nc, w.event.id, h.Fan, wire.Notice{Kind: "hold", Hold: h.Hold, State: "released", Reason: reasonCancelled, At: now})
				}
				return reply
			}
		}
	case wire.ActStatus:
		bad, c.weight = false, 0
		c.decide = func(e *seating.Engine, now time.Time) func(*seating.Engine) any { return given(w.counted(now)) }
	}
	if bad {
		c.answer(wire.Reply{Problem: wire.Refuse(wire.CodeBadRequest, "The request to the seats was not understood.")})
		return
	}
	w.enqueue(c)
}

func (w *writer) enqueue(c command) {
	select {
	case w.queue <- c:
	default:
		w.metrics.shed.Inc()
		c.answer(wire.Reply{Problem: wire.Busy("More people than can be served are choosing seats this second. Try again.")})
	}
}

func confirm(r wire.ConfirmRequest) func(*seating.Engine, time.Time) func(*seating.Engine) any {
	return func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
		return given(wire.Reply{Problem: e.Confirm(r, now)})
	}
}

// given is an answer that is known when the command is decided.
func given(reply any) func(*seating.Engine) any { return func(*seating.Engine) any { return reply } }

func decode(m *nats.Msg, into any) (bad bool) { return json.Unmarshal(m.Data, into) != nil }
