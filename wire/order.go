package wire

import "time"

// MaxCheckouts is how many checkouts may be under way at once.
const MaxCheckouts = 8192

// OrderState is where an order stands.
type OrderState string

const (
	OrderPending  OrderState = "pending"
	OrderPaid     OrderState = "paid"
	OrderFailed   OrderState = "failed"
	OrderRefunded OrderState = "refunded"
)

// Payment is how the fan pays: the provider's token for a payment method, never card data.
type Payment struct {
	Method string `json:"method"`
}

// Buyer is who the tickets are for.
type Buyer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// OrderMessage is a checkout to do. It is acknowledged once PostgreSQL has
// committed its outcome, or that it waits for its fan.
type OrderMessage struct {
	Order    string      `json:"order"`
	Hold     string      `json:"hold"`
	Event    string      `json:"event"`
	Fan      string      `json:"fan"`
	Seats    []SeatQuote `json:"seats"`
	Total    int64       `json:"total"`
	Currency string      `json:"currency"`
	Payment  Payment     `json:"payment"`
	Buyer    Buyer       `json:"buyer"`
	At       time.Time   `json:"at"`
}

// OrderQuery asks for an order; Fan must be its buyer.
type OrderQuery struct {
	Order string `json:"order"`
	Fan   string `json:"fan"`
}

// OrderReply is an order as its buyer sees it.
type OrderReply struct {
	Order    string        `json:"order,omitempty"`
	Event    string        `json:"event,omitempty"`
	State    OrderState    `json:"state,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Seats    []SeatQuote   `json:"seats,omitempty"`
	Total    int64         `json:"total,omitempty"`
	Refunded int64         `json:"refunded,omitempty"` // of Total; of an order that is still paid, for seats that are not in Seats any more
	Currency string        `json:"currency,omitempty"`
	Tickets  []string      `json:"tickets,omitempty"`
	Action   *Action       `json:"action,omitempty"` // of a pending order: what its fan must do
	Hold     *StandingHold `json:"hold,omitempty"`   // of a failed order: the seats are still the fan's, to pay for again
	Problem  *Problem      `json:"problem,omitempty"`
}

// MaxHistory is the most orders of one HistoryReply.
const MaxHistory = 100

// HistoryQuery asks for a fan's orders, the newest first.
type HistoryQuery struct {
	Fan    string     `json:"fan"`
	Before *OrderMark `json:"before,omitempty"` // Next of the page before; nil for the first page
	Limit  int        `json:"limit"`            // 1 to MaxHistory; there may be fewer though more follow
}

// OrderMark is a position in a fan's history.
type OrderMark struct {
	At    time.Time `json:"at"`
	Order string    `json:"order"`
}

// HistoryReply is a page of a history. It may come from a replica, and does not include
// orders that still wait in ORDERS: it informs, and decides nothing.
type HistoryReply struct {
	Orders  []PastOrder `json:"orders,omitempty"`
	Next    *OrderMark  `json:"next,omitempty"` // nil: this is the last page
	AsOf    time.Time   `json:"as_of,omitzero"` // everything settled until then is in it; zero: unknown
	Problem *Problem    `json:"problem,omitempty"`
}

// PastOrder is an order of a history.
type PastOrder struct {
	OrderReply
	Created time.Time `json:"created_at"`
}

// Action is what the fan must do before their payment can be made: confirm it to their
// bank at URL (3-D Secure).
type Action struct {
	URL string `json:"url"`
}

// Waiting is what a pending order waits for, shown to the fan while its seats are kept: a
// record under order.<order> in CHECKOUTS. It informs, and may be lost.
type Waiting struct {
	Reason string    `json:"reason,omitempty"`
	Action *Action   `json:"action,omitempty"`
	Until  time.Time `json:"until"` // the seats are kept at least
}

// PaymentHealth says whether a provider takes payments: a record under
// payments.<provider> in CHECKOUTS. Workers whose breaker is open renew it, so that it
// lasts no longer than the fault.
type PaymentHealth struct {
	Provider string    `json:"provider"`
	Open     bool      `json:"open"`           // the breaker: no payments are made
	Since    time.Time `json:"since,omitzero"` // it has been open
	Until    time.Time `json:"until,omitzero"` // to be believed
}

// Down reports whether it is pointless to let fans pay now.
func (h PaymentHealth) Down(now time.Time) bool { return h.Open && now.Before(h.Until) }

// TicketQuery asks for a ticket; Fan must hold it.
type TicketQuery struct {
	Ticket string `json:"ticket"`
	Fan    string `json:"fan"`
}

// TicketReply is what opens the gate.
type TicketReply struct {
	Ticket     string   `json:"ticket,omitempty"`
	Event      string   `json:"event,omitempty"`
	Order      string   `json:"order,omitempty"`
	Seat       string   `json:"seat,omitempty"`
	Label      string   `json:"label,omitempty"`
	State      string   `json:"state,omitempty"` // valid, void
	Generation int      `json:"generation,omitempty"`
	Barcode    string   `json:"barcode,omitempty"`
	Concession string   `json:"concession,omitempty"` // its id; from a gateway, its name, which the gate checks
	Notes      Notes    `json:"notes,omitzero"`       // the gateway's, from the plan
	Problem    *Problem `json:"problem,omitempty"`
}
