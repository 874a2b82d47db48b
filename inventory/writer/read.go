package writer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"
)

// Bounds of what is read.
const (
	decodePart  = 2000 // records decoded by one goroutine
	logPart     = 8    // likewise, of the log
	readTimeout = 30 * time.Second
	readStall   = 3 * time.Second // without a record: the server that sent them may be gone
	readAttempt = 2 * time.Second
	readAgain   = 5 * time.Millisecond // before a replica that lags is asked again
)

// errStalled: no record came for so long that a fresh start is the quicker way.
var errStalled = errors.New("reading stands still")

// reading reads, and begins anew whenever no record has come for readStall; read calls goes
// for each.
func reading[R any](ctx context.Context, read func(ctx context.Context, goes func()) (R, error)) (R, error) {
	for {
		r, err := unlessStalled(ctx, read)
		if err == nil || !errors.Is(err, errStalled) || ctx.Err() != nil {
			return r, err
		}
	}
}

// unlessStalled reads once. What is given up ends by itself, soon after: the client library
// asks for another consumer for some seconds, whatever the context says.
func unlessStalled[R any](ctx context.Context, read func(ctx context.Context, goes func()) (R, error)) (none R, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(readStall, func() { cancel(errStalled) })
	defer stall.Stop()
	type result struct {
		read R
		err  error
	}
	done := make(chan result, 1)
	go func() {
		r, err := read(ctx, func() { stall.Reset(readStall) })
		done <- result{r, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		return r.read, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// gathering is what is being read, and decoded in parts meanwhile.
type gathering[T any] struct {
	size     int // of a part
	decode   func(*T)
	parts    [][]T
	decoding sync.WaitGroup
}

func (g *gathering[T]) add(one T) {
	last := len(g.parts) - 1
	if last < 0 || len(g.parts[last]) == cap(g.parts[last]) {
		g.begin()
		g.parts = append(g.parts, make([]T, 0, g.size))
		last++
	}
	g.parts[last] = append(g.parts[last], one)
}

// begin decodes the last part, beside who reads.
func (g *gathering[T]) begin() {
	if len(g.parts) == 0 {
		return
	}
	part := g.parts[len(g.parts)-1]
	g.decoding.Go(func() {
		for i := range part {
			g.decode(&part[i])
		}
	})
}

// end waits until all is decoded, in the order in which it was read.
func (g *gathering[T]) end() iter.Seq[*T] {
	g.begin()
	g.decoding.Wait()
	return func(yield func(*T) bool) {
		for _, part := range g.parts {
			for i := range part {
				if !yield(&part[i]) {
					return
				}
			}
		}
	}
}

// record is a seat's, as it was read and decoded.
type record struct {
	key      string
	raw      []byte
	revision uint64
	seat     int    // -1: not of the plan, which the audit reports
	sum      uint64 // what it adds to the sum of a wire.Checkpoint
	spoiled  bool   // raw can't be read
	wire.Seat
}

func (r *record) decode(index *plan.Index) {
	id, _ := wire.SeatOfKey(r.key)
	seat, ok := index.Lookup(id)
	if r.seat = seat; !ok {
		r.seat = -1
		return
	}
	r.sum = wire.SumOf(r.key, r.raw)
	var err error
	r.Seat, err = wire.Read[wire.Seat](r.key, r.raw)
	r.spoiled = err != nil
}

// readRecords reads the last record of each seat, in the order of the plan; nil where there is
// none. They come in the order of their revisions, and that of their guard among them: when
// it has come at the revision just written, all before it have, from whichever replica, and
// nothing of earlier terms is stored after.
func (t *term) readRecords(ctx context.Context) ([]*record, error) {
	guard := t.recorder.Fence().Revision
	read, err := reading(ctx, func(ctx context.Context, goes func()) (*gathering[record], error) {
		read := &gathering[record]{size: min(decodePart, t.event.index.Len()), decode: func(r *record) { r.decode(t.event.index) }}
		err := t.stream.ReadTo(ctx, []string{wire.SeatPrefix + ">"}, wire.RecordsKey, guard, func(e kv.Entry) {
			goes()
			read.add(record{key: e.Key, raw: e.Value, revision: uint64(e.Revision)})
		})
		return read, err
	})
	if err != nil {
		return nil, err
	}
	last := make([]*record, t.event.index.Len())
	for r := range read.end() {
		if r.seat >= 0 {
			last[r.seat] = r
		}
	}
	return last, nil
}

// logged is a record of the log, as it was read and decoded.
type logged struct {
	wire.Flush
	n        uint64
	raw      []byte
	revision uint64
	digest   string
	places   []int // of its Changes, one after the other; -1: not of the plan
	err      error
}

func (l *logged) decode(index *plan.Index) {
	l.digest = wire.Digest(l.raw)
	l.Flush, l.err = wire.Read[wire.Flush](wire.LogKey(l.n), l.raw)
	for c := range l.Seats {
		for _, id := range l.Seats[c].IDs {
			seat, ok := index.Lookup(id)
			if !ok {
				seat = -1
			}
			l.places = append(l.places, seat)
		}
	}
}

// readLog reads the log records behind a revision, and returns those from number on, in the
// order of their numbers. One that was stored again counts as it was stored last.
func (t *term) readLog(ctx context.Context, behind kv.Revision, from uint64) ([]logged, error) {
	guard := t.guard.Fence().Revision
	read, err := reading(ctx, func(ctx context.Context, goes func()) (*gathering[logged], error) {
		read := &gathering[logged]{size: logPart, decode: func(l *logged) { l.decode(t.event.index) }}
		err := t.stream.ReadBehindTo(ctx, []string{wire.LogPrefix + "*"}, behind, wire.WriterKey, guard, func(e kv.Entry) {
			goes()
			if n := wire.LogNumber(e.Key); n >= from {
				read.add(logged{n: n, raw: e.Value, revision: uint64(e.Revision)})
			}
		})
		return read, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	found := map[uint64]*logged{}
	for l := range read.end() {
		found[l.n] = l
	}
	log := make([]logged, 0, len(found))
	for _, n := range slices.Sorted(maps.Keys(found)) {
		log = append(log, *found[n])
	}
	return log, nil
}

// chain checks that log, which begins at the record that a checkpoint names, if it names
// one, is whole: no record is missing, and each is the one that the next names. The records
// of the version before name none. What can't be read behind the last record that can is
// returned by itself: it may be nobody's.
func chain(log []logged, at wire.Checkpoint) (whole, junk []logged, err error) {
	end := len(log)
	for end > 0 && wire.SpoiledKind(log[end-1].err) != "" && wire.SpoiledKind(log[end-1].err) != wire.SpoiledNewer {
		end--
	}
	whole, junk = log[:end], log[end:]
	n, digest, rest := uint64(0), "", whole
	if at.Flush > 0 {
		if len(whole) == 0 || whole[0].n != at.Flush || whole[0].revision != at.Revision || whole[0].digest != at.Digest {
			return nil, nil, &brokenLog{at.Flush, notAsNamed}
		}
		n, digest, rest = at.Flush, at.Digest, whole[1:]
	}
	for _, f := range rest {
		switch {
		case f.n != n+1:
			return nil, nil, &brokenLog{n + 1, "it is missing"}
		case f.err != nil:
			return nil, nil, &brokenLog{f.n, f.err.Error()}
		case !f.Old() && f.Prev != digest:
			return nil, nil, &brokenLog{n, fmt.Sprintf("it is not the record that %s names", wire.LogKey(f.n))}
		}
		n, digest = f.n, f.digest
	}
	return whole, junk, nil
}

// notAsNamed is why a log is broken, unless it is the checkpoint that is.
const notAsNamed = "it is not the record that the checkpoint names"

// brokenLog is the error of a log that is not as its writers left it. Nobody knows then
// whose the seats are, so that the event stands still until the record is put back.
type brokenLog struct {
	n   uint64
	why string
}

func (b *brokenLog) Error() string {
	return fmt.Sprintf(`%s is not as its writer left it (%s): the sale stands still until it is put back, by nats req frontrow.inventory.restore-log.<event> '{"n":%d}'`, wire.LogKey(b.n), b.why, b.n)
}

// fresh reads up to 999 records at least as new as the guard: an answer
// that shows the guard's record at its revision comes from a replica that has
// applied whatever was stored before, and nothing of earlier terms is stored after.
func (t *term) fresh(ctx context.Context, keys []string) (map[string]kv.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ask := append([]string{wire.WriterKey}, keys...)
	for {
		attempt, done := context.WithTimeout(ctx, readAttempt)
		found, err := t.stream.Latest(attempt, ask)
		done()
		if err == nil && found[wire.WriterKey].Revision >= t.guard.Fence().Revision {
			return found, nil
		}
		if over := wait(ctx, readAgain); over != nil {
			return nil, fmt.Errorf("read %d records: %w", len(keys), errors.Join(over, err))
		}
	}
}

// lastFlush finds the highest log number, and its record. They have no gaps, so powers of
// two bound it, and a search of many keys at a time finds it. If it meets a gap all the same,
// the record is none.
func (t *term) lastFlush(ctx context.Context) (last uint64, record kv.Entry, err error) {
	const fanOut = 512
	probe := make([]uint64, 0, fanOut)
	for bit := range 40 {
		probe = append(probe, 1<<bit)
	}
	low, high := uint64(0), uint64(1)<<40
	for low+1 < high {
		keys := make([]string, len(probe))
		for i, n := range probe {
			keys[i] = wire.LogKey(n)
		}
		found, err := t.fresh(ctx, keys)
		if err != nil {
			return 0, record, fmt.Errorf("find the last flush: %w", err)
		}
		for i, n := range probe {
			if e, ok := found[keys[i]]; ok {
				if n > low {
					low, record = n, e
				}
			} else {
				high = min(high, n)
			}
		}
		if high <= low {
			return low, kv.Entry{}, nil
		}
		step := max((high-low)/fanOut, 1)
		probe = probe[:0]
		for n := low + step; n < high; n += step {
			probe = append(probe, n)
		}
	}
	return low, record, nil
}
