package wire

import "time"

// Kept says how long a held seat may be kept, and who kept a seat that came back unbought.
// It is all that a new writer needs to enforce the event's bound (Spec.Hold.Keep).
type Kept struct {
	Fan string `json:"fan,omitempty"` // who kept it; of a held seat Seat.Fan says it
	Net string `json:"net,omitempty"` // likewise

	// Since is when the keeping began. Fans who take a seat again that they gave back go
	// on with the time that they had left: then Since is earlier by what they used.
	Since time.Time `json:"since"`
	// Until is the last deadline that the hold of a held seat may have; for other seats,
	// when the seat came back.
	Until time.Time `json:"until"`
	// Spent is how long the fan had kept seats unbought: until Since for a held seat,
	// until Until for others. It is below zero if Since was moved back by what somebody
	// else on the network had kept.
	Spent Duration `json:"spent"`
}

// Life is the longest that a fan can make a hold last: the time to choose, the extra
// time, and one payment.
func (h HoldSpec) Life() Duration { return h.TTL + h.MoreTime + h.Checkout }
