package pages

// Page is what every template is executed with. All files of templates/ are parsed
// as one set and a page is executed by its file name, so shared pieces are
// {{define}}d once, under their own names:
//
//	index.html    /                      Events
//	event.html    /e/{event}             Event
//	ticket.html   /t/{ticket}            Ticket
//	orders.html   /orders                Orders
//	carry.html    /c/{token}             Carry
//	draw.html     /e/{event}/draw        Draw
//	problem.html  any refusal of a page  Problem
//
// Pages must be readable without JavaScript. The policy sent with them allows
// no inline script or style, so whatever a script needs to know is in data-
// attributes; scripts and styles are named through Assets.
type Page struct {
	Title   string
	Lang    string  // "en"
	Event   *Event  // event.html
	Events  []Event // index.html, by start
	Ticket  string  // ticket.html: the id; the script asks /v1/tickets/{ticket}
	Orders  *Orders // orders.html
	Carry   *Carry  // carry.html
	Draw    *Draw   // draw.html
	Problem *Problem
	Assets  map[string]string // "app.js" → "/assets/app.js?v=1f2e…", for each file of dist/
}

// Event is an event as a page shows it. Instants are RFC 3339 UTC for
// <time datetime>, the fields beside them are for reading.
type Event struct {
	ID, Name, Venue string
	Starts          string // "Fri 14 Aug 2026, 20:00 UTC"; empty when unknown
	StartsAt        string // "2026-08-14T20:00:00Z"
	Opens           string // the on-sale; empty: at once
	OpensAt         string
	RoomOpens       string // the waiting room; empty: it is open
	RoomOpensAt     string
	RoomOpensIn     int64  // ms
	State           string // wire.SaleScheduled, SaleOpen, SalePaused, SaleSoldOut or SaleClosed
	Status          string // the same as a sentence: "On sale now"
	Currency        string // ISO 4217
	PerFan          int    // tickets one fan may have
	HoldSeconds     int
	Levels          []Level
	Message         string // from the operator
}

// Level is a price level with its price, all fees included.
type Level struct {
	ID, Name    string
	Price       string // "EUR 54.50": the all-in total
	Base        string
	ServiceFee  string
	FacilityFee string
	Free, Total int // as the board says; Total 0: not known yet
}

// Orders is a page of a fan's orders, the newest first.
type Orders struct {
	List  []Order
	Older string // where the next page is; empty: this is the last
	Later bool   // it is not the first
}

// Order is an order as a page shows it; Total is empty when nothing was charged.
type Order struct {
	ID              string
	Event           string // id
	Name, Venue     string // of the event; its id alone when it is not on sale any more
	Starts          string
	StartsAt        string
	State           string // wire.OrderState
	Status          string // the same as a sentence
	Reason          string // why it failed
	Placed          string
	PlacedAt        string
	Seats           []Seat
	Total, Refunded string // "EUR 54.50"; Refunded is part of Total, or empty
}

// Seat is a seat of an order, with the ticket that opens the gate, if one does.
type Seat struct{ Label, Ticket string }

// Carry is a place that was carried to this device, which may take it by
// posting the form to its own address; with replace=yes if it is OtherFan's.
type Carry struct {
	Number   uint64
	Event    string // its name
	EventID  string
	ThisFan  bool // the device is this fan's already
	OtherFan bool // it is another fan's
}

// Draw is the proof of an event's draw.
type Draw struct {
	Event      *Event
	Origin     string // of this gateway, for the command line
	Commitment string // empty: not published yet
	Held       bool
	Secret     string // once it is held
	Lanes      []Lane
}

// Lane tells how many fans of each region take part in a lane's draw.
type Lane struct {
	Lane    string
	Regions []Entrants
}

// Entrants is how many fans of a region take part.
type Entrants struct {
	Region string
	Fans   uint64
}

// Problem is a refusal for reading.
type Problem struct {
	Status int
	Title  string
	Detail string
}
