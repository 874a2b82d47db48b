package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// story is what is played while dev ends and comes back. Its steps say what
// must be true whenever that happens.
type story struct {
	hold   string      // how long holds last; empty: long
	draw   bool        // whether fans come before the sale opens, and are drawn
	before func(*sale) // with a dev that doesn't end; stops it
	play   func(*sale)
	money  money // what the provider has in the end
}

// money is the provider's payments, by their state.
type money map[payment.State]sandbox.Total

const (
	long  = "480s"
	short = "4s" // and in checkout 10 s

	pairPrice = 2 * 5600
)

func stories() map[string]story {
	one := sandbox.Total{Count: 1, Amount: pairPrice}
	returned := sandbox.Total{Count: 1, Amount: pairPrice, Refunded: pairPrice}
	two := sandbox.Total{Count: 2, Amount: 2 * pairPrice}
	return map[string]story{
		"purchase":   {play: (*sale).purchase, money: money{payment.Captured: one}},
		"drawn":      {play: (*sale).lottery, draw: true, money: money{payment.Captured: one}},
		"declined":   {play: (*sale).decline, money: money{payment.Declined: one}},
		"released":   {play: (*sale).release, money: money{}},
		"expired":    {hold: short, play: (*sale).expiry, money: money{}},
		"abandoned":  {hold: short, play: (*sale).abandon, money: money{}},
		"bank":       {play: (*sale).confirmation, money: money{payment.Captured: one}},
		"unheard":    {play: (*sale).unheard, money: money{payment.Captured: one}},
		"late":       {play: (*sale).latePayment, money: money{payment.Voided: one}},
		"refunded":   {play: (*sale).refund, money: money{payment.Refunded: returned}},
		"given back": {play: (*sale).giveBackOffSale, money: money{payment.Refunded: returned}},
		"cancelled":  {play: (*sale).cancel, money: money{payment.Refunded: {Count: 2, Amount: 2 * pairPrice, Refunded: 2 * pairPrice}}},
		"poison":     {play: (*sale).poison, money: money{payment.Captured: one}},
		"by code":    {play: (*sale).byCode, money: money{payment.Captured: one}},
		"moved":      {play: (*sale).move, money: money{payment.Captured: one}},
		"revoked":    {play: (*sale).revoke, money: money{payment.Captured: one}},
		"withdrawn":  {play: (*sale).withdraw, money: money{payment.Captured: one}},
		"take-over":  {before: (*sale).purchased, play: (*sale).tellAgain, money: money{payment.Captured: one}},
		"difference": {before: (*sale).refundedUnnoticed, play: (*sale).seatsOfTheFirst, money: money{payment.Refunded: returned}},
		"lost":       {before: (*sale).withoutJetStream, play: (*sale).boughtBefore, money: money{payment.Captured: two, payment.Refunded: returned}},
	}
}

// enter is a buyer who may choose.
func (s *sale) enter() *buyer {
	s.t.Helper()
	b := s.buyer()
	b.join()
	b.enter()
	return b
}

// pending is a buyer whose order was sent, with a method of payment.
func (s *sale) pending(method string) *buyer {
	s.t.Helper()
	b := s.enter()
	b.choose(pair())
	b.checkout(method)
	return b
}

// purchase: two fans hold seats, and one of them pays.
func (s *sale) purchase() {
	s.enter().choose(pair())
	s.pending("tok_visa").outcome("paid")
}

// lottery: two fans take part in a draw, and one of them pays. Each can check
// their rank by what they were shown before they took their place.
func (s *sale) lottery() {
	fans := []*buyer{s.buyer(), s.buyer()}
	commitments := make([]string, len(fans))
	for i, b := range fans {
		for commitments[i] == "" {
			if board := b.board(); board.Draw != nil {
				commitments[i] = board.Draw.Commitment
			}
			breathe(s.ctx)
		}
		b.join()
	}
	for i, b := range fans {
		b.enter()
		d, err := checkDraw(b.board(), wire.LaneGeneral, homeRegion, b.number, commitments[i])
		if err != nil || d.Rank == 0 || !d.Called {
			s.t.Errorf("place %d in the draw: %+v, %v", b.number, d, err)
		}
		b.rank = d.Rank
	}
	fans[0].choose(pair())
	fans[1].choose(pair())
	fans[1].checkout("tok_visa")
	fans[1].outcome("paid")
}

