package kv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a watch.
const (
	watchHeartbeat = time.Second      // silence of two of these replaces the consumer
	watchAhead     = 4096             // messages asked for ahead
	watchExpiry    = 30 * time.Second // of one pull request
	watchIdle      = 30 * time.Second // after which the server forgets a consumer nobody reads
	watchMinPause  = 50 * time.Millisecond
	watchMaxPause  = 2 * time.Second
)

// A Watcher is told what a watch sees, by one goroutine.
type Watcher struct {
	// Entry gets the last value of every key, in the order of revisions, and then
	// each new one. Between two that follow fast on each other a value may be
	// missing (the stream keeps the last of each key), the last never is. It must
	// be quick: while it works the watch waits.
	Entry func(Entry)
	// Current, if any, is called when every value stored before the watch began
	// has been given to Entry; again after a new snapshot, which a stream that
	// was made anew or set back requires.
	Current func()
}

// Watch tells w the values of the keys that match filter (a subject filter over
// keys: "seat.>"), first those stored, then those that come. It outlasts
// reconnects, restarts and changes of leader by resuming behind the last
// revision it saw, and ends only with ctx, whose error it returns, or at once if
// there is no such stream. It is one consumer on the server: have one per
// process and bucket. What it tells is old by the time it is told: it informs.
func (s *Stream) Watch(ctx context.Context, filter string, w Watcher) error {
	if w.Current == nil {
		w.Current = func() {}
	}
	t := &tail{stream: s, key: filter, Watcher: w}
	wait := watchMinPause
	for first := true; ; first = false {
		seen := t.last
		err := t.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if first && errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("watch %s of %s: %w", filter, s.name, err)
		}
		if t.last != seen {
			wait = watchMinPause
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, watchMaxPause)
	}
}

// tail is the state of a watch across its consumers.
type tail struct {
	Watcher
	stream  *Stream
	key     string    // the filter
	made    time.Time // when the stream was created
	last    Revision  // the last seen
	current bool
}

// follow reads one consumer until it fails.
func (t *tail) follow(ctx context.Context) error {
	start, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stream, err := t.stream.js.Stream(start, t.stream.name)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	if !info.Created.Equal(t.made) || Revision(info.State.LastSeq) < t.last {
		t.made, t.last, t.current = info.Created, 0, false
	}
	consumer, err := stream.CreateConsumer(start, t.config())
	if err != nil {
		return err
	}
	defer t.drop(ctx, stream, consumer.CachedInfo().Name)
	end, err := t.end(start)
	if err != nil {
		return err
	}
	if !t.current && t.last >= end {
		t.arrived()
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(watchAhead), jetstream.PullExpiry(watchExpiry),
		jetstream.PullHeartbeat(watchHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer messages.Stop()
	again := true
	for delivered := uint64(1); ; delivered++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return errGap
		}
		t.last = Revision(meta.Sequence.Stream)
		key := strings.TrimPrefix(m.Subject(), t.stream.prefix)
		t.Entry(Entry{Key: key, Value: m.Data(), Revision: t.last, Created: meta.Timestamp})
		if t.current || t.last < end {
			continue
		}
		// What was written over before it was delivered has been missed so far.
		if end, err = t.end(ctx); err != nil {
			return err
		}
		if !again || t.last >= end {
			t.arrived()
		}
		again = false
	}
}

// end is where a snapshot ends that is complete by now. It is the leader's, and
// asked for after the consumer was made: his replica may be behind, and he does
// not tell a value that was written over before, but the one that did.
func (t *tail) end(ctx context.Context) (Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	e, err := t.stream.get(ctx, t.key)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return e.Revision, err
}

var errGap = errors.New("a message is missing")

func (t *tail) arrived() {
	t.current = true
	t.Current()
}

// config is that of an ordered consumer: unacknowledged, in memory, on one server.
func (t *tail) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		FilterSubject:     t.stream.Subject(t.key),
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: watchIdle,
	}
	if t.last > 0 {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, uint64(t.last)+1
	}
	return c
}

// drop spares the server the wait for watchIdle.
func (t *tail) drop(ctx context.Context, stream jetstream.Stream, name string) {
	if !t.stream.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchHeartbeat)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, name) // else the server forgets it
}

// All reads the last entry of each key that matches filter, in the order of
// their revisions: at least what was stored when it was called.
func (s *Stream) All(ctx context.Context, filter string) ([]Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last, done := map[string]Entry{}, false
	err := s.Watch(ctx, filter, Watcher{
		Entry: func(e Entry) {
			if !done {
				last[e.Key] = e
			}
		},
		Current: func() { done = true; cancel() },
	})
	if !done {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(last), func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) }), nil
}
