package inventory

import (
	"context"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"
)

// batch is what is decided together and stored as one flush.
type batch struct {
	commands         []command
	answers          []func(*seating.Engine) any // to the commands, once all is stored
	freed, unsettled []seating.Ended             // by deadlines
	returned         []seating.Returned          // unbought
	stores           bool                        // something beside a vouch; set when it leaves, as are
	seats            []int                       // whose records it changes
}

// outcome of a batch that has left.
type outcome struct {
	last kv.Revision // of its last record
	err  error
}

// reply is an answer on its way out.
type reply struct {
	to   command
	what any
}

// serve decides what arrives and stores it, batch after batch, until something
// ends the term. While one batch is in flight the next is decided on top of it;
// it leaves only when the first is known to be stored, and nobody is answered
// before that, so if the first is not stored, neither counts.
func (w *writer) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	w.deciding, w.dirty = &batch{}, true
	for {
		w.expire(maxRecords / 2) // so that commands have room as well
		w.drain()
		if w.flying == nil && !w.deciding.empty() {
			w.launch(ctx)
			continue
		}
		arrivals := w.queue
		if w.full() {
			arrivals = nil
		}
		if w.flying == nil {
			w.publishStock()
			timer.Reset(w.next())
		}
		select {
		case <-ctx.Done():
			if w.flying != nil {
				return w.abandon(w.land(<-w.landed))
			}
			return w.abandon(nil)
		case <-w.event.changed:
			w.event.refresh(w.engine)
		case c := <-arrivals:
			w.take(c)
		case o := <-w.landed:
			if err := w.land(o); err != nil {
				return w.abandon(err)
			}
		case <-timer.C:
		}
	}
}

func (b *batch) empty() bool {
	return len(b.commands) == 0 && len(b.freed) == 0 && len(b.unsettled) == 0
}

// full tells whether the next command has to wait for the next batch.
func (w *writer) full() bool { return w.carried != nil || len(w.deciding.commands) >= maxCommands }

// expire ends what is due, until the batch has most records, or as many more as
// the last hold has seats.
func (w *writer) expire(most int) {
	now := w.now().UTC()
	if now.Sub(w.sweptAt) >= sweepEvery {
		w.sweptAt, w.dirty = now, true // STOCK is said again, whatever has become of it
		w.sweep(now)
	}
	if due, ok := w.engine.Due(); !ok || due.After(now) {
		return
	}
	freed, unsettled := w.engine.Expire(now, most)
	w.deciding.freed = append(w.deciding.freed, freed...)
	w.deciding.unsettled = append(w.deciding.unsettled, unsettled...)
	for _, h := range unsettled {
		w.asking[h.Hold] = true
	}
}

// drain decides what has arrived.
func (w *writer) drain() {
	for !w.full() {
		select {
		case c := <-w.queue:
			w.take(c)
		default:
			return
		}
	}
}

// take decides a command, or keeps it for the next batch if this has no room.
func (w *writer) take(c command) {
	if w.engine.Pending() > 0 && w.engine.Pending()+c.weight > maxRecords {
		w.carried = &c
		return
	}
	w.deciding.commands = append(w.deciding.commands, c)
	w.deciding.answers = append(w.deciding.answers, c.decide(w.engine, w.now().UTC()))
}

// launch sends the batch decided. One with nothing to store vouches instead: what it
// refuses, and the deadlines that the ledger is asked about, are the writer's to say.
func (w *writer) launch(ctx context.Context) {
	w.expire(maxRecords - wire.MaxPerFan) // in the room that commands have left
	seats := w.prepare()
	b := w.deciding
	b.returned = w.engine.Returned()
	w.deciding = &batch{}
	if b.stores = len(w.msgs) > 0; !b.stores {
		w.vouch()
	}
	b.seats, w.flying = seats, b
	go func() { // nothing else uses msgs, flushN or the guard until it has landed
		failpoint.Here(failpoint.Decided)
		last, err := w.store(ctx)
		w.landed <- outcome{last, err}
	}()
	if w.carried != nil {
		c := *w.carried
		w.carried = nil
		w.take(c)
	}
}

// land notes what was stored and answers.
func (w *writer) land(o outcome) error {
	if o.err != nil {
		return o.err
	}
	failpoint.Here(failpoint.FlushStored)
	b := w.flying
	w.flying = nil
	if b.stores {
		w.stored(b.seats, o.last)
	}
	w.finish(b)
	return nil
}

// finish answers a batch that is stored.
func (w *writer) finish(b *batch) {
	replies := make([]reply, 0, len(b.commands))
	for i, c := range b.commands {
		replies = append(replies, reply{c, b.answers[i](w.engine)})
	}
	w.replies <- replies
	for _, h := range b.freed {
		failpoint.Here(failpoint.HoldExpired)
		notify(w.nc, w.event.id, h.Fan, wire.Notice{Kind: "hold", Hold: h.Hold, State: "expired", At: w.now().UTC()})
	}
	for _, h := range b.returned {
		if !h.Faultless {
			notify(w.nc, w.event.id, h.Fan, wire.Notice{Kind: wire.NoticeReturn, Hold: h.Hold, Net: h.Net, Seats: h.Seats, At: w.now().UTC()})
		}
	}
	w.metrics.expired.Add(float64(len(b.freed)))
	for _, h := range b.unsettled {
		w.settle(h)
	}
	w.publishStock()
}

// abandon tells those whose commands were not stored to try again.
func (w *writer) abandon(err error) error {
	for _, b := range []*batch{w.flying, w.deciding} {
		if b == nil {
			continue
		}
		for _, c := range b.commands {
			c.answer(takenOver())
		}
	}
	if w.carried != nil {
		w.carried.answer(takenOver())
	}
	for {
		select {
		case c := <-w.queue:
			c.answer(takenOver())
		default:
			return err
		}
	}
}

func takenOver() wire.Reply {
	return wire.Reply{Problem: wire.Busy("The seats are being taken over. Please try again.")}
}

// sweep is the safety net under the deadlines: it looks at every hold for one
// that is overdue and that nothing is about to end.
func (w *writer) sweep(now time.Time) {
	for _, h := range w.engine.Overdue(now) {
		if !w.asking[h.Hold] {
			w.logger.Error("a hold was missed by its deadline", "event_id", w.event.id)
			w.engine.Postpone(h.Hold, now)
		}
	}
}
