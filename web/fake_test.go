package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/plan"
	"frontrow/web"
	"frontrow/wire"

	"github.com/coder/websocket"
	"rsc.io/qr"
)

const (
	fakeEvent  = "opening-night"
	fakeNumber = 41 // the fan's place
	fakeToken  = "receipt"
	fakePass   = "pass"
	fakeCode   = "s-key.body.seal"
	fakeEmail  = "ann@example.org"
	fakeZone   = "Europe/Berlin" // of the venue
)

// fake serves the public contract for one event and one fan, from memory. The
// rules are the simplest that answer as the contract says.
type fake struct {
	t       testing.TB
	index   *plan.Index
	compact []byte
	sockets bool // false: the live socket is refused, so the page must poll
	guard   guard

	mu      sync.Mutex
	states  []byte
	seq     uint64
	sent    map[string]uint64 // by section: where its chain of frames stands
	boards  uint64
	head    uint64
	joined  int  // POST …/places so far
	slowed  bool // they took a place in the slow lane
	holds   int
	lane    string            // that the fan's code has opened
	moved   bool              // the pass is in use on another device
	shape   func(*wire.Board) // what the board is besides
	stands  *wire.LivePlace   // as the page said over its socket
	opensIn time.Duration     // the waiting room; what the server says of it
	event   func(*pageEvent)  // what the event's page is besides
	spec    map[string]any    // what the event's JSON is besides
	hold    *wire.HoldReply
	method  string // of the last checkout
	viewers map[chan wire.LiveFrame]struct{}

	keepsSeats bool             // after a payment that failed
	rise       int64            // of each price, that no board has told yet
	promised   map[string]int64 // by level, to those who join; nil: nothing is
	again      bool             // whoever joins gets another place, at the end
	usedUp     bool             // the place is

	refuses map[string]wire.Code // by act: join, redeem, hold

	signedOut bool   // on another device
	left      string // where the form of the page of orders has signed out

	ahead  time.Duration                   // of the fake's clock
	proofs []shown                         // with holds
	keys   []string                        // likewise
	key    struct{ Kty, Crv, X, Y string } // that was sent when redeeming

	followed bool // the page asked for its order under way
}

// away is what a connection that is gone says.
const away wire.Code = "away"

// refuse lets acts be refused, until the next time it says which.
func (f *fake) refuse(acts map[string]wire.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = acts
}

