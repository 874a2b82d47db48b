package inventory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a recovery.
const (
	readAhead   = 100_000 // records the server may send ahead of us
	decodePart  = 2000    // records decoded by one goroutine
	readTimeout = 30 * time.Second
	readStall   = 3 * time.Second // without a record: the server that sent them may be gone
	readAttempt = 2 * time.Second
	readAgain   = 5 * time.Millisecond // before a replica that lags is asked again
)

// load seizes the guard and reads every record as of then.
func (w *writer) load(ctx context.Context) error {
	guard, err := kv.Seize(ctx, w.stream, wire.WriterKey, w.name, w.term)
	if err != nil {
		return err
	}
	failpoint.Here(failpoint.GuardSeized)
	w.guard = guard
	if w.flushN, err = w.lastFlush(ctx); err != nil {
		return err
	}
	w.engine = seating.NewEngine(w.event.current(), w.event.index)
	w.event.refresh(w.engine)
	if err := w.restore(ctx); err != nil {
		return err
	}
	// Records read while somebody else was writer already would be a torn
	// picture, and a decision that changes nothing is not fenced by a flush.
	return w.guard.Check(ctx)
}

// restore gives the engine every seat's record.
func (w *writer) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		read, err := w.readUnlessStalled(ctx)
		switch {
		case err == nil:
			return w.repair(ctx, read.restore(w.engine))
		case !errors.Is(err, errStalled) || ctx.Err() != nil:
			return err
		}
	}
}

// errStalled: no record came for so long that a fresh start is the quicker way.
var errStalled = errors.New("reading the seats stands still")

