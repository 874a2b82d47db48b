package visitor

import (
	"errors"
	"maps"
	"sync"
	"time"

	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// SignOuts is SIGNEDOUT as this gateway has seen it. It is checked for each cookie. Until
// it has been read no cookie is good.
type SignOuts struct {
	now   func() time.Time
	ended func(fan string)

	mu      sync.RWMutex
	current bool
	all     map[string]signOut   // by fan
	ones    map[string]time.Time // by key: when it was stored
	swept   int                  // records left by the last sweep
}

type signOut struct {
	wire.SignOut
	stored time.Time
}

// minSignOuts is how many records are kept without a sweep.
const minSignOuts = 1024

func newSignOuts(now func() time.Time, ended func(fan string)) *SignOuts {
	return &SignOuts{now: now, ended: ended, all: map[string]signOut{}, ones: map[string]time.Time{}}
}

// Note takes a record of SIGNEDOUT.
func (s *SignOuts) Note(e kv.Entry) error {
	fan, session, ok := wire.SplitSignOutKey(e.Key)
	if !ok {
		return errors.New("the key is not fan.session")
	}
	v, err := wire.Read[wire.SignOut](session, e.Value)
	if err != nil && session == wire.SignOutAll {
		return err // it doesn't say since when, so what was known stands
	}
	s.mu.Lock()
	if session == wire.SignOutAll {
		s.all[fan] = signOut{v, e.Created}
	} else { // a record under a session's id, even a spoiled one, means that it ended
		s.ones[e.Key] = e.Created
	}
	s.sweep()
	current := s.current
	s.mu.Unlock()
	if current && s.ended != nil {
		s.ended(fan)
	}
	return err
}

// sweep forgets expired records each time their number has doubled. The server drops them
// without notice.
func (s *SignOuts) sweep() {
	if len(s.all)+len(s.ones) < 2*max(s.swept, minSignOuts) {
		return
	}
	died := func(stored time.Time) bool { return s.now().Sub(stored) > wire.SessionLife }
	maps.DeleteFunc(s.all, func(_ string, v signOut) bool { return died(v.stored) })
	maps.DeleteFunc(s.ones, func(_ string, stored time.Time) bool { return died(stored) })
	s.swept = len(s.all) + len(s.ones)
}

// Arrived marks that all stored records have been noted.
func (s *SignOuts) Arrived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = true
}

// Since reports whether a fan has signed other devices out since an instant. A session that
// began in the same second counts as begun before.
func (s *SignOuts) Since(fan string, began time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.all[fan]
	return ok && began.Unix() <= v.At.Unix()
}

// of returns why a session is no longer good, nil if it is.
func (s *SignOuts) of(f keyring.Face) *wire.Problem {
	s.mu.RLock()
	current, keep := s.current, s.all[f.Fan].Keep
	_, ended := s.ones[wire.SignOutKey(f.Fan, f.Session)]
	s.mu.RUnlock()
	switch {
	case !current:
		return wire.Busy("We can't tell yet whether you are signed out. Please try again in a moment.")
	case ended, s.Since(f.Fan, f.At) && (f.Session == "" || f.Session != keep):
		return wire.Refuse(wire.CodeSignedOut, "You were signed out on this device. Your places, orders and tickets are kept on the devices that are still signed in: to get them back here, open “Take your place with you” on one of those. To start afresh here, open the event's page again.")
	}
	return nil
}
