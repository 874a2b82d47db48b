package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
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
	Priced  int64     `json:"priced,omitempty"`  // what the fan was promised on joining: see PlaceRecord
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

	Expect *int64 `json:"expect_total,omitempty"` // what the fan was shown, all-in minor units: nothing that costs more is held
}

// HoldWish is what a fan asks a gateway for: exactly one of Seats, Best, or Area with Count.
type HoldWish struct {
	Seats []string `json:"seats"`
	Best  *Best    `json:"best"`
	Area  string   `json:"area"`
	Count int      `json:"count"`

	Expect    *int64 `json:"expect_total"` // see HoldRequest
	Challenge string `json:"challenge"`    // the answer to a challenge, if one was asked for
}

// HoldReply is a standing hold with its quote, or a problem. A grant is sent to the
// fan byte for byte. Problem is its first field and Hold its second, so the first
// member of its JSON shows which of the two it is: see ReadHold.
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

// ReadHold splits a HoldReply into a grant, returned as it came, and a problem. Only
// the problem is decoded. An answer that is neither is an error, never a grant.
func ReadHold(raw []byte) (granted json.RawMessage, problem *Problem, err error) {
	if firstMember(raw) == "hold" {
		return raw, nil, nil
	}
	var r Reply
	if err := Unmarshal(raw, &r); err != nil {
		return nil, nil, err
	}
	if r.Problem == nil {
		return nil, nil, errors.New("the answer is neither a hold nor a problem")
	}
	return nil, r.Problem, nil
}

// firstMember is the name of the first member of a JSON object, "" if there is none
// or it isn't spelled plainly.
func firstMember(raw []byte) string {
	const space = " \t\r\n"
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(raw, space), []byte("{"))
	if !ok {
		return ""
	}
	if rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(`"`)); !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}

// ReleaseRequest gives a hold back. Fan must own it, unless Order (a checkout that
// failed) or By (an operator) is set, which are accepted only with ActGiveBack. A fan
// can't release a hold in checkout. Releasing a hold that has ended succeeds. By with a
// Fan and no Hold gives back all of the fan's holds that are not in checkout.
//
// Ours says that the order failed through no fault of the fan, so the seats don't rest
// from them. Again says that the seats may be paid for once more: while the hold's time
// lasts and attempts are left, they are held again as before the checkout.
type ReleaseRequest struct {
	Hold  string `json:"hold"`
	Fan   string `json:"fan,omitempty"`
	Order string `json:"order,omitempty"`
	By    string `json:"by,omitempty"`
	Why   string `json:"why,omitempty"`
	Ours  bool   `json:"ours,omitempty"`
	Again bool   `json:"again,omitempty"`
}

// StandingRequest asks whether a hold can still be paid for, now that its Order has
// failed.
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

// CheckoutRequest marks a hold as in checkout and extends it, so that it can't lapse
// during the payment. Key and Body are hashes: the same key with the same body gets the
// same answer, with another body it is refused, and another key finds the hold busy.
// After an attempt that failed, another key begins the next one.
type CheckoutRequest struct {
	Hold   string  `json:"hold"`
	Fan    string  `json:"fan"`
	Key    string  `json:"key"`
	Body   string  `json:"body"`
	Quoted *Quoted `json:"quoted,omitempty"` // begins no attempt to pay for anything else
}

// CheckoutWish is what a fan sends a gateway to buy what they hold.
type CheckoutWish struct {
	Payment Payment `json:"payment"`
	Buyer   Buyer   `json:"buyer"`
	Quoted  *Quoted `json:"quoted,omitempty"`
}

// Quoted is what a buyer was shown before they chose to pay: seats, in any order, and the
// total, in minor units. Under one id a hold may be granted twice: a request that was sent
// again and arrives when the first hold has ended, to a writer that has just taken over.
type Quoted struct {
	Seats []string `json:"seats"`
	Total int64    `json:"total"`
}

// Quoted is what the hold r shows to a buyer.
func (r HoldReply) Quoted() *Quoted {
	q := &Quoted{Total: r.Total, Seats: make([]string, len(r.Seats))}
	for i, s := range r.Seats {
		q.Seats[i] = s.ID
	}
	return q
}

// Quotes reports whether a hold is what the buyer was shown.
func (q *Quoted) Quotes(seats []SeatQuote) bool {
	total := int64(0)
	for _, s := range seats {
		total += s.Price.Total
		if !slices.Contains(q.Seats, s.ID) {
			return false
		}
	}
	return len(seats) == len(q.Seats) && total == q.Total
}

// ExtendRequest moves the deadline of a hold in checkout to now plus the checkout window,
// but not beyond the last deadline that the hold may have. It is sent before each payment
// attempt. Ours says that the payment waits for us: that time doesn't count as the fan's.
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

// MoreTimeRequest asks for the one extension that the spec may allow. Fan must own the
// hold, which must not be in checkout nor have been extended before.
type MoreTimeRequest struct {
	Hold string `json:"hold"`
	Fan  string `json:"fan"`
}

// RefundRequest tells the writer that the ledger has removed these bookings of an order.
// Seats that the order does not own (any more) are left alone, so repeating it changes
// nothing. No seats means all of the order's. They go back on sale or, with Block, off
// sale under Why.
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
// bookings. The ledger is authoritative for sold: the seats become sold even if the
// hold has lapsed in the meantime.
type ConfirmRequest struct {
	Hold  string      `json:"hold"`
	Order string      `json:"order"`
	Fan   string      `json:"fan"`
	Seats []SeatQuote `json:"seats"`
}

// BlockRequest takes free seats off sale, or puts blocked ones back: Seats by name, all
// or none; or every free place of the Sections (areas too) and Levels, as many at once
// as one flush takes; or, to unblock, all of a Channel. Seats blocked for a channel can
// be held by requests that carry it, and return to it when such a hold ends; without a
// channel nobody can hold them.
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

// ClearReply counts holds: those ended now, those that stand outside of checkout, and
// those in checkout. If the event is not closed, none is ended.
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

// Notice is what is sent to a fan's sockets beside the board and the seats.
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

// NoticeReturn is the kind of notice that a hold ended unbought through its fan: it was
// given back, it lapsed, or its order failed. The writer knows of all of these.
const NoticeReturn = "return"
