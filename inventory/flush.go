package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// flush stores what the engine has decided and waits for it.
func (w *writer) flush(ctx context.Context) error {
	seats := w.prepare()
	if len(w.msgs) == 0 {
		return nil
	}
	last, err := w.store(ctx)
	if err == nil {
		w.stored(seats, last)
	}
	return err
}

// prepare makes the batch of what the engine has decided, and returns the seats
// whose records it changes. Nothing decided is no messages.
func (w *writer) prepare() []int {
	w.msgs, w.data = w.msgs[:0], w.data[:0]
	seats, acts := w.engine.Take()
	if len(seats) == 0 && len(acts) == 0 {
		return nil
	}
	w.encode(seats, acts)
	return seats
}

// vouch makes the batch of a writer that has answers to give and nothing to store:
// one record under its fence. A refusal decides, too (the checkout fails an order by
// it), so that it is answered only by who is still writer after it was asked for. A
// read of the guard would not do: a leader that is none any more may answer it.
func (w *writer) vouch() {
	w.vouchN++
	raw, _ := json.Marshal(wire.Vouch{N: w.vouchN, Term: w.term, Writer: w.name, At: w.now().UTC()}) // plain record: can't fail
	w.msgs = append(w.msgs, kv.Msg{Subject: w.stream.Subject(wire.VouchKey), Data: raw, Expect: kv.While(w.guard.Fence())})
}

// stored notes that the batch is.
func (w *writer) stored(seats []int, last kv.Revision) {
	w.flushN++
	w.dirty = true
	for i, seat := range seats {
		w.engine.Stored(seat, uint64(last)-uint64(len(seats)-i)) // contiguous, the log record last
	}
}

// encode makes the batch: each seat at its revision, and last the log record,
// which carries the fence.
func (w *writer) encode(seats []int, acts []wire.Act) {
	add := func(subject string, encode func([]byte) []byte, expect kv.Expect) {
		from := len(w.data)
		w.data = encode(w.data)
		w.msgs = append(w.msgs, kv.Msg{Subject: subject, Data: w.data[from:], Expect: expect})
	}
	for _, seat := range seats {
		r := w.engine.Record(seat)
		add(w.event.subjects[seat], r.AppendJSON, kv.At(kv.Revision(w.engine.Revision(seat))))
	}
	log := wire.Flush{N: w.flushN + 1, Term: w.term, Writer: w.name, At: w.now().UTC(), Acts: acts}
	add(w.stream.Subject(logKey(log.N)), log.AppendJSON, kv.While(w.guard.Fence()))
}

// store publishes the batch until its outcome is certain: stored, and the
// revision of its last message, or the end of the term.
func (w *writer) store(ctx context.Context) (last kv.Revision, err error) {
	started := w.now()
	defer func() { w.metrics.flush(len(w.msgs)-1, w.now().Sub(started), err) }()
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

// readBack ends the doubt about a batch: once the guard is rewritten, its last
// record, of the log or a vouch, is either there or will never be.
func (w *writer) readBack(ctx context.Context, unknown error) (kv.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, flushTries*flushPause)
	defer cancel()
	last := w.msgs[len(w.msgs)-1]
	key := strings.TrimPrefix(last.Subject, w.stream.Subject(""))
	found, err := w.guard.Settle(ctx, []string{key})
	if err != nil {
		return 0, fmt.Errorf("settle flush %d (%s): %w", w.flushN+1, key, errors.Join(unknown, err))
	}
	if e, ok := found[key]; ok && bytes.Equal(e.Value, last.Data) {
		return e.Revision, nil
	}
	return 0, fmt.Errorf("%w: %w", errRestart, unknown)
}
