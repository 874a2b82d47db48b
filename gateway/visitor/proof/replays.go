package proof

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// maxSeen bounds the proofs of a generation: some 9,000 a second.
	maxSeen = 1 << 20
	// generation is how long a proof can be shown: from MaxAge before its instant to MaxAge
	// after.
	generation = 2 * MaxAge
)

// replays remembers the proofs seen, in two generations: what it forgets is at least a
// generation old.
type replays struct {
	now func() time.Time

	mu             sync.Mutex
	younger, older map[[16]byte]struct{}
	turned         time.Time // when the younger began
}

func newReplays(now func() time.Time) *replays {
	return &replays{now: now, younger: map[[16]byte]struct{}{}, turned: now()}
}

// note remembers an id. It returns ErrReplayed if the id is remembered already, ErrBusy if
// there is no room.
func (r *replays) note(id string) error {
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.turned) > generation {
		r.older, r.younger, r.turned = r.younger, map[[16]byte]struct{}{}, now
	}
	_, young := r.younger[key]
	_, old := r.older[key]
	switch {
	case young || old:
		return ErrReplayed
	case len(r.younger) >= maxSeen:
		return ErrBusy
	}
	r.younger[key] = struct{}{}
	return nil
}
