package writer

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"
)

// openPart bounds the seats opened by one flush; their log record is short.
const openPart = 5000

// load seizes both guards, the log's and the records', and reads what is stored as of then.
func (t *term) load(ctx context.Context) (err error) {
	if t.guard, err = kv.Seize(ctx, t.stream, wire.WriterKey, t.cfg.Name, t.number); err != nil {
		return err
	}
	failpoint.Here(failpoint.GuardSeized)
	if t.recorder, err = kv.Seize(ctx, t.stream, wire.RecordsKey, t.cfg.Name, t.number); err != nil {
		return err
	}
	stored, err := t.read(ctx)
	if err == nil {
		err = t.restore(ctx, stored)
	}
	if err != nil {
		return err
	}
	// Records read while somebody else was writer already would be a torn
	// picture, and a decision that changes nothing is not fenced by a flush.
	return t.guard.Check(ctx)
}

// stored is what a new writer finds.
type stored struct {
	at     wire.Checkpoint // how far the records have come
	last   []*record       // of each seat, in the order of the plan; nil: none
	log    tale            // behind the checkpoint, if there is one
	broken error           // the log is
}

// read reads the records and the log behind them at once, and meanwhile makes an engine of an
// event none of whose seats has a record.
func (t *term) read(ctx context.Context) (s *stored, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s = &stored{}
	if s.at, err = t.readCheckpoint(ctx); err != nil {
		return nil, err
	}
	var beside sync.WaitGroup
	beside.Go(func() {
		t.engine = seating.NewEngine(t.event.facts.Record(), t.event.index)
		decide(t.engine, t.event.now(), t.cfg.Now().UTC())
	})
	if s.at.Sum != "" {
		beside.Go(func() { s.log, s.broken = t.log(ctx, s.at) })
	}
	if s.last, err = t.readRecords(ctx); err != nil {
		cancel()
	}
	beside.Wait()
	return s, err
}

// restore gives the engine what the records and the log behind them say of every seat. If
// the records are not those that the last writer has left, the log alone counts, all of it.
func (t *term) restore(ctx context.Context, s *stored) (err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	t.behind.at = s.at
	for seat, r := range s.last {
		if r != nil {
			t.behind.sums[seat] = r.sum
			t.behind.sum += r.sum
		}
	}
	if s.at.Sum == "" {
		older, err := t.adopts(ctx, s.last)
		if err != nil {
			return err
		}
		if older {
			return t.adopt(ctx, s.last)
		}
	}
	whole := s.at.Sum != strconv.FormatUint(t.behind.sum, 16)
	if whole {
		if s.at.Sum != "" {
			t.cfg.Logger.Error("the seats' records are not as a writer left them: all of the log is read", "event", t.event.id)
			s.at = wire.Checkpoint{}
		}
		s.log, s.broken = t.log(ctx, s.at)
	}
	if s.broken != nil {
		return s.broken
	}
	if !whole && s.at.Flush > 0 && s.log.from == 0 {
		t.foreign(wire.CheckpointKey)
		whole, t.behind.at = true, wire.Checkpoint{}
	}
	told, err := t.replay(ctx, s.log)
	if err != nil {
		return err
	}
	if whole {
		t.behind.stale = true
		t.distrust(s.last, told)
	} else if err := t.ahead(s.last); err != nil {
		return err
	}
	return t.restoreSeats(ctx, s.last, told)
}

// readCheckpoint returns how far the records have come; a checkpoint that can't be read is
// none.
func (t *term) readCheckpoint(ctx context.Context) (at wire.Checkpoint, err error) {
	found, err := t.fresh(ctx, []string{wire.CheckpointKey})
	if err != nil {
		return at, fmt.Errorf("read the checkpoint: %w", err)
	}
	e, ok := found[wire.CheckpointKey]
	if !ok {
		return at, nil
	}
	at, err = records.Read[wire.Checkpoint](t.spoiled, t.stream.Name(), e)
	switch {
	case wire.SpoiledKind(err) == wire.SpoiledNewer:
		return at, err // who wrote it knows more
	case err != nil:
		t.foreign(e.Key)
		return wire.Checkpoint{}, nil
	}
	return at, nil
}

// replay returns what the log says of each seat last, and notes how far it goes.
func (t *term) replay(ctx context.Context, log tale) (told []stand, err error) {
	var at time.Time
	told = make([]stand, t.event.index.Len())
	for i := range log.whole {
		f := &log.whole[i]
		t.flushN, t.flushed, t.digest = f.n, f.revision, f.digest
		at = f.At
		if f.n == log.from || f.Old() {
			continue
		}
		t.behind.acts += len(f.Acts)
		places := f.places
		for c := range f.Seats {
			for k := range f.Seats[c].IDs {
				if seat := places[k]; seat >= 0 {
					told[seat] = stand{&f.Seats[c], k, f.n, f.revision}
				}
			}
			places = places[len(f.Seats[c].IDs):]
		}
	}
	t.behind.since = t.cfg.Now()
	return told, t.ends(ctx, at, log.junk)
}

