package keyring

import (
	"strconv"
	"strings"
	"time"

	"frontrow/wire"
)

const cookieContext = "frontrow fan v1\n"

// Face is the content of the fr_fan cookie: a fan, and what they have shown of being a
// person, which counts only on the network where they showed it.
type Face struct {
	Fan  string
	At   time.Time // when the fan was named, or became known on this device; zero: not recorded
	Net  string    // NetTag of where; empty: not recorded
	Used bool      // a page was seen in use: its live socket was open some time later
	Owes bool      // named beyond what the network may have for free: a proof is due

	Session string // that began at At, on this device; empty in cookies of earlier versions
	Carried bool   // it began with a link from another device
}

// Ends is when the session ends at the latest.
func (f Face) Ends() time.Time {
	if f.Carried {
		return f.At.Add(wire.CarriedSessionLife)
	}
	return f.At.Add(wire.SessionLife)
}

// SignFan renders the value of the fr_fan cookie of a fan named at an instant, on an
// unknown network.
func (k *Keyring) SignFan(fan string, at time.Time) string { return k.SignFace(Face{Fan: fan, At: at}) }

// SignFace renders the value of the fr_fan cookie.
func (k *Keyring) SignFace(f Face) string {
	text := f.Fan + cookieMark + strconv.FormatInt(f.At.Unix(), 36)
	if f.Net != "" || f.Used || f.Owes || f.Carried || f.Session != "" {
		text += cookieMark + f.Net + cookieMark
	}
	if f.Used {
		text += "u"
	}
	if f.Owes {
		text += "o"
	}
	if f.Carried {
		text += "c"
	}
	if f.Session != "" {
		text += cookieMark + f.Session
	}
	return k.seal(cookieContext, []byte(text))
}

// cookieMark separates the parts of a cookie; none of them contains it.
const cookieMark = "@"

// VerifyFan is VerifyFace for the fan and the instant alone.
func (k *Keyring) VerifyFan(cookie string) (fan string, at time.Time, err error) {
	f, err := k.VerifyFace(cookie)
	return f.Fan, f.At, err
}

// VerifyFace returns the content of an fr_fan cookie, or ErrToken. Cookies of earlier
// versions have fewer parts.
func (k *Keyring) VerifyFace(cookie string) (Face, error) {
	raw, _, ok := k.open(cookieContext, cookie)
	if !ok {
		return Face{}, ErrToken
	}
	parts := strings.Split(string(raw), cookieMark)
	f := Face{Fan: parts[0]}
	if len(parts) > 5 || len(parts) == 3 || !wire.IsFan(f.Fan) {
		return Face{}, ErrToken
	}
	if len(parts) > 1 {
		seconds, err := strconv.ParseInt(parts[1], 36, 64)
		if err != nil {
			return Face{}, ErrToken
		}
		f.At = time.Unix(seconds, 0).UTC()
	}
	if len(parts) >= 4 {
		f.Net, f.Used, f.Owes, f.Carried = parts[2], strings.Contains(parts[3], "u"), strings.Contains(parts[3], "o"), strings.Contains(parts[3], "c")
	}
	if len(parts) == 5 {
		if f.Session = parts[4]; f.Session == "" {
			return Face{}, ErrToken
		}
	}
	return f, nil
}
