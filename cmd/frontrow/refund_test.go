package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"frontrow/inventory/audit"
	"frontrow/wire"

	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"
)

// operate sends an operator's request as "nats req" does, and returns the answer
// or the code of its refusal.
func (r *running) operate(nc *nats.Conn, subject, payload string) (reply wire.RefundReply, code string) {
	r.t.Helper()
	m, err := nc.RequestWithContext(deadline(r.t), subject, []byte(payload))
	must(r.t, err)
	if code := m.Header.Get("Nats-Service-Error-Code"); code != "" {
		return reply, code
	}
	must(r.t, json.Unmarshal(m.Data, &reply))
	return reply, ""
}

// bought is an order that is paid.
func (f *fan) bought(t *testing.T, wish map[string]any) (order answer, seats []string, tickets []string) {
	t.Helper()
	ctx := deadline(t)
	hold, err := f.hold(ctx, wish)
	must(t, err)
	if hold.Status != 201 {
		t.Fatalf("hold: %d %v", hold.Status, hold.Body)
	}
	order, err = f.buy(ctx, hold.text("hold"), "tok_visa")
	must(t, err)
	if order.text("state") != "paid" {
		t.Fatalf("order: %v", order.Body)
	}
	for _, id := range order.Body["tickets"].([]any) {
		tickets = append(tickets, id.(string))
	}
	return order, seatIDs(order), tickets
}

// void checks that a ticket opens no gate any more.
func (f *fan) void(t *testing.T, ticket string) {
	t.Helper()
	ctx := deadline(t)
	a, err := f.do(ctx, "GET", "/v1/tickets/"+ticket, nil)
	must(t, err)
	if a.Status != 200 || a.text("state") != "void" || a.text("barcode") != "" {
		t.Errorf("ticket: %d %v", a.Status, a.Body)
	}
	qr, err := f.do(ctx, "GET", "/v1/tickets/"+ticket+"/qr.svg", nil)
	must(t, err)
	if qr.Status != 410 || qr.text("type") != "/problems/gone" {
		t.Errorf("qr: %d %v", qr.Status, qr.Body)
	}
}

func (f *fan) order(t *testing.T, id, state string, tickets int, refunded float64) {
	t.Helper()
	a, err := f.do(deadline(t), "GET", "/v1/orders/"+id, nil)
	must(t, err)
	got, _ := a.Body["refunded"].(float64)
	if all, _ := a.Body["tickets"].([]any); a.text("state") != state || len(all) != tickets || got != refunded {
		t.Errorf("order: %v", a.Body)
	}
}

// testRefunds gives a seat of an order back, sells it again, gives the rest back
// off sale, and shows it all to the fans.
func (r *running) testRefunds(t *testing.T) {
	nc := r.connect()
	f, g := admitted(t, r, 60), admitted(t, r, 61)
	order, seats, tickets := f.bought(t, map[string]any{"best": map[string]any{"count": 2}})
	id := order.text("order")
	const refund = "frontrow.inventory.refund.show"
	part := fmt.Sprintf(`{"order":%q,"seats":[%q],"why":"a friend fell ill","by":"ann"}`, id, seats[0])
	for _, refunded := range []int{1, 0} {
		reply, code := r.operate(nc, refund, part)
		if code != "" || reply.Refunded != refunded || reply.Amount != int64(5600*refunded) || reply.State != wire.OrderPaid {
			t.Errorf("%+v %s", reply, code)
		}
	}
	f.order(t, id, "paid", 1, 5600)
	f.void(t, tickets[0])
	_, again, _ := g.bought(t, map[string]any{"seats": seats[:1]})
	if again[0] != seats[0] {
		t.Errorf("sold again: %v", again)
	}
	reply, code := r.operate(nc, refund, fmt.Sprintf(`{"order":%q,"block":true,"why":"a friend fell ill","by":"ann"}`, id))
	if code != "" || reply.Refunded != 1 || reply.State != wire.OrderRefunded {
		t.Errorf("%+v %s", reply, code)
	}
	f.order(t, id, "refunded", 0, 11200)
	f.void(t, tickets[1])
	if s := r.seat(deadline(t), seats[1]); s.State != wire.Blocked || s.Why != "a friend fell ill" {
		t.Errorf("%+v", s)
	}
	for payload, want := range map[string]string{
		"": "invalid", `{"order":`: "bad-request", `{"order":"` + id + `","why":"x","by":"ann","seat":"A"}`: "bad-request",
		`{"order":"` + id + `","by":"ann"}`: "invalid", `{"order":"` + wire.OrderOfHold(wire.NewHold()) + `","why":"x","by":"ann"}`: "not-found",
		`{"order":"` + id + `","seats":["moon"],"why":"x","by":"ann"}`: "unknown-seat",
	} {
		if _, code := r.operate(nc, refund, payload); code != want {
			t.Errorf("%s: %s, want %s", payload, code, want)
		}
	}
}

