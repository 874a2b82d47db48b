package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// spendTimeout bounds one Spend.
const spendTimeout = 3 * time.Second

// Spent is the Spender over wire.ChallengesBucket: each answer is a record that can be
// created once.
type Spent struct {
	bucket    *kv.Bucket
	committer *kv.Committer
}

// NewSpent opens the bucket; nothing is stored before Run.
func NewSpent(js jetstream.JetStream, reg prometheus.Registerer) *Spent {
	b := kv.Open(js, wire.ChallengesBucket)
	return &Spent{bucket: b, committer: kv.NewCommitter(kv.CommitterConfig{Stream: &b.Stream, Registerer: reg})}
}

// Run stores until ctx ends.
func (s *Spent) Run(ctx context.Context) error { return s.committer.Run(ctx) }

// Spend notes a use. On a conflict it reads the record, which may be of this very act, its
// reply having been lost.
func (s *Spent) Spend(ctx context.Context, event, id string, use Use) (bool, error) {
	raw, err := json.Marshal(use)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, spendTimeout)
	defer cancel()
	key := wire.ChallengeKey(event, id)
	_, err = s.committer.Do(ctx, kv.Write{Key: key, Value: raw, Expect: kv.Absent()})
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
		return false, err
	}
	stored, err := s.bucket.Get(ctx, key)
	if err != nil {
		return false, err
	}
	var was Use
	if err := json.Unmarshal(stored.Value, &was); err != nil {
		return false, err
	}
	return was.Fan == use.Fan && was.Act == use.Act, nil
}
