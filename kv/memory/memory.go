// Package memory is a kv.Store in memory: what JetStream guarantees to kv, without how it
// does so. It answers at once and loses nothing; the simulation wraps it to inject faults.
// Package kvtest runs kv's conformance suite on it as on real servers.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"frontrow/kv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds, the same as the server's.
const (
	maxLatest  = 1024    // subjects of one Latest
	maxPayload = 1 << 20 // of a message
)

// codeTooLarge is JSStreamMessageExceedsMaximum, which package jetstream does not name.
const codeTooLarge = 10054

// Store is streams in memory. Its zero value is not usable.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	streams map[string]*stream
}

// stream has the messages of one stream, and their positions by subject.
type stream struct {
	cfg      jetstream.StreamConfig
	made     time.Time
	last     kv.Revision
	log      []kv.Entry // in the order of revisions; overwritten ones have no Key
	subjects map[string][]int
	changed  chan struct{} // closed by the next message
}

// New returns a Store without streams.
func New(now func() time.Time) *Store {
	return &Store{now: now, streams: map[string]*stream{}}
}

// Create makes a stream. It uses Name, Subjects, MaxMsgsPerSubject (0: all) and MaxMsgSize
// of cfg.
func (s *Store) Create(cfg jetstream.StreamConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[cfg.Name] == nil {
		s.streams[cfg.Name] = &stream{cfg: cfg, made: s.now(), subjects: map[string][]int{}, changed: make(chan struct{})}
	}
}

// Delete loses a stream. Its Followers end.
func (s *Store) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[name]; st != nil {
		delete(s.streams, name)
		close(st.changed)
	}
}

// Publish implements kv.Store.
func (s *Store) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	if err := kv.CheckBatch(msgs); err != nil {
		return kv.Ack{}, err
	}
	if err := ctx.Err(); err != nil {
		return kv.Ack{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.of(msgs[0].Subject)
	if st == nil {
		return kv.Ack{}, fmt.Errorf("%w: no stream takes %s", kv.ErrBusy, msgs[0].Subject)
	}
	if err := st.check(msgs); err != nil {
		return kv.Ack{}, err
	}
	now := s.now().UTC()
	for _, m := range msgs {
		st.put(kv.Entry{Key: m.Subject, Value: bytes.Clone(m.Data), Created: now})
	}
	close(st.changed)
	st.changed = make(chan struct{})
	return kv.Ack{Stream: st.cfg.Name, Last: st.last, Count: len(msgs)}, nil
}

// check refuses a batch if the condition of any message does not hold. Conditions refer to
// the state before the batch, so two on one subject contradict each other.
func (st *stream) check(msgs []kv.Msg) error {
	seen := make(map[string]bool, len(msgs))
	for _, m := range msgs {
		if len(m.Data) > maxPayload {
			return nats.ErrMaxPayload
		}
		if most := st.cfg.MaxMsgSize; most > 0 && len(m.Data) > int(most) {
			return &jetstream.APIError{Code: 400, ErrorCode: codeTooLarge, Description: "message size exceeds maximum allowed"}
		}
		subject, r, conditional := m.Condition()
		if conditional && (st.lastOf(subject).Revision != r || seen[m.Subject]) {
			return fmt.Errorf("%w: %w", kv.ErrConflict, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence,
				Description: fmt.Sprintf("wrong last sequence: %d", st.lastOf(subject).Revision)})
		}
		seen[m.Subject] = true
	}
	return nil
}

func (st *stream) put(e kv.Entry) {
	st.last++
	e.Revision = st.last
	at := append(st.subjects[e.Key], len(st.log))
	st.log = append(st.log, e)
	if most := int(st.cfg.MaxMsgsPerSubject); most > 0 && len(at) > most {
		st.log[at[0]] = kv.Entry{Revision: st.log[at[0]].Revision}
		at = at[1:]
	}
	st.subjects[e.Key] = at
}

func (st *stream) lastOf(subject string) (e kv.Entry) {
	if at := st.subjects[subject]; len(at) > 0 {
		e = st.log[at[len(at)-1]]
	}
	return e
}

// Last returns the revision of a stream's last message.
func (s *Store) Last(name string) kv.Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[name].last
}

// Get implements kv.Store.
func (s *Store) Get(ctx context.Context, name string, q kv.Query) (kv.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	switch {
	case ctx.Err() != nil:
		return kv.Entry{}, ctx.Err()
	case st == nil:
		return kv.Entry{}, jetstream.ErrStreamNotFound
	}
	if e := st.find(q); e.Key != "" {
		return e, nil
	}
	return kv.Entry{}, kv.ErrNotFound
}

