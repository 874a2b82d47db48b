package wire

import (
	"bytes"
	"encoding/json"
	"time"
)

// Claims is what the gateway vouches for after it has verified a pass.
type Claims struct {
	Pass    string    `json:"pass"` // the pass's id (jti), never the pass
	Fan     string    `json:"fan"`
	Limit   int       `json:"limit"` // tickets the fan may have in all
	Expires time.Time `json:"expires"`
	Channel string    `json:"channel,omitempty"` // opens the seats blocked for it, beside those on general sale
	Net     string    `json:"net,omitempty"`     // Keyring.NetTag of where the request comes from; empty: nobody's network
}

// Best asks the writer to choose: Count seats together where it can.
type Best struct {
	Count      int    `json:"count"`
	Section    string `json:"section,omitempty"`
	Level      string `json:"level,omitempty"`
	MaxTotal   int64  `json:"max_total,omitempty"` // for each seat, all-in
	Accessible bool   `json:"accessible,omitempty"`
}

// HoldRequest asks for seats: exactly one of Seats, Best, or Area with Count.
// All seats or none. Hold is made by the gateway; sending the request again
// with the same Hold gives the same answer.
type HoldRequest struct {
	Hold   string   `json:"hold"`
	Claims Claims   `json:"claims"`
	Seats  []string `json:"seats,omitempty"`
	Best   *Best    `json:"best,omitempty"`
	Area   string   `json:"area,omitempty"`
	Count  int      `json:"count,omitempty"`
}

// HoldReply is a standing hold with its quote, or a problem. Without the problem
// it is what the fan is told, to the letter; with it, the problem comes first, so
// that a gateway passes an answer on without decoding it.
type HoldReply struct {
	Problem  *Problem    `json:"problem,omitempty"`
	Hold     string      `json:"hold,omitempty"`
	Seats    []SeatQuote `json:"seats,omitempty"`
	Total    int64       `json:"total"`
	Currency string      `json:"currency,omitempty"`
	Expires  time.Time   `json:"expires_at,omitzero"`
	Order    string      `json:"order,omitempty"` // after checkout has begun
	Why      string      `json:"why,omitempty"`   // of best available: "row 4, centre, 4 together"
}

// ReadHold tells a HoldReply that is to be passed on as it came from one with a
// problem, which alone is decoded.
func ReadHold(raw []byte) (granted json.RawMessage, problem *Problem, err error) {
	if !bytes.HasPrefix(raw, []byte(`{"problem":`)) {
		return raw, nil, nil
	}
	var r Reply
	err = json.Unmarshal(raw, &r)
	return nil, r.Problem, err
}

// ReleaseRequest gives a hold back. Fan must own it, unless Order (a checkout
// that failed) or By (an operator) says otherwise, which counts as ActGiveBack alone. A fan can't release a hold
// in checkout. Releasing a hold that has ended is success. By with a Fan and no
// Hold gives back all of the fan's that are not in checkout.
// Ours says that the order failed through no fault of the fan's: then the seats don't
// rest from them. Again says that they may be paid for once more: while the time of
// the hold lasts, and attempts are left, it is held again as before its checkout.
type ReleaseRequest struct {
	Hold  string `json:"hold"`
	Fan   string `json:"fan,omitempty"`
	Order string `json:"order,omitempty"`
	By    string `json:"by,omitempty"`
	Why   string `json:"why,omitempty"`
	Ours  bool   `json:"ours,omitempty"`
	Again bool   `json:"again,omitempty"`
}

// StandingRequest asks whether a hold can be paid for now that its Order, which
// has failed, is not to be.
type StandingRequest struct {
	Hold  string `json:"hold"`
	Order string `json:"order"`
	Fan   string `json:"fan"`
}

