package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nuid"
)

// Bounds of one attempt, and of the waits between attempts.
const (
	attemptTimeout = 2 * time.Second
	minPause       = 2 * time.Millisecond
	maxPause       = 250 * time.Millisecond
)

// Guard is the right to write to a stream, held by the last process to have rewritten its
// record. A batch that carries its fence, or rewrites its record, is stored only while the
// right lasts. A lease says who should Seize it, and the lease's term decides the order.
type Guard struct {
	stream *Stream
	key    string
	holder string
	term   uint64

	turn     chan struct{} // holds a token while the revision is written or read, so the wait may span a request
	revision Revision
}

func (g *Guard) lock()   { g.turn <- struct{}{} }
func (g *Guard) unlock() { <-g.turn }

// guardRecord is the guard's record. Write differs at every rewrite.
type guardRecord struct {
	Holder string `json:"holder"`
	Term   uint64 `json:"term"`
	Write  string `json:"write"`
}

// Seize rewrites the record under key in the name of holder and the term of a lease: from
// then on every batch of earlier terms is refused. It returns ErrFenced if a later term, or
// another holder of the same one, has the guard.
func Seize(ctx context.Context, s *Stream, key, holder string, term uint64) (*Guard, error) {
	g := &Guard{stream: s, key: key, holder: holder, term: term, turn: make(chan struct{}, 1)}
	if err := g.Reassert(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// Fence returns the fence that one message of each batch must carry (While).
func (g *Guard) Fence() Fence {
	g.lock()
	defer g.unlock()
	return Fence{Subject: g.stream.Subject(g.key), Revision: g.revision}
}

// Reassert rewrites the record. When it returns nil, everything sent before under this
// guard has been stored or never will be. ErrFenced means that the right is lost. Reassert
// tries until ctx ends.
func (g *Guard) Reassert(ctx context.Context) error {
	g.lock()
	defer g.unlock()
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		at := g.revision
		revision, err := g.write(ctx)
		if err == nil {
			g.revision = revision
			return nil
		}
		if errors.Is(err, ErrConflict) {
			wait = minPause // there are short gaps between the batches of the owner to be fenced
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
	ack, err := g.stream.Publish(ctx, []Msg{g.message()})
	return ack.Last, err
}

// message returns the message that rewrites the record, alone or in a batch.
func (g *Guard) message() Msg {
	value, err := json.Marshal(guardRecord{Holder: g.holder, Term: g.term, Write: nuid.Next()})
	if err != nil {
		panic(err) // strings and a number
	}
	return Msg{Subject: g.stream.Subject(g.key), Data: value, Expect: At(g.revision)}
}

// catchUp asks the leader who owns the record. It adopts the revision of a predecessor's
// record, or of our own rewrite whose acknowledgement was lost.
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
	// A spoiled record says nothing about terms. Rewriting it takes the right: the new
	// revision refuses everybody else's batches.
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

// fencedBy is ErrFenced, naming the new owner.
type fencedBy struct {
	holder string
	term   uint64
}

func (f *fencedBy) Error() string {
	return fmt.Sprintf("%v: holder %s, term %d", ErrFenced, f.holder, f.term)
}
func (f *fencedBy) Unwrap() error { return ErrFenced }

// Check finds out, after a batch was refused with ErrConflict, whether the fence was
// the reason: it returns ErrFenced, or nil if the guard still has the right.
func (g *Guard) Check(ctx context.Context) error {
	g.lock()
	defer g.unlock()
	if err := g.catchUp(ctx); err != nil {
		return fmt.Errorf("guard %s: %w", g.key, err)
	}
	return nil
}

// Resolve settles an ErrUnknown: it reasserts the guard and then reads keys. Everything
// sent before under this guard shows in the entries or will never be stored. The read is
// fresh on any replica, since it must show the guard's new record.
func (g *Guard) Resolve(ctx context.Context, keys []string) (map[string]Entry, error) {
	if err := g.Reassert(ctx); err != nil {
		return nil, err
	}
	return g.read(ctx, keys)
}

// read is Latest as of the guard's revision: the guard's own key, included in every
// request, shows that the replica is that recent.
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

// passing reports whether err is transient.
func passing(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrBusy) || errors.Is(err, ErrUnknown)
}