func newFake(t testing.TB, sockets bool) (*fake, string) {
	p := hall()
	if err := plan.Check(p); err != nil {
		t.Fatal(err)
	}
	x := plan.NewIndex(p)
	compact, err := plan.Compact(p, x)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, index: x, compact: compact, sockets: sockets, lane: "general", states: make([]byte, x.Len()), seq: 1, boards: 1,
		sent: map[string]uint64{}, viewers: map[chan wire.LiveFrame]struct{}{}}
	for i := range f.states { // a house that is on sale for a while
		switch {
		case x.Seat(i).SectionID == "102" && x.Seat(i).RowLabel >= "D": // where the test taps
		case i%7 == 3 || i%11 < 3:
			f.states[i] = wire.Sold.Bits()
		case i%13 == 5:
			f.states[i] = wire.Held.Bits()
		case i%97 == 0:
			f.states[i] = wire.Blocked.Bits()
		}
	}
	server := httptest.NewServer(f.handler())
	t.Cleanup(server.Close)
	return f, server.URL
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	assets := http.FileServerFS(web.FS)
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/dist/" + r.PathValue("file")
		assets.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		f.page(w, "index.html", page{Events: []*pageEvent{f.pageEvent()}})
	})
	mux.HandleFunc("GET /e/{event}", func(w http.ResponseWriter, r *http.Request) { f.page(w, "event.html", page{Event: f.pageEvent()}) })
	mux.HandleFunc("GET /e/{event}/draw", f.drawPage)
	mux.HandleFunc("GET /t/{ticket}", func(w http.ResponseWriter, r *http.Request) {
		f.page(w, "ticket.html", page{Ticket: r.PathValue("ticket")})
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		orders := f.orders()
		if r.URL.Query().Has("before") {
			orders = &pageOrders{Later: true}
		}
		f.mu.Lock()
		orders.Known, orders.SignedOut = f.left != "here", f.left
		f.mu.Unlock()
		f.page(w, "orders.html", page{Orders: orders})
	})
	mux.HandleFunc("POST /sign-out", f.signOut)
	base := "/v1/events/" + fakeEvent
	mux.HandleFunc("GET "+base, f.info)
	mux.HandleFunc("GET "+base+"/plan/map", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(f.compact) })
	mux.HandleFunc("GET "+base+"/board", func(w http.ResponseWriter, r *http.Request) { answer(w, 200, f.board()) })
	mux.HandleFunc("GET "+base+"/prices/34", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"event": fakeEvent, "priced": 34, "currency": "EUR", "levels": f.promised})
	})
	mux.HandleFunc("GET "+base+"/availability", f.availability)
	mux.HandleFunc("GET "+base+"/live", f.live)
	mux.HandleFunc("GET "+base+"/challenge", f.challenge)
	mux.HandleFunc("GET /widget.js", widget)
	mux.HandleFunc("POST "+base+"/places", f.guarded("join", f.join))
	mux.HandleFunc("POST "+base+"/passes", f.guarded("redeem", f.redeem))
	mux.HandleFunc("POST "+base+"/holds", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.keys = append(f.keys, r.Header.Get("Idempotency-Key"))
		f.mu.Unlock()
		f.guarded("hold", f.claim)(w, r)
	})
	mux.HandleFunc("POST /v1/carry", f.carry)
	mux.HandleFunc("GET /c/{token}", func(w http.ResponseWriter, r *http.Request) {
		f.page(w, "carry.html", page{Carry: &pageCarry{Number: fakeNumber, Event: "Opening Night", EventID: fakeEvent, OtherFan: true}})
	})
	mux.HandleFunc("POST /c/{token}", func(w http.ResponseWriter, r *http.Request) {
		if strings.ReplaceAll(r.PostFormValue("digits"), " ", "") != "012345" {
			f.page(w, "carry.html", page{Carry: &pageCarry{Number: fakeNumber, Event: "Opening Night", EventID: fakeEvent, OtherFan: true, Wrong: "These digits are wrong."}})
		} else if r.PostFormValue("replace") == "yes" {
			http.Redirect(w, r, "/e/"+fakeEvent+"#carried", http.StatusSeeOther)
		}
	})
	mux.HandleFunc("DELETE /v1/holds/{hold}", f.release)
	mux.HandleFunc("POST /v1/holds/{hold}/more-time", f.moreTime)
	mux.HandleFunc("PUT /v1/holds/{hold}/reductions", f.guarded("reduce", f.reduce))
	mux.HandleFunc("POST /v1/holds/{hold}/checkout", f.checkout)
	mux.HandleFunc("GET /v1/orders/{order}", f.order)
	mux.HandleFunc("GET /v1/orders/o_0000000000000000000001", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.followed = true
		f.mu.Unlock()
		answer(w, 200, wire.OrderReply{Event: fakeEvent, State: wire.OrderPaid})
	})
	mux.HandleFunc("GET /v1/tickets/{ticket}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, wire.TicketReply{Event: fakeEvent, Seat: "101-A-1", Label: "Block 101, Row A, Seat 1", State: "valid",
			Generation: 1, Barcode: "FR1.b3BlbmluZy1uaWdodA.1.4pXkq0c2hZzJmYl7rW9uVQ"})
	})
	mux.HandleFunc("GET /v1/tickets/{ticket}/qr.svg", qrCode)
	return mux
}

