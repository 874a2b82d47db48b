package kv

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Revision is the revision of a record: the stream sequence of its last message. The keys
// of a bucket share one increasing sequence; 0 means "never stored".
type Revision uint64

// Entry is a key's value at one revision.
type Entry struct {
	Key      string
	Value    []byte
	Revision Revision
	Created  time.Time // when the server stored this revision, by its clock
}

// Stream reads and writes the records of one stream: the last messages of its subjects.
type Stream struct {
	name   string
	prefix string // of keys: "" or "$KV.<bucket>."
	store  Store
}

// Bucket is a Stream whose keys are those of a KV bucket (ADR-8). Records are explicit and
// never deleted, so a Bucket has no delete.
type Bucket struct{ Stream }

// readTimeout bounds a read when its ctx has no deadline.
const readTimeout = 5 * time.Second

// NewStream returns the stream of store called name, with subjects for keys.
func NewStream(store Store, name string) *Stream { return &Stream{name: name, store: store} }

// NewBucket returns the bucket of store called name.
func NewBucket(store Store, name string) *Bucket {
	return &Bucket{Stream{name: "KV_" + name, prefix: "$KV." + name + ".", store: store}}
}

// OpenStream returns the stream of JetStream called name, without asking the server.
func OpenStream(js jetstream.JetStream, name string) *Stream { return NewStream(JetStream(js), name) }

// Open returns the bucket of JetStream called name, without asking the server.
func Open(js jetstream.JetStream, name string) *Bucket { return NewBucket(JetStream(js), name) }

// Create creates the bucket's stream if there is none, or updates it to cfg.
// cfg.Name is KV_<bucket>. (CreateOrUpdateKeyValue would switch atomic batches off.)
func Create(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (*Bucket, error) {
	const head = "KV_"
	if len(cfg.Name) <= len(head) || cfg.Name[:len(head)] != head {
		return nil, fmt.Errorf("create bucket: stream %q is not named %s<bucket>", cfg.Name, head)
	}
	if _, err := js.CreateOrUpdateStream(ctx, cfg); err != nil {
		return nil, fmt.Errorf("create bucket %s: %w", cfg.Name, err)
	}
	return Open(js, cfg.Name[len(head):]), nil
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.name }

// Store returns the stream's store.
func (s *Stream) Store() Store { return s.store }

// Subject returns the subject of key.
func (s *Stream) Subject(key string) string { return s.prefix + key }

// Publish stores msgs, whose subjects are the stream's, all or none: see Store.
func (s *Stream) Publish(ctx context.Context, msgs []Msg) (Ack, error) {
	return s.store.Publish(ctx, msgs)
}

// Create stores key's first value. ErrConflict means that it has one, or may have.
func (s *Stream) Create(ctx context.Context, key string, value []byte) (Revision, error) {
	return s.write(ctx, "create", Msg{s.Subject(key), value, Absent()})
}

// Update replaces key's value at revision r. ErrConflict means that it has moved on, or may
// have.
func (s *Stream) Update(ctx context.Context, key string, value []byte, r Revision) (Revision, error) {
	return s.write(ctx, "update", Msg{s.Subject(key), value, At(r)})
}

func (s *Stream) write(ctx context.Context, verb string, m Msg) (Revision, error) {
	ack, err := s.Publish(ctx, []Msg{m})
	if err != nil {
		return 0, fmt.Errorf("%s %s in %s: %w", verb, m.Subject, s.name, err)
	}
	return ack.Last, nil
}

// Get asks the leader for key's value, and returns ErrNotFound if there is none. It sees
// every write that was acknowledged before the call as long as that leader still leads: the
// server does not confirm its leadership for a read, so one that has just lost it may
// answer with an older value until it notices. Therefore a read informs and a conditional
// write decides. Guard.Resolve reads what is known to be fresh.
func (s *Stream) Get(ctx context.Context, key string) (Entry, error) {
	e, err := s.get(ctx, key)
	if err != nil {
		return Entry{}, fmt.Errorf("get %s from %s: %w", key, s.name, err)
	}
	return e, nil
}

func (s *Stream) get(ctx context.Context, key string) (Entry, error) {
	return s.ask(ctx, Query{Subject: s.Subject(key)})
}

// ask asks the leader for one message.
func (s *Stream) ask(ctx context.Context, q Query) (Entry, error) {
	e, err := s.store.Get(ctx, s.name, q)
	return s.keyed(e), err
}

// keyed returns an entry of the store under its key in the stream.
func (s *Stream) keyed(e Entry) Entry {
	e.Key = strings.TrimPrefix(e.Key, s.prefix)
	return e
}
