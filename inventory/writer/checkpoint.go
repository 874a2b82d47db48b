package writer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"
)

// The seats' records are written behind the log, in rounds: what a seat is by the last of
// many flushes costs one record. A round is of the flushes stored when it begins. Each of its
// batches has the checkpoint's record, which carries the fence of the records; the last one
// moves it. That fence is not the log's: on replicated streams, of two writes under one fence
// that are in flight the server refuses the later. The records' own conditions would tell
// nothing that the fence and the sum don't.
//
// A server stores one batch after the other, and a flush waits for the one before it. A batch
// costs it some ten milliseconds, however small (it stages each in a store of its own). So
// batches are large, and while there are flushes, far between.

// Bounds of the records' delay.
const (
	restBehind  = 400 * time.Millisecond // a round begins when nothing else is to do
	loadBehind  = 4 * time.Second        // or when the oldest flush has waited so long
	mostBehind  = 10 * time.Second       // then flushes wait for the round
	mostActs    = 100_000                // likewise: they bound what the next writer has to read
	roundPart   = kv.MaxBatch - 1        // records of one batch
	roundShare  = 4                      // times as long as the last batch took, flushes have the store to themselves
	partTimeout = time.Minute            // for a batch, with all its tries
	roundPause  = 250 * time.Millisecond // before a batch is tried again
)

// stand is what the log says of a seat last.
type stand struct {
	change          *wire.Change
	k               int // among those of change
	flush, revision uint64
}

// behind is what the records don't say yet. While a batch is being written, sums, sum, at
// and what is left of round are its goroutine's; otherwise all is the serving goroutine's.
type behind struct {
	waiting map[int]stand // by seat
	acts    int           // of the flushes of waiting
	since   time.Time     // when the first of them was stored
	round   *round        // nil when none has begun

	writing bool       // a batch of the round
	begun   time.Time  // when it was
	flushes uint64     // stored by then
	next    time.Time  // when the next of the round may begin
	written chan error // of the batch

	sums  []uint64 // what each seat's record adds to the sum
	sum   uint64   // of the records: see wire.Checkpoint
	stale bool     // the checkpoint stored is not of the records
	at    wire.Checkpoint
}

// round is the seats' records that are being written.
type round struct {
	seats map[int]stand
	left  []int // of seats, to be written
	acts  int
	since time.Time
	begun time.Time
	upTo  wire.Checkpoint
}

func newBehind(seats int) behind {
	return behind{waiting: map[int]stand{}, written: make(chan error, 1), sums: make([]uint64, seats)}
}

// add notes what a flush, stored at an instant, has left the seats in.
func (b *behind) add(seats []int, changes []wire.Change, acts int, flush, revision uint64, now time.Time) {
	if len(b.waiting) == 0 {
		b.since = now
	}
	b.acts += acts
	for c := range changes {
		for k := range changes[c].IDs {
			b.waiting[seats[0]] = stand{&changes[c], k, flush, revision}
			seats = seats[1:]
		}
	}
}

// disown takes a record that no writer has left as it is out of the sum. Until it is written
// again the sum is not that of the records, and a writer that takes over reads all of the log
// as well.
func (b *behind) disown(seat int) {
	b.sum -= b.sums[seat]
	b.sums[seat] = 0
}

// due returns when the next batch should begin, if nothing else is to do.
func (b *behind) due() (at time.Time, ok bool) {
	switch {
	case b.writing:
		return at, false
	case b.round != nil:
		return b.next, true
	}
	return b.since.Add(restBehind), len(b.waiting) > 0 || b.stale
}

// begins reports whether a batch should begin now; idle says that nothing else is to do.
func (b *behind) begins(now time.Time, idle bool) bool {
	at, ok := b.due()
	if b.round == nil && !idle {
		at = b.since.Add(loadBehind)
	}
	return ok && (!now.Before(at) || b.presses())
}

// presses reports whether the records are so far behind that flushes will soon have to wait.
func (b *behind) presses() bool {
	if b.round == nil {
		return b.acts >= mostActs/2
	}
	return b.acts+b.round.acts >= mostActs*3/4
}

// pause is how long the next batch of the round waits, after one that took so long, while
// there are flushes: they have the store to themselves for a share of the time, if the round
// ends in good time all the same.
func (b *behind) pause(took time.Duration, now time.Time) time.Duration {
	batches := (len(b.round.left) + roundPart - 1) / roundPart
	if batches == 0 {
		return 0
	}
	spare := b.round.since.Add(mostBehind*3/4).Sub(now)/time.Duration(batches) - took
	return max(0, min(spare, roundShare*took))
}

// full reports whether flushes have to wait for a round.
func (b *behind) full(now time.Time) bool {
	acts, since := b.acts, b.since
	if b.round != nil {
		acts, since = acts+b.round.acts, b.round.since
	}
	return acts >= mostActs || (b.round != nil || len(b.waiting) > 0) && now.Sub(since) >= mostBehind
}

// take makes a round of what is waiting.
func (b *behind) take(upTo wire.Checkpoint, now time.Time) *round {
	b.round = &round{seats: b.waiting, left: slices.Sorted(maps.Keys(b.waiting)), // the simulation repeats what it does
		acts: b.acts, since: b.since, begun: now, upTo: upTo}
	b.waiting, b.acts, b.stale = map[int]stand{}, 0, false
	return b.round
}