func (f *fake) info(w http.ResponseWriter, _ *http.Request) {
	levels := []map[string]any{}
	for _, l := range fakeLevels() {
		levels = append(levels, map[string]any{"id": l.ID, "name": l.Name, "categories": l.Categories,
			"price": wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee)})
	}
	info := map[string]any{"id": fakeEvent, "name": "Opening Night", "venue": "The Long Hall", "currency": "EUR", "starts_at": "2027-03-05T19:30:00Z",
		"timezone": fakeZone, "plan": "0123", "levels": levels, "limits": map[string]int{"per_fan": 4}, "hold": map[string]int{"seconds": 480}}
	f.mu.Lock()
	maps.Copy(info, f.spec)
	f.mu.Unlock()
	answer(w, 200, info)
}

func (f *fake) join(w http.ResponseWriter, r *http.Request) {
	var req struct{ Code, Email string }
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		refuse(w, 400, wire.CodeBadRequest, "Send JSON.")
		return
	}
	switch {
	case req.Code == "":
	case req.Code != fakeCode:
		refuse(w, 403, wire.CodeCodeUnknown, "This access code is not valid.")
		return
	case req.Email == "":
		refuse(w, 422, wire.CodeCodeEmail, "Enter the e-mail address that this access code was sent to.")
		return
	case req.Email != fakeEmail:
		refuse(w, 403, wire.CodeCodeOwner, "This access code was sent to another e-mail address.")
		return
	}
	f.mu.Lock()
	if f.opensIn > 0 {
		f.opensIn = 0 // by the next time
		f.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		refuse(w, 425, wire.CodeNotOpen, "The queue is not open yet.")
		return
	}
	if req.Code != "" {
		f.lane = "priority" // and the device keeps it
	}
	lane := f.lane
	f.joined++
	status := 200
	if f.joined == 1 {
		status = 201
	}
	ahead, again := max(0, fakeNumber-f.head-1), f.again
	f.mu.Unlock()
	place := map[string]any{"place": fakeToken, "lane": lane, "region": "home", "number": fakeNumber, "ahead": ahead, "again": again}
	if f.promised != nil {
		place["joined_at"], place["priced"] = "2027-03-05T09:30:07Z", 34
	}
	answer(w, status, place)
}

func (f *fake) carry(w http.ResponseWriter, r *http.Request) {
	code, err := qr.Encode("https://"+r.Host+"/c/token", qr.M)
	if err != nil {
		f.t.Error(err)
		return
	}
	answer(w, 200, map[string]any{"link": "http://" + r.Host + "/c/token", "digits": "012345", "qr": qrPath(code), "qr_size": code.Size + 8,
		"expires_at": time.Now().Add(10 * time.Minute).UTC()})
}

func (f *fake) redeem(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Key struct{ Kty, Crv, X, Y string }
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	f.key = req.Key
	head, usedUp := f.head, f.usedUp
	f.moved = false // to here
	f.mu.Unlock()
	if usedUp {
		refuse(w, 410, wire.CodeJoinAgain, "Your time to choose seats is over.")
		return
	}
	if head < fakeNumber {
		refuse(w, 425, wire.CodeWait, "It is not your turn yet.")
		return
	}
	answer(w, 201, map[string]any{"pass": fakePass, "expires_at": time.Now().Add(15 * time.Minute).UTC()})
}

