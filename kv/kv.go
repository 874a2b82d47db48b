package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Revision of a record: the stream sequence of its last message. Revisions of
// all keys of one bucket share one increasing sequence; 0 is "never stored".
type Revision uint64

// Entry is a key's value at one revision.
type Entry struct {
	Key      string
	Value    []byte
	Revision Revision
	Created  time.Time // when the server stored this revision, by its clock
}

// Stream reads and writes last messages of subjects, records, of one stream.
type Stream struct {
	name   string
	prefix string // of keys: "" or "$KV.<bucket>."
	api    string // prefix of the JetStream API
	js     jetstream.JetStream
	nc     *nats.Conn
}

// Bucket is a Stream whose keys are those of a KV bucket (ADR-8). Records are
// explicit and never deleted, so a Bucket offers no delete.
type Bucket struct{ Stream }

// readTimeout bounds a read when its ctx has no deadline.
const readTimeout = 5 * time.Second

// OpenStream is the stream called name, with subjects for keys.
func OpenStream(js jetstream.JetStream, name string) *Stream {
	s := newStream(js, name, "")
	return &s
}

// Open is the bucket called name, without asking the server.
func Open(js jetstream.JetStream, name string) *Bucket {
	return &Bucket{newStream(js, "KV_"+name, "$KV."+name+".")}
}

func newStream(js jetstream.JetStream, name, prefix string) Stream {
	api := js.Options().APIPrefix
	if d := js.Options().Domain; d != "" {
		api = "$JS." + d + ".API"
	}
	if api == "" {
		api = jetstream.DefaultAPIPrefix
	}
	if api[len(api)-1] != '.' {
		api += "."
	}
	return Stream{name: name, prefix: prefix, api: api, js: js, nc: js.Conn()}
}

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

// Name of the stream.
func (s *Stream) Name() string { return s.name }

// Conn is the connection the stream is read and written through.
func (s *Stream) Conn() *nats.Conn { return s.nc }

// Subject of key.
func (s *Stream) Subject(key string) string { return s.prefix + key }

// Create stores key's first value. ErrConflict: it has one, or may have.
func (s *Stream) Create(ctx context.Context, key string, value []byte) (Revision, error) {
	return s.write(ctx, "create", Msg{s.Subject(key), value, Absent()})
}

// Update replaces key's value at revision r. ErrConflict: it has moved on, or may have.
func (s *Stream) Update(ctx context.Context, key string, value []byte, r Revision) (Revision, error) {
	return s.write(ctx, "update", Msg{s.Subject(key), value, At(r)})
}

func (s *Stream) write(ctx context.Context, verb string, m Msg) (Revision, error) {
	ack, err := Publish(ctx, s.nc, []Msg{m})
	if err != nil {
		return 0, fmt.Errorf("%s %s in %s: %w", verb, m.Subject, s.name, err)
	}
	return ack.Last, nil
}

// Get asks the leader for key's value, or ErrNotFound. It sees every write that
// was acknowledged before the call as long as that leader is still the leader:
// the server does not confirm its leadership for a read, so one that has just
// lost it may answer with an older value until it notices. Therefore a read
// informs and a conditional write decides. A read known to be fresh is
// Latest with a revision.
func (s *Stream) Get(ctx context.Context, key string) (Entry, error) {
	e, err := s.get(ctx, key)
	if err != nil {
		return Entry{}, fmt.Errorf("get %s from %s: %w", key, s.name, err)
	}
	return e, nil
}

func (s *Stream) get(ctx context.Context, key string) (Entry, error) {
	return s.ask(ctx, map[string]any{"last_by_subj": s.Subject(key)})
}

// ask asks the leader for one message.
func (s *Stream) ask(ctx context.Context, which map[string]any) (Entry, error) {
	ctx, cancel := whileConnected(ctx, s.nc, readTimeout)
	defer cancel()
	req, err := json.Marshal(which)
	if err != nil {
		return Entry{}, err
	}
	reply, err := s.nc.RequestWithContext(ctx, s.api+"STREAM.MSG.GET."+s.name, req)
	if cause := context.Cause(ctx); cause != nil {
		return Entry{}, cause
	}
	if err != nil {
		return Entry{}, err
	}
	var r struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &r); err != nil {
		return Entry{}, err
	}
	if r.Error != nil {
		if r.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return Entry{}, ErrNotFound
		}
		return Entry{}, r.Error
	}
	m := r.Message
	return Entry{Key: strings.TrimPrefix(m.Subject, s.prefix), Value: m.Data, Revision: Revision(m.Seq), Created: m.Time}, nil
}