// checkpoint names the last flush stored.
func (t *term) checkpoint() wire.Checkpoint {
	return wire.Checkpoint{Flush: t.flushN, Revision: t.flushed, Digest: t.digest}
}

// follow begins a batch beside the serving goroutine if it is time.
func (t *term) follow(ctx context.Context, idle bool) {
	b, now := &t.behind, t.cfg.Now()
	if !b.begins(now, idle) {
		return
	}
	if b.round == nil {
		b.take(t.checkpoint(), now)
	}
	b.writing, b.begun, b.flushes = true, now, t.flushN
	t.beside.Go(func() { b.written <- t.writeNext(ctx, b.round) })
}

// followed notes the end of a batch.
func (t *term) followed(err error) error {
	b, now := &t.behind, t.cfg.Now()
	b.writing, b.next = false, now
	if t.flushN != b.flushes || t.flying != nil {
		b.next = now.Add(b.pause(now.Sub(b.begun), now))
	}
	if len(b.round.left) == 0 {
		b.round = nil
	}
	return err
}

// catchUp writes all records that are behind, and waits for it.
func (t *term) catchUp(ctx context.Context) error {
	b := &t.behind
	if len(b.waiting) == 0 && !b.stale {
		return nil
	}
	defer func() { b.round = nil }()
	return t.write(ctx, b.take(t.checkpoint(), t.cfg.Now()))
}

// write writes a whole round. An error ends the term.
func (t *term) write(ctx context.Context, r *round) error {
	for more := true; more; more = len(r.left) > 0 {
		if err := t.writeNext(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// writeNext writes the next batch of a round: with no seat it is the checkpoint alone. An
// error ends the term.
func (t *term) writeNext(ctx context.Context, r *round) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	part, at := r.left[:min(len(r.left), roundPart)], t.behind.at
	if len(part) == len(r.left) {
		at = r.upTo
	}
	r.left = r.left[len(part):]
	if err := t.writePart(ctx, r, part, at); err != nil {
		return fmt.Errorf("write the seats' records: %w", err)
	}
	failpoint.Here(failpoint.SeatsWritten)
	if len(r.left) == 0 {
		t.metrics.round(len(r.seats), t.cfg.Now().Sub(r.begun))
	}
	return nil
}

// writePart stores records with the checkpoint at, until they are.
func (t *term) writePart(ctx context.Context, r *round, seats []int, at wire.Checkpoint) error {
	msgs, sums, sum := t.records(r, seats, at)
	for {
		msgs[len(seats)].Expect = kv.While(t.recorder.Fence())
		_, err := t.stream.Publish(ctx, msgs)
		if errors.Is(err, kv.ErrUnknown) {
			err = t.resolve(ctx, msgs[len(seats)].Data, err)
		}
		switch {
		case err == nil:
			b := &t.behind
			for i, seat := range seats {
				b.sums[seat] = sums[i]
			}
			b.sum, b.at = sum, at
			return nil
		case errors.Is(err, kv.ErrConflict):
			if err := t.recorder.Check(ctx); err != nil {
				return err
			}
		case !errors.Is(err, kv.ErrBusy):
			return fmt.Errorf("%w: %w", errRestart, err)
		}
		if over := wait(ctx, roundPause); over != nil {
			return fmt.Errorf("%w: %w", errRestart, errors.Join(over, err))
		}
	}
}

// resolve ends the doubt about a batch with a checkpoint. It returns nil if it was stored, and
// kv.ErrBusy if it never will be.
func (t *term) resolve(ctx context.Context, checkpoint []byte, unknown error) error {
	found, err := t.recorder.Resolve(ctx, []string{wire.CheckpointKey})
	switch {
	case err != nil:
		return err
	case bytes.Equal(found[wire.CheckpointKey].Value, checkpoint):
		return nil
	}
	return fmt.Errorf("%w: %w", kv.ErrBusy, unknown)
}

// records makes a batch of records, and last the checkpoint.
func (t *term) records(r *round, seats []int, at wire.Checkpoint) (msgs []kv.Msg, sums []uint64, sum uint64) {
	b := &t.behind
	msgs, sums, sum = make([]kv.Msg, 0, len(seats)+1), make([]uint64, len(seats)), b.sum
	for i, seat := range seats {
		s := r.seats[seat]
		record := s.change.Record(s.k, s.flush, s.revision)
		raw := record.AppendJSON(nil)
		sums[i] = wire.SumOf(wire.SeatKey(t.event.index.ID(seat)), raw)
		sum += sums[i] - b.sums[seat]
		msgs = append(msgs, kv.Msg{Subject: t.event.subjects[seat], Data: raw})
	}
	at.V, at.Sum, at.At, at.Term, at.Writer = wire.RecordVersion, strconv.FormatUint(sum, 16), t.cfg.Now().UTC(), t.number, t.cfg.Name
	raw, _ := json.Marshal(at) // plain record: can't fail
	return append(msgs, kv.Msg{Subject: t.stream.Subject(wire.CheckpointKey), Data: raw}), sums, sum
}

// foreign notes a record that no writer has left as it is, and that will be written over.
func (t *term) foreign(key string) {
	t.metrics.rebuilt.Inc()
	t.cfg.Logger.Error("a record was changed by somebody else: it will be again what the log says", "event", t.event.id, "key", key)
}

// wait waits for d, or returns ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
