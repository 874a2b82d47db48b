package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"
)

// Records that are missing at the end of the log are named by none. So a writer that takes
// over looks at who else knows of them: the seats' records, and the sale log, to which
// JetStream copies each record of the log.

// endTimeout bounds asking the sale log for its last record: without an answer the sale begins all
// the same.
const endTimeout = time.Second

// tale is what a log tells.
type tale struct {
	from  uint64   // the number that the checkpoint names; 0: it is all of the log
	whole []logged // without gaps, each the one that the next names
	junk  []logged // behind them
}

// log reads the log from the record that a checkpoint names; all of it if there is no such
// record and never was: then the checkpoint is junk.
func (t *term) log(ctx context.Context, at wire.Checkpoint) (tale, error) {
	behind := kv.Revision(0)
	if at.Revision > 0 {
		behind = kv.Revision(at.Revision) - 1
	}
	log, err := t.readLog(ctx, behind, max(at.Flush, 1))
	if err != nil {
		return tale{}, err
	}
	whole, junk, err := chain(log, at)
	if b := (*brokenLog)(nil); !errors.As(err, &b) || b.why != notAsNamed {
		return tale{at.Flush, whole, junk}, err
	}
	all, broken := t.log(ctx, wire.Checkpoint{})
	if broken != nil {
		return tale{}, broken
	}
	for _, f := range all.whole {
		if f.n == at.Flush && f.digest == at.Digest {
			return all, nil // its revision is another
		}
	}
	switch stored, look := t.witnessed(ctx, at); {
	case look != nil:
		return tale{}, look
	case stored && uint64(len(all.whole)) < at.Flush:
		return tale{}, &brokenLog{uint64(len(all.whole)) + 1, fmt.Sprintf("the checkpoint is of %s", wire.LogKey(at.Flush))}
	case stored:
		return tale{}, err
	}
	return all, nil
}

// ends checks that the log ends with the last record that was ever stored in it, and begins
// no earlier than the sale log says: one that was restored from an older backup lacks
// holds and sales that were answered. What can't be read behind the last record that can is
// nobody's if the sale log has copied it and has nothing better; it is written over.
//
// A bucket that is made anew begins a log of its own, later than the last record of the old.
func (t *term) ends(ctx context.Context, at time.Time, junk []logged) error {
	asking, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	last, copied, err := salelog.LastCopy(asking, t.cfg.Store, t.event.id, t.flushN)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err == nil && last.N > t.flushN && !last.At.Before(at):
		return &brokenLog{t.flushN + 1, fmt.Sprintf("the sale log has it, and goes on to %s", wire.LogKey(last.N))}
	case len(junk) > 0 && (err != nil || last.N > t.flushN || !bytes.Equal(copied, latest(junk).raw)):
		return &brokenLog{junk[0].n, junk[0].err.Error()}
	case err != nil:
		t.cfg.Logger.Warn("the sale log can't say whether the log is whole", "event", t.event.id, "err", err)
	}
	for _, j := range junk {
		t.foreign(wire.LogKey(j.n))
	}
	return nil
}

// latest returns the log record that was stored last.
func latest(log []logged) (last logged) {
	for _, f := range log {
		if f.revision > last.revision {
			last = f
		}
	}
	return last
}

// ahead checks that no record of a seat names a flush which the log doesn't have. They must
// be records that a writer has left.
func (t *term) ahead(last []*record) error {
	for _, r := range last {
		if r != nil && !r.spoiled && r.Flush > t.flushN {
			return &brokenLog{t.flushN + 1, fmt.Sprintf("it is missing: %s is of %s", r.key, wire.LogKey(r.Flush))}
		}
	}
	return nil
}

// witnessed reports whether the record that a checkpoint names was ever stored: the bucket
// still keeps it, or the sale log has a copy. Otherwise it is the checkpoint that is junk.
func (t *term) witnessed(ctx context.Context, at wire.Checkpoint) (bool, error) {
	e, err := t.stream.Get(ctx, wire.LogKey(at.Flush))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return false, err
	}
	kept, err := t.stream.Kept(ctx, e)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(kept, func(e kv.Entry) bool { return wire.Digest(e.Value) == at.Digest }) {
		return true, nil
	}
	found := false
	err = salelog.Copies(ctx, t.cfg.Store, t.event.id, func(c salelog.Copy) {
		found = found || c.N == at.Flush && wire.Digest(c.Raw) == at.Digest
	})
	return found, err
}
