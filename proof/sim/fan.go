package sim

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// Bounds, as in package gateway.
const (
	askTimeout  = 2 * time.Second
	askAttempts = 2
	orderWrite  = 5 * time.Second
)

// fan is a buyer with their gateway: the calls below are what the gateway does for them.
// They buy, change their mind, are impatient and ask again.
type fan struct {
	*process
	*rand.Rand // their own: chance must not depend on who runs first
	id         string

	priced   int64            // what they were promised when they joined; 0: nothing
	promised map[string]int64 // by it: what a level costs them at most
}

func (w *world) fan() {
	p := w.process("fan")
	f := &fan{process: p, Rand: rand.New(rand.NewPCG(w.cfg.Seed, uint64(p.id))), id: w.id("f_")}
	w.fans = append(w.fans, f.id)
	w.shopping.Add(1)
	go func() {
		defer w.shopping.Add(-1)
		for !w.isCalm() {
			if !f.sleep(between(f.Rand, 0, 3*time.Second)) {
				return
			}
			f.buy()
		}
	}()
}

// sleep reports whether the fan still is there.
func (f *fan) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-f.dead:
		return false
	}
}

func (f *fan) chance(p float64) bool { return f.Float64() < p }

// join has the fan promised what the board shows now or, if it has just changed, the lower
// of that and of what it showed before.
func (f *fan) join() {
	joined, kind := make(chan struct{}), f.IntN(4)
	if !f.submit("fan", "joins", func() {
		defer close(joined)
		f.priced, f.promised = 0, map[string]int64{}
		now := f.w.shown()
		if kind == 0 {
			return
		}
		f.priced = wire.PriceState(f.w.event.Spec.Levels, now)
		for level, p := range now {
			f.promised[level] = p.Total
			if before := f.w.prices[level]; kind == 1 && p.At.Equal(f.w.repriced) && len(before) > 1 {
				f.promised[level] = min(p.Total, before[len(before)-2].Total)
			}
		}
		if kind == 1 {
			f.priced--
		}
	}) {
		return
	}
	select {
	case <-joined:
	case <-f.dead:
	}
}

func (f *fan) buy() {
	if f.promised == nil || f.chance(0.3) {
		f.join()
	}
	hold, ok := f.hold()
	if !ok || !f.sleep(between(f.Rand, 0, 4*time.Second)) {
		return
	}
	if f.chance(0.5) {
		hold = f.reduce(hold)
	}
	switch x := f.Float64(); {
	case x < 0.15:
		f.release(hold.Hold)
		return
	case x < 0.30: // they leave; the deadline frees their seats
		return
	case x < 0.45: // they pay at the last moment, or after it
		f.sleep(max(0, time.Until(hold.Expires)+between(f.Rand, -time.Second, 2*time.Second)))
	}
	f.pay(hold)
}

// pay tries to, in one way or another.
func (f *fan) pay(hold wire.HoldReply) {
	for range 1 + f.IntN(3) {
		method := methodCard
		switch x := f.Float64(); {
		case x < 0.2:
			method = methodDeclined
		case x < 0.35:
			method = methodConfirm
		}
		key := f.key("")
		ordered := false
		for range 1 + f.IntN(3) {
			ordered = f.checkout(hold, key, method) || ordered
			if f.chance(0.1) {
				f.release(hold.Hold)
			}
			if !f.sleep(between(f.Rand, 0, 6*time.Second)) || ordered && f.chance(0.8) {
				break
			}
		}
		if ordered && method != methodDeclined || f.chance(0.5) {
			return
		}
	}
}

