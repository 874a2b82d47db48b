package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"frontrow/inventory/seating"
	"frontrow/wire"
)

// Bounds of a writer; the first three are scaled down with the halls, so that
// flushes are split and commands carried over.
const (
	maxRecords  = 15
	holdWeight  = perFan
	sellWeight  = 2 * perFan
	flushTries  = 40
	flushPause  = 250 * time.Millisecond
	settleAgain = 2 * time.Second
	settleLimit = 10 * time.Second
)

var errRestart = errors.New("flush not stored")

// writer is one term of inventory's writer: the engine is the real one, and
// what moves its decisions to the store follows inventory/writer.go and flush.go.
type writer struct {
	w      *world
	p      *proc
	name   string
	term   uint64
	guard  *guard
	engine *seating.Engine
	flushN uint64
	vouchN uint64

	queue   []command
	carried *command
	serving bool
	waiting uint64 // the turn of its wait for commands; 0: it is at work
	batch   []write
}

// command is one request on its way through a flush.
type command struct {
	weight int
	decide func(e *seating.Engine, now time.Time) (answer func(*writer))
	busy   func() // answers that nothing was changed
}

// write is a process that is writer for a term: anew as often as it must.
func (w *world) write(p *proc, term uint64) {
	guessed := uint64(0)
	for {
		wr := &writer{w: w, p: p, name: p.name, term: term}
		wr.guard = &guard{s: w.store, p: p, holder: p.name, term: term, revision: guessed}
		w.writers = append(w.writers, wr)
		err := wr.run()
		wr.serving = false
		if !errors.Is(err, errRestart) {
			if errors.Is(err, errFenced) {
				w.counts.Fenced++
			}
			w.note("%s ends: %v", p.name, err)
			return
		}
		if w.cfg.Bugs.GuessUnknown {
			guessed = wr.guard.revision
		}
		w.counts.Restarts++
		w.note("%s starts anew: %v", p.name, err)
	}
}

