package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// A seat costs EUR 56.00, with the tax EUR 66.64, and for a child half of that.
const (
	fullPrice  = 6664
	childPrice = 3332
)

// reducedEvent has a tax that is added, a free level, concessions, and a code that makes one
// order free.
func reducedEvent(t *testing.T, seal string) string {
	t.Helper()
	p, err := plan.Generate(plan.Spec{Kind: plan.Theatre, Seats: theatreSeats, Standing: theatreStanding})
	must(t, err)
	names := p.CategoryNames()
	return fmt.Sprintf(`
id: show
name: A night out
venue: Test Theatre
currency: EUR
generate: {kind: theatre, seats: %d, standing: %d}
levels:
  - {id: all, name: All seats, categories: [%s], base: 5000, service_fee: 500, facility_fee: 100}
  - {id: guests, name: Guests, categories: [%s], base: 0}
tax: {mode: exclusive, rates: [{name: VAT, percent: 19}]}
concessions:
  - {id: child, name: Child under 14, levels: [all], percent_off: 50}
  - {id: companion, name: Companion, total: 0, needs_full: true}
  - {id: press, name: Press, total: 0, per_fan: 1}
promotions:
  - {id: invited, seal: %s, percent_off: 100, limit: 1}
admission: {tick: 1s, ceiling: 3000}
`, theatreSeats, theatreStanding, strings.Join(names[1:], ", "), names[0], seal)
}

// guest is a fan at the event with reductions.
type guest struct {
	*fan
	t     *testing.T
	ctx   context.Context
	held  string
	seats []string
}

// holds has a guest who holds seats of a level.
func holds(t *testing.T, at string, n, count int, level string) *guest {
	t.Helper()
	g := &guest{fan: newFan(t, at, "show", n), t: t, ctx: deadline(t)}
	must(t, g.admit(g.ctx))
	hold, err := g.hold(g.ctx, map[string]any{"best": map[string]any{"count": count, "level": level}})
	must(t, err)
	if g.held, g.seats = hold.text("hold"), seatIDs(hold); hold.Status != http.StatusCreated || len(g.seats) != count {
		t.Fatalf("hold: %d %v", hold.Status, hold.Body)
	}
	return g
}

// reduce asks for reductions, and wants a total or the code of a refusal.
func (g *guest) reduce(code string, concessions map[string]string, want any) {
	g.t.Helper()
	a, err := g.insist(g.ctx, "PUT", "/v1/holds/"+g.held+"/reductions", map[string]any{"concessions": concessions, "code": code})
	must(g.t, err)
	if got := a.Body["total"]; a.Status == http.StatusOK && got != want || a.Status != http.StatusOK && a.text("type") != fmt.Sprint("/problems/", want) {
		g.t.Errorf("%v with %q: %d %v, want %v", concessions, code, a.Status, a.Body, want)
	}
}

// pays buys what is held for a total, and returns the order.
func (g *guest) pays(method string, total float64) answer {
	g.t.Helper()
	order, err := g.buy(g.ctx, g.held, method)
	must(g.t, err)
	if order.text("state") != "paid" || order.Body["total"] != total || len(order.Body["tickets"].([]any)) != len(g.seats) {
		g.t.Errorf("order: %v, want %v", order.Body, total)
	}
	return order
}

// concessions are the names on an order's tickets.
func (g *guest) concessions(order answer) (names []string) {
	g.t.Helper()
	for _, id := range order.Body["tickets"].([]any) {
		a, err := g.do(g.ctx, "GET", fmt.Sprint("/v1/tickets/", id), nil)
		must(g.t, err)
		names = append(names, a.text("concession"))
	}
	slices.Sort(names)
	return names
}

