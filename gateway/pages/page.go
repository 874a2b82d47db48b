package pages

// Page is what every template is executed with. All files of templates/ are parsed as one
// set and a page is executed by its file name; shared pieces are {{define}}d once, under
// their own names:
//
//	index.html    /                      Events
//	event.html    /e/{event}             Event
//	ticket.html   /t/{ticket}            Ticket
//	orders.html   /orders                Orders
//	carry.html    /c/{token}             Carry
//	draw.html     /e/{event}/draw        Draw
//	prices.html   /e/{event}/prices      Prices
//	pay.html      /pay/{order}           Pay
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
	Prices  *Prices // prices.html
	Pay     *Pay    // pay.html
	Problem *Problem

	CardPage bool              // event.html: fans pay on pay.html
	Assets   map[string]string // "app.js" → "/assets/app.js?v=1f2e…", for each file of dist/
}

// Pay is what the page that takes a card needs to know.
type Pay struct {
	Order string // its script asks /v1/orders/{order}
	Key   string // Stripe's publishable key
}

// Event is an event as a page shows it.
type Event struct {
	ID, Name, Venue string
	Starts          *Instant // nil: unknown
	Opens           *Instant // the on-sale, while it is to come
	RoomOpens       *Instant // the waiting room, while it is to come
	RoomOpensIn     int64    // ms
	Lottery         bool     // fans who join before the on-sale are drawn by lot
	DrawAhead       bool     // and the draw is still to come
	PricesMove      bool     // by rules that are published
	Reductions      bool     // there are taxes, concessions or codes at the checkout
	State           string   // wire.SaleScheduled, SaleOpen, SalePaused, SaleSoldOut or SaleClosed
	Status          string   // the same as a sentence: "On sale now"
	Digits          int      // minor digits of the event's currency
	PerFan          int      // tickets one fan may have
	Levels          []Level
	Message         string // from the operator
}

// Level is a price level with its price, all fees included.
type Level struct {
	ID, Name    string
	Price       *Money
	Free, Total int // as the board says; Total 0: not known yet
}

// Orders is a page of a fan's orders, the newest first.
type Orders struct {
	List  []Order
	Older string // URL of the next page; empty: this is the last
	Later bool   // this is not the first page

	Known     bool   // the browser is a fan's, so they can sign out
	SignedOut string // "here" or "elsewhere": what has just been done
}

// Order is an order as a page shows it.
type Order struct {
	ID              string
	Event           string // id
	Name, Venue     string // of the event; only its id when it is no longer on sale
	Starts          *Instant
	State           string // wire.OrderState
	Status          string // the same as a sentence
	Reason          string // why it failed
	Placed          *Instant
	Seats           []Seat
	Taxes           []Tax
	Total, Refunded *Money // Total nil: nothing was charged. Refunded is part of it, or nil
}

// Seat is a seat of an order, with what the buyer must know about it, and its ticket if
// there is one.
type Seat struct{ Label, Notes, Concession, Ticket string }

// Tax is a tax that is in a total.
type Tax struct {
	Name, Percent string // "VAT", "8.875"
	Amount        *Money
}

// Carry is a place carried to this device, which takes it by posting the form to the page's
// own address, with replace=yes if OtherFan.
type Carry struct {
	Number   uint64
	Event    string // its name
	EventID  string
	ThisFan  bool   // the device is this fan's already
	OtherFan bool   // it is another fan's
	Wrong    string // why the form was refused; empty: it has not been sent yet
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

// Lane says how many fans of each region take part in a lane's draw.
type Lane struct {
	Lane    string
	Regions []Entrants
}

// Entrants is how many fans of a region take part.
type Entrants struct {
	Region string
	Fans   uint64
}

// Prices are what an event's levels cost, and have cost.
type Prices struct {
	Event      *Event
	Taxes      string // "VAT 19 %"; empty: none
	Promises   bool   // fans pay no more than the board showed when they joined
	Levels     []PriceLevel
	Comparable []PastSale // that the sale is compared with; none: it isn't

	Spread                bool   // no level costs more than one before it,
	LeastApart, MostApart *Money // but so much less; nil: anything
}

// PastSale is a sale of an event like this one.
type PastSale struct {
	Event    string
	StartsAt *Instant
	Places   int
}

// Variant is what a level costs with a concession.
type Variant struct {
	Name  string
	Price *Money
}

// PriceLevel is a level's price with what its rules allow.
type PriceLevel struct {
	Tax                          *Money // in Now; nil: none
	Variants                     []Variant
	ID, Name                     string
	Now, Opening, Floor, Ceiling *Money
	Moves                        bool
	Step                         *Money        // at a time; nil: it goes through a list
	CoolDown                     string        // between two changes: "2 minutes"
	Frozen                       bool          // until an operator says so
	Proposed                     *Money        // waits for operators' approval; nil: nothing
	History                      []PriceChange // the newest first
	Chart                        *Chart        // nil: nothing to see
}

// PriceChange is what a price became, and why.
type PriceChange struct {
	At    *Instant
	Price *Money
	Why   string
}

// Problem is a refusal as a page shows it.
type Problem struct {
	Status int
	Title  string
	Detail string
}
