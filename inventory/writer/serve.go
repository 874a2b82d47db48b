package writer

import (
	"context"
	"errors"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"
)

// maxCommands bounds those decided for one flush.
const maxCommands = 4096

// batch is what is decided together and stored as one flush.
type batch struct {
	commands []command // in the order of their decisions
	notices  []notice  // that follow from them, once all is stored
	leaves   bool      // somebody waits for it, or it changes something

	stores  bool          // something beside a vouch; set when it leaves, as are
	seats   []int         // that it changes
	changes []wire.Change // what it leaves them in, in the same order
	acts    int
}

// outcome of a batch that has left.
type outcome struct {
	last kv.Revision // of its last record
	err  error
}

// serve decides what arrives and stores it, batch after batch, until something
// ends the term. While one batch is in flight the next is decided on top of it;
// it leaves only when the first is known to be stored, and nobody is answered
// before that, so if the first is not stored, neither counts.
func (t *term) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	t.stockChanged = true
	for {
		if t.engine.Promises() {
			t.promises()
		}
		t.expire(MaxSeats / 2) // so that commands have room as well
		t.drain()
		now := t.cfg.Now()
		t.follow(ctx, t.flying == nil && !t.deciding.leaves)
		waits := t.behind.full(now)
		if t.flying == nil && t.deciding.leaves && !waits {
			t.launch(ctx)
			continue
		}
		arrivals := t.queue
		if t.full() {
			arrivals = nil
		}
		if t.flying == nil && !waits {
			t.publishStock()
			timer.Reset(t.sleep())
		}
		select {
		case <-ctx.Done():
			return t.end(nil)
		case err := <-t.behind.written:
			if err := t.followed(err); err != nil {
				return t.end(err)
			}
		case <-t.event.facts.Changed():
			t.decide(command{act: actFacts, request: t.event.now()})
		case acts := <-t.priceActs:
			t.decide(command{act: actPrices, request: &pastPrices{acts}})
		case c := <-arrivals:
			t.take(c)
		case o := <-t.landed:
			if err := t.land(o); err != nil {
				return t.abandon(err)
			}
		case <-timer.C:
		}
	}
}

// end waits for what is in flight, and abandons the rest.
func (t *term) end(err error) error {
	if t.flying != nil {
		err = errors.Join(err, t.land(<-t.landed))
	}
	return t.abandon(err)
}

// sleep is how long nothing needs to be done.
func (t *term) sleep() time.Duration {
	now := t.cfg.Now()
	wait := t.sweptAt.Add(sweepEvery).Sub(now)
	if due, ok := t.engine.Due(); ok {
		wait = due.Sub(now)
	}
	if t.stockChanged {
		wait = min(wait, t.stockAt.Add(stockEvery).Sub(now))
	}
	if due, ok := t.behind.due(); ok {
		wait = min(wait, due.Sub(now))
	}
	return max(wait, 0)
}

// full reports whether the next command has to wait for the next batch.
func (t *term) full() bool { return t.carried != nil || len(t.deciding.commands) >= maxCommands }

// drain decides what has arrived.
func (t *term) drain() {
	for !t.full() {
		select {
		case c := <-t.queue:
			t.take(c)
		default:
			return
		}
	}
}

// take decides a command, or keeps it for the next batch if this has no room.
func (t *term) take(c command) {
	if c.late(t.cfg.Now()) {
		t.metrics.late.Inc()
		t.answer(c, wire.Reply{Problem: wire.Busy("We could not get to this in time. Please try again.")})
		return
	}
	if t.engine.Pending() > 0 && t.engine.Pending()+c.weight > MaxSeats {
		t.carried = &c
		return
	}
	switch r := c.request.(type) {
	case *verdict:
		delete(t.asked, r.hold.Hold)
	case *wire.ConfirmRequest:
		if !t.engine.Has(r.Hold, r.Seats) {
			if c.among != nil {
				t.say(c, []byte(wire.AnsweredAlone))
				return
			}
			t.confirmBeside(c)
			return
		}
	}
	t.decide(c)
	t.deciding.leaves = true
}

// decide decides a command now, in the batch that leaves next.
func (t *term) decide(c command) (reply any) {
	c.at = t.cfg.Now().UTC()
	var notices []notice
	c.reply, notices = decide(t.engine, c.request, c.at)
	t.deciding.commands = append(t.deciding.commands, c)
	t.deciding.notices = append(t.deciding.notices, notices...)
	return c.reply
}