func (f *fake) claim(w http.ResponseWriter, r *http.Request) {
	var wish wire.HoldRequest
	if err := json.NewDecoder(r.Body).Decode(&wish); err != nil || r.Header.Get("Authorization") != "Bearer "+fakePass {
		refuse(w, 401, wire.CodeUnauthorized, "This step needs a pass.")
		return
	}
	if f.late(w, r) {
		return
	}
	f.mu.Lock()
	if f.signedOut {
		f.mu.Unlock()
		refuse(w, 401, wire.CodeSignedOut, "You were signed out on this device.")
		return
	}
	if f.moved {
		f.mu.Unlock()
		refuse(w, 403, wire.CodeOtherDevice, "You continued on another device.")
		return
	}
	var places, taken []int
	for _, id := range wish.Seats {
		i, _ := f.index.Lookup(id)
		if f.states[i] != 0 {
			taken = append(taken, i)
		}
		places = append(places, i)
	}
	for i := 0; wish.Best != nil && len(places) < wish.Best.Count; i++ {
		if f.states[i] == 0 {
			places = append(places, i)
		}
	}
	if taken != nil {
		ids := []string{}
		for _, i := range taken {
			ids = append(ids, f.index.Seat(i).ID)
		}
		f.mu.Unlock()
		refuse(w, 409, wire.CodeTaken, "Another fan was faster.", ids...)
		return
	}
	total := int64(0)
	for _, i := range places {
		total += f.price(f.index.Seat(i).Category).Total + f.rise
	}
	if wish.Expect == nil || total > *wish.Expect {
		f.mu.Unlock()
		answer(w, 409, map[string]any{"type": "/problems/" + string(wire.CodePriceChanged), "detail": "The price has changed.", "expect_total": wish.Expect, "total": total})
		return
	}
	f.holds++
	h := wire.HoldReply{Hold: fmt.Sprintf("h_%022d", f.holds), Currency: "EUR", Expires: time.Now().Add(8 * time.Minute).UTC()}
	for _, i := range places {
		ref := f.index.Seat(i)
		price := f.price(ref.Category)
		price.Base, price.Total = price.Base+f.rise, price.Total+f.rise
		h.Seats = append(h.Seats, wire.SeatQuote{ID: ref.ID, Label: ref.Label, Level: ref.Category, Price: price}) // levels are called like their categories
		h.Total += price.Total
	}
	f.hold = &h
	f.mu.Unlock()
	f.turn(wire.Held, places...)
	answer(w, 201, h)
}

func (f *fake) release(w http.ResponseWriter, _ *http.Request) {
	f.end(wire.Available)
	w.WriteHeader(204)
}

// end makes the seats of the hold what its end makes them.
func (f *fake) end(state wire.State) {
	f.mu.Lock()
	var places []int
	for _, s := range f.hold.Seats {
		i, _ := f.index.Lookup(s.ID)
		places = append(places, i)
	}
	f.mu.Unlock()
	f.turn(state, places...)
}