func (wr *writer) run() error {
	if err := wr.load(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for from := 0; ; {
		seats := wr.engine.Unopened(from, maxRecords)
		if len(seats) == 0 {
			break
		}
		wr.engine.Open(seats, wr.w.now)
		if err := wr.flush(false); err != nil {
			return fmt.Errorf("open: %w", err)
		}
		from = seats[len(seats)-1] + 1
	}
	wr.serving = true
	return wr.serve()
}

// load seizes the guard and reads every record as of then.
func (wr *writer) load() error {
	if wr.guard.revision == 0 { // not so only for whoever guesses, and sees no doubt to end
		if err := wr.guard.reassert(); err != nil {
			return err
		}
	}
	var keys []string
	for n := range wr.w.check.logged + 2 { // inventory probes for the last one; here the end is known
		keys = append(keys, logKey(n))
	}
	logs, err := wr.guard.read(keys)
	if err != nil {
		return errors.Join(errRestart, err)
	}
	for logs[logKey(wr.flushN+1)].revision > 0 {
		wr.flushN++
	}
	return wr.restore()
}

// restore gives the engine every seat's record.
func (wr *writer) restore() error {
	keys := make([]string, wr.w.index.Len())
	for seat := range keys {
		keys[seat] = wire.SeatKey(wr.w.index.ID(seat))
	}
	found, err := wr.guard.read(keys)
	if err != nil {
		return errors.Join(errRestart, err)
	}
	wr.engine = seating.NewEngine(wr.w.event, wr.w.index)
	wr.refresh()
	for seat, key := range keys {
		e := found[key]
		if e.revision == 0 {
			continue
		}
		var r wire.Seat
		if err := json.Unmarshal(e.value, &r); err != nil {
			return err
		}
		if wr.w.cfg.Bugs.ForgetKept {
			r.Kept = nil
		}
		if err := wr.engine.Restore(seat, r, e.revision); err != nil {
			return err
		}
	}
	return nil
}

func (wr *writer) refresh() {
	for level, versions := range wr.w.prices {
		wr.engine.SetPrice(level, versions[len(versions)-1])
	}
}

func logKey(n uint64) string { return wire.LogPrefix + strconv.FormatUint(n, 10) }

// serve gathers, decides, flushes and answers until the term is over.
func (wr *writer) serve() error {
	for {
		batch := wr.gather()
		now := wr.w.now
		_, unsettled := wr.engine.Expire(now, maxRecords/2)
		batch, answers := wr.decide(batch, now)
		if wr.w.cfg.Bugs.AnswerEarly {
			for _, answer := range answers {
				answer(wr)
			}
		}
		if err := wr.flush(len(batch)+len(unsettled) > 0); err != nil {
			for _, c := range batch {
				c.busy()
			}
			for _, c := range wr.queue {
				c.busy()
			}
			return err
		}
		if !wr.w.cfg.Bugs.AnswerEarly {
			for _, answer := range answers {
				answer(wr)
			}
		}
		for _, h := range unsettled {
			wr.settle(h)
		}
	}
}

// gather waits for a command, a deadline or new prices.
func (wr *writer) gather() (batch []command) {
	if wr.carried != nil {
		batch, wr.carried = append(batch, *wr.carried), nil
		return batch
	}
	if len(wr.queue) == 0 {
		wr.p.wait(func(turn uint64) {
			wr.waiting = turn
			if due, ok := wr.engine.Due(); ok {
				wr.p.after(max(due.Sub(wr.w.now), 0), wr.name, "sees a deadline", func() { wr.p.proceed(turn) })
			}
		})
		wr.waiting = 0
	}
	wr.refresh()
	return nil
}

func (wr *writer) enqueue(c command) {
	wr.queue = append(wr.queue, c)
	if wr.waiting > 0 {
		wr.p.proceed(wr.waiting)
	}
}

// decide takes what has arrived into the flush, as far as it fits.
func (wr *writer) decide(batch []command, now time.Time) ([]command, []func(*writer)) {
	var answers []func(*writer)
	for i := 0; ; i++ {
		if i == len(batch) {
			if len(wr.queue) == 0 {
				return batch, answers
			}
			batch, wr.queue = append(batch, wr.queue[0]), wr.queue[1:]
		}
		if c := batch[i]; wr.engine.Pending() > 0 && wr.engine.Pending()+c.weight > maxRecords {
			wr.carried = &c
			wr.w.counts.Carried++
			return batch[:i], answers
		}
		answers = append(answers, batch[i].decide(wr.engine, now))
	}
}

// flush stores what the engine has decided as one batch, or says that the term is over.
// With nothing to store it vouches, if somebody waits for what was decided.
func (wr *writer) flush(awaited bool) error {
	seats, acts := wr.engine.Take()
	wr.batch = nil
	if len(seats) == 0 && len(acts) == 0 {
		if !awaited || wr.w.cfg.Bugs.RefuseUnfenced {
			return nil
		}
		return wr.vouch()
	}
	for _, seat := range seats {
		raw, err := json.Marshal(wr.engine.Record(seat))
		if err != nil {
			return err
		}
		key := wire.SeatKey(wr.w.index.ID(seat))
		wr.batch = append(wr.batch, write{key: key, value: raw, on: key, expect: wr.engine.Revision(seat)})
	}
	raw, err := json.Marshal(wire.Flush{N: wr.flushN + 1, Term: wr.term, Writer: wr.name, At: wr.w.now, Acts: acts})
	if err != nil {
		return err
	}
	log := write{key: logKey(wr.flushN + 1), value: raw, on: wire.WriterKey, expect: wr.guard.revision}
	if wr.w.cfg.Bugs.NoFence {
		log.on = ""
	}
	wr.batch = append(wr.batch, log)
	last, err := wr.store()
	if err != nil {
		return err
	}
	wr.flushN++
	for i, seat := range seats {
		wr.engine.Stored(seat, last-uint64(len(seats)-i))
	}
	return nil
}

// vouch stores one record under the fence: nobody else is writer yet.
func (wr *writer) vouch() error {
	wr.vouchN++
	raw, err := json.Marshal(wire.Vouch{N: wr.vouchN, Term: wr.term, Writer: wr.name, At: wr.w.now})
	if err != nil {
		return err
	}
	wr.batch = append(wr.batch, write{key: wire.VouchKey, value: raw, on: wire.WriterKey, expect: wr.guard.revision})
	_, err = wr.store()
	return err
}

// store publishes the batch until its outcome is certain.
func (wr *writer) store() (uint64, error) {
	for try := 1; ; try++ {
		last, err := wr.w.store.publish(wr.p, publishTimeout, wr.batch)
		switch {
		case err == nil:
			return last, nil
		case errors.Is(err, errUnknown):
			return wr.readBack()
		case errors.Is(err, errConflict):
			wr.w.counts.Refused++
			if err := wr.guard.catchUp(); err != nil {
				return 0, err
			}
			return 0, errRestart
		case try == flushTries:
			return 0, errRestart
		}
		wr.p.sleep(flushPause)
	}
}

// readBack ends the doubt about a batch.
func (wr *writer) readBack() (uint64, error) {
	if wr.w.cfg.Bugs.GuessUnknown {
		return 0, errRestart
	}
	last := wr.batch[len(wr.batch)-1]
	found, err := wr.guard.settle([]string{last.key})
	if err != nil {
		return 0, err
	}
	if e, ok := found[last.key]; ok && bytes.Equal(e.value, last.value) {
		wr.w.counts.UnknownStored++
		return e.revision, nil
	}
	wr.w.counts.UnknownLost++
	return 0, errRestart
}

// settle asks the ledger about a hold in checkout whose deadline has passed
// and gives the writer its answer. Without an answer the hold stays.
func (wr *writer) settle(h seating.Ended) {
	w := wr.w
	free := func(e *seating.Engine, now time.Time) func(*writer) {
		e.Release(wire.ReleaseRequest{Hold: h.Hold, Order: h.Order, Why: "the deadline passed during the checkout"}, now)
		return func(*writer) {}
	}
	own := command{weight: sellWeight, busy: func() {}, decide: free}
	if w.cfg.Bugs.ExpireBlindly {
		wr.enqueue(own)
		return
	}
	w.spawn("settle "+h.Order[:6], func(p *proc) {
		o, err := w.ledger.ask(p, settleLimit, func() order { return w.ledger.giveUp(h.Order, h.Fan) })
		switch {
		case err != nil:
			own.decide = func(e *seating.Engine, now time.Time) func(*writer) {
				e.Postpone(h.Hold, now.Add(settleAgain))
				return func(*writer) {}
			}
		case o.state == wire.OrderPaid:
			w.counts.DeadlinePaid++
			own.decide = func(e *seating.Engine, now time.Time) func(*writer) {
				e.Confirm(wire.ConfirmRequest{Hold: h.Hold, Order: h.Order, Fan: h.Fan, Seats: o.msg.Seats}, now)
				return func(*writer) {}
			}
		default:
			w.counts.DeadlineFailed++
		}
		if !wr.p.ended {
			wr.enqueue(own)
		}
	})
}

// fence is the highest revision among a hold's stored seats.
func (wr *writer) fence(hold string) (top uint64) {
	for seat := range wr.w.index.Len() {
		if wr.engine.Record(seat).Hold == hold {
			top = max(top, wr.engine.Revision(seat))
		}
	}
	return top
}
