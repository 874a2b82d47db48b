package kv

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// script is a consumer that delivers messages by their numbers.
type script struct {
	jetstream.MessagesContext
	numbers []uint64
}

func (s *script) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	if len(s.numbers) == 0 {
		return nil, jetstream.ErrMsgIteratorClosed
	}
	m := delivered{number: s.numbers[0]}
	s.numbers = s.numbers[1:]
	return m, nil
}

type delivered struct {
	jetstream.Msg
	number uint64
}

func (d delivered) Subject() string { return "$KV.b.k" }
func (d delivered) Data() []byte    { return nil }
func (d delivered) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: d.number, Stream: 10 * d.number}, Timestamp: time.Now()}, nil
}

// A message that was sent and did not arrive ends a Follower, and so makes the next one.
func TestFollowerNoticesAGap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		numbers []uint64
		arrive  int
		err     error
	}{
		{[]uint64{1, 2, 3}, 3, jetstream.ErrMsgIteratorClosed},
		{[]uint64{1, 3}, 1, errGap},
		{[]uint64{2, 3}, 0, errGap},
		{[]uint64{1, 2, 2}, 2, errGap},
	} {
		f := &follower{messages: &script{numbers: c.numbers}}
		n, err := 0, error(nil)
		for err == nil {
			if _, err = f.Next(t.Context()); err == nil {
				n++
			}
		}
		if n != c.arrive || !errors.Is(err, c.err) {
			t.Errorf("of %v arrive %d, then %v; want %d, then %v", c.numbers, n, err, c.arrive, c.err)
		}
	}
}
