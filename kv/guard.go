package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nuid"
)

// Bounds of one attempt, and of the waits between attempts.
const (
	attemptTimeout = 2 * time.Second
	minPause       = 2 * time.Millisecond
	maxPause       = 250 * time.Millisecond
)

// Guard is the right to write to a stream, held by whoever has rewritten its
// record last. A batch that carries its fence, or rewrites its record, is
// stored only while the right lasts. It has one owner; a lease says who should
// Seize it, and the lease's term settles the order.
type Guard struct {
	stream *Stream
	key    string
	holder string
	term   uint64

	mu       sync.Mutex
	revision Revision
}

// guardRecord is the guard's record. Write is different at every rewrite.
type guardRecord struct {
	Holder string `json:"holder"`
	Term   uint64 `json:"term"`
	Write  string `json:"write"`
}

// Seize rewrites the record under key in the name of holder and term, the term
// of a lease: from then on every batch of earlier terms is refused. ErrFenced:
// a later term, or another holder of the same one, has it.
func Seize(ctx context.Context, s *Stream, key, holder string, term uint64) (*Guard, error) {
	g := &Guard{stream: s, key: key, holder: holder, term: term}
	if err := g.Reassert(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// Fence to be carried (While) by one message of each batch.
func (g *Guard) Fence() Fence {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Fence{Subject: g.stream.Subject(g.key), Revision: g.revision}
}

// Reassert rewrites the record. When it returns nil, whatever was sent before
// under this guard either is stored or never will be. ErrFenced: the right is
// gone. It tries until ctx ends.
func (g *Guard) Reassert(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		at := g.revision
		revision, err := g.write(ctx)
		if err == nil {
			g.revision = revision
			return nil
		}
		if errors.Is(err, ErrConflict) {
			wait = minPause // between the batches of the one to be fenced there are short gaps
		}
		if ctx.Err() == nil && passing(err) {
			err = g.catchUp(ctx)
		}
		switch {
		case err != nil && (!passing(err) || ctx.Err() != nil):
			return fmt.Errorf("guard %s: %w", g.key, err)
		case g.revision != at:
			continue
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("guard %s: %w: %w", g.key, ErrUnknown, err)
		}
	}
}

func (g *Guard) write(ctx context.Context) (Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ack, err := Publish(ctx, g.stream.nc, []Msg{g.message()})
	return ack.Last, err
}

// message rewrites the record, alone or in a batch.
func (g *Guard) message() Msg {
	value, err := json.Marshal(guardRecord{Holder: g.holder, Term: g.term, Write: nuid.Next()})
	if err != nil {
		panic(err) // strings and a number
	}
	return Msg{Subject: g.stream.Subject(g.key), Data: value, Expect: At(g.revision)}
}

// catchUp asks the leader who has the record: it adopts the revision of a
// rewrite of its own whose acknowledgement was lost, and that of a predecessor.
func (g *Guard) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	e, err := g.stream.get(ctx, g.key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if e.Revision <= g.revision {
		return nil
	}
	// A record that somebody has spoilt says nothing of terms. Whoever rewrites it has
	// the right: the batches of all others are refused by its revision.
	var r guardRecord
	if json.Unmarshal(e.Value, &r) != nil || r.Term > maxTerm {
		r = guardRecord{}
	}
	if r.Term > g.term || r.Term == g.term && r.Holder != g.holder {
		return &fencedBy{r.Holder, r.Term}
	}
	g.revision = e.Revision
	return nil
}

// fencedBy is ErrFenced, and by whom.
type fencedBy struct {
	holder string
	term   uint64
}

func (f *fencedBy) Error() string {
	return fmt.Sprintf("%v: holder %s, term %d", ErrFenced, f.holder, f.term)
}
func (f *fencedBy) Unwrap() error { return ErrFenced }

// Check tells, after a batch was refused with ErrConflict, whether the fence
// was the reason: ErrFenced, or nil if the guard still has the right.
func (g *Guard) Check(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.catchUp(ctx); err != nil {
		return fmt.Errorf("guard %s: %w", g.key, err)
	}
	return nil
}

// Settle ends the doubt after ErrUnknown: it reasserts the guard and then reads
// keys. Whatever was sent before under this guard shows in the entries or will
// never be stored. The read is fresh on whichever replica answers, since it
// must show the guard's new record.
func (g *Guard) Settle(ctx context.Context, keys []string) (map[string]Entry, error) {
	if err := g.Reassert(ctx); err != nil {
		return nil, err
	}
	return g.read(ctx, keys)
}

// read is Latest as of the guard's revision: the guard's own key, in every
// request, shows that the replica has got that far.
func (g *Guard) read(ctx context.Context, keys []string) (map[string]Entry, error) {
	found := make(map[string]Entry, len(keys)+1)
	for len(keys) > 0 {
		n := min(len(keys), maxLatest-1)
		ask := append([]string{g.key}, keys[:n]...)
		part, err := g.stream.latest(ctx, ask, g.Fence().Revision)
		if err != nil {
			return nil, err
		}
		for k, e := range part {
			found[k] = e
		}
		keys = keys[n:]
	}
	return found, nil
}

// passing errors may be gone at the next attempt.
func passing(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrBusy) || errors.Is(err, ErrUnknown)
}