// distrust notes which records are not what a writer has left, now that all of the log is
// known: it says what every seat is.
func (t *term) distrust(last []*record, told []stand) {
	foreign := 0
	defer func() {
		if foreign == 0 && t.behind.at.Sum != "" {
			t.foreign(wire.CheckpointKey) // its sum is that of no records
		}
	}()
	for seat, r := range last {
		s := told[seat]
		switch {
		case s.flush == 0 && r == nil:
			continue
		case s.flush == 0: // the log doesn't know it: it is being adopted
			t.adopted = true
			continue
		case r == nil:
			if s.flush <= t.behind.at.Flush {
				foreign++
				t.foreign(wire.SeatKey(t.event.index.ID(seat)))
			}
			continue
		}
		is := s.change.Record(s.k, s.flush, s.revision)
		same := bytes.Equal(r.raw, is.AppendJSON(nil))
		if adopting := t.behind.at.Sum == "" && r.Flush == 0; !same && !adopting && (r.spoiled || r.Flush == 0 || r.Flush >= s.flush || s.flush <= t.behind.at.Flush) {
			foreign++
			t.foreign(r.key)
		}
		if same {
			told[seat] = stand{}
		} else {
			r.Flush = 0 // the log counts
			t.behind.disown(seat)
		}
	}
}

// restoreSeats gives the engine the last of each seat: what the log says, if that is later
// than its record. A seat of which both say nothing that can be read is repaired.
func (t *term) restoreSeats(ctx context.Context, last []*record, told []stand) error {
	var spoiled []record
	for seat, r := range last {
		var is wire.Seat
		if r != nil {
			is = r.Seat
		}
		if s := told[seat]; s.flush > is.Flush { // else a round has come as far, and not to its end
			is = s.change.Record(s.k, s.flush, s.revision)
			t.behind.waiting[seat] = s
		} else if s.flush == 0 && r != nil && r.spoiled {
			spoiled = append(spoiled, *r)
			continue
		}
		if is.State == "" {
			continue // not opened yet
		}
		if is.Revision == 0 {
			is.Revision = r.revision // of the version before
		}
		if err := t.engine.Restore(seat, is, is.Revision); err != nil {
			return err
		}
	}
	if len(t.behind.waiting) == 0 {
		t.behind.acts = 0
	}
	return t.repair(ctx, spoiled)
}

// open gives every seat without a state its first one. Nothing may be offered
// that is sold, and streams without records may be new because the old ones are
// lost: so a writer that opens seats waits for the ledger's bookings, and
// stores what is sold before what is free. A crash in between leaves seats
// without a state, and the next writer asks again.
//
// Records are written before anything is served if there was no checkpoint: a writer of the
// version before, to whom they are the truth, must not find seats without one.
func (t *term) open(ctx context.Context) error {
	if t.adopted {
		if err := t.tellAll(ctx); err != nil {
			return err
		}
	}
	if len(t.engine.Unopened(0, 1)) > 0 {
		if err := t.openSold(ctx); err != nil {
			return err
		}
		failpoint.Here(failpoint.SoldRebuilt)
	}
	for from := 0; ; {
		seats := t.engine.Unopened(from, openPart)
		if len(seats) == 0 {
			break
		}
		t.engine.Open(seats, t.cfg.Now().UTC())
		if err := t.flush(ctx); err != nil {
			return err
		}
		failpoint.Here(failpoint.SeatsOpened)
		from = seats[len(seats)-1] + 1
	}
	if err := t.flush(ctx); err != nil { // repairs, if there are any
		return err
	}
	if t.behind.at.Flush > 0 {
		return nil
	}
	return t.catchUp(ctx)
}

// bookings is what the ledger has booked. Where nothing was ever offered under
// this stream's revisions, they begin anew, and the ledger is told so first:
// the guard's is the highest so far, every hold will be above it, and what was
// being bought under the old ones has no hold any more.
func (t *term) bookings(ctx context.Context) ([]ledger.Booking, error) {
	if seats := t.event.index.Len(); len(t.engine.Unopened(0, seats))+len(t.engine.Sold()) == seats {
		return t.cfg.Ledger.Reopen(ctx, t.event.id, uint64(t.guard.Fence().Revision))
	}
	return t.cfg.Ledger.Bookings(ctx, t.event.id)
}

// openSold stores as sold what the ledger has booked.
func (t *term) openSold(ctx context.Context) error {
	bookings, err := untilLedger(ctx, func() ([]ledger.Booking, error) { return t.bookings(ctx) }, func(err error, _ time.Duration) {
		t.cfg.Logger.Warn("seats are not opened before the ledger says which are sold", "event", t.event.id, "err", err)
	})
	if err != nil {
		return err
	}
	orders := 0
	for _, r := range diff(t.engine.Sold(), bookings) {
		if !r.Booked {
			continue // the first reconciliation looks into it
		}
		if t.engine.Pending()+2*wire.MaxPerFan > MaxSeats {
			if err := t.flush(ctx); err != nil {
				return err
			}
		}
		if p := sell(t.engine, r.confirm(), t.cfg.Now().UTC()); p != nil {
			t.cfg.Logger.Error("a booking can't be made true", "event", t.event.id, "order", r.Order, "err", p)
			continue
		}
		orders++
	}
	if orders > 0 {
		t.cfg.Logger.Warn("seats sold are rebuilt from the ledger", "event", t.event.id, "orders", orders)
		t.metrics.repairs.WithLabelValues(repairSold).Add(float64(orders))
	}
	return t.flush(ctx)
}
