package sim

import (
	"encoding/json"
	"slices"
	"time"

	"frontrow/internal/bus"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/kv"
	"frontrow/wire"
)

// What is asked of the writer, and what fans, the ledger and the provider are told, must be
// what the log says.

// asked looks at a request to the writer.
func (c *checker) asked(m bus.Msg) {
	var r wire.ExtendRequest
	if m.Subject == wire.SeatsSubject(eventID, wire.ActExtend) && json.Unmarshal(m.Data, &r) == nil && r.Ours {
		c.ours[r.Hold]++
	}
}

// answered: an answer leaves only a writer that has stored something since it was asked,
// and so was still the writer then. To say that the writer is busy is no answer.
func (c *checker) answered(p *process, data []byte, asked kv.Revision) {
	var r wire.Reply
	if json.Unmarshal(data, &r) == nil && r.Problem != nil && (r.Problem.Code == wire.CodeUnavailable || r.Problem.Code == wire.CodeBadRequest) {
		return
	}
	if p.flushed <= asked {
		c.w.violate("I2", "%s answers what it was asked at revision %d, and has stored nothing since %d: %s", p.name, asked, p.flushed, data)
	}
}

// held: what a fan is told is in the log.
func (c *checker) held(fan string, r wire.HoldReply) {
	if r.Problem != nil {
		return
	}
	h := c.holds[r.Hold]
	if h == nil || h.fan != fan || len(h.seats) != len(r.Seats) {
		c.w.violate("I2", "hold %s is acknowledged and not stored", r.Hold)
		return
	}
	for _, q := range r.Seats {
		if h.prices[q.ID] != q.Price {
			c.w.violate("I8", "hold %s was quoted %v for %s and is stored with %v", r.Hold, q.Price, q.ID, h.prices[q.ID])
		}
	}
}

// keeps: what was promised to whoever joined.
func (c *checker) keeps(promised map[string]int64, r wire.HoldReply) {
	for _, q := range r.Seats {
		if most, ok := promised[q.Level]; ok && q.Price.Total > most {
			c.w.violate("I13", "hold %s costs %d for a seat of %s, of which its fan was promised %d", r.Hold, q.Price.Total, q.Level, most)
		}
	}
}

// paying: what a fan pays for is what they were told they hold.
func (c *checker) paying(told, now wire.HoldReply) {
	if s := c.state(now.Order); s == wire.OrderPaid || s == wire.OrderRefunded {
		return // it is paid already, and perhaps refunded in part
	}
	if now.Total != told.Total || len(now.Seats) != len(told.Seats) {
		c.w.violate("I8", "hold %s was told as %d for %d seats and is paid for as %d for %d", told.Hold, told.Total, len(told.Seats), now.Total, len(now.Seats))
	}
}

// noticed: what a buyer is told of their order's end is in the ledger.
func (c *checker) noticed(subject string, data []byte) {
	var n wire.Notice
	if err := json.Unmarshal(data, &n); err != nil {
		c.w.violate("I4", "%s is told %s", subject, data)
		return
	}
	if state := wire.OrderState(n.State); n.Kind == "order" && state != wire.OrderPending && state != c.state(n.Order) && !(state == wire.OrderPaid && c.state(n.Order) == wire.OrderRefunded) {
		c.w.violate("I4", "order %s is announced as %s and is %s", n.Order, state, c.state(n.Order))
	}
}

// state of an order in the ledger.
func (c *checker) state(order string) wire.OrderState {
	if a := c.w.books.orders[order]; a != nil {
		return a.State
	}
	return ""
}

// failed: an order fails because its payment is declined, because the provider or the fan
// has had all the time they may, or once its hold, by the log, stands no more or has passed
// its deadline.
func (c *checker) failed(o ledger.Order) {
	c.w.counts.Failed++
	h := c.holds[o.Hold]
	if h == nil || h.over || h.order != o.ID || !during(h.until) {
		return
	}
	waited, m := time.Since(c.ordered[o.ID]), c.w.provider.payments[o.ID]
	switch {
	case m != nil && m.State == payment.Declined, waited > patience:
	case m != nil && m.State == payment.RequiresAction && waited > actionPatience:
	default:
		c.w.violate("I2", "order %s fails, %s, and its hold stands until %v", o.ID, o.Reason, h.until)
	}
}

// booking: a seat is booked for one order.
func (c *checker) booking(o ledger.Order, s *seat) {
	if s.order != "" {
		c.w.violate("UNIQUE", "a seat booked for %s is booked for %s", s.order, o.ID)
	}
}

// captured: money is taken once, for a paid order, as quoted.
func (c *checker) captured(id string, amount int64) {
	a := c.w.books.orders[id]
	if a == nil || a.State != wire.OrderPaid && a.State != wire.OrderRefunded {
		c.w.violate("I4", "money for %s, which isn't paid", id)
		return
	}
	var quoted int64
	for _, q := range slices.Concat(a.Seats, a.Refunded) {
		quoted += c.holds[a.Hold].prices[q.ID].Total
	}
	if amount != quoted || c.money[id] != 0 {
		c.w.violate("I8", "order %s: %d captured after %d, %d quoted", id, amount, c.money[id], quoted)
	}
	c.money[id] = amount
}