// decline: a payment is refused; its fan gives the seats back, and they are for others.
func (s *sale) decline() {
	s.enter().choose(pair())
	b := s.pending("tok_decline")
	b.outcome("failed")
	b.givesBack()
	s.enter().get(seatIDs(b.held))
}

// release: a fan gives their seats back, and they are for others.
func (s *sale) release() {
	s.enter().choose(pair())
	b := s.enter()
	b.choose(pair())
	b.ask(204, "DELETE", "/v1/holds/"+b.held.text("hold"), nil)
	b.forget("hold")
	s.enter().get(seatIDs(b.held))
}

// expiry: a fan lets the time pass, and the seats are for others.
func (s *sale) expiry() {
	b, next := s.enter(), s.enter()
	b.choose(pair())
	next.get(seatIDs(b.held))
	if time.Now().Before(b.until()) {
		s.t.Error("seats were freed before the deadline")
	}
	b.forget("hold")
	next.forget("hold") // ends as fast
}

// abandon: a gateway ended between the writer and ORDERS, and its fan has left.
func (s *sale) abandon() {
	b := s.enter()
	b.choose(pair())
	hold := b.held.text("hold")
	fan := s.seatRecord(seatIDs(b.held)[0]).Fan
	request, err := json.Marshal(wire.CheckoutRequest{Hold: hold, Fan: fan, Key: wire.Hash([]byte("key")), Body: wire.Hash([]byte("body"))})
	must(s.t, err)
	m, err := s.bus().RequestWithContext(s.ctx, wire.SeatsSubject("show", wire.ActCheckout), request)
	must(s.t, err)
	var reply wire.HoldReply
	must(s.t, json.Unmarshal(m.Data, &reply))
	if reply.Problem != nil {
		s.t.Fatal(reply.Problem)
	}
	b.forget("hold")
	next := s.enter()
	next.get(seatIDs(b.held))
	next.forget("hold")
	b.order = wire.OrderOfHold(hold)
	b.outcome("failed")
}

// confirmation: the bank asks the fan, and they confirm.
func (s *sale) confirmation() { s.confirms("tok_3ds") }

// unheard: the same, and the provider tells nobody: a worker finds it when it looks.
func (s *sale) unheard() { s.confirms("tok_3ds_silent") }

func (s *sale) confirms(method string) {
	b := s.pending(method)
	for where := b.bank(); where != "" && !confirm(where); where = b.bank() { // it may be away, and come back elsewhere
		breathe(s.ctx)
	}
	b.outcome("paid")
}

// latePayment: the order is given up while the fan is at their bank, as a
// deadline does, and they confirm.
func (s *sale) latePayment() {
	b := s.pending("tok_3ds")
	fan := s.seatRecord(seatIDs(b.held)[0]).Fan
	where := b.bank()
	_, err := s.books().GiveUp(s.ctx, b.order, "show", fan)
	must(s.t, err)
	confirm(where)
	b.outcome("failed")
	b.givesBack()
	s.enter().get(seatIDs(b.held))
}

// givesBack releases the hold of an order that failed, which could be paid for in
// another way; if it hasn't ended meanwhile.
func (b *buyer) givesBack() {
	b.t.Helper()
	for { // the seats follow their order a moment later
		a, err := b.insist(b.s.ctx, "DELETE", "/v1/holds/"+b.held.text("hold"), nil)
		must(b.t, err)
		if a.Status == 204 {
			break
		}
		if a.Status != 409 {
			b.t.Fatalf("give the seats back: %d %v", a.Status, a.Body)
		}
		breathe(b.s.ctx)
	}
	b.forget("hold", "outcome") // which told what becomes of the seats
}

// refund: an order is given back in the ledger alone; whoever is writer next
// frees its seats.
func (s *sale) refund() {
	b := s.pending("tok_visa")
	b.outcome("paid")
	s.rest(0)
	s.giveBack(b)
	s.enter().get(seatIDs(b.held))
	b.outcome("refunded")
}

func (s *sale) giveBack(b *buyer) {
	s.t.Helper()
	_, err := s.ledger.Refund(s.ctx, ledger.RefundOrder{Order: b.order, Why: "a test", By: "the test"})
	must(s.t, err)
	b.forget("outcome")
	b.state = "refunded"
}