// expire ends what is due, until the batch has most records, or as many more as
// the last hold has seats.
func (t *term) expire(most int) {
	now := t.cfg.Now().UTC()
	if now.Sub(t.sweptAt) >= sweepEvery {
		t.sweptAt, t.stockChanged = now, true // STOCK is said again, whatever has become of it
		t.sweep(now)
	}
	if due, ok := t.engine.Due(); !ok || due.After(now) || t.engine.Pending() >= most {
		return
	}
	r := t.decide(command{act: actExpire, request: &expiry{most}}).(expired)
	for _, h := range r.overdue {
		t.asked[h.Hold] = true
	}
	t.deciding.leaves = t.deciding.leaves || len(r.freed) > 0 || len(r.overdue) > 0
}

// sweep is the safety net under the deadlines: it looks at every hold for one
// that is overdue and that nothing is about to end.
func (t *term) sweep(now time.Time) {
	for _, h := range t.engine.Overdue(now) {
		if !t.asked[h.Hold] {
			t.cfg.Logger.Error("a hold was missed by its deadline", "event", t.event.id, "hold", h.Hold)
			t.decide(command{act: actPostpone, request: &postponed{h.Hold}})
		}
	}
}

// launch sends the batch decided. One with nothing to store vouches instead: what it
// refuses, and the deadlines that the ledger is asked about, are the writer's to say.
func (t *term) launch(ctx context.Context) {
	t.expire(MaxSeats - wire.MaxPerFan) // in the room that commands have left
	b := t.deciding
	if t.prepare(b); !b.stores {
		t.vouch()
	}
	t.deciding, t.flying = &batch{commands: make([]command, 0, len(b.commands))}, b
	go func() { // the flight is this goroutine's until it has landed
		failpoint.Here(failpoint.Decided)
		last, err := t.store(ctx)
		t.landed <- outcome{last, err}
	}()
	if t.carried != nil {
		c := *t.carried
		t.carried = nil
		t.take(c)
	}
}

// land notes what was stored and answers.
func (t *term) land(o outcome) error {
	if o.err != nil {
		return o.err
	}
	failpoint.Here(failpoint.FlushStored)
	b := t.flying
	t.flying = nil
	if b.stores {
		t.stored(b, o.last)
	}
	t.finish(b)
	return nil
}

// finish answers a batch that is stored, tells whom it concerns, and has the ledger
// asked about what is overdue.
func (t *term) finish(b *batch) {
	for i := range b.commands {
		t.complete(&b.commands[i])
	}
	t.answers <- b.commands
	var overdue []seating.Ended
	for _, c := range b.commands {
		if r, ok := c.reply.(expired); ok {
			t.metrics.expired.Add(float64(len(r.freed)))
			overdue = append(overdue, r.overdue...)
			for range r.freed {
				failpoint.Here(failpoint.HoldExpired)
			}
		}
	}
	for _, n := range b.notices {
		t.notify(n)
	}
	for _, h := range overdue {
		t.askBeside(h)
	}
	t.publishStock()
}

// complete says in a reply what is known only now that its decision is stored.
func (t *term) complete(c *command) {
	switch r := c.reply.(type) {
	case wire.ExtendReply:
		r.Revision = t.engine.Fence(c.request.(*wire.ExtendRequest).Hold)
		c.reply = r
	case wire.Stock:
		c.reply = t.counted(r)
	case wire.SeatReply:
		r.Seat.Flush, r.Seat.Revision = t.engine.StoredIn(c.request.(*wire.SeatRequest).Seat)
		c.reply = r
	}
}

// counted is a stock of which everything is stored.
func (t *term) counted(s wire.Stock) wire.Stock {
	s.Flush, s.Writer, s.Term = t.flushN, t.cfg.Name, t.number
	return s
}

func (t *term) publishStock() {
	if now := t.cfg.Now(); t.stockChanged && now.Sub(t.stockAt) >= stockEvery {
		t.stock.put(t.counted(t.engine.Stock(now.UTC())))
		t.stockChanged, t.stockAt = false, now
	}
}

// abandon tells those whose commands were not stored to try again. The writer's own
// goroutines see the term end.
func (t *term) abandon(err error) error {
	over := wire.Reply{Problem: wire.Busy("The seats are being moved to another server. Nothing is lost: try again in a moment.")}
	refuse := func(c command) {
		if c.done == nil {
			t.answer(c, over)
		}
	}
	for _, b := range []*batch{t.flying, t.deciding} {
		if b == nil {
			continue
		}
		for _, c := range b.commands {
			refuse(c)
		}
	}
	if t.carried != nil {
		refuse(*t.carried)
	}
	for {
		select {
		case c := <-t.queue:
			refuse(c)
		default:
			return err
		}
	}
}
