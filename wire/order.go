package wire

import "time"

// OrderState is where an order stands.
type OrderState string

const (
	OrderPending  OrderState = "pending"
	OrderPaid     OrderState = "paid"
	OrderFailed   OrderState = "failed"
	OrderRefunded OrderState = "refunded"
)

// Payment says how the fan pays: a provider's payment method token, never card data.
type Payment struct {
	Method string `json:"method"`
}

// Buyer is who the tickets are for.
type Buyer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// OrderMessage is a checkout to do. It is acknowledged once PostgreSQL has
// committed its outcome.
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
	Order    string      `json:"order,omitempty"`
	Event    string      `json:"event,omitempty"`
	State    OrderState  `json:"state,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Seats    []SeatQuote `json:"seats,omitempty"`
	Total    int64       `json:"total,omitempty"`
	Currency string      `json:"currency,omitempty"`
	Tickets  []string    `json:"tickets,omitempty"`
	Problem  *Problem    `json:"problem,omitempty"`
}

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
	Problem    *Problem `json:"problem,omitempty"`
}