// hold asks for seats until there is an answer, with the same id.
func (f *fan) hold() (reply wire.HoldReply, ok bool) {
	w := f.w
	r := wire.HoldRequest{Hold: f.key("h_"), Claims: wire.Claims{Pass: "p", Fan: f.id, Limit: perFan, Expires: time.Now().Add(time.Hour), Priced: f.priced}}
	promised := f.promised
	switch n := 1 + f.IntN(3); f.IntN(3) {
	case 0:
		r.Best = &wire.Best{Count: n}
	case 1:
		r.Area, r.Count = "floor", n
	default:
		from := f.IntN(w.index.Seats())
		for i := from; i < min(from+n, w.index.Seats()); i++ {
			r.Seats = append(r.Seats, w.index.ID(i))
		}
	}
	if f.chance(0.3) { // what they were shown, while prices move
		shown := int64(2000 + f.IntN(20_000))
		r.Expect = &shown
	}
	if ok = f.ask(wire.ActHold, r, &reply); !ok || reply.Problem != nil {
		f.submit("fan", "is refused", func() { w.counts.Refusals++ })
		return reply, false
	}
	f.submit("fan", "holds", func() {
		w.check.held(f.id, reply)
		w.check.keeps(promised, reply)
	})
	if r.Expect != nil && reply.Total > *r.Expect {
		f.submit("fan", "pays more than was shown", func() { w.violate("I8", "hold %s costs %d, its fan was shown %d", reply.Hold, reply.Total, *r.Expect) })
	}
	for f.chance(0.3) { // whoever asks again gets the same
		f.sleep(between(f.Rand, 0, 2*time.Second))
		var again wire.HoldReply
		if f.ask(wire.ActHold, r, &again) && again.Problem == nil {
			f.submit("fan", "holds", func() { w.check.held(f.id, again) })
			reply = again // the first may have lapsed meanwhile
		}
	}
	return reply, true
}

// reduce asks for a concession, a code or both, and returns the hold as it then is. Where there
// is no answer, the fan goes on with what they were shown.
func (f *fan) reduce(hold wire.HoldReply) wire.HoldReply {
	r := wire.ReductionsRequest{Hold: hold.Hold, Fan: f.id, Concessions: map[string]string{}}
	if f.chance(0.6) {
		r.Promotion = promotion
	}
	if f.chance(0.6) {
		r.Concessions[hold.Seats[0].ID] = "child"
	}
	var reply wire.HoldReply
	if !f.ask(wire.ActReduce, r, &reply) {
		return hold
	}
	if reply.Problem != nil {
		if reply.Problem.Code == wire.CodePromoUsedUp {
			f.submit("fan", "comes too late with a code", func() { f.w.counts.UsedUp++ })
		}
		return hold
	}
	f.submit("fan", "pays less", func() { f.w.check.held(f.id, reply) })
	return reply
}

func (f *fan) release(hold string) {
	f.submit("fan", "lets go", func() { f.w.check.letGo[hold] = true })
	var reply wire.StandingReply
	f.ask(wire.ActRelease, wire.ReleaseRequest{Hold: hold, Fan: f.id}, &reply)
}

// checkout marks the hold and puts the order into ORDERS. It reports whether that is
// accepted.
func (f *fan) checkout(hold wire.HoldReply, key, method string) bool {
	var reply wire.HoldReply
	r := wire.CheckoutRequest{Hold: hold.Hold, Fan: f.id, Key: key, Body: method, Quoted: hold.Quoted()}
	if !f.ask(wire.ActCheckout, r, &reply) || reply.Problem != nil || f.chance(0.03) && !f.w.isCalm() { // the gateway may die here
		return false
	}
	o := wire.OrderMessage{Order: reply.Order, Hold: hold.Hold, Event: eventID, Fan: f.id, Seats: reply.Seats,
		Total: reply.Total, Currency: reply.Currency, Payment: wire.Payment{Method: method}, At: time.Now()}
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings, numbers and instants
	}
	f.submit("fan", "pays", func() { f.w.check.paying(hold, reply) })
	ctx, cancel := context.WithTimeout(f.ctx, orderWrite)
	defer cancel()
	_, err = kv.NewStream(storeOf{f.process}, wire.OrdersStream).Create(ctx, wire.OrderSubject(eventID, o.Order), raw)
	if err != nil && !errors.Is(err, kv.ErrConflict) || errors.Is(err, kv.ErrConflict) && f.w.isTransient(err) {
		return false
	}
	f.submit("fan", "is accepted", func() { f.w.check.accepted[o.Order] = true })
	return true
}

// ask asks the writer, and once more after silence: each act carries its own id.
func (f *fan) ask(act string, request, reply any) bool {
	raw, err := json.Marshal(request)
	if err != nil {
		panic(err) // plain records
	}
	for range askAttempts {
		ctx, cancel := context.WithTimeout(f.ctx, askTimeout)
		answer, err := busOf{f.process}.Request(ctx, wire.SeatsSubject(eventID, act), raw)
		cancel()
		if err == nil {
			return json.Unmarshal(answer, reply) == nil
		}
	}
	return false
}

// key is 128 bits of chance behind a prefix, like wire's ids.
func (f *fan) key(prefix string) string { return id(f.Rand, prefix) }

func id(r *rand.Rand, prefix string) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], r.Uint64())
	binary.LittleEndian.PutUint64(b[8:], r.Uint64())
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
