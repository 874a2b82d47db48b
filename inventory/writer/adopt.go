package writer

import (
	"context"
	"slices"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// An event of the version before has its truth in the seats' records, which its writers
// stored in one batch with the log. The first writer of this version adopts it: it writes
// into the log what every seat is, and then the records anew, before it serves. From then on
// the records are of a version that a writer of before can't read, so that one which takes
// over by mistake sells nothing.

// adopts reports whether an event without a checkpoint is one of the version before, or a
// new one, and finds how far its log goes.
func (t *term) adopts(ctx context.Context, last []*record) (bool, error) {
	n, e, err := t.lastFlush(ctx)
	if err != nil {
		return false, err
	}
	if n == 0 {
		if !slices.ContainsFunc(last, func(r *record) bool { return r != nil }) {
			return true, nil // new, or made anew
		}
		return true, t.ends(ctx, time.Time{}, nil)
	}
	f, err := wire.Read[wire.Flush](e.Key, e.Value)
	var junk []logged
	if err != nil { // it is junk under a number that may never have been reached, or behind a gap
		log, err := t.log(ctx, wire.Checkpoint{})
		if err != nil {
			return false, err
		}
		if junk = log.junk; len(log.whole) == 0 {
			return true, t.ends(ctx, time.Time{}, junk)
		}
		end := log.whole[len(log.whole)-1]
		n, f, e = end.n, end.Flush, kv.Entry{Value: end.raw, Revision: kv.Revision(end.revision)}
	}
	if !f.Old() {
		return false, nil
	}
	t.flushN, t.flushed, t.digest = n, uint64(e.Revision), wire.Digest(e.Value)
	return true, t.ends(ctx, f.At, junk)
}

// adopt restores the engine from the records.
func (t *term) adopt(ctx context.Context, last []*record) error {
	var spoiled []record
	for seat, r := range last {
		switch {
		case r == nil:
		case r.spoiled || t.engine.Restore(seat, r.Seat, r.revision) != nil:
			spoiled = append(spoiled, *r)
		default:
			t.adopted = true
		}
	}
	return t.repair(ctx, spoiled)
}

// tellAll writes into the log what every seat is.
func (t *term) tellAll(ctx context.Context) error {
	if err := t.flush(ctx); err != nil { // repairs, if there are any
		return err
	}
	for from := 0; ; {
		seats := t.engine.Known(from, MaxSeats)
		if len(seats) == 0 {
			return nil
		}
		t.engine.Tell(seats)
		if err := t.flush(ctx); err != nil {
			return err
		}
		from = seats[len(seats)-1] + 1
	}
}
