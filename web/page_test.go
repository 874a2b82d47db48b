package web_test

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"frontrow/web"
	"frontrow/wire"

	"rsc.io/qr"
)

// page has the fields of pages.Page, which the templates are written for.
type page struct {
	Title, Lang string
	Event       *pageEvent
	Events      []*pageEvent
	Ticket      string
	Orders      *pageOrders
	Carry       *pageCarry
	Draw        *pageDraw
	Pay         *struct{ Order, Key string }
	CardPage    bool
	Problem     *struct{ Title, Detail string }
	Assets      map[string]string
}

type pageCarry struct {
	Number            uint64
	Event, EventID    string
	ThisFan, OtherFan bool
	Wrong             string
}

type pageDraw struct {
	Event                      *pageEvent
	Origin, Commitment, Secret string
	Held                       bool
	Lanes                      []pageLane
}

type pageLane struct {
	Lane    string
	Regions []pageEntrants
}

type pageEntrants struct {
	Region string
	Fans   uint64
}

type pageEvent struct {
	ID, Name, Venue, State, Status, Message string
	Starts, Opens, RoomOpens                *pageInstant
	RoomOpensIn                             int64
	Lottery, DrawAhead, PricesMove          bool
	Reductions                              bool
	Digits, PerFan                          int
	Levels                                  []pageLevel
}

type pageInstant struct{ Reading, At, Zone string }

type pageMoney struct{ Reading, Plain string }

type pageLevel struct {
	ID, Name    string
	Price       *pageMoney
	Free, Total int
}

type pageOrders struct {
	List  []pageOrder
	Older string
	Later bool

	Known     bool
	SignedOut string
}

type pageOrder struct {
	ID, Event, Name, Venue, State, Status, Reason string
	Starts, Placed                                *pageInstant
	Total, Refunded                               *pageMoney
	Seats                                         []pageSeat
	Taxes                                         []pageTax
}

type pageTax struct {
	Name, Percent string
	Amount        *pageMoney
}

type pageSeat struct{ Label, Notes, Ticket, Concession string }

// orders is one of each kind; the order under way is settled once it was asked for.
func (f *fake) orders() *pageOrders {
	e := f.pageEvent()
	money := func(euros string) *pageMoney {
		if euros == "" {
			return nil
		}
		return &pageMoney{"€" + euros, "EUR " + euros}
	}
	order := func(n int, state, status, total, refunded string, seats ...pageSeat) pageOrder {
		return pageOrder{ID: fmt.Sprintf("o_%022d", n), Event: e.ID, Name: e.Name, Venue: e.Venue, Starts: e.Starts,
			State: state, Status: status, Placed: &pageInstant{"Tue 1 Dec 2026, 11:00 (Berlin time)", "2026-12-01T10:00:00Z", fakeZone},
			Total: money(total), Refunded: money(refunded), Seats: seats}
	}
	pending := order(1, "pending", "The payment is under way", "97.50", "", pageSeat{Label: "Block 101, Row A, Seat 9"})
	f.mu.Lock()
	if f.followed {
		pending = order(1, "paid", "Paid", "97.50", "", pageSeat{Label: "Block 101, Row A, Seat 9", Ticket: fmt.Sprintf("t_%022d", 9)})
	}
	f.mu.Unlock()
	failed := order(4, "failed", "Not paid", "", "", pageSeat{Label: "Block 101, Row C, Seat 3"})
	failed.Reason = "The card was declined."
	return &pageOrders{Older: "/orders?before=x", List: []pageOrder{pending,
		order(2, "paid", "Paid, partly refunded", "195.00", "97.50", pageSeat{"Block 101, Row A, Seat 1", "Restricted view", fmt.Sprintf("t_%022d", 1), "Child under 14"}),
		order(3, "refunded", "Refunded", "42.00", "42.00", pageSeat{Label: "Standing floor"}), failed}}
}

func (f *fake) pageEvent() *pageEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := &pageEvent{RoomOpensIn: f.opensIn.Milliseconds(), ID: fakeEvent, Name: "Opening Night", Venue: "The Long Hall", Digits: 2,
		Starts: &pageInstant{"Fri 5 Mar 2027, 20:30 (Berlin time)", "2027-03-05T19:30:00Z", fakeZone},
		State:  wire.SaleOpen, Status: "On sale now", PerFan: 4,
		Levels: []pageLevel{{"gold", "Gold", &pageMoney{"€97.50", "EUR 97.50"}, 10, 100}, {"floor", "Standing", &pageMoney{"€42.00", "EUR 42.00"}, 0, 120}}}
	if f.event != nil {
		f.event(e)
	}
	return e
}

func (f *fake) page(w http.ResponseWriter, name string, p page) {
	p.Title, p.Lang = "Opening Night", "en"
	p.Assets = map[string]string{"app.js": "/assets/app.js", "pages.js": "/assets/pages.js", "app.css": "/assets/app.css", "solver.js": "/assets/solver.js", "reductions.js": "/assets/reductions.js"}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'")
	if err := template.Must(template.ParseFS(web.FS, "templates/*.html")).ExecuteTemplate(w, name, p); err != nil {
		f.t.Errorf("page %s: %v", name, err)
	}
}

func qrCode(w http.ResponseWriter, _ *http.Request) {
	code, err := qr.Encode("FR1.b3BlbmluZy1uaWdodA", qr.M)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 %d %d"><path d="%s"/></svg>`, code.Size+8, code.Size+8, qrPath(code))
}

func qrPath(code *qr.Code) string {
	var b strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return b.String()
}