// StandingReply says until when a hold can be paid for; it is empty if it can't.
type StandingReply struct {
	Expires time.Time `json:"expires_at,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}

// StandingHold is a hold that can be paid for until its deadline.
type StandingHold struct {
	Hold    string    `json:"hold"`
	Expires time.Time `json:"expires_at"`
}

// CheckoutRequest marks a hold as in checkout and extends it, so that it
// can't lapse mid-payment. Key and Body are hashes: the same key with the same
// body is answered as before, with another body it is a mistake, and another
// key finds the hold busy. After an attempt that failed, another key begins the
// next one.
type CheckoutRequest struct {
	Hold string `json:"hold"`
	Fan  string `json:"fan"`
	Key  string `json:"key"`
	Body string `json:"body"`
}

// ExtendRequest moves the deadline of a hold in checkout to now plus the
// checkout window, at most to the last that the hold may have; sent before each
// payment attempt. Ours says that the payment waits for us, not for the fan: that
// time is not counted as theirs.
type ExtendRequest struct {
	Hold  string `json:"hold"`
	Order string `json:"order"`
	Ours  bool   `json:"ours,omitempty"`
}

// ExtendReply carries the fence of the purchase: the highest revision among
// the hold's seats, which the ledger compares in its WHERE.
type ExtendReply struct {
	Expires  time.Time `json:"expires_at,omitzero"`
	Revision uint64    `json:"revision,omitempty"`
	Problem  *Problem  `json:"problem,omitempty"`
}

// MoreTimeRequest asks for the one extension that the spec may allow: Fan owns
// the hold, which is not in checkout and was not given more time before.
type MoreTimeRequest struct {
	Hold string `json:"hold"`
	Fan  string `json:"fan"`
}

// RefundRequest tells the writer that the ledger has taken back these bookings
// of an order. Seats that the order does not own (any more) are left alone, so
// sending it again changes nothing. No seats means all of the order's. They go
// back on sale, or with Block off it, under Why.
type RefundRequest struct {
	Hold  string   `json:"hold"`
	Order string   `json:"order"`
	Fan   string   `json:"fan"`
	Seats []string `json:"seats,omitempty"`
	Block bool     `json:"block,omitempty"`
	By    string   `json:"by,omitempty"`
	Why   string   `json:"why,omitempty"`
}

// ConfirmRequest tells the writer that the ledger has committed these
// bookings. The ledger is authoritative for sold: the seats become sold even
// if the hold has lapsed meanwhile.
type ConfirmRequest struct {
	Hold  string      `json:"hold"`
	Order string      `json:"order"`
	Fan   string      `json:"fan"`
	Seats []SeatQuote `json:"seats"`
}

// BlockRequest takes free seats off sale, or puts blocked ones back: Seats by
// name, all or none; or every place of the Sections (areas too) and Levels that
// is free, as many at once as one flush takes; or, to unblock, all of a Channel.
// Seats blocked for a channel can be held by requests that carry it, and return
// to it when such a hold ends; a block without one is for nobody.
type BlockRequest struct {
	Seats    []string `json:"seats,omitempty"`
	Sections []string `json:"sections,omitempty"`
	Levels   []string `json:"levels,omitempty"`
	Channel  string   `json:"channel,omitempty"`
	Unblock  bool     `json:"unblock,omitempty"`
	By       string   `json:"by"`
	Why      string   `json:"why"`
}

// ClearRequest gives back every hold of a closed event that is not in checkout, as
// many at once as one flush takes.
type ClearRequest struct {
	By  string `json:"by"`
	Why string `json:"why"`
}

// ClearReply counts holds: those ended now, those that stand and are not in
// checkout, and those that are. Of an event that is not closed none is ended.
type ClearReply struct {
	Ended    int      `json:"ended"`
	Standing int      `json:"standing"`
	Paying   int      `json:"paying"`
	Problem  *Problem `json:"problem,omitempty"`
}

// BlockReply counts places. Left is how many more the same request would
// change: the operator endpoint repeats it until that is 0.
type BlockReply struct {
	Changed int      `json:"changed"`
	Skipped int      `json:"skipped"` // matching, but held, sold, or blocked for another channel
	Left    int      `json:"left,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// Notice is what a fan's socket is told beside the board and the seats.
type Notice struct {
	Kind    string    `json:"kind"` // "hold" or "order"; NoticeReturn, for gateways alone
	Hold    string    `json:"hold,omitempty"`
	Order   string    `json:"order,omitempty"`
	State   string    `json:"state"` // hold: "expired", "released"; order: OrderState
	Reason  string    `json:"reason,omitempty"`
	Tickets []string  `json:"tickets,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires_at,omitzero"` // of a failed order: its hold can be paid for again until then

	Net   string `json:"net,omitempty"`   // of a NoticeReturn: Claims.Net of the hold
	Seats int    `json:"seats,omitempty"` // likewise: so many
}

// NoticeReturn is the kind of a notice that a hold ended unbought by its fan's doing:
// it was given back, or lapsed, or its order failed. The writer knows all of these.
const NoticeReturn = "return"
