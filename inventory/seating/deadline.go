package seating

import (
	"container/heap"
	"slices"
	"time"

	"frontrow/wire"
)

// deadlines is a heap of standing holds by when each is due.
type deadlines []*hold

func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool { return d[i].due().Before(d[j].due()) }

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

// due returns when something must become of a hold.
func (h *hold) due() time.Time {
	if h.askAgain.After(h.until) {
		return h.askAgain
	}
	return h.until
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
	// A hold that was just extended needs no new record: the checkout itself extends it
	// just before the first attempt.
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

// extendSlack is how much shorter than requested an extension may be.
const extendSlack = 5 * time.Second

// extended returns the deadline of a hold that is being paid for: never earlier than it
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

// MoreTime moves a hold's deadline, once, by what the spec allows.
func (e *Engine) MoreTime(r wire.MoreTimeRequest, now time.Time) wire.HoldReply {
	h := e.holds[r.Hold]
	more := time.Duration(e.spec.Hold.MoreTime)
	switch {
	case h == nil || h.order == "" && !h.until.After(now):
		return refusal(wire.Refuse(wire.CodeHoldOver, "Your time to choose has ended and the seats were given back. Choose again."))
	case h.fan != r.Fan:
		return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "The checkout has begun. Your seats are kept until its outcome.")
		p.Order = h.order
		return refusal(p)
	case more == 0:
		return refusal(wire.Refuse(wire.CodeInvalid, "This event gives no extra time. Pay before the time that is shown, or choose again."))
	case h.extended:
		return refusal(wire.Refuse(wire.CodeInvalid, "You have already been given extra time, until "+e.clock(h.until)+". Pay before then, or choose again."))
	}
	if last := e.lastOf(h); last.After(h.last) { // the event now allows more than when the seats were held
		h.last = last
	}
	until := e.plain(h, h.until.Add(more))
	if !until.After(h.until) {
		return refusal(wire.Refuse(wire.CodeInvalid, "You have kept seats for as long as is allowed without buying. Pay by "+e.clock(h.until)+", or they go back on sale."))
	}
	h.extended = true
	e.prolong(h, until, wire.ActKindMoreTime, now)
	return e.reply(h)
}

// prolong moves a standing hold's deadline, and marks that for storing and the log.
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

// Fence returns the highest revision of a hold's seats, once they are stored; 0 if there is
// no such hold.
func (e *Engine) Fence(id string) uint64 {
	var top uint64
	if h := e.holds[id]; h != nil {
		for _, i := range h.seats {
			top = max(top, e.revision[i])
		}
	}
	return top
}

// Expire frees the holds whose deadline has passed, until about most records have changed,
// and returns those in checkout: the ledger must first say whether they were paid for.
func (e *Engine) Expire(now time.Time, most int) (freed, overdue []Ended) {
	for len(e.deadlines) > 0 && !e.deadlines[0].due().After(now) && e.Pending() < most {
		h := e.deadlines[0]
		if h.order == "" {
			untouched := !slices.ContainsFunc(h.seats, e.touched)
			e.end(h, wire.Act{Kind: wire.ActKindExpire}, false, now)
			if untouched {
				e.shorten(h.seats)
			}
			freed = append(freed, Ended{Hold: h.id, Fan: h.fan})
			continue
		}
		heap.Pop(&e.deadlines)
		h.asked = true
		overdue = append(overdue, Ended{Hold: h.id, Order: h.order, Fan: h.fan})
	}
	return freed, overdue
}

// Ended is a hold whose deadline has passed; Order is set when it is in checkout.
type Ended struct{ Hold, Order, Fan string }

// Postpone puts a hold back among the deadlines when the ledger can't be asked. Its own
// deadline stays what the log says.
func (e *Engine) Postpone(id string, until time.Time) {
	if h := e.holds[id]; h != nil && !h.sold && h.slot < 0 {
		h.askAgain = until
		heap.Push(&e.deadlines, h)
	}
}

// Overdue finds, from the seats and not from the heap of deadlines, the holds whose
// deadline has passed and that no deadline will end: those about which the ledger is being
// asked (Order is set), and any others only through a bug. Postpone puts one back among the
// deadlines.
func (e *Engine) Overdue(now time.Time) (lost []Ended) {
	for i, h := range e.owner {
		if h != nil && !h.sold && h.slot < 0 && !h.until.After(now) && h.seats[0] == i {
			lost = append(lost, Ended{Hold: h.id, Order: h.order, Fan: h.fan})
		}
	}
	return lost
}

// Due returns the next deadline; ok is false if nothing is held.
func (e *Engine) Due() (time.Time, bool) {
	if len(e.deadlines) == 0 {
		return time.Time{}, false
	}
	return e.deadlines[0].due(), true
}
