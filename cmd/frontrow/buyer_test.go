package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"frontrow/wire"
)

// buyer is a fan who keeps asking for what got no answer, and who holds
// frontrow to what it told them.
type buyer struct {
	*fan
	s      *sale
	t      *testing.T
	told   map[string]string
	code   map[string]any // to join with; nil: none
	number uint64         // of the place,
	lane   string         // in a lane
	rank   uint64         // in the draw, of who took part in one
	wish   map[string]any // the last one
	held   answer         // the hold it got
	order  string
	state  string // of the order, once it has ended
}

// buyer comes by the event's page, as everybody does, with a cookie from then on.
func (s *sale) buyer() *buyer {
	s.t.Helper()
	b := &buyer{fan: newFan(s.t, "http://frontrow", "show", len(s.buyers)+1), s: s, t: s.t, told: map[string]string{}}
	b.http.Transport = &following{base: s.base}
	s.buyers = append(s.buyers, b)
	b.ask(http.StatusOK, "GET", "/e/show", nil)
	return b
}

// ask insists on an answer of a status.
func (b *buyer) ask(status int, method, path string, body any, header ...string) answer {
	b.t.Helper()
	a, err := b.insist(b.s.ctx, method, path, body, header...)
	must(b.t, err)
	if a.Status != status {
		b.t.Fatalf("%s %s: %d %v", method, path, a.Status, a.Body)
	}
	return a
}

// hears fails if the buyer was told something else before.
func (b *buyer) hears(what string, said ...any) {
	b.t.Helper()
	now := fmt.Sprint(said...)
	if before, ok := b.told[what]; ok && before != now {
		b.t.Errorf("%s: was told %s, is told %s", what, before, now)
	}
	b.told[what] = now
}

// forget is for what has ended rightly, or was lost with JetStream.
func (b *buyer) forget(whats ...string) {
	for _, what := range whats {
		delete(b.told, what)
	}
}

// board reads the event's public board.
func (b *buyer) board() (board wire.Board) {
	b.t.Helper()
	raw, err := json.Marshal(b.ask(http.StatusOK, "GET", "/v1/events/show/board", nil).Body)
	must(b.t, err)
	must(b.t, json.Unmarshal(raw, &board))
	return board
}

// join takes a place, or the same again.
func (b *buyer) join() {
	b.t.Helper()
	with := b.code
	if with == nil {
		with = map[string]any{}
	}
	a, err := b.insist(b.s.ctx, "POST", "/v1/events/show/places", with)
	must(b.t, err)
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		b.t.Fatalf("join: %d %v", a.Status, a.Body)
	}
	number, _ := a.Body["number"].(float64)
	b.number, b.lane, b.place = uint64(number), a.text("lane"), a.text("place")
	b.hears("place", b.number, b.place)
}

// enter waits to be called and takes the pass.
func (b *buyer) enter() {
	b.t.Helper()
	must(b.t, b.admit(b.s.ctx))
	b.hears("pass", b.pass)
}

// choose holds seats.
func (b *buyer) choose(wish map[string]any) {
	b.t.Helper()
	a, err := b.hold(b.s.ctx, wish)
	must(b.t, err)
	if a.Status != http.StatusCreated {
		b.t.Fatalf("hold: %d %v", a.Status, a.Body)
	}
	b.wish, b.held = wish, a
	b.hears("hold", a.text("hold"), a.Body["seats"], a.Body["total"], a.text("expires_at"))
}

func pair() map[string]any { return map[string]any{"best": map[string]any{"count": 2}} }

// get waits for seats to be free and holds them.
func (b *buyer) get(seats []string) {
	b.t.Helper()
	wish := map[string]any{"seats": seats}
	for {
		a, err := b.hold(b.s.ctx, wish)
		must(b.t, err)
		if a.Status == http.StatusCreated {
			b.wish, b.held = wish, a
			b.hears("hold", a.text("hold"), a.Body["seats"], a.Body["total"], a.text("expires_at"))
			return
		}
		if a.Status != http.StatusConflict {
			b.t.Fatalf("hold %v: %d %v", seats, a.Status, a.Body)
		}
		breathe(b.s.ctx)
	}
}

// until is the deadline of the hold, as it was told.
func (b *buyer) until() time.Time {
	b.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, b.held.text("expires_at"))
	must(b.t, err)
	return at
}

// checkout orders what is held, with a method of payment.
func (b *buyer) checkout(method string) {
	b.t.Helper()
	hold := b.held.text("hold")
	a := b.ask(http.StatusAccepted, "POST", "/v1/holds/"+hold+"/checkout", map[string]any{
		"payment": map[string]string{"method": method}, "buyer": map[string]string{"name": "Ada Fan", "email": "ada@example.com"},
	}, "Idempotency-Key", "key-"+hold)
	b.order = a.text("order")
	b.forget("hold") // its deadline has moved
	b.hears("order", b.order)
}

// outcome waits for the end of the order.
func (b *buyer) outcome(state string) {
	b.t.Helper()
	a, err := b.settled(b.s.ctx, b.order)
	must(b.t, err)
	tickets, _ := a.Body["tickets"].([]any)
	if a.text("state") != state || state == "paid" && len(tickets) != len(seatIDs(b.held)) {
		b.t.Fatalf("the order was to be %s: %v", state, a.Body)
	}
	b.state = state
	b.hears("outcome", state, a.Body["reason"], tickets, a.Body["seats"])
}

// bank waits for the address where the order is to be confirmed; empty if it
// has ended.
func (b *buyer) bank() string {
	b.t.Helper()
	for {
		a := b.ask(http.StatusOK, "GET", "/v1/orders/"+b.order, nil)
		if a.text("state") != "pending" {
			return ""
		}
		if action, ok := a.Body["action"].(map[string]any); ok {
			return action["url"].(string)
		}
		breathe(b.s.ctx)
	}
}

// confirm presses the button of the bank's page, and reports whether the bank
// has answered.
func confirm(bank string) bool {
	resp, err := http.PostForm(bank, url.Values{"decision": {"approve"}})
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// recall asks again for everything the buyer was told.
func (b *buyer) recall() {
	b.t.Helper()
	if _, ok := b.told["place"]; ok {
		b.join()
	}
	if _, ok := b.told["pass"]; ok {
		b.enter()
	}
	if _, ok := b.told["hold"]; ok {
		b.wishes-- // the same wish
		b.choose(b.wish)
	}
	if _, ok := b.told["outcome"]; ok {
		a := b.ask(http.StatusOK, "GET", "/v1/orders/"+b.order, nil)
		b.outcome(a.text("state"))
	}
}