// byCode: a fan buys with their access code, which is good once.
func (s *sale) byCode() {
	b := s.buyer()
	keys := s.keys()
	code := map[string]any{"email": "ann@example.org", "code": keys.SignCode(wire.AccessCode{
		ID: "ann", Event: "show", Email: "ann@example.org", Lane: wire.LanePriority, Expires: time.Now().Add(time.Hour)})}
	b.code = code
	b.join()
	b.enter()
	b.choose(pair())
	b.checkout("tok_visa")
	b.outcome("paid")
	if place, err := keys.VerifyReceipt(b.place); err != nil || place.Lane != wire.LanePriority || place.Code != "ann" {
		s.t.Errorf("%+v, %v", place, err)
	}
	s.buyer().ask(409, "POST", "/v1/events/show/places", code)
}

// keys is the keyring of a dev that has been up.
func (s *sale) keys() *keyring.Keyring {
	s.t.Helper()
	keys, err := keyring.Load(filepath.Join(s.data, "keys.json"), "")
	must(s.t, err)
	return keys
}

// move: a fan who holds seats goes on with another device, and pays there. The
// device before has nothing any more.
func (s *sale) move() {
	desk := s.enter()
	desk.choose(pair())
	phone := s.buyer()
	made := desk.ask(200, "POST", "/v1/carry", map[string]any{"place": desk.place})
	link, err := url.Parse(made.text("link"))
	must(s.t, err)
	phone.ask(200, "POST", link.Path, []byte("replace=yes&digits="+made.text("digits")), "Content-Type", "application/x-www-form-urlencoded")
	phone.join()
	phone.enter()
	desk.forget("pass", "hold")
	for a := (answer{}); a.text("type") != "/problems/other-device"; breathe(s.ctx) {
		a, err = desk.insist(s.ctx, "DELETE", "/v1/holds/"+wire.NewHold(), nil)
		must(s.t, err)
	}
	phone.held = desk.held
	phone.checkout("tok_visa")
	phone.outcome("paid")
}

// revoke: an operator withdraws the pass of a fan who holds seats, and they are
// for others.
func (s *sale) revoke() {
	bot := s.enter()
	bot.choose(pair())
	place, err := s.keys().VerifyReceipt(bot.place)
	must(s.t, err)
	s.operate("admission.revoke", `{"fan":"`+place.Fan+`","by":"ann"}`)
	s.buysWhatWasHeld(bot)
}

// withdraw: an operator withdraws all passes.
func (s *sale) withdraw() {
	early := s.enter()
	early.choose(pair())
	s.operate("admission.revoke", `{"all":true,"by":"ann"}`)
	s.buysWhatWasHeld(early)
}

// buysWhatWasHeld lets another fan have the seats of one whose pass was revoked.
func (s *sale) buysWhatWasHeld(b *buyer) {
	b.forget("place", "pass", "hold") // whoever is revoked does not join again
	for a, err := (answer{}), error(nil); a.text("type") != "/problems/revoked"; breathe(s.ctx) {
		a, err = b.insist(s.ctx, "POST", "/v1/holds/"+b.held.text("hold")+"/more-time", nil)
		must(s.t, err)
	}
	next := s.enter()
	next.get(seatIDs(b.held))
	next.checkout("tok_visa")
	next.outcome("paid")
}

// giveBackOffSale: an operator gives an order back, and keeps its seats.
func (s *sale) giveBackOffSale() {
	b := s.pending("tok_visa")
	b.outcome("paid")
	s.rest(0)
	b.forget("outcome")
	if r := s.operate("inventory.refund", fmt.Sprintf(`{"order":%q,"block":true,"why":"a test","by":"ann"}`, b.order)); r.State != wire.OrderRefunded {
		s.t.Errorf("%+v", r)
	}
	b.outcome("refunded")
	for _, id := range seatIDs(b.held) {
		if seat := s.seatRecord(id); seat.State != wire.Blocked {
			s.t.Errorf("seat %s: %+v", id, seat)
		}
	}
}

