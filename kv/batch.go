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
	"github.com/nats-io/nuid"
)

const (
	// MaxBatch is the most messages that one Publish takes. The server's own bound is
	// 1,000.
	MaxBatch = 900
	// AckTimeout bounds the wait for an acknowledgement when ctx has no deadline.
	AckTimeout = 5 * time.Second
)

// Headers of an atomic batch, ADR-50.
const (
	headerBatchID     = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
)

// Msg is one write to a stream.
type Msg struct {
	Subject string
	Data    []byte
	Expect  Expect
}

// Condition returns what m expects: that the last message of subject is at revision r, 0
// meaning that there is none. If conditional is false, it expects nothing.
func (m Msg) Condition() (subject string, r Revision, conditional bool) {
	if m.Expect.subject != "" {
		return m.Expect.subject, m.Expect.revision, true
	}
	return m.Subject, m.Expect.revision, m.Expect.set
}

// Expect is the condition under which the server stores a message. The zero value is no
// condition. A message has only one: JetStream has one such header, so a fence takes the
// place of the message's own revision.
type Expect struct {
	subject  string // whose revision; empty means the message's own
	revision Revision
	set      bool
}

// Absent expects that the subject has no message: create-only.
func Absent() Expect { return Expect{set: true} }

// At expects that the last message of the subject is revision r; 0 is Absent.
func At(r Revision) Expect { return Expect{set: true, revision: r} }

// While expects that the record of f is still at the fence's revision. In an atomic batch
// one such message fences the whole batch.
func While(f Fence) Expect { return Expect{set: true, subject: f.Subject, revision: f.Revision} }

// Fence is a record and the revision it must still have. Subject is literal:
// a wildcard is not safe on replicated streams.
type Fence struct {
	Subject  string
	Revision Revision
}

// Ack is the acknowledgement of a Publish.
type Ack struct {
	Stream string
	Last   Revision // of the last message
	Count  int
}

// Revision returns the revision of message i: those of a batch are contiguous.
func (a Ack) Revision(i int) Revision {
	return a.Last - Revision(a.Count-1-i)
}

// Publish stores msgs, all or none, in one round trip: a single one as a plain
// publish, more as one atomic batch, which the stream must allow. All messages
// belong to one stream, no two to the same subject unless the later one has no
// condition, and at most MaxBatch. It returns an outcome (see ErrConflict, ErrBusy,
// ErrUnknown); a refusal does not say which message caused it.
func Publish(ctx context.Context, nc *nats.Conn, msgs []Msg) (Ack, error) {
	if err := CheckBatch(msgs); err != nil {
		return Ack{}, err
	}
	// What is written while disconnected would be sent late, after a reconnect.
	if !nc.IsConnected() {
		return Ack{}, fmt.Errorf("%w: %w", ErrBusy, nats.ErrDisconnected)
	}
	ctx, cancel := whileConnected(ctx, nc, AckTimeout)
	defer cancel()
	if ctx.Err() != nil {
		return Ack{}, context.Cause(ctx)
	}
	enc := newEncoder(len(msgs))
	last := len(msgs) - 1
	for i := range msgs[:last] {
		if err := nc.PublishMsg(enc.encode(&msgs[i], i, false)); err != nil {
			return Ack{}, uncommitted(err)
		}
	}
	reply, err := nc.RequestMsgWithContext(ctx, enc.encode(&msgs[last], last, true))
	if err != nil {
		return Ack{}, silence(ctx, err)
	}
	return enc.ack(reply.Data)
}

// CheckBatch refuses what no store takes: a batch without messages or with too many, or a
// message whose subject is not literal.
func CheckBatch(msgs []Msg) error {
	if len(msgs) == 0 || len(msgs) > MaxBatch {
		return fmt.Errorf("publish batch of %d messages: want 1 to %d", len(msgs), MaxBatch)
	}
	for i := range msgs {
		if !literal(msgs[i].Subject) {
			return fmt.Errorf("publish to %q: %w", msgs[i].Subject, nats.ErrBadSubject)
		}
	}
	return nil
}

// literal reports whether s is a subject to publish to: no token is empty or a wildcard.
// The server drops messages to other subjects without an answer.
func literal(s string) bool {
	start := true // of a token
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if start {
				return false
			}
			start = true
			continue
		case c <= ' ' || c == 0x7f || c == '*' || c == '>':
			return false
		}
		start = false
	}
	return !start
}

// encoder makes the messages of one batch in one reused nats.Msg and header:
// nats.go copies both into its write buffer before it returns.
type encoder struct {
	id    string // empty for a single message
	count int
	msg   nats.Msg

	seq, revision, subject []string
}

func newEncoder(count int) *encoder {
	e := &encoder{count: count, seq: []string{""}, revision: []string{""}, subject: []string{""}}
	e.msg.Header = make(nats.Header, 5)
	if count > 1 {
		e.id = nuid.Next()
		e.msg.Header[headerBatchID] = []string{e.id}
		e.msg.Header[headerBatchSeq] = e.seq
	}
	return e
}

func (e *encoder) encode(m *Msg, i int, last bool) *nats.Msg {
	h := e.msg.Header
	if e.id != "" {
		e.seq[0] = strconv.Itoa(i + 1)
		if last {
			h[headerBatchCommit] = []string{"1"}
		}
	}
	if m.Expect.set {
		e.revision[0] = strconv.FormatUint(uint64(m.Expect.revision), 10)
		h[jetstream.ExpectedLastSubjSeqHeader] = e.revision
	} else {
		delete(h, jetstream.ExpectedLastSubjSeqHeader)
	}
	if m.Expect.subject != "" {
		e.subject[0] = m.Expect.subject
		h[jetstream.ExpectedLastSubjSeqSubjHeader] = e.subject
	} else {
		delete(h, jetstream.ExpectedLastSubjSeqSubjHeader)
	}
	e.msg.Subject, e.msg.Data = m.Subject, m.Data
	return &e.msg
}

// ack reads the answer to the last message. One that does not confirm exactly
// this batch leaves its outcome unknown.
func (e *encoder) ack(data []byte) (Ack, error) {
	var a struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
		Seq    uint64              `json:"seq"`
		Batch  string              `json:"batch"`
		Count  int                 `json:"count"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return Ack{}, fmt.Errorf("%w: acknowledgement: %w", ErrUnknown, err)
	}
	if a.Error != nil {
		return Ack{}, refusal(a.Error)
	}
	if e.id == "" {
		a.Count = 1
	}
	if a.Seq == 0 || a.Batch != e.id || a.Count != e.count {
		return Ack{}, fmt.Errorf("%w: %w", ErrUnknown, errors.New("acknowledgement of another batch"))
	}
	return Ack{Stream: a.Stream, Last: Revision(a.Seq), Count: a.Count}, nil
}