func (st *stream) find(q kv.Query) kv.Entry {
	if q.Since.IsZero() && q.Revision == 0 { // the last of a subject
		if !strings.ContainsAny(q.Subject, "*>") {
			return st.lastOf(q.Subject)
		}
		for _, e := range slices.Backward(st.log) {
			if e.Key != "" && Matches(q.Subject, e.Key) {
				return e
			}
		}
		return kv.Entry{}
	}
	for _, e := range st.log[st.from(q.Revision):] {
		switch {
		case q.Since.IsZero() && q.Subject == "":
			if e.Revision == q.Revision {
				return e
			}
			return kv.Entry{}
		case e.Key == "" || e.Created.Before(q.Since) || q.Subject != "" && !Matches(q.Subject, e.Key):
		default:
			return e
		}
	}
	return kv.Entry{}
}

// from returns the index in the log of the first message at revision r or later.
func (st *stream) from(r kv.Revision) int {
	return sort.Search(len(st.log), func(i int) bool { return st.log[i].Revision >= r })
}

// Latest implements kv.Store.
func (s *Store) Latest(ctx context.Context, name string, subjects []string, upTo kv.Revision) ([]kv.Entry, kv.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	switch {
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case st == nil:
		return nil, 0, jetstream.ErrStreamNotFound
	case len(subjects) > maxLatest:
		return nil, 0, fmt.Errorf("%d subjects, want at most %d", len(subjects), maxLatest)
	}
	if upTo == 0 {
		upTo = st.last
	}
	var found []kv.Entry
	for _, subject := range subjects {
		for _, i := range slices.Backward(st.subjects[subject]) {
			if st.log[i].Revision <= upTo {
				found = append(found, st.log[i])
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, 0, nil
	}
	return found, upTo, nil
}

// Follow implements kv.Store.
func (s *Store) Follow(ctx context.Context, name string, filters []string, behind kv.Position) (kv.Follower, kv.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	switch {
	case ctx.Err() != nil:
		return nil, behind, ctx.Err()
	case st == nil:
		return nil, behind, jetstream.ErrStreamNotFound
	}
	behind = behind.In(st.made, st.last)
	f := &Follower{store: s, stream: st, filters: filters, at: behind.Revision}
	if f.at == 0 {
		f.snapshot = st.last
	}
	return f, behind, nil
}

// Follower is a position in a stream. Up to snapshot it hands out the last message of each
// subject; beyond it, every message.
type Follower struct {
	store        *Store
	stream       *stream
	filters      []string
	at, snapshot kv.Revision
}

// Ready returns the next message if there is one; otherwise its Key is empty.
func (f *Follower) Ready() (kv.Entry, error) {
	e, _, err := f.look(context.Background())
	return e, err
}

// Next implements kv.Follower.
func (f *Follower) Next(ctx context.Context) (kv.Entry, error) {
	for {
		e, changed, err := f.look(ctx)
		if err != nil || e.Key != "" {
			return e, err
		}
		select {
		case <-ctx.Done():
			return kv.Entry{}, ctx.Err()
		case <-changed:
		}
	}
}

// look returns the next message, or a channel that is closed when there may be one.
func (f *Follower) look(ctx context.Context) (kv.Entry, <-chan struct{}, error) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	st := f.stream
	switch {
	case ctx.Err() != nil:
		return kv.Entry{}, nil, ctx.Err()
	case f.store.streams[st.cfg.Name] != st:
		return kv.Entry{}, nil, jetstream.ErrConsumerDeleted
	}
	for _, e := range st.log[st.from(f.at+1):] {
		f.at = e.Revision
		if e.Key == "" || !slices.ContainsFunc(f.filters, func(filter string) bool { return Matches(filter, e.Key) }) ||
			e.Revision <= f.snapshot && st.lastOf(e.Key).Revision != e.Revision {
			continue
		}
		return e, nil, nil
	}
	return kv.Entry{}, st.changed, nil
}

// Stop implements kv.Follower.
func (f *Follower) Stop() {}

// of returns the stream to which a subject belongs.
func (s *Store) of(subject string) *stream {
	for _, st := range s.streams {
		for _, filter := range st.cfg.Subjects {
			if Matches(filter, subject) {
				return st
			}
		}
	}
	return nil
}

// Matches reports whether subject matches a subject filter.
func Matches(filter, subject string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, ".")
		s, srest, smore := strings.Cut(subject, ".")
		switch {
		case f == ">":
			return subject != ""
		case f != "*" && f != s || fmore != smore:
			return false
		case !fmore:
			return true
		}
		filter, subject = frest, srest
	}
}

var _ kv.Store = (*Store)(nil)
