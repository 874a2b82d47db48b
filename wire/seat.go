package wire

import "time"

// State is a seat's explicit state; a missing record never stands for one. The two-bit
// codes of availability are in this order.
type State string

const (
	Available State = "available" // 0
	Held      State = "held"      // 1
	Sold      State = "sold"      // 2
	Blocked   State = "blocked"   // 3
)

// Bits is the state's code in the availability snapshot.
func (s State) Bits() byte {
	switch s {
	case Held:
		return 1
	case Sold:
		return 2
	case Blocked:
		return 3
	}
	return 0
}

// StateOfBits is the inverse of Bits.
func StateOfBits(b byte) State { return [...]State{Available, Held, Sold, Blocked}[b&3] }

// Seat is a seat's record in SEATS_<event>. Only the event's writer writes it,
// each time by compare-and-swap on the record's revision.
//
//	available ──hold──► held ──confirm──► sold
//	    ▲  ▲             │  ▲               │
//	    │  └──release,───┘  └─extend        │
//	    │     expiry          checkout,     │
//	    │                     return        │
//	    └───────────refund──────────────────┘      available ◄─block/unblock─► blocked
//
// Seats blocked for a channel may be held by its buyers; such a hold ends in
// blocked again while the block stands.
type Seat struct {
	V     int       `json:"v,omitempty"` // RecordVersion; in a Change none
	State State     `json:"state"`
	At    time.Time `json:"at"` // of the last change

	// While held or sold.
	Hold  string     `json:"hold,omitempty"`
	Fan   string     `json:"fan,omitempty"`
	Until *time.Time `json:"until,omitempty"` // the hold's deadline; the seat is free at most 1 s later
	Quote *SeatQuote `json:"quote,omitempty"` // locked with the hold

	// Order is set once checkout has begun. A held seat with an order is never
	// freed by its deadline alone: the ledger decides first.
	Order string `json:"order,omitempty"`
	Key   string `json:"key,omitempty"`  // hash of the checkout's idempotency key
	Body  string `json:"body,omitempty"` // hash of the checkout's body

	// HeldUntil is the deadline to which a held seat in checkout returns if the payment
	// fails. Tried are the hold's checkouts that failed.
	HeldUntil *time.Time `json:"held_until,omitempty"`
	Tried     []Tried    `json:"tried,omitempty"`

	Extended bool `json:"extended,omitempty"` // the hold was given its one "more time"

	Net  string `json:"net,omitempty"`  // of the claims that it was held under
	Kept *Kept  `json:"kept,omitempty"` // while held, and after it came back unbought

	// Of a block. A held seat keeps them: it returns to its channel.
	Channel string `json:"channel,omitempty"` // whose buyers may have it; empty: nobody may
	Why     string `json:"why,omitempty"`

	// Flush is the number of the log record that says this, Revision that record's. Without
	// them the record is of a version whose records were stored together with the log.
	Flush    uint64 `json:"flush,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
}

// Tried is a failed attempt to pay for a hold: what was asked for under which key.
type Tried struct {
	Key  string `json:"key"`
	Body string `json:"body"`
}
