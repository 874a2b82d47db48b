package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// reducing gives the event taxes, concessions and two promotions, one of which another event's code is of.
func (s *shop) reducing() {
	seal := func(event, code string) string {
		sealed, err := s.cfg.Keys.SealPromotion(event, code)
		must(s.t, err)
		return sealed
	}
	e := wire.Event{Spec: spec(), Places: s.index.Len(), State: wire.EventOpen}
	ev, err := s.events.Find(show)
	must(s.t, err)
	e.Plan = ev.Record().Plan
	e.Spec.Tax = wire.TaxSpec{Mode: wire.TaxInclusive, Rates: []wire.TaxRate{{Name: "VAT", Percent: 19_000}}}
	e.Spec.Concessions = []wire.Concession{{ID: "child", Name: "Child", Off: wire.Off{PercentOff: 50_000}}}
	e.Spec.Promotions = []wire.Promotion{
		{ID: "spring", Seal: seal(show, "SPRING-24"), Off: wire.Off{AmountOff: 100}},
		{ID: "other", Seal: seal("another", "AUTUMN-24"), Off: wire.Off{AmountOff: 100}},
	}
	s.put(wire.EventsBucket, show, e)
	s.until("the event has promotions", func() bool { return len(ev.Record().Spec.Promotions) == 2 })
}

// A code becomes the id of its promotion: no request to the writer, no record of the event
// and no public answer has it. Wrong codes are told apart from nothing, and are few.
func TestCodesOfPromotionsAreSecretAndNotGuessed(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.Defences.Exempt = nil })
	s.reducing()
	asked := make(chan wire.ReductionsRequest, 1)
	s.answer(wire.SeatsAll(show), func(m *nats.Msg) any {
		if strings.Contains(strings.ToUpper(string(m.Data)), "SPRING-24") {
			t.Errorf("the writer sees the code: %s", m.Data)
		}
		if m.Subject == wire.SeatsSubject(show, wire.ActReduce) {
			var r wire.ReductionsRequest
			_ = json.Unmarshal(m.Data, &r)
			asked <- r
		}
		quote := wire.SeatQuote{ID: s.index.ID(0), Level: "standard", Price: wire.Amounts{Base: 2600, Total: 2600, Tax: 415}, Version: 1, Concession: "child", Promotion: "spring", List: 5450}
		return wire.HoldReply{Hold: wire.NewHold(), Seats: []wire.SeatQuote{quote}, Total: 2600, Currency: "EUR"}
	})
	f := s.fan()
	hold := into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q]}`, s.index.ID(0))), http.StatusCreated)
	path := "/v1/holds/" + hold.Hold + "/reductions"
	for code, promotion := range map[string]string{"SPRING-24": "spring", " spring-24 ": "spring", "Spring -24": "spring", "": ""} {
		body := fmt.Sprintf(`{"concessions":{%q:"child"},"code":%q}`, s.index.ID(0), code)
		reply := into[wire.HoldReply](t, f.send("PUT", path, body), http.StatusOK)
		if r := <-asked; r.Hold != hold.Hold || r.Fan != f.id || r.Promotion != promotion || r.Concessions[s.index.ID(0)] != "child" || reply.Total != 2600 {
			t.Errorf("%q: %+v, %+v", code, r, reply)
		}
	}
	for _, path := range []string{"/v1/events", "/v1/events/show", "/v1/events/show/prices"} {
		body := string(f.send("GET", path, "").body)
		if strings.Contains(body, "seal") || strings.Contains(body, "spring") {
			t.Errorf("%s: %s", path, body)
		}
		if path == "/v1/events/show/prices" && !strings.Contains(body, `"tax":{"mode":"inclusive","rates":[{"name":"VAT","percent":"19"}]}`) {
			t.Errorf("no tax is told: %s", body)
		}
	}
	tried := 0
	for _, code := range []string{"AUTUMN-24", "no", strings.Repeat("X", 200), "SPRING-2", "SPRING-25", "it's", "4444", "5555", "6666", "7777"} {
		if p := f.send("PUT", path, fmt.Sprintf(`{"code":%q}`, code)).problem(t); p.Status != http.StatusUnprocessableEntity || p.Type != "/problems/promotion-unknown" {
			t.Errorf("%q: %+v", code, p)
		}
		tried++
	}
	if p := f.send("PUT", path, `{"code":"SPRING-24"}`).problem(t); p.Status != http.StatusTooManyRequests || p.RetryAfterMS == 0 {
		t.Errorf("the right one after %d wrong ones: %+v", tried, p)
	}
	into[wire.HoldReply](t, f.send("PUT", path, `{}`), http.StatusOK)
	<-asked
}

// An order says what its buyer chose, by name, and which taxes they paid.
func TestOrderShowsReductionsAndTaxes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.reducing()
	f := s.fan()
	quote := wire.SeatQuote{ID: s.index.ID(0), Label: "A 1", Level: "standard", Price: wire.Amounts{Base: 2600, Total: 2600, Tax: 415}, Version: 1, Concession: "child", Promotion: "spring", List: 5450}
	order := wire.OrderOfHold(wire.NewHold())
	s.answer(wire.LedgerOrder, func(*nats.Msg) any {
		return wire.OrderReply{Order: order, Event: show, State: wire.OrderPaid, Seats: []wire.SeatQuote{quote}, Total: 2600, Currency: "EUR"}
	})
	s.answer(wire.LedgerTicket, func(*nats.Msg) any {
		return wire.TicketReply{Ticket: "t", Event: show, Seat: quote.ID, State: "valid", Concession: "child"}
	})
	body := string(f.send("GET", "/v1/orders/"+order, "").body)
	for _, want := range []string{`"concession":"Child"`, `"promotion":"spring"`, `"list":5450`, `"tax":415`, `"taxes":[{"name":"VAT","percent":"19","amount":415}]`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if body := string(f.send("GET", "/v1/tickets/"+wire.NewTicket(), "").body); !strings.Contains(body, `"concession":"Child"`) {
		t.Errorf("the gate isn't told: %s", body)
	}
}