func (f *fake) checkout(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Payment wire.Payment `json:"payment"`
		Buyer   wire.Buyer   `json:"buyer"`
		Quoted  *wire.Quoted `json:"quoted"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Buyer.Email == "" || r.Header.Get("Idempotency-Key") == "" {
		refuse(w, 400, wire.CodeBadRequest, "Send a buyer and an idempotency key.")
		return
	}
	f.mu.Lock()
	f.method = body.Payment.Method
	shown := body.Quoted != nil && f.hold != nil && body.Quoted.Quotes(f.hold.Seats)
	f.mu.Unlock()
	if !shown {
		refuse(w, 409, wire.CodeQuoteChanged, "That is not what you were shown.")
		return
	}
	answer(w, 202, map[string]string{"order": wire.OrderOfHold(r.PathValue("hold"))})
}

// order settles at the second question: the first finds it pending.
func (f *fake) order(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	reply := wire.OrderReply{Order: r.PathValue("order"), Event: fakeEvent, State: wire.OrderPending, Seats: f.hold.Seats, Total: f.hold.Total, Currency: "EUR"}
	first := f.hold.Order == ""
	f.hold.Order = reply.Order
	method := f.method
	f.mu.Unlock()
	switch {
	case first:
	case method == "tok_decline":
		reply.State, reply.Reason = wire.OrderFailed, "The card was declined."
		if f.keepsSeats {
			reply.Hold = &wire.StandingHold{Hold: f.hold.Hold, Expires: f.hold.Expires}
			break
		}
		f.end(wire.Available)
	default:
		reply.State = wire.OrderPaid
		for i := range reply.Seats {
			reply.Tickets = append(reply.Tickets, fmt.Sprintf("t_%022d", i+1))
		}
		f.end(wire.Sold)
	}
	answer(w, 200, reply)
}

func (f *fake) availability(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	bits := make([]byte, (len(f.states)+3)/4)
	for i, s := range f.states {
		bits[i/4] |= s << (2 * (i % 4))
	}
	w.Header().Set("Frontrow-Seq", fmt.Sprint(f.seq))
	f.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(bits)
}

func (f *fake) board() *wire.Board {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &wire.Board{Event: fakeEvent, Seq: f.boards, At: time.Now().UTC(), State: wire.SaleOpen, Currency: "EUR", Rate: 12, Pace: &wire.Pace{Low: 8, High: 16},
		Lanes: map[string]wire.LaneBoard{}}
	b.Lanes[f.lane] = wire.LaneBoard{Waiting: fakeNumber, Regions: map[string]wire.Head{"home": {Head: f.head, Joined: 60}}}
	for _, l := range fakeLevels() {
		price := wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee).Total
		lb := wire.LevelBoard{ID: l.ID, Name: l.Name, From: price, To: price}
		for i, s := range f.states {
			if f.index.Seat(i).Category == l.Categories[0] {
				lb.Total++
				if s == 0 {
					lb.Free++
				}
			}
		}
		b.Levels = append(b.Levels, lb)
	}
	if f.shape != nil {
		f.shape(b)
	}
	return b
}

// call moves the head.
func (f *fake) call(head uint64) { f.show(head, nil) }

// show tells a board that is something besides.
func (f *fake) show(head uint64, shape func(*wire.Board)) {
	f.mu.Lock()
	f.head, f.shape = head, shape
	f.boards++
	f.mu.Unlock()
	f.tell(wire.LiveFrame{T: wire.FrameBoard, Board: f.board()})
}

// turn changes places and tells the viewers, section by section.
func (f *fake) turn(state wire.State, places ...int) {
	f.mu.Lock()
	f.seq++
	frames := map[string]*wire.LiveFrame{}
	for _, i := range places {
		f.states[i] = state.Bits()
		s := f.index.Seat(i).SectionID
		if frames[s] == nil {
			frames[s] = &wire.LiveFrame{T: wire.FrameSeats, Section: s, From: f.sent[s], To: f.seq}
			f.sent[s] = f.seq
		}
		frames[s].Changes = append(frames[s].Changes, [2]int{i, int(state.Bits())})
	}
	f.mu.Unlock()
	for _, frame := range frames {
		f.tell(*frame)
	}
}

func (f *fake) tell(frame wire.LiveFrame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for v := range f.viewers {
		select {
		case v <- frame:
		default: // a viewer that is too slow would be closed; here it fails the test by missing it
		}
	}
}

func (f *fake) live(w http.ResponseWriter, r *http.Request) {
	if !f.sockets {
		http.Error(w, "no sockets here", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	frames := make(chan wire.LiveFrame, 64)
	frames <- wire.LiveFrame{T: wire.FrameBoard, Board: f.board()}
	f.mu.Lock()
	f.viewers[frames] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.viewers, frames)
		f.mu.Unlock()
	}()
	ctx, cancel := context.WithCancel(r.Context())
	go func() { // watches need no answer: every viewer here is told everything
		defer cancel()
		for {
			_, raw, err := ws.Read(ctx)
			if err != nil {
				return
			}
			f.said(raw)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-frames:
			raw, _ := json.Marshal(frame)
			if ws.Write(ctx, websocket.MessageText, raw) != nil {
				return
			}
		}
	}
}

// said is what a page says over its socket.
func (f *fake) said(raw []byte) {
	var said wire.LiveWatch
	if err := json.Unmarshal(raw, &said); err != nil {
		f.t.Errorf("the page says %s: %v", raw, err)
	}
	if said.Place != nil {
		f.mu.Lock()
		f.stands = said.Place
		f.mu.Unlock()
	}
}

func (f *fake) price(category string) wire.Amounts {
	for _, l := range fakeLevels() {
		if l.Categories[0] == category {
			return wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee)
		}
	}
	return wire.Amounts{}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code wire.Code, detail string, seats ...string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "/problems/" + string(code), "detail": detail, "seats": seats})
}