// reads wants a page, to its end, with texts in it.
func (g *guest) reads(path string, texts ...string) {
	g.t.Helper()
	resp, err := g.http.Get(g.base + path)
	must(g.t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	must(g.t, err)
	for _, want := range append(texts, "</html>") {
		if !strings.Contains(string(page), want) {
			g.t.Errorf("%s has no %q:\n%s", path, want, page)
		}
	}
}

// Children, companions and those with a code buy at what they were quoted, as every service's
// user may; nothing to pay asks no provider, here one that would decline; and what is refunded
// is what was paid, and the use of a code.
func TestReductionsAreSold(t *testing.T) {
	shipped := natstest.RunShipped(t, regionConf)
	d := deployShipped(t, shipped)
	for _, name := range []string{"inventory", "pricing", "admission"} {
		d.start(name, name)
	}
	at := d.gateway("gateway")
	seal := strings.TrimSpace(string(d.tool("codes", "seal", "--event", "show", "--code", "Free-Entry")))
	d.tool("event", "apply", "-f", eventFileOf(t, reducedEvent(t, seal)))
	nc, err := nats.Connect(shipped.URL(natstest.Home, "operator"))
	must(t, err)
	defer nc.Close()

	family := holds(t, at, 1, 2, "all")
	family.reduce("", map[string]string{family.seats[0]: "child"}, float64(fullPrice+childPrice))
	family.reduce("no such code", nil, "promotion-unknown")
	bought := family.pays("tok_visa", fullPrice+childPrice)
	if names := family.concessions(bought); !slices.Equal(names, []string{"", "Child under 14"}) {
		t.Errorf("tickets of %q", names)
	}
	var taxes []wire.TaxLine
	raw, err := json.Marshal(bought.Body["taxes"])
	must(t, err)
	must(t, json.Unmarshal(raw, &taxes))
	if len(taxes) != 1 || taxes[0] != (wire.TaxLine{Name: "VAT", Percent: 19_000, Amount: 1064 + 532}) {
		t.Errorf("taxes: %v", taxes)
	}
	family.reads("/orders", "Child under 14", "VAT 19 %", `<data value="EUR 15.96">`, `<data value="EUR 99.96">`)
	family.reads("/e/show/prices", "fees and taxes: VAT 19 %", `Child under 14 <data value="EUR 33.32">`, `tax in it <data value="EUR 10.64">`)
	family.reads("/e/show", "reductions.js", `<data value="EUR 66.64">`)

	invited := holds(t, at, 2, 2, "all")
	invited.reduce("", map[string]string{invited.seats[1]: "companion"}, float64(fullPrice))
	invited.reduce(" free-entry ", map[string]string{invited.seats[1]: "companion"}, 0.0)
	late := holds(t, at, 3, 1, "all")
	late.reduce("FREE-ENTRY", nil, "promotion-used-up")
	free := invited.pays("tok_decline", 0)
	late.reduce("FREE-ENTRY", nil, "promotion-used-up")

	press := holds(t, at, 4, 1, "all")
	press.reduce("", map[string]string{press.seats[0]: "child"}, float64(childPrice))
	press.reduce("", map[string]string{press.seats[0]: "press"}, 0.0)
	press.pays("tok_decline", 0)
	guests := holds(t, at, 5, 2, "guests")
	guests.reduce("", map[string]string{guests.seats[0]: "child"}, "concession")
	guests.pays("tok_decline", 0)

	for _, c := range []struct {
		order answer
		seats []string
		want  wire.RefundReply
	}{
		{bought, family.seats[:1], wire.RefundReply{State: wire.OrderPaid, Refunded: 1, Amount: childPrice}},
		{free, nil, wire.RefundReply{State: wire.OrderRefunded, Refunded: 1}},
	} {
		request, err := json.Marshal(map[string]any{"order": c.order.text("order"), "seats": c.seats, "why": "ill", "by": "ann"})
		must(t, err)
		m, err := nc.RequestWithContext(deadline(t), "frontrow.inventory.refund.show", request)
		must(t, err)
		var got wire.RefundReply
		must(t, json.Unmarshal(m.Data, &got))
		if got.State != c.want.State || got.Refunded != c.want.Refunded || got.Amount != c.want.Amount {
			t.Errorf("%s %v", m.Data, m.Header)
		}
	}
	until(t, "the use of the code is given back", func() bool {
		a, err := late.insist(late.ctx, "PUT", "/v1/holds/"+late.held+"/reductions", map[string]any{"code": "FREE-ENTRY"})
		return err == nil && a.Status == http.StatusOK && a.Body["total"] == 0.0
	})
	late.pays("tok_decline", 0)
	d.sold("show", 1+1+1+2)
	for _, line := range shipped.Refused() {
		t.Errorf("NATS refused a service: %s", line)
	}
}
