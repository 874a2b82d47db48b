package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// Bounds of a writer.
const (
	maxRecords   = kv.MaxBatch - 1 // of seats in one flush, beside its log record
	maxQueue     = 16384           // commands waiting for a flush; more are refused
	flushTimeout = 5 * time.Second // for one acknowledgement
	flushTries   = 40              // while the stream has no leader: with the pauses, about 10 s
	flushPause   = 250 * time.Millisecond
	settleAgain  = 2 * time.Second        // before the ledger is asked again about a hold in checkout
	stockEvery   = 250 * time.Millisecond // between two publications of the counters
)

// errRestart ends a term in which the engine may know more than is stored.
var errRestart = errors.New("flush not stored: starting anew from the records")

// writer is one term of one event: from seizing the guard until it is lost.
type writer struct {
	event  *event
	name   string
	term   uint64
	nc     *nats.Conn
	stream *kv.Stream
	guard  *kv.Guard
	engine *Engine
	flushN uint64 // number of the last flush stored

	queue   chan command
	carried *command // decided in the next flush: it didn't fit the last
	settle  func(wire.Event, Ended, *writer)
	now     func() time.Time
	logger  *slog.Logger
	metrics *metrics
	stock   *stockPublisher
	dirty   bool // the stock has changed since it was published
	stockAt time.Time

	msgs []kv.Msg
}

// run is one term. It returns when ctx ends, when somebody else is writer
// (kv.ErrFenced), or when it has to start anew.
func (w *writer) run(ctx context.Context) error {
	started := w.now()
	if err := w.load(ctx); err != nil {
		return fmt.Errorf("load seats of %s: %w", w.event.id, err)
	}
	if err := w.open(ctx); err != nil {
		return fmt.Errorf("open seats of %s: %w", w.event.id, err)
	}
	sub, err := w.nc.Subscribe(wire.SeatsAll(w.event.id), w.receive)
	if err != nil {
		return err
	}
	// Flushed, so that whoever sees us as writer finds us listening.
	if err := w.nc.FlushTimeout(flushTimeout); err != nil {
		return errors.Join(err, sub.Unsubscribe())
	}
	w.logger.Info("writer of seats", "event_id", w.event.id, "term", w.term, "seats", w.event.index.Len(), "flush", w.flushN, "took", w.now().Sub(started))
	w.metrics.writing.Inc()
	defer w.metrics.writing.Dec()
	err = w.serve(ctx)
	err = errors.Join(err, sub.Unsubscribe())
	w.refuseQueued()
	return err
}

// load seizes the guard and reads every record up to it.
func (w *writer) load(ctx context.Context) error {
	guard, err := kv.Seize(ctx, w.stream, wire.WriterKey, w.name, w.term)
	if err != nil {
		return err
	}
	w.guard = guard
	if w.flushN, err = w.lastFlush(ctx); err != nil {
		return err
	}
	w.engine = NewEngine(w.event.current(), w.event.index)
	w.event.refresh(w.engine)
	return w.restore(ctx)
}

// restore reads every seat's record, at least as new as the guard.
func (w *writer) restore(ctx context.Context) error {
	keys := make([]string, w.event.index.Len())
	for seat := range keys {
		keys[seat] = wire.SeatKey(w.event.index.Seat(seat).ID)
	}
	found, err := w.guard.Settle(ctx, keys)
	if err != nil {
		return err
	}
	for seat, key := range keys {
		e, ok := found[key]
		if !ok {
			continue
		}
		var r wire.Seat
		if err := json.Unmarshal(e.Value, &r); err != nil {
			return fmt.Errorf("record %s: %w", key, err)
		}
		if err := w.engine.Restore(seat, r, uint64(e.Revision)); err != nil {
			return err
		}
	}
	return nil
}

// lastFlush finds the highest log number. They have no gaps, so powers of two
// bound it, and a search of many keys at a time finds it.
func (w *writer) lastFlush(ctx context.Context) (uint64, error) {
	const fanOut = 512
	probe := make([]uint64, 0, fanOut)
	for bit := range 40 {
		probe = append(probe, 1<<bit)
	}
	low, high := uint64(0), uint64(1)<<40
	for high-low > 1 {
		keys := make([]string, len(probe))
		for i, n := range probe {
			keys[i] = logKey(n)
		}
		found, err := w.guard.Settle(ctx, keys)
		if err != nil {
			return 0, fmt.Errorf("find the last flush: %w", err)
		}
		for i, n := range probe {
			if _, ok := found[keys[i]]; ok {
				low = max(low, n)
			} else {
				high = min(high, n)
			}
		}
		step := max((high-low)/fanOut, 1)
		probe = probe[:0]
		for n := low + step; n < high; n += step {
			probe = append(probe, n)
		}
	}
	return low, nil
}