// cancel: an operator gives all orders of the event back.
func (s *sale) cancel() {
	fans := []*buyer{s.pending("tok_visa"), s.pending("tok_visa")}
	for _, b := range fans {
		b.outcome("paid")
	}
	s.rest(0)
	for _, b := range fans {
		b.forget("outcome")
	}
	for s.operate("inventory.refund", `{"all":true,"why":"a test","by":"ann"}`).Left > 0 {
		breathe(s.ctx)
	}
	for _, b := range fans {
		b.outcome("refunded")
		s.enter().get(seatIDs(b.held))
	}
}

// operate insists on an operator's act, as one who gets no answer does.
func (s *sale) operate(act, payload string) (r wire.RefundReply) {
	s.t.Helper()
	for ; s.ctx.Err() == nil; breathe(s.ctx) {
		s.mu.Lock()
		nc, err := nats.Connect(s.core)
		s.mu.Unlock()
		if err != nil {
			continue
		}
		m, err := nc.Request("frontrow."+act+".show", []byte(payload), 5*time.Second)
		nc.Close()
		if err != nil || m.Header.Get("Nats-Service-Error-Code") == string(wire.CodeUnavailable) ||
			m.Header.Get("Nats-Service-Error-Code") == string(wire.CodeNotFound) { // it is away, or starts
			continue
		}
		if e := m.Header.Get("Nats-Service-Error"); e != "" {
			s.t.Fatal(e)
		}
		must(s.t, json.Unmarshal(m.Data, &r))
		return r
	}
	s.t.Fatal("no answer to the operator")
	return r
}

// poison: a message that nobody understands is in front of an order.
func (s *sale) poison() {
	js, err := jetstream.New(s.bus())
	must(s.t, err)
	_, _ = js.Publish(s.ctx, wire.OrderSubject("show", wire.OrderOfHold(wire.NewHold())), []byte("no order")) // dev may end before it answers
	s.pending("tok_visa").outcome("paid")
	s.rest(0)
	if n := len(s.logged(checkout.LogPoison)); n != 1 {
		s.t.Errorf("%d records of one message that is not understood", n)
	}
}

// purchased: a purchase, and an orderly end.
func (s *sale) purchased() {
	s.run()
	s.purchase()
	s.rest(2)
	s.stop()
}

// tellAgain: what was told before the take-over holds, and the sale goes on.
func (s *sale) tellAgain() {
	for _, b := range s.buyers {
		b.recall()
	}
	s.enter().choose(pair())
}

// refundedUnnoticed: nobody told the writer of the refund.
func (s *sale) refundedUnnoticed() {
	s.purchased()
	s.giveBack(s.buyers[1])
}

func (s *sale) seatsOfTheFirst() {
	b := s.buyers[1]
	s.enter().get(seatIDs(b.held))
	b.outcome("refunded")
}

// withoutJetStream: the disks of NATS are gone.
func (s *sale) withoutJetStream() {
	s.run()
	s.purchase()
	b := s.pending("tok_visa")
	b.outcome("paid")
	s.rest(2)
	s.giveBack(b)
	s.rest(2)
	s.stop()
	must(s.t, os.RemoveAll(filepath.Join(s.data, "nats")))
	for _, b := range s.buyers {
		b.forget("place", "pass", "hold")
	}
}

// boughtBefore: what was bought is not for sale.
func (s *sale) boughtBefore() {
	b, next := s.buyers[1], s.enter()
	b.outcome("paid")
	a, err := next.hold(s.ctx, map[string]any{"seats": seatIDs(b.held)})
	must(s.t, err)
	if a.Status != 409 {
		s.t.Errorf("seats bought before JetStream was lost: %d %v", a.Status, a.Body)
	}
	next.get(seatIDs(s.buyers[2].held))
	next.checkout("tok_visa")
	next.outcome("paid")
}

// seatRecord asks the writer what a seat is.
func (s *sale) seatRecord(id string) wire.Seat {
	s.t.Helper()
	return seatOf(s.ctx, s.t, s.bus(), id)
}

// seatOf asks the writer, as an operator does, what a seat of the show is.
func seatOf(ctx context.Context, t testing.TB, nc *nats.Conn, id string) wire.Seat {
	t.Helper()
	m, err := nc.RequestWithContext(ctx, wire.OperatorSubject("inventory", "seat", "show"), []byte(`{"seat":"`+id+`"}`))
	must(t, err)
	var reply wire.SeatReply
	must(t, json.Unmarshal(m.Data, &reply))
	return reply.Seat
}