// testHistory lists a fan's orders page by page, and nobody else's.
func (r *running) testHistory(t *testing.T) {
	ctx := deadline(t)
	f, stranger := admitted(t, r, 70), admitted(t, r, 71)
	var want []string
	for _, method := range []string{"tok_visa", "tok_decline", "tok_visa"} {
		hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
		must(t, err)
		order, err := f.buy(ctx, hold.text("hold"), method)
		must(t, err)
		want = append([]string{order.text("order") + " " + order.text("state")}, want...)
	}
	var got []string
	for path := "/v1/orders?limit=2"; ; {
		a, err := f.do(ctx, "GET", path, nil)
		must(t, err)
		if a.Status != 200 || a.text("as_of") == "" {
			t.Fatalf("%d %v", a.Status, a.Body)
		}
		for _, o := range a.Body["orders"].([]any) {
			o := o.(map[string]any)
			got = append(got, fmt.Sprint(o["order"], " ", o["state"]))
			if o["event"] != "show" || o["total"] != 5600.0 || o["currency"] != "EUR" || o["created_at"] == "" || len(o["seats"].([]any)) != 1 || o["state"] == "paid" && len(o["tickets"].([]any)) != 1 {
				t.Errorf("%v", o)
			}
		}
		next := a.text("next")
		if next == "" {
			break
		}
		if b, err := stranger.do(ctx, "GET", "/v1/orders?before="+next, nil); err != nil || b.Status != 200 || len(b.Body["orders"].([]any)) != 0 {
			t.Errorf("a stranger with the cursor: %d %v %v", b.Status, b.Body, err)
		}
		path = "/v1/orders?limit=2&before=" + next
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for path, status := range map[string]int{"/v1/orders?before=nonsense": 400, "/v1/orders?limit=1000": 400} {
		if a, err := f.do(ctx, "GET", path, nil); err != nil || a.Status != status || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %v", path, a.Status, a.Body, err)
		}
	}
	if a, err := newFan(t, r.http, "show", 72).do(ctx, "GET", "/v1/orders", nil); err != nil || a.Status != 401 {
		t.Errorf("without a cookie: %d %v %v", a.Status, a.Body, err)
	}
}

// testRefundSeen buys in a browser, which is told of the refund as it happens;
// the ticket and the list of orders say so, too.
func (r *running) testRefundSeen(t *testing.T) {
	eve := newBrowser(t, "eve", 390, 844)
	eve.do(chromedp.Navigate(r.http + "/e/show"))
	eve.click("#join")
	eve.wait(`document.body.dataset.view === "seats"`)
	eve.click("#best")
	eve.wait(`document.body.dataset.view === "checkout"`)
	eve.pay()
	found, err := chromedp.Run(eve.ctx, chromedp.Evaluate[[]string](`[document.querySelector("#order-state").dataset.order, document.querySelector("a[data-ticket]").dataset.ticket]`))
	must(t, err)
	order, ticket := found[0], found[1]
	seat := func(o map[string]any) string { return o["seats"].([]any)[0].(map[string]any)["id"].(string) }
	raw, err := chromedp.Run(eve.ctx, chromedp.Evaluate[map[string]any](`fetch("/v1/orders/`+order+`").then((r) => r.json())`, chromedp.EvalAwaitPromise))
	must(t, err)
	eve.wait(`document.querySelectorAll("a[data-ticket]").length === 2`)
	for _, c := range []struct{ payload, seen string }{
		{fmt.Sprintf(`{"order":%q,"seats":[%q],"why":"ill","by":"ann"}`, order, seat(raw)),
			`document.querySelectorAll("a[data-ticket]").length === 1 && document.querySelector("#order-total").textContent.includes("€56.00 is refunded")`},
		{fmt.Sprintf(`{"order":%q,"why":"ill","by":"ann"}`, order),
			`document.querySelectorAll("a[data-ticket]").length === 0 && document.querySelector("#order-state").dataset.state === "refunded"`},
	} {
		if _, code := r.operate(r.connect(), "frontrow.inventory.refund.show", c.payload); code != "" {
			t.Fatal(code)
		}
		eve.wait(c.seen) // by the live socket, without asking
	}
	eve.picture("6-refunded")
	eve.do(chromedp.Navigate(r.http + "/t/" + ticket))
	eve.wait(`document.querySelector("#ticket-state").dataset.state === "void" && document.querySelector("#ticket-qr").hidden`)
	eve.click(`a[href="/orders"]`)
	eve.wait(`document.querySelector("[data-order]").dataset.state === "refunded" && document.body.textContent.includes("A night out") &&
		document.body.textContent.includes("€112.00") && !document.querySelector("a[data-ticket]")`)
	eve.picture("7-orders")
}

