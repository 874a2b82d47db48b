package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"frontrow/wire"
)

// Outcomes of a write, as in package kv. nil is stored.
var (
	errConflict = errors.New("conflict")
	errUnknown  = errors.New("outcome unknown")
	errBusy     = errors.New("not stored for now")
	errFenced   = errors.New("fenced")
)

// Bounds, as in packages kv and inventory.
const (
	publishTimeout = 5 * time.Second
	attemptTimeout = 2 * time.Second
	minPause       = 2 * time.Millisecond
	maxPause       = 250 * time.Millisecond
)

// store is the stream SEATS_<event>: records with revisions, batches that are
// stored as a whole or not at all, conditions on the last revision of a key.
type store struct {
	w       *world
	seq     uint64
	ends    []uint64 // of batches
	history map[string][]entry
}

type entry struct {
	revision uint64 // 0: none
	value    []byte
}

// write is one message of a batch. Its condition is the last revision of its
// own key or, for a fence, that of another.
type write struct {
	key    string
	value  []byte
	on     string // the key of the condition; empty: no condition
	expect uint64
}

// stored is the answer to a batch.
type stored struct {
	last uint64 // revision of the last message
	err  error
}

func (s *store) last(key string) entry { return s.asOf(key, s.seq) }

func (s *store) asOf(key string, seq uint64) entry {
	h := s.history[key]
	if i := sort.Search(len(h), func(i int) bool { return h[i].revision > seq }); i > 0 {
		return h[i-1]
	}
	return entry{}
}

// replica is how far one may be that has got to seq: to the end of a batch.
func (s *store) replica(seq uint64) uint64 {
	from, _ := slices.BinarySearch(s.ends, seq)
	return s.ends[from+s.w.IntN(len(s.ends)-from)]
}

// apply is the server's part of publish.
func (s *store) apply(batch []write) stored {
	if s.w.faulty() && s.w.chance(0.01) {
		return stored{err: errBusy}
	}
	for _, m := range batch {
		if m.on != "" && s.last(m.on).revision != m.expect {
			return stored{err: errConflict}
		}
	}
	for _, m := range batch {
		s.seq++
		s.history[m.key] = append(s.history[m.key], entry{s.seq, m.value})
	}
	s.ends = append(s.ends, s.seq)
	s.w.check.stored(batch)
	return stored{last: s.seq}
}

// publish stores a batch or not, or leaves it open: a batch without an answer
// may be stored, lost, or still under way.
func (s *store) publish(p *proc, limit time.Duration, batch []write) (uint64, error) {
	reply, ok := ask(s.w, p, "store", limit, func() stored { return s.apply(batch) })
	if !ok {
		return 0, errUnknown
	}
	return reply.last, reply.err
}

// guard is the right to write to the stream (package kv): a record that each
// owner rewrites, and that each of its batches is conditional on.
type guard struct {
	s        *store
	p        *proc
	holder   string
	term     uint64
	revision uint64
}

type guardRecord struct {
	Holder string
	Term   uint64
}

// reassert rewrites the record: whatever was sent before under this guard is
// stored now or never will be.
func (g *guard) reassert() error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		at := g.revision
		value, _ := json.Marshal(guardRecord{g.holder, g.term})
		revision, err := g.s.publish(g.p, attemptTimeout, []write{{key: wire.WriterKey, value: value, on: wire.WriterKey, expect: at}})
		if err == nil {
			g.revision = revision
			return nil
		}
		if errors.Is(err, errConflict) {
			pause = minPause
		}
		if err := g.catchUp(); err != nil && !errors.Is(err, errUnknown) {
			return err
		}
		if g.revision == at {
			g.p.sleep(pause)
		}
	}
}

// catchUp adopts a rewrite of its own whose answer was lost, and a predecessor's.
func (g *guard) catchUp() error {
	e, ok := ask(g.s.w, g.p, "store", attemptTimeout, func() entry { return g.s.last(wire.WriterKey) })
	switch {
	case !ok:
		return errUnknown
	case e.revision <= g.revision:
		return nil
	}
	var r guardRecord
	if err := json.Unmarshal(e.value, &r); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	if r.Term > g.term || r.Term == g.term && r.Holder != g.holder {
		return errFenced
	}
	g.revision = e.revision
	return nil
}

// settle reasserts the guard and reads keys as of then or later: from a
// replica that may lag, but not behind the guard.
func (g *guard) settle(keys []string) (map[string]entry, error) {
	if err := g.reassert(); err != nil {
		return nil, err
	}
	return g.read(keys)
}

func (g *guard) read(keys []string) (map[string]entry, error) {
	for try := 1; ; try++ {
		found, ok := ask(g.s.w, g.p, "store", attemptTimeout, func() map[string]entry {
			at := g.s.replica(g.revision)
			found := make(map[string]entry, len(keys))
			for _, k := range keys {
				if e := g.s.asOf(k, at); e.revision > 0 {
					found[k] = e
				}
			}
			return found
		})
		if ok {
			return found, nil
		}
		if try == 5 {
			return nil, errUnknown
		}
	}
}
