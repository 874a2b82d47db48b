package sim

import (
	"fmt"
	"time"

	"frontrow/inventory/seating"
	"frontrow/wire"
)

// Bounds, as in package gateway.
const (
	askTimeout  = 2 * time.Second
	askAttempts = 2
	orderWrite  = 5 * time.Second
)

// fan adds somebody who buys, changes their mind, is impatient and asks again.
func (w *world) fan() {
	id := w.id("f_")
	w.fans = append(w.fans, id)
	f := &fan{w: w, id: id}
	w.spawn(fmt.Sprintf("fan.%d", len(w.fans)), func(p *proc) {
		for w.faulty() {
			p.sleep(w.between(0, 8*time.Second))
			f.buy(p)
		}
	})
}

// fan is a buyer with their gateway: the calls below are what the gateway does
// for them.
type fan struct {
	w  *world
	id string
}

func (f *fan) buy(p *proc) {
	w := f.w
	hold, ok := f.hold(p)
	if !ok {
		return
	}
	p.sleep(w.between(0, 4*time.Second))
	switch x := w.Float64(); {
	case x < 0.15:
		f.release(p, hold.Hold)
		return
	case x < 0.30: // they leave; the deadline frees their seats
		return
	case x < 0.45: // they pay at the last moment, or after it
		p.sleep(max(0, hold.Expires.Sub(w.now)+w.between(-time.Second, 2*time.Second)))
	}
	method := "card"
	if w.chance(0.2) {
		method = "declined"
	}
	key := w.id("")
	if w.chance(0.1) { // a second window
		w.spawn(p.name+"'", func(p *proc) { f.checkout(p, hold, w.id(""), "card") })
	}
	for range 1 + w.IntN(4) {
		f.checkout(p, hold, key, method)
		if w.chance(0.1) {
			f.release(p, hold.Hold)
		}
		p.sleep(w.between(0, 6*time.Second))
		if w.orders.messages[wire.OrderOfHold(hold.Hold)] != nil && w.chance(0.8) {
			return
		}
	}
}

// hold asks for seats until there is an answer, with the same id.
func (f *fan) hold(p *proc) (wire.HoldReply, bool) {
	w := f.w
	r := wire.HoldRequest{Hold: w.id("h_"), Claims: wire.Claims{Pass: "p", Fan: f.id, Limit: perFan, Expires: w.now.Add(time.Hour)}}
	switch n := 1 + w.IntN(3); w.IntN(3) {
	case 0:
		r.Best = &wire.Best{Count: n}
	case 1:
		r.Area, r.Count = "floor", n
	default:
		from := w.IntN(w.index.Seats())
		for i := from; i < min(from+n, w.index.Seats()); i++ {
			r.Seats = append(r.Seats, w.index.ID(i))
		}
	}
	ask := func() (wire.HoldReply, bool) {
		return askWriter(w, p, askTimeout, holdWeight, func(e *seating.Engine, now time.Time) func(*writer) wire.HoldReply {
			reply := e.Hold(r, now)
			return func(*writer) wire.HoldReply {
				w.check.held(r.Claims.Fan, reply)
				return reply
			}
		}, wire.HoldReply{Problem: wire.Busy("")})
	}
	reply, ok := again(ask)
	if !ok || reply.Problem != nil {
		w.counts.Refusals++
		return reply, false
	}
	for w.chance(0.3) { // whoever asks again gets the same
		p.sleep(w.between(0, 2*time.Second))
		ask()
	}
	return reply, true
}

func (f *fan) release(p *proc, hold string) {
	f.w.check.letGo[hold] = true
	_, _ = again(func() (*wire.Problem, bool) {
		return askSeats(f.w, p, askTimeout, holdWeight, func(e *seating.Engine, now time.Time) *wire.Problem {
			return e.Release(wire.ReleaseRequest{Hold: hold, Fan: f.id}, now)
		})
	})
}

// checkout marks the hold and puts the order into ORDERS.
func (f *fan) checkout(p *proc, hold wire.HoldReply, key, method string) {
	w := f.w
	r := wire.CheckoutRequest{Hold: hold.Hold, Fan: f.id, Key: key, Body: method}
	reply, ok := again(func() (wire.HoldReply, bool) {
		return askWriter(w, p, askTimeout, holdWeight, func(e *seating.Engine, now time.Time) func(*writer) wire.HoldReply {
			reply := e.Checkout(r, now)
			return func(*writer) wire.HoldReply { return reply }
		}, wire.HoldReply{Problem: wire.Busy("")})
	})
	if !ok || reply.Problem != nil || w.faulty() && w.chance(0.03) { // the gateway may die here
		return
	}
	w.check.paying(hold, reply)
	o := wire.OrderMessage{Order: wire.OrderOfHold(hold.Hold), Hold: hold.Hold, Event: eventID, Fan: f.id, Seats: reply.Seats,
		Total: reply.Total, Currency: reply.Currency, Payment: wire.Payment{Method: method}, At: w.now}
	_, ok = ask(w, p, "orders", orderWrite, func() struct{} { w.orders.put(o); return struct{}{} })
	if ok {
		w.check.accepted[o.Order] = true
	}
}

// again asks for an act that carries its own id once more after silence.
func again[T any](ask func() (T, bool)) (reply T, ok bool) {
	for range askAttempts {
		if reply, ok = ask(); ok {
			break
		}
	}
	return reply, ok
}
