package seating

import (
	"container/heap"
	"time"

	"frontrow/wire"
)

// deadlines is a heap of standing holds by deadline.
type deadlines []*hold

func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool { return d[i].until.Before(d[j].until) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].slot, d[j].slot = i, j
}

func (d *deadlines) Push(x any) {
	h := x.(*hold)
	h.slot = len(*d)
	*d = append(*d, h)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	h := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	h.slot = -1
	return h
}

// Extend moves the deadline of a hold in checkout before a payment attempt.
func (e *Engine) Extend(r wire.ExtendRequest, now time.Time) wire.ExtendReply {
	h := e.holds[r.Hold]
	if h == nil || h.order != r.Order {
		return wire.ExtendReply{Problem: wire.Refuse(wire.CodeHoldOver, "The hold has ended.")}
	}
	if h.sold {
		return wire.ExtendReply{Expires: h.until}
	}
	if h.asked || !h.until.After(now) {
		return wire.ExtendReply{Problem: wire.Busy("The deadline has passed; the ledger decides.")}
	}
	// A hold that was extended a moment ago needs no new record: the checkout
	// itself extends it just before the first attempt.
	if h.until.Sub(now) > time.Duration(e.spec.Hold.Checkout)-extendSlack {
		return wire.ExtendReply{Expires: h.until}
	}
	if most := now.Add(time.Duration(e.spec.Hold.Checkout)).UTC(); r.Ours && most.After(h.last) {
		h.last = most
	}
	if until := e.extended(h, now); until.After(h.until) {
		e.prolong(h, until, wire.ActKindExtend, now)
	}
	return wire.ExtendReply{Expires: h.until}
}

// extendSlack is how much shorter than asked for an extension may turn out.
const extendSlack = 5 * time.Second

// extended is the deadline of a hold that is being paid for: never earlier than it
// was, nor later than its last.
func (e *Engine) extended(h *hold, now time.Time) time.Time {
	until := now.Add(time.Duration(e.spec.Hold.Checkout)).UTC()
	if until.After(h.last) {
		until = h.last
	}
	if h.until.After(until) {
		until = h.until
	}
	return until
}

// MoreTime moves a hold's deadline once by what the spec allows.
func (e *Engine) MoreTime(r wire.MoreTimeRequest, now time.Time) wire.HoldReply {
	h := e.holds[r.Hold]
	more := time.Duration(e.spec.Hold.MoreTime)
	switch {
	case h == nil || h.order == "" && !h.until.After(now):
		return refusal(wire.Refuse(wire.CodeHoldOver, "The time to choose is over and the seats were given back. Choose again."))
	case h.fan != r.Fan:
		return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "The checkout has begun; your seats are kept until its outcome.")
		p.Order = h.order
		return refusal(p)
	case more == 0:
		return refusal(wire.Refuse(wire.CodeInvalid, "This event gives no more time than it says."))
	case h.extended:
		return refusal(wire.Refuse(wire.CodeInvalid, "You were given more time once, until "+e.clock(h.until)+"; pay or choose again."))
	}
	if last := e.lastOf(h); last.After(h.last) { // the event gives more than when it was held
		h.last = last
	}
	until := e.plain(h, h.until.Add(more))
	if !until.After(h.until) {
		return refusal(wire.Refuse(wire.CodeInvalid, "You have kept seats for as long as one may without buying; pay until "+e.clock(h.until)+"."))
	}
	h.extended = true
	e.prolong(h, until, wire.ActKindMoreTime, now)
	return e.reply(h)
}

// prolong moves the deadline of a hold that stands, stores and logs it.
func (e *Engine) prolong(h *hold, until time.Time, kind string, now time.Time) {
	h.until = until
	if h.slot >= 0 {
		heap.Fix(&e.deadlines, h.slot)
	}
	for _, i := range h.seats {
		e.at[i] = now
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: kind, Hold: h.id, Order: h.order, Fan: h.fan, Seats: e.ids(h.seats), Until: &until})
}

// Fence is the highest revision among a hold's seats once they are stored; 0 if there is no such hold.
func (e *Engine) Fence(id string) uint64 {
	var top uint64
	if h := e.holds[id]; h != nil {
		for _, i := range h.seats {
			top = max(top, e.revision[i])
		}
	}
	return top
}

// Expire frees the holds whose deadline has passed, until about most records
// have changed, and returns those in checkout: the ledger must say first
// whether they were paid for.
func (e *Engine) Expire(now time.Time, most int) (freed, settle []Ended) {
	for len(e.deadlines) > 0 && !e.deadlines[0].until.After(now) && len(e.pending) < most {
		h := e.deadlines[0]
		if h.order == "" {
			e.end(h, wire.Act{Kind: wire.ActKindExpire}, false, now)
			freed = append(freed, Ended{Hold: h.id, Fan: h.fan})
			continue
		}
		heap.Pop(&e.deadlines)
		h.asked = true
		settle = append(settle, Ended{Hold: h.id, Order: h.order, Fan: h.fan})
	}
	return freed, settle
}

// Ended is a hold whose deadline has passed; Order is set when it is in checkout.
type Ended struct{ Hold, Order, Fan string }

// Postpone puts a hold back among the deadlines, when the ledger can't be asked.
func (e *Engine) Postpone(id string, until time.Time) {
	if h := e.holds[id]; h != nil && !h.sold && h.slot < 0 {
		if until.After(h.until) {
			h.until = until.UTC()
		}
		if h.until.After(h.last) {
			h.last = h.until
		}
		heap.Push(&e.deadlines, h)
	}
}

// Overdue recounts, from the seats and not from the deadlines kept, the holds
// whose deadline has passed and which no deadline will end: those the ledger is
// being asked about (Order is set), and any other only by a mistake of ours.
// Postpone puts one back among the deadlines.
func (e *Engine) Overdue(now time.Time) (lost []Ended) {
	for i, h := range e.owner {
		if h != nil && !h.sold && h.slot < 0 && !h.until.After(now) && h.seats[0] == i {
			lost = append(lost, Ended{Hold: h.id, Order: h.order, Fan: h.fan})
		}
	}
	return lost
}

// Due is the next deadline, ok false when nothing is held.
func (e *Engine) Due() (time.Time, bool) {
	if len(e.deadlines) == 0 {
		return time.Time{}, false
	}
	return e.deadlines[0].until, true
}
