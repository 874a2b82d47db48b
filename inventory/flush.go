package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// flush stores what the engine has decided as one batch, or says that the term
// is over. Nothing decided is no batch.
func (w *writer) flush(ctx context.Context) error {
	seats, acts := w.engine.Take()
	if len(seats) == 0 && len(acts) == 0 {
		return nil
	}
	if err := w.encode(seats, acts); err != nil {
		return err
	}
	started := w.now()
	last, err := w.store(ctx)
	w.metrics.flush(len(seats), w.now().Sub(started), err)
	if err != nil {
		return err
	}
	w.flushN++
	w.dirty = true
	for i, seat := range seats {
		w.engine.Stored(seat, uint64(last)-uint64(len(seats)-i)) // contiguous, the log record last
	}
	return nil
}

// encode makes the batch: each seat at its revision, and last the log record,
// which carries the fence.
func (w *writer) encode(seats []int, acts []wire.Act) error {
	w.msgs = w.msgs[:0]
	for _, seat := range seats {
		raw, err := json.Marshal(w.engine.Record(seat))
		if err != nil {
			return fmt.Errorf("encode seat: %w", err)
		}
		w.msgs = append(w.msgs, kv.Msg{Subject: w.event.subjects[seat], Data: raw, Expect: kv.At(kv.Revision(w.engine.Revision(seat)))})
	}
	log, err := json.Marshal(wire.Flush{N: w.flushN + 1, Term: w.term, Writer: w.name, At: w.now().UTC(), Acts: acts})
	if err != nil {
		return fmt.Errorf("encode log record: %w", err)
	}
	w.msgs = append(w.msgs, kv.Msg{Subject: w.stream.Subject(logKey(w.flushN + 1)), Data: log, Expect: kv.While(w.guard.Fence())})
	return nil
}

// store publishes the batch until its outcome is certain, and returns the
// revision of its last message.
func (w *writer) store(ctx context.Context) (kv.Revision, error) {
	for try := 1; ; try++ {
		ack, err := w.publish(ctx)
		switch {
		case err == nil:
			return ack.Last, nil
		case errors.Is(err, kv.ErrUnknown):
			return w.readBack(ctx, err)
		case errors.Is(err, kv.ErrConflict):
			if fenced := w.guard.Check(ctx); fenced != nil {
				return 0, fmt.Errorf("flush %d: %w", w.flushN+1, fenced)
			}
			return 0, fmt.Errorf("%w: %w", errRestart, err)
		case !errors.Is(err, kv.ErrBusy) || try == flushTries:
			return 0, fmt.Errorf("%w: %w", errRestart, err)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", errRestart, ctx.Err())
		case <-time.After(flushPause):
		}
	}
}

func (w *writer) publish(ctx context.Context) (kv.Ack, error) {
	// A flush begun is finished: what it decided may be stored already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return kv.Publish(ctx, w.nc, w.msgs)
}

// readBack ends the doubt about a batch: once the guard is rewritten, its log
// record is either there or will never be.
func (w *writer) readBack(ctx context.Context, unknown error) (kv.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, flushTries*flushPause)
	defer cancel()
	key := logKey(w.flushN + 1)
	found, err := w.guard.Settle(ctx, []string{key})
	if err != nil {
		return 0, fmt.Errorf("settle flush %d: %w", w.flushN+1, errors.Join(unknown, err))
	}
	if e, ok := found[key]; ok && bytes.Equal(e.Value, w.msgs[len(w.msgs)-1].Data) {
		return e.Revision, nil
	}
	return 0, fmt.Errorf("%w: %w", errRestart, unknown)
}