// sold lets fans buy two seats each.
func (r *running) sold(fans int) (crowd []*fan, orders []string, tickets [][]string) {
	r.t.Helper()
	crowd, orders, tickets = make([]*fan, fans), make([]string, fans), make([][]string, fans)
	buy := func(i int) error {
		f, ctx := newFan(r.t, r.http, "show", i), deadline(r.t)
		if err := f.admit(ctx); err != nil {
			return err
		}
		hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
		if err != nil {
			return err
		}
		order, err := f.buy(ctx, hold.text("hold"), "tok_visa")
		if err != nil || order.text("state") != "paid" {
			return fmt.Errorf("order: %v %w", order.Body, err)
		}
		crowd[i], orders[i] = f, order.text("order")
		for _, id := range order.Body["tickets"].([]any) {
			tickets[i] = append(tickets[i], id.(string))
		}
		return nil
	}
	each(fans, func(i int) {
		if err := buy(i); err != nil {
			r.t.Errorf("fan %d: %v", i, err)
		}
	})
	if r.t.Failed() {
		r.t.FailNow()
	}
	return crowd, orders, tickets
}

// A whole event is cancelled while dev is killed half-way. The same request does
// the rest; the audit is clean before, in the middle and afterwards.
func TestCancelledEvent(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	const fans = 120
	crowd, orders, tickets := r.sold(fans)
	nc := r.connect()
	if _, code := r.operate(nc, "frontrow.event.close", `{"event":"show","by":"ann"}`); code != "" {
		t.Fatal(code)
	}
	if before := r.audit("show"); before.Stock.Sold != 2*fans {
		t.Errorf("%+v", before.Stock)
	}
	const rain = `{"all":true,"why":"rain","by":"ann"}`
	told := make(chan *nats.Msg, 4*fans)
	_, err := nc.ChanSubscribe(wire.NoticeAll("show"), told)
	must(t, err)
	must(t, nc.PublishRequest("frontrow.inventory.refund.show", nats.NewInbox(), []byte(rain)))
	ctx := deadline(t)
	for refunded := 0; refunded < fans/6; { // so far into it
		select {
		case m := <-told: // or late, that an order is paid
			var n wire.Notice
			must(t, json.Unmarshal(m.Data, &n))
			if n.State == string(wire.OrderRefunded) {
				refunded++
			}
		case <-ctx.Done():
			t.Fatal("nothing is refunded")
		}
	}
	r.kill()
	r.start()
	if half, err := r.auditOnce("show"); err != nil || !half.OK || half.Ledger.Orders[wire.OrderRefunded] == 0 {
		t.Errorf("half-way: %v %+v", err, half)
	}
	nc = r.connect()
	for {
		reply, code := r.operate(nc, "frontrow.inventory.refund.show", rain)
		if code == "" && reply.Left == 0 {
			break
		}
		if code != "" && code != "unavailable" && code != "not-found" || ctx.Err() != nil { // while it starts
			t.Fatalf("%+v %s", reply, code)
		}
		breathe(ctx)
	}
	if reply, code := r.operate(nc, "frontrow.inventory.refund.show", rain); code != "" || reply != (wire.RefundReply{Currency: "EUR"}) {
		t.Errorf("once more: %+v %s", reply, code)
	}
	after := r.audit("show")
	if after.Stock.Sold != 0 || after.Stock.Free != theatreSeats || after.Ledger.Orders[wire.OrderRefunded] != fans || len(after.Ledger.Returning) != 0 {
		t.Errorf("%+v %+v", after.Stock, after.Ledger)
	}
	back := after.Ledger.Payments["voided"].Amount + after.Ledger.Refunds["done"].Amount
	if back != fans*2*5600 || after.Ledger.Payments["authorized"].Count != 0 {
		t.Errorf("the fans have %d back: %+v", back, after.Ledger)
	}
	for i, f := range crowd[:10] {
		f.base = r.http
		f.order(t, orders[i], "refunded", 0, 11200)
		f.void(t, tickets[i][1])
	}
}

// auditOnce is the audit at this moment.
func (r *running) auditOnce(event string) (report audit.Report, err error) {
	out, err := frontrow("audit", event, "--nats", r.nats, "--postgres", r.postgres).Output()
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil {
		return report, fmt.Errorf("%w: %s", jsonErr, out)
	}
	return report, err
}