// readUnlessStalled is read, given up once no record has come for readStall. What
// is given up ends by itself, soon after: the client library asks for another
// consumer for some seconds, whatever the context says.
func (w *writer) readUnlessStalled(ctx context.Context) (*stored, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(readStall, func() { cancel(errStalled) })
	defer stall.Stop()
	type result struct {
		read *stored
		err  error
	}
	done := make(chan result, 1)
	guard := w.guard.Fence().Revision
	go func() {
		read, err := w.read(ctx, guard, func() { stall.Reset(readStall) })
		done <- result{read, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return r.read, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read reads every seat's record. One consumer tells the last record of each seat
// in the order of their revisions, and the guard's among them: when it has come at
// the revision just written, all before it have, from whichever replica, and
// nothing of earlier terms is stored after. goes is told of each record.
func (w *writer) read(ctx context.Context, upto kv.Revision, goes func()) (*stored, error) {
	guard := w.stream.Subject(wire.WriterKey)
	consumer, err := w.js.OrderedConsumer(ctx, wire.KVStream(wire.SeatsBucket(w.event.id)), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{w.stream.Subject(wire.SeatPrefix + ">"), guard}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullExpiry(readAttempt), jetstream.PullHeartbeat(readAttempt/4))
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	read := &stored{index: w.event.index}
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		goes()
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		if m.Subject() != guard {
			read.add(record{key: strings.TrimPrefix(m.Subject(), w.stream.Subject("")), raw: m.Data(), revision: meta.Sequence.Stream})
		} else if kv.Revision(meta.Sequence.Stream) >= upto {
			return read, nil
		}
	}
}

// record is a seat's, as it was read and decoded.
type record struct {
	key      string
	raw      []byte
	revision uint64
	seat     int
	spoiled  bool // raw can't be read
	wire.Seat
}

// stored are all records, decoded in parts, while others are being read.
type stored struct {
	index    *plan.Index
	parts    [][]record
	decoding sync.WaitGroup
}

func (r *stored) add(one record) {
	last := len(r.parts) - 1
	if last < 0 || len(r.parts[last]) == cap(r.parts[last]) {
		r.decode()
		r.parts = append(r.parts, make([]record, 0, decodePart))
		last++
	}
	r.parts[last] = append(r.parts[last], one)
}

// decode begins with the last part.
func (r *stored) decode() {
	if len(r.parts) == 0 {
		return
	}
	part := r.parts[len(r.parts)-1]
	r.decoding.Go(func() {
		for i := range part {
			id, _ := wire.SeatOfKey(part[i].key)
			seat, ok := r.index.Lookup(id)
			if !ok {
				part[i].seat = -1 // not of the plan: the audit tells
				continue
			}
			var err error
			part[i].Seat, err = wire.Read[wire.Seat](part[i].key, part[i].raw)
			if part[i].seat, part[i].spoiled = seat, err != nil; err == nil {
				part[i].raw = nil
			}
		}
	})
}

// restore gives the engine the last record of each seat, in the order of the plan,
// and returns those that can't be read.
func (r *stored) restore(e *seating.Engine) (spoiled []record) {
	r.decode()
	r.decoding.Wait()
	last := make([]*record, r.index.Len())
	for _, part := range r.parts {
		for i := range part {
			if seat := part[i].seat; seat >= 0 {
				last[seat] = &part[i]
			}
		}
	}
	for seat, one := range last {
		if one == nil {
			continue
		}
		if one.spoiled || e.Restore(seat, one.Seat, one.revision) != nil {
			spoiled = append(spoiled, *one)
		}
	}
	return spoiled
}

// fresh reads up to 999 records at least as new as the guard: an answer
// that shows the guard's record at its revision comes from a replica that has
// applied whatever was stored before, and nothing of earlier terms is stored after.
func (w *writer) fresh(ctx context.Context, keys []string) (map[string]kv.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ask := append([]string{wire.WriterKey}, keys...)
	for {
		attempt, done := context.WithTimeout(ctx, readAttempt)
		found, err := w.stream.Latest(attempt, ask)
		done()
		if err == nil && found[wire.WriterKey].Revision >= w.guard.Fence().Revision {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read %d records: %w", len(keys), errors.Join(ctx.Err(), err))
		case <-time.After(readAgain):
		}
	}
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
		found, err := w.fresh(ctx, keys)
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

// open gives every seat without a record its first one. Nothing may be offered
// that is sold, and streams without records may be new because the old ones are
// lost: so a writer that opens seats waits for the ledger's bookings, and
// stores what is sold before what is free. A crash in between leaves seats
// without a record, and the next writer asks again.
func (w *writer) open(ctx context.Context) error {
	if len(w.engine.Unopened(0, 1)) == 0 {
		return w.flush(ctx) // repairs, if there are any
	}
	if err := w.rebuild(ctx); err != nil {
		return err
	}
	failpoint.Here(failpoint.SoldRebuilt)
	for from := 0; ; {
		seats := w.engine.Unopened(from, maxRecords)
		if len(seats) == 0 {
			return nil
		}
		w.engine.Open(seats, w.now().UTC())
		if err := w.flush(ctx); err != nil {
			return err
		}
		failpoint.Here(failpoint.SeatsOpened)
		from = seats[len(seats)-1] + 1
	}
}

// bookings is what the ledger has booked. Where nothing was ever offered under
// this stream's revisions, they begin anew, and the ledger is told so first:
// the guard's is the highest so far, every hold will be above it, and what was
// being bought under the old ones has no hold any more.
func (w *writer) bookings(ctx context.Context) ([]ledger.Booking, error) {
	if seats := w.event.index.Len(); len(w.engine.Unopened(0, seats))+len(w.engine.Sold()) == seats {
		return w.ledger.Reopen(ctx, w.event.id, uint64(w.guard.Fence().Revision))
	}
	return w.ledger.Bookings(ctx, w.event.id)
}

// rebuild stores as sold what the ledger has booked.
func (w *writer) rebuild(ctx context.Context) error {
	var bookings []ledger.Booking
	for {
		var err error
		if bookings, err = w.bookings(ctx); err == nil {
			break
		}
		w.logger.Warn("seats are not opened before the ledger says which are sold", "event_id", w.event.id, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(ledgerRetry):
		}
	}
	orders := 0
	for _, r := range diff(w.engine.Sold(), bookings) {
		if !r.Booked {
			continue // the first reconciliation looks into it
		}
		if w.engine.Pending()+2*wire.MaxPerFan > maxRecords {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
		if p := sell(w.engine, r, w.now().UTC()); p != nil {
			w.logger.Error("a booking can't be made true", "event_id", w.event.id, "order_id", r.Order, "err", p)
			continue
		}
		orders++
	}
	if orders > 0 {
		w.logger.Warn("seats sold are rebuilt from the ledger", "event_id", w.event.id, "orders", orders)
		w.metrics.repairs.WithLabelValues(repairSold).Add(float64(orders))
	}
	return w.flush(ctx)
}
