package wire

import "time"

// State is what a seat is, explicitly; a seat is never described by the
// absence of its record. The two-bit code of availability is the order here.
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
	State State     `json:"state"`
	At    time.Time `json:"at"` // of the last change

	// While held or sold.
	Hold  string     `json:"hold,omitempty"`
	Fan   string     `json:"fan,omitempty"`
	Until *time.Time `json:"until,omitempty"` // the hold's deadline; frees itself at most 1 s later
	Quote *SeatQuote `json:"quote,omitempty"` // locked with the hold

	// Order is set once checkout has begun. A held seat with an order is never
	// freed by its deadline alone: the ledger decides first.
	Order string `json:"order,omitempty"`
	Key   string `json:"key,omitempty"`  // hash of the checkout's idempotency key
	Body  string `json:"body,omitempty"` // hash of the checkout's body

	// HeldUntil is, of a held seat in checkout, the deadline that it has again if
	// the payment fails. Tried are the checkouts of the hold that failed.
	HeldUntil *time.Time `json:"held_until,omitempty"`
	Tried     []Tried    `json:"tried,omitempty"`

	Extended bool `json:"extended,omitempty"` // the hold was given its one "more time"

	Net  string `json:"net,omitempty"`  // of the claims that it was held under
	Kept *Kept  `json:"kept,omitempty"` // while held, and after it came back unbought

	// Of a block. A held seat keeps them: it returns to its channel.
	Channel string `json:"channel,omitempty"` // whose buyers may have it; empty: nobody's
	Why     string `json:"why,omitempty"`
}

// Tried is an attempt to pay for a hold that failed: what was asked under which key.
type Tried struct {
	Key  string `json:"key"`
	Body string `json:"body"`
}

// Kinds of act that change seats.
const (
	ActKindOpen     = "open"      // the records were created
	ActKindHold     = "hold"      //
	ActKindRelease  = "release"   // by the fan, an operator, or a failed checkout
	ActKindExpire   = "expire"    // by the deadline
	ActKindCheckout = "checkout"  //
	ActKindExtend   = "extend"    //
	ActKindReturn   = "return"    // from checkout to held: the payment failed, another may be tried
	ActKindMoreTime = "more-time" //
	ActKindSell     = "sell"      //
	ActKindRefund   = "refund"    // sold seats came back
	ActKindBlock    = "block"     //
	ActKindUnblock  = "unblock"   //
	ActKindRepair   = "repair"    // spoiled records were stored again, as they were
)

// Act is one decision of the writer, as it stands in the sale log.
type Act struct {
	Kind    string     `json:"kind"`
	Hold    string     `json:"hold,omitempty"`
	Order   string     `json:"order,omitempty"`
	Fan     string     `json:"fan,omitempty"`
	Seats   []string   `json:"seats,omitempty"`
	Prices  []Amounts  `json:"prices,omitempty"` // of a hold, seat by seat
	Until   *time.Time `json:"until,omitempty"`
	By      string     `json:"by,omitempty"` // operator
	Why     string     `json:"why,omitempty"`
	Channel string     `json:"channel,omitempty"` // of a block
	Count   int        `json:"count,omitempty"`   // of records opened
}

// Leaves is the state in which an act leaves its seats; ok is false when it
// changes none. Folding a log's acts in order gives the seats' states.
func (a Act) Leaves() (s State, ok bool) {
	switch a.Kind {
	case ActKindHold:
		return Held, true
	case ActKindSell:
		return Sold, true
	case ActKindRelease, ActKindExpire, ActKindUnblock, ActKindRefund:
		return Available, true
	case ActKindBlock:
		return Blocked, true
	}
	return "", false
}

// Vouch is what a writer stores under its fence when it has answers to give and
// nothing to store: that it is stored shows that nobody else is writer yet.
type Vouch struct {
	N      uint64    `json:"n"` // counts those of one term from 1
	Term   uint64    `json:"term"`
	Writer string    `json:"writer"`
	At     time.Time `json:"at"`
}

// Flush is the log record that travels in the same atomic batch as the seats
// it changed, under log.<n>: the log and the seats cannot disagree. N counts
// from 1 without gaps over all writers of the event.
type Flush struct {
	N      uint64    `json:"n"`
	Term   uint64    `json:"term"`
	Writer string    `json:"writer"`
	At     time.Time `json:"at"`
	Acts   []Act     `json:"acts"`
}