func logKey(n uint64) string { return wire.LogPrefix + strconv.FormatUint(n, 10) }

// open gives every seat without a record its first one.
func (w *writer) open(ctx context.Context) error {
	for from := 0; ; {
		seats := w.engine.Unopened(from, maxRecords)
		if len(seats) == 0 {
			return nil
		}
		w.engine.Open(seats, w.now().UTC())
		if err := w.flush(ctx); err != nil {
			return err
		}
		from = seats[len(seats)-1] + 1
	}
}

// serve gathers, decides, flushes and answers until something ends the term.
func (w *writer) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []command
	w.dirty = true
	for {
		batch = batch[:0]
		if w.carried != nil {
			batch, w.carried = append(batch, *w.carried), nil
		} else {
			select {
			case <-ctx.Done():
				return nil
			case <-w.event.changed:
				w.event.refresh(w.engine)
			case c := <-w.queue:
				batch = append(batch, c)
			case <-timer.C:
			}
		}
		now := w.now().UTC()
		freed, unsettled := w.engine.Expire(now, maxRecords/2)
		batch, answers := w.decide(batch, now)
		if err := w.flush(ctx); err != nil {
			for _, c := range batch {
				c.answer(wire.Reply{Problem: wire.Busy("The seats are being taken over; nothing was changed. Try again.")})
			}
			return err
		}
		for i, c := range batch {
			c.answer(answers[i](w.engine))
		}
		w.tell(freed, unsettled)
		w.publishStock()
		timer.Reset(w.next())
	}
}

// decide takes what has arrived into the flush, as far as it fits.
func (w *writer) decide(batch []command, now time.Time) ([]command, []func(*Engine) any) {
	var answers []func(*Engine) any
	for i := 0; ; i++ {
		if i == len(batch) {
			select {
			case c := <-w.queue:
				batch = append(batch, c)
			default:
				return batch, answers
			}
		}
		if c := batch[i]; w.engine.Pending() > 0 && w.engine.Pending()+c.weight > maxRecords {
			w.carried = &c
			return batch[:i], answers
		}
		answers = append(answers, batch[i].decide(w.engine, now))
	}
}

// next is how long the writer may sleep.
func (w *writer) next() time.Duration {
	wait := time.Minute
	if due, ok := w.engine.Due(); ok {
		wait = due.Sub(w.now())
	}
	if w.dirty {
		wait = min(wait, w.stockAt.Add(stockEvery).Sub(w.now()))
	}
	return max(wait, 0)
}

// tell sends what deadlines have ended to those concerned.
func (w *writer) tell(freed, unsettled []Ended) {
	for _, h := range freed {
		notify(w.nc, w.event.id, h.Fan, wire.Notice{Kind: "hold", Hold: h.Hold, State: "expired", At: w.now().UTC()})
	}
	w.metrics.expired.Add(float64(len(freed)))
	for _, h := range unsettled {
		w.settle(w.event.current(), h, w)
	}
}

func (w *writer) publishStock() {
	if now := w.now(); w.dirty && now.Sub(w.stockAt) >= stockEvery {
		s := w.engine.Stock(now.UTC())
		s.Flush, s.Writer = w.flushN, w.name
		w.stock.put(s)
		w.dirty, w.stockAt = false, now
	}
}

// refuseQueued answers what was not decided in this term.
func (w *writer) refuseQueued() {
	for {
		select {
		case c := <-w.queue:
			c.answer(wire.Reply{Problem: wire.Busy("The seats are being taken over; nothing was changed. Try again.")})
		default:
			return
		}
	}
}

func notify(nc *nats.Conn, event, fan string, n wire.Notice) {
	if raw, err := json.Marshal(n); err == nil && fan != "" {
		_ = nc.Publish(wire.NoticeSubject(event, fan), raw) // best effort: GET tells the truth
	}
}
