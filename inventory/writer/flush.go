package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// Bounds of a flush.
const (
	flushTimeout = 5 * time.Second // for one acknowledgement
	flushTries   = 200             // while the stream has no leader: with the pauses, about 10 s
	flushPause   = 50 * time.Millisecond
)

// flush stores what the engine has decided and waits for it.
func (t *term) flush(ctx context.Context) error {
	b := &batch{}
	if t.prepare(b); !b.stores {
		return nil
	}
	last, err := t.store(ctx)
	if err == nil {
		t.stored(b, last)
	}
	return err
}

// prepare makes the log record of what the engine has decided. Nothing decided is none.
func (t *term) prepare(b *batch) {
	seats, acts := t.engine.Take()
	if b.stores = len(seats) > 0 || len(acts) > 0; !b.stores {
		return
	}
	b.seats, b.changes, b.acts = seats, t.engine.Changes(seats), len(acts)
	log := wire.Flush{V: wire.RecordVersion, N: t.flushN + 1, Term: t.number, Writer: t.cfg.Name, At: t.cfg.Now().UTC(), Prev: t.digest, Acts: acts, Seats: b.changes}
	t.data = log.AppendJSON(t.data[:0])
	t.message(wire.LogKey(log.N), t.data, b.acts)
}

// vouch makes the record of a writer that has answers to give and nothing to store. A
// refusal decides, too (the checkout fails an order by it), so that it is answered only by
// who is still writer after it was asked for. A read of the guard would not do: a leader
// that is none any more may answer it.
func (t *term) vouch() {
	t.vouchN++
	raw := wire.Vouch{N: t.vouchN, Term: t.number, Writer: t.cfg.Name, At: t.cfg.Now().UTC()}.AppendJSON(nil)
	t.message(wire.VouchKey, raw, 0)
}

// message makes a record under the fence: it is stored while no later writer has rewritten
// the guard. A log record needs no other condition. Nobody but this term can store one
// under this number: the terms before are refused since the guard was seized, after which
// their last number was read; those that follow seize it first; and this one sends a record
// again only when it is known that it was not stored.
func (t *term) message(key string, raw []byte, acts int) {
	t.msg, t.acts = kv.Msg{Subject: t.stream.Subject(key), Data: raw, Expect: kv.While(t.guard.Fence())}, acts
}

// stored notes that the log record is, under its revision.
func (t *term) stored(b *batch, last kv.Revision) {
	t.flushN++
	t.flushed, t.digest = uint64(last), wire.Digest(t.msg.Data)
	t.stockChanged = true
	for _, seat := range b.seats {
		t.engine.Stored(seat, t.flushN, t.flushed)
	}
	t.behind.add(b.seats, b.changes, b.acts, t.flushN, t.flushed, t.cfg.Now())
}

// store publishes the record until its outcome is certain: stored, and its revision, or the
// end of the term.
func (t *term) store(ctx context.Context) (last kv.Revision, err error) {
	started := t.cfg.Now()
	defer func() { t.metrics.flush(t.acts, t.cfg.Now().Sub(started), err) }()
	for try := 1; ; try++ {
		ack, err := t.publish(ctx)
		switch {
		case err == nil:
			return ack.Last, nil
		case errors.Is(err, kv.ErrUnknown):
			return t.readBack(ctx, err)
		case errors.Is(err, kv.ErrConflict):
			if fenced := t.guard.Check(ctx); fenced != nil {
				return 0, fmt.Errorf("flush %d: %w", t.flushN+1, fenced)
			}
			// The fence stands, at another revision perhaps: the guard's record was spoiled, and
			// Check has taken it back.
			if try == flushTries {
				return 0, fmt.Errorf("%w: %w", errRestart, err)
			}
		case !errors.Is(err, kv.ErrBusy) || try == flushTries:
			return 0, fmt.Errorf("%w: %w", errRestart, err)
		}
		if err := wait(ctx, flushPause); err != nil {
			return 0, fmt.Errorf("%w: %w", errRestart, err)
		}
	}
}

func (t *term) publish(ctx context.Context) (kv.Ack, error) {
	// A flush begun is finished: what it decided may be stored already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return t.stream.Publish(ctx, []kv.Msg{t.msg})
}

// readBack ends the doubt about a record: once the guard is rewritten, it is either there or
// will never be.
func (t *term) readBack(ctx context.Context, unknown error) (kv.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, flushTries*flushPause)
	defer cancel()
	key := strings.TrimPrefix(t.msg.Subject, t.stream.Subject(""))
	found, err := t.guard.Resolve(ctx, []string{key})
	if err != nil {
		return 0, fmt.Errorf("read back flush %d (%s): %w", t.flushN+1, key, errors.Join(unknown, err))
	}
	if e, ok := found[key]; ok && bytes.Equal(e.Value, t.msg.Data) {
		return e.Revision, nil
	}
	return 0, fmt.Errorf("%w: %w", errRestart, unknown)
}
