package kv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a watch.
const (
	watchMinPause = 50 * time.Millisecond // between two Followers
	watchMaxPause = 2 * time.Second
	watchRounds   = 32 // of a snapshot that is overwritten faster than it is read
)

// Watcher gets what a watch sees, from one goroutine.
type Watcher struct {
	// Entry gets the last value of every key, in the order of revisions, and then
	// each new one. Values that follow each other quickly may be skipped (the stream keeps
	// the last of each key), but never the last. Entry must be quick: the watch waits for
	// it.
	Entry func(Entry)
	// Current, if not nil, is called when every value stored before the watch began has
	// been given to Entry, or one that overwrote it; and again after a new snapshot, which
	// a recreated or restored stream requires. Only a key that is overwritten in each of
	// watchRounds rounds, before it is read, may be missing.
	Current func()
}

// Watch gives w the values of the keys that match filter (a subject filter over keys:
// "seat.>"), first those stored, then new ones. It survives reconnects, restarts and
// changes of leader by resuming behind the last revision it saw. It ends only with ctx,
// whose error it returns, or at once if there is no such stream. It is one consumer on the
// server: have one per process and bucket. Its values are old by the time they arrive: it
// informs.
func (s *Stream) Watch(ctx context.Context, filter string, w Watcher) error {
	if w.Current == nil {
		w.Current = func() {}
	}
	t := &tail{stream: s, filters: []string{s.Subject(filter)}, Watcher: w}
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("watch %s of %s: %w", filter, s.name, err)
	}
	return ctx.Err()
}

// run follows until ctx ends; it returns an error only if there is no such stream, or if it
// is another than that of once.
func (t *tail) run(ctx context.Context) error {
	wait := watchMinPause
	for first := true; ; first = false {
		seen := t.at.Revision
		err := t.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first && errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, ErrAnew) {
			return err
		}
		if t.at.Revision != seen {
			wait = watchMinPause
		}
		if pause(ctx, wait) != nil {
			return nil
		}
		wait = min(2*wait, watchMaxPause)
	}
}

// WatchBehind is a Watch of what is stored behind a position: every value that is still
// kept, those that were written over since among them. Behind revision 0 of a stream it
// begins with the last value of every key. Unlike Watch it doesn't begin again by itself:
// once the stream was recreated, or restored from before the position, it ends with ErrAnew.
func (s *Stream) WatchBehind(ctx context.Context, filter string, behind Position, w Watcher) error {
	if w.Current == nil {
		w.Current = func() {}
	}
	t := &tail{stream: s, filters: []string{s.Subject(filter)}, at: behind, once: true, Watcher: w}
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("watch %s of %s behind %d: %w", filter, s.name, behind.Revision, err)
	}
	return ctx.Err()
}

// tail is the state of a watch across its Followers.
type tail struct {
	Watcher
	stream  *Stream
	filters []string // subjects
	at      Position // the last seen
	once    bool     // whether it ends when the stream is another
	current bool
}

// follow reads one Follower until it fails.
func (t *tail) follow(ctx context.Context) error {
	f, from, err := t.stream.store.Follow(ctx, t.stream.name, t.filters, t.at)
	if err != nil {
		return err
	}
	defer f.Stop()
	if from != t.at {
		if t.once && t.at != (Position{}) {
			return ErrAnew
		}
		t.at, t.current = from, false
	}
	end := Revision(0)
	if !t.current {
		if end, err = t.end(ctx); err != nil {
			return err
		}
		if t.at.Revision >= end {
			t.arrived()
		}
	}
	for round := 1; ; {
		if ctx.Err() != nil { // Entry or Current has ended the watch: what has come since isn't seen
			return ctx.Err()
		}
		e, err := f.Next(ctx)
		if err != nil {
			return err
		}
		t.at.Revision = e.Revision
		t.Entry(t.stream.keyed(e))
		if t.current || t.at.Revision < end {
			continue
		}
		// What was overwritten before it was delivered has been missed so far, and so
		// once more in the round that follows: until a round has caught up.
		if end, err = t.end(ctx); err != nil {
			return err
		}
		if t.at.Revision >= end || round == watchRounds {
			t.arrived()
		}
		round++
	}
}

// end returns the revision at which a snapshot is complete now. The leader is asked, after
// the Follower was made: the Follower's replica may be behind, and it delivers an
// overwriting value in place of the overwritten one.
func (t *tail) end(ctx context.Context) (end Revision, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for _, filter := range t.filters {
		e, err := t.stream.ask(ctx, Query{Subject: filter})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		end = max(end, e.Revision)
	}
	return end, nil
}

func (t *tail) arrived() {
	t.current = true
	t.Current()
}

// All reads the last entry of each key that matches filter, in the order of their
// revisions: at least what was stored when it was called.
func (s *Stream) All(ctx context.Context, filter string) ([]Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last, done := map[string]Entry{}, false
	err := s.Watch(ctx, filter, Watcher{
		Entry:   func(e Entry) { last[e.Key] = e },
		Current: func() { done = true; cancel() },
	})
	if !done {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(last), func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) }), nil
}

// ReadBehind gives entry what a WatchBehind sees until it is current, and returns the
// position of the last entry, to go on from there. With no position it reads the stream as
// it is now; it is ErrAnew if the stream is recreated meanwhile.
func (s *Stream) ReadBehind(ctx context.Context, filter string, behind Position, entry func(Entry)) (Position, error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	done := false
	t := &tail{stream: s, filters: []string{s.Subject(filter)}, at: behind, once: true}
	t.Watcher = Watcher{Entry: entry, Current: func() { done = true; cancel() }}
	err := t.run(reading)
	if done {
		return t.at, nil
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return behind, fmt.Errorf("read %s of %s behind %d: %w", filter, s.name, behind.Revision, err)
}

// ReadTo reads the last entry of each key that matches one of the filters, in the order of
// their revisions, until the record under key has arrived at revision r or later. By then
// all that was stored before has arrived too, whichever replica answers. An entry may
// arrive more than once, at increasing revisions. Like a watch, it retries until ctx ends.
func (s *Stream) ReadTo(ctx context.Context, filters []string, key string, r Revision, entry func(Entry)) error {
	return s.ReadBehindTo(ctx, filters, 0, key, r, entry)
}

// ReadBehindTo is ReadTo of what was stored behind a revision, with every value that is still
// kept; of all, if the stream hasn't come so far.
func (s *Stream) ReadBehindTo(ctx context.Context, filters []string, behind Revision, key string, r Revision, entry func(Entry)) error {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	done := false
	t := &tail{stream: s, at: Position{Revision: behind}, filters: []string{s.Subject(key)}, Watcher: Watcher{Current: func() {}, Entry: func(e Entry) {
		switch {
		case e.Key != key:
			entry(e)
		case e.Revision >= r:
			done = true
			cancel()
		}
	}}}
	for _, f := range filters {
		t.filters = append(t.filters, s.Subject(f))
	}
	err := t.run(reading)
	if done {
		return nil
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("read %s up to %s at %d: %w", s.name, key, r, err)
}
