package kvtest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"frontrow/kv"
)

// The bucket is lost and recreated while a lease is held: its holder keeps the lease, under
// the same term, and nobody else gets it.
func testLeaseBucketMadeAgain(t *testing.T, s *suite) {
	b := s.bucket(t)
	th := newTheatre(t, longTTL)
	th.process(s.open(t), "first", "writer.e1")
	first := th.next()
	th.process(s.open(t), "second", "writer.e1")
	renewed(t, b, "writer.e1")
	s.lose(t)
	s.bucket(t)
	renewed(t, b, "writer.e1")
	var l kv.Lease
	e := must(b.Get(bounded(t), "writer.e1"))(t)
	if err := json.Unmarshal(e.Value, &l); err != nil || l.Holder != "first" || l.Term != first.term {
		t.Errorf("after %+v the record says %s", first, e.Value)
	}
	select {
	case tn := <-th.begun:
		t.Errorf("%+v, though the first trusts to hold it", tn)
	default:
	}
}

// The bucket is gone for longer than a lease, and comes back as it was long ago: terms
// continue above those given out, and each process logs the loss once.
func testLeaseBucketFromABackup(t *testing.T, s *suite) {
	b := s.bucket(t)
	th := newTheatre(t, shortTTL)
	said := &sayings{}
	th.logger = slog.New(said)
	for _, key := range []string{"writer.e1", "writer.e2"} {
		last, _ := json.Marshal(kv.Lease{Holder: "y", Term: 1000, Released: true})
		must(b.Publish(bounded(t), []kv.Msg{{Subject: b.Subject(key), Data: last}}))(t)
	}
	th.process(s.open(t), "first", "writer.e1", "writer.e2")
	before := []tenure{th.next(), th.next()}
	renewed(t, b, "writer.e1", "writer.e2")
	s.lose(t)
	for _, tn := range before {
		receive(t, "the end of a lease that can't be renewed", tn.over)
	}
	s.bucket(t)
	old, _ := json.Marshal(kv.Lease{Holder: "z", Term: 1, TTL: shortTTL.String(), Write: "long ago"})
	must(b.Publish(bounded(t), []kv.Msg{{Subject: b.Subject("writer.e1"), Data: old}}))(t)
	for range before {
		th.next() // the theatre checks that its term is higher
	}
	if n := said.count(slog.LevelError); n != 1 {
		t.Errorf("%d errors: %s", n, said.all())
	}
}

// A process that starts after the bucket was lost begins below the guard. It is refused
// although it has the lease, and its next term is above the guard's; the process that wrote
// under the guard is fenced, and stays so.
func testLeaseBelowGuard(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	old := must(kv.Seize(ctx, &b.Stream, "guard", "old", 1<<40))(t) // no revision gets there
	th := newTheatre(t, limit)                                      // nobody waits for the end of a lease
	guards := make(chan *kv.Guard, 2)
	th.act = func(ctx context.Context, holder string, term uint64) error {
		g, err := kv.Seize(ctx, &b.Stream, "guard", holder, term)
		if err == nil {
			guards <- g
		}
		return err
	}
	stop := th.process(s.open(t), "new", "writer.e1")
	young := receive(t, "the right to write", guards)
	must(b.Publish(ctx, fenced(b, young, 1)))(t)
	if _, err := b.Publish(ctx, fenced(b, old, 2)); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("a batch of the late one: %v, want ErrConflict", err)
	}
	for name, try := range map[string]func(context.Context) error{"check": old.Check, "reassert": old.Reassert} {
		if err := try(ctx); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("%s of the late one: %v, want ErrFenced", name, err)
		}
	}
	stop()
	th.process(s.open(t), "next", "writer.e1")
	must(b.Publish(ctx, fenced(b, receive(t, "the right to write", guards), 3)))(t)
	if err := young.Check(ctx); !errors.Is(err, kv.ErrFenced) {
		t.Errorf("check of the one before: %v, want ErrFenced", err)
	}
}

// sayings is a log that a test can read.
type sayings struct {
	mu      sync.Mutex
	records []slog.Record
}

func (s *sayings) Enabled(context.Context, slog.Level) bool { return true }
func (s *sayings) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *sayings) WithGroup(string) slog.Handler            { return s }

func (s *sayings) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	return nil
}

func (s *sayings) count(level slog.Level) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.Level == level {
			n++
		}
	}
	return n
}

func (s *sayings) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.records {
		b.WriteString(r.Level.String() + " " + r.Message + "\n")
	}
	return b.String()
}
