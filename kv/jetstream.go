package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a Follower.
const (
	followHeartbeat = time.Second      // two missed ones end it
	followAhead     = 4096             // messages asked for ahead
	followExpiry    = 30 * time.Second // of one pull request
	followIdle      = 30 * time.Second // after which the server removes an unread consumer
)

// server is JetStream as a Store.
type server struct {
	js  jetstream.JetStream
	nc  *nats.Conn
	api string // prefix of the JetStream API
}

// JetStream returns the store of the streams that js reaches.
func JetStream(js jetstream.JetStream) Store {
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
	return server{js, js.Conn(), api}
}

// Publish implements Store.
func (s server) Publish(ctx context.Context, msgs []Msg) (Ack, error) {
	return Publish(ctx, s.nc, msgs)
}

// Get implements Store.
func (s server) Get(ctx context.Context, stream string, q Query) (Entry, error) {
	ctx, cancel := whileConnected(ctx, s.nc, readTimeout)
	defer cancel()
	reply, err := s.nc.RequestWithContext(ctx, s.api+"STREAM.MSG.GET."+stream, q.request())
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
	return Entry{Key: m.Subject, Value: m.Data, Revision: Revision(m.Seq), Created: m.Time}, nil
}

// request returns q in the form of the server's API.
func (q Query) request() []byte {
	r := map[string]any{}
	switch {
	case !q.Since.IsZero():
		r["start_time"] = q.Since.UTC()
	case q.Revision == 0:
		r["last_by_subj"] = q.Subject
	default:
		r["seq"] = q.Revision
		if q.Subject != "" {
			r["next_by_subj"] = q.Subject
		}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings, numbers and instants that came from JSON
	}
	return raw
}

// Latest implements Store.
func (s server) Latest(ctx context.Context, stream string, subjects []string, upTo Revision) (found []Entry, applied Revision, err error) {
	ctx, cancel := whileConnected(ctx, s.nc, readTimeout)
	defer cancel()
	req, err := json.Marshal(struct {
		Subjects []string `json:"multi_last"`
		Last     Revision `json:"up_to_seq,omitempty"`
	}{subjects, upTo})
	if err != nil {
		return nil, 0, err
	}
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := s.nc.PublishRequest(s.api+"DIRECT.GET."+stream, inbox, req); err != nil {
		return nil, 0, err
	}
	found = make([]Entry, 0, len(subjects))
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			e, err := direct(m)
			if err != nil {
				return nil, 0, err
			}
			found = append(found, e)
		case "204":
			if m.Header.Get("Nats-Num-Pending") != "0" {
				return nil, 0, errors.New("answer was cut short")
			}
			applied, err := strconv.ParseUint(m.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return found, Revision(applied), err
		case "404":
			return nil, 0, nil
		case "503":
			return nil, 0, nats.ErrNoResponders
		default:
			return nil, 0, fmt.Errorf("%s %s", status, m.Header.Get("Description"))
		}
	}
}

// direct reads one message of a direct get.
func direct(m *nats.Msg) (Entry, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("direct get: sequence: %w", err)
	}
	created, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Entry{}, fmt.Errorf("direct get: time: %w", err)
	}
	return Entry{Key: m.Header.Get("Nats-Subject"), Value: m.Data, Revision: Revision(seq), Created: created}, nil
}

// Follow implements Store: one ephemeral consumer.
func (s server) Follow(ctx context.Context, stream string, filters []string, behind Position) (Follower, Position, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	on, err := s.js.Stream(ctx, stream)
	if err != nil {
		return nil, behind, err
	}
	info := on.CachedInfo()
	behind = behind.In(info.Created, Revision(info.State.LastSeq))
	c, err := on.CreateConsumer(ctx, ephemeral(filters, behind.Revision))
	if err != nil {
		return nil, behind, err
	}
	f := &follower{nc: s.nc, stream: on, name: c.CachedInfo().Name}
	f.messages, err = c.Messages(jetstream.PullMaxMessages(followAhead), jetstream.PullExpiry(followExpiry),
		jetstream.PullHeartbeat(followHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		f.drop()
		return nil, behind, err
	}
	return f, behind, nil
}

// ephemeral configures a consumer like an ordered one: unacknowledged, in memory, on one
// server.
func ephemeral(filters []string, behind Revision) jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: followIdle,
	}
	if len(filters) == 1 {
		c.FilterSubject = filters[0] // puts it into the request's subject, where permissions can name it
	} else {
		c.FilterSubjects = filters
	}
	if behind > 0 {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, uint64(behind)+1
	}
	return c
}

// follower is a Follower that reads one consumer.
type follower struct {
	nc        *nats.Conn
	stream    jetstream.Stream
	name      string // of the consumer
	messages  jetstream.MessagesContext
	delivered uint64
}

var errGap = errors.New("a message is missing")

// Next implements Follower.
func (f *follower) Next(ctx context.Context) (Entry, error) {
	m, err := f.messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return Entry{}, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return Entry{}, err
	}
	if f.delivered++; meta.Sequence.Consumer != f.delivered {
		return Entry{}, errGap
	}
	return Entry{Key: m.Subject(), Value: m.Data(), Revision: Revision(meta.Sequence.Stream), Created: meta.Timestamp}, nil
}

// Stop implements Follower.
func (f *follower) Stop() {
	f.messages.Stop()
	f.drop()
}

// drop removes the consumer, rather than let the server wait for followIdle.
func (f *follower) drop() {
	if !f.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), followHeartbeat)
	defer cancel()
	_ = f.stream.DeleteConsumer(ctx, f.name) // else the server forgets it
}
