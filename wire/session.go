package wire

import (
	"crypto/rand"
	"strings"
	"time"
)

// How long a fan's session lasts: on the device where the fan was named, and on one that a
// link made the fan's. Ended sessions are remembered for as long.
const (
	SessionLife        = 365 * 24 * time.Hour
	CarriedSessionLife = 30 * 24 * time.Hour
)

// MaxSignOuts bounds the records of SIGNEDOUT, which every gateway keeps in memory.
const MaxSignOuts = 1 << 19

// SignOut ends sessions of a fan: a record of SIGNEDOUT, which every gateway watches.
// Under the key of one session it ends that one; under SignOutAll all that began by At,
// except the one in Keep.
type SignOut struct {
	At   time.Time `json:"at"`
	Keep string    `json:"keep,omitempty"` // session
}

// SignOutAll stands for all sessions of a fan, in place of a session's id.
const SignOutAll = "all"

// NewSession returns a fresh session id.
func NewSession() string { return rand.Text()[:16] }

// SignOutKey is the key of a session's end, or with session SignOutAll of all of a fan.
func SignOutKey(fan, session string) string { return fan + "." + session }

// SplitSignOutKey is the inverse of SignOutKey.
func SplitSignOutKey(key string) (fan, session string, ok bool) {
	fan, session, ok = strings.Cut(key, ".")
	return fan, session, ok && IsFan(fan) && session != ""
}
