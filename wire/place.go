package wire

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxToken bounds every token before it is parsed.
const maxToken = 2048

// compact reports whether a token is of bounded length and of base64url and dots
// alone. Decoders skip line breaks, so that one token could be written in many ways.
func compact(token string) bool {
	return len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool {
		return r > 0x7f || !alphanumeric(byte(r)) && r != '-' && r != '_' && r != '.'
	})
}

// Lanes of an event's queue, in the order they are served.
const (
	LanePriority = "priority"
	LaneGeneral  = "general"
	LaneSlow     = "slow"
)

// Lanes lists the lanes in the order they are served.
func Lanes() []string { return []string{LanePriority, LaneGeneral, LaneSlow} }

// PlaceRecord is a fan's place: the value under fan.<fan> in
// QUEUE_<event>_<lane>, and under fan.<fan>.<turn> once they have used up others. It
// is created once and never changed; its revision in the stream is the place's
// number, and the instant at which the stream stored it is the arrival that
// regions are merged by.
type PlaceRecord struct {
	Fan  string    `json:"fan"`
	Turn int       `json:"turn,omitempty"` // how many passes of the fan had ended when it was given out
	At   time.Time `json:"at"`             // when the gateway took the arrival
	Grant

	Risk    int      `json:"risk,omitempty"`    // 0 to 100, as the gateway saw the arrival
	Reasons []string `json:"reasons,omitempty"` // for it
}

// republished is how much older than its message a record is at least, if somebody has
// put it back by hand: a join that takes so long has failed.
const republished = time.Minute

// Given is when the place was given out, as a stream says that stored its record at an instant.
func (r PlaceRecord) Given(stored time.Time) time.Time {
	if r.At.Before(stored.Add(-republished)) {
		return r.At
	}
	return stored
}

// Grant is what an access code opens, beside its lane.
type Grant struct {
	Code    string `json:"code,omitempty"`    // the code's id, never the code
	Channel string `json:"channel,omitempty"` // whose seats the fan may have too
	Limit   int    `json:"limit,omitempty"`   // tickets the fan may have in all; 0: the event's
}

// PlaceKey is the key of a fan's first place.
func PlaceKey(fan string) string { return PlacePrefix + fan }

// TurnKey is PlaceKey for a fan's turn, counted from 0.
func TurnKey(fan string, turn int) string { return ofTurn(PlaceKey(fan), turn) }

// PassKey is the key of a fan's pass of a turn, in PASSES_<event>.
func PassKey(fan string, turn int) string { return ofTurn(PassPrefix+fan, turn) }

func ofTurn(key string, turn int) string {
	if turn == 0 {
		return key
	}
	return key + "." + strconv.Itoa(turn)
}

// Place is a fan's number in a lane of a region.
type Place struct {
	Event  string    `json:"event"`
	Lane   string    `json:"lane"`
	Region string    `json:"region"`
	Number uint64    `json:"number"`
	Fan    string    `json:"fan"`
	Turn   int       `json:"turn,omitempty"` // see PlaceRecord
	At     time.Time `json:"at"`
	Grant
}

// StandRequest asks the admitter whether a place is still good. StandReply says
// that it is used up, as its fan's pass has ended since it was given out; and which
// turn the next place of the fan is for. The problem of a fan who gets no other is
// that their pass was revoked.
type StandRequest struct {
	Place Place `json:"place"`
}

type StandReply struct {
	Used    bool     `json:"used,omitempty"`
	Turn    int      `json:"turn,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// ErrToken is any receipt or cookie that frontrow did not issue.
var ErrToken = errors.New("token is not ours")

const (
	receiptContext = "frontrow receipt v1\n"
	cookieContext  = "frontrow fan v1\n"
)

// SignReceipt renders the receipt: the place belongs to whoever holds it and
// outlives the tab, the socket and the gateway.
func (k *Keyring) SignReceipt(p Place) string {
	raw, _ := json.Marshal(p) // strings, numbers, a time: can't fail
	return k.seal(receiptContext, raw)
}

// VerifyReceipt returns the place that a receipt stands for, or ErrToken.
func (k *Keyring) VerifyReceipt(receipt string) (Place, error) {
	raw, _, ok := k.open(receiptContext, receipt)
	if !ok {
		return Place{}, ErrToken
	}
	var p Place
	if err := json.Unmarshal(raw, &p); err != nil {
		return Place{}, ErrToken
	}
	return p, nil
}

// Face is what the fr_fan cookie says: a fan, and what they have shown of being a
// person. All of it counts only in the network that it was shown in.
type Face struct {
	Fan  string
	At   time.Time // when the fan was named, or became known on this device; zero: before that was noted
	Net  string    // NetTag of where; empty: not noted
	Used bool      // a page was seen in use: its live socket, some time after
	Owes bool      // named beyond what the network may have for nothing: a proof is due

	Session string // that began at At, on this device; empty: in cookies of former versions
	Carried bool   // it began with a link from another device
}

// Ends is when the session ends, whatever happens.
func (f Face) Ends() time.Time {
	if f.Carried {
		return f.At.Add(CarriedSessionLife)
	}
	return f.At.Add(SessionLife)
}

// SignFan renders the value of the fr_fan cookie of a fan named at an instant,
// nobody knows where.
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

// cookieMark stands between the parts of a cookie; it is in none of them.
const cookieMark = "@"

// VerifyFan is VerifyFace for who and when.
func (k *Keyring) VerifyFan(cookie string) (fan string, at time.Time, err error) {
	f, err := k.VerifyFace(cookie)
	return f.Fan, f.At, err
}

// VerifyFace returns what an fr_fan cookie says, or ErrToken. Cookies of former
// versions say less.
func (k *Keyring) VerifyFace(cookie string) (Face, error) {
	raw, _, ok := k.open(cookieContext, cookie)
	if !ok {
		return Face{}, ErrToken
	}
	parts := strings.Split(string(raw), cookieMark)
	f := Face{Fan: parts[0]}
	if len(parts) > 5 || len(parts) == 3 || !IsFan(f.Fan) {
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
