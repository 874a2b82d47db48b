package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"frontrow/keyring"
	"frontrow/wire"
)

// testBadInput sends what must be refused, each time with a problem (RFC 9457)
// of the right status, and checks that nothing has changed.
func (r *running) testBadInput(t *testing.T) {
	ctx := deadline(t)
	f, stranger, out := admitted(t, r, 50), admitted(t, r, 51), newFan(t, r.http, "show", 52)
	_, err := out.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
	must(t, err)
	checkout := "/v1/holds/" + hold.text("hold") + "/checkout"
	buyer := map[string]any{"payment": map[string]any{"method": "tok_visa"}, "buyer": map[string]any{"name": "Ada", "email": "ada@example.com"}}
	forger := keyring.New()
	forgedReceipt := forger.SignReceipt(wire.Place{Event: "show", Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: wire.NewFan()})
	forgedPass, err := forger.SignPass(keyring.NewPass("show", wire.PassRecord{ID: "x", Fan: wire.NewFan(), Limit: 6}))
	must(t, err)
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprint("seat-", i)
	}
	withPass := func(pass string) *fan {
		g := *f
		g.pass = pass
		return &g
	}
	before := r.stock(t)
	for _, c := range []struct {
		name         string
		fan          *fan
		method, path string
		body         any
		header       []string
		want         []int
	}{
		{"unknown event", f, "GET", "/v1/events/nothing", nil, nil, []int{404}},
		{"join an unknown event", f, "POST", "/v1/events/nothing/places", map[string]any{}, nil, []int{404}},
		{"an event that can't be", f, "GET", "/v1/events/..%2f..%2fetc", nil, nil, []int{404}},
		{"tampered receipt", out, "POST", "/v1/events/show/passes", map[string]any{"place": out.place + "x"}, nil, []int{400, 403}},
		{"forged receipt", out, "POST", "/v1/events/show/passes", map[string]any{"place": forgedReceipt}, nil, []int{403}},
		{"somebody else's receipt", stranger, "POST", "/v1/events/show/passes", map[string]any{"place": f.place}, nil, []int{403}},
		{"hold without a pass", out, "POST", "/v1/events/show/holds", map[string]any{"best": map[string]any{"count": 1}}, nil, []int{401}},
		{"hold with a forged pass", withPass(forgedPass), "POST", "/v1/events/show/holds", map[string]any{"best": map[string]any{"count": 1}}, nil, []int{401}},
		{"hold with somebody else's pass", withPass(stranger.pass), "POST", "/v1/events/show/holds", map[string]any{"best": map[string]any{"count": 1}}, nil, []int{401, 403}},
		{"unknown seat", f, "POST", "/v1/events/show/holds", map[string]any{"seats": []string{"no-such-seat"}}, nil, []int{422}},
		{"unknown area", f, "POST", "/v1/events/show/holds", map[string]any{"area": "moon", "count": 1}, nil, []int{422}},
		{"500 seats", f, "POST", "/v1/events/show/holds", map[string]any{"seats": many}, nil, []int{409, 422}},
		{"minus one seat", f, "POST", "/v1/events/show/holds", map[string]any{"best": map[string]any{"count": -1}}, nil, []int{422}},
		{"minus one place", f, "POST", "/v1/events/show/holds", map[string]any{"area": "stalls", "count": -1}, nil, []int{422}},
		{"no wish", f, "POST", "/v1/events/show/holds", map[string]any{}, nil, []int{422}},
		{"two wishes", f, "POST", "/v1/events/show/holds", map[string]any{"area": "x", "count": 1, "best": map[string]any{"count": 1}}, nil, []int{422}},
		{"half of JSON", f, "POST", "/v1/events/show/holds", []byte(`{"seats":[`), nil, []int{400}},
		{"a number for seats", f, "POST", "/v1/events/show/holds", []byte(`{"seats":7}`), nil, []int{400}},
		{"10 MB", f, "POST", "/v1/events/show/holds", bytes.Repeat([]byte("["), 10<<20), nil, []int{413}},
		{"checkout without a key", f, "POST", checkout, buyer, nil, []int{400}},
		{"checkout by a stranger", stranger, "POST", checkout, buyer, []string{"Idempotency-Key", "k"}, []int{403}},
		{"checkout without an address", f, "POST", checkout, map[string]any{"payment": buyer["payment"], "buyer": map[string]any{"name": "Ada", "email": "nowhere"}}, []string{"Idempotency-Key", "k"}, []int{422}},
		{"checkout of nothing", f, "POST", "/v1/holds/" + wire.NewHold() + "/checkout", buyer, []string{"Idempotency-Key", "k"}, []int{410}},
		{"a hold that can't be", f, "POST", "/v1/holds/h_*/checkout", buyer, []string{"Idempotency-Key", "k"}, []int{404, 410}},
		{"unknown order", f, "GET", "/v1/orders/o_nothing", nil, nil, []int{404}},
		{"unknown ticket", f, "GET", "/v1/tickets/" + wire.NewTicket(), nil, nil, []int{404}},
		{"wrong method", f, "PUT", "/v1/events/show/places", nil, nil, []int{405}},
		{"no such route", f, "GET", "/v1/nothing", nil, nil, []int{404}},
		{"another site's script", f, "POST", "/v1/events/show/places", map[string]any{}, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, []int{403}},
	} {
		a, err := c.fan.do(ctx, c.method, c.path, c.body, c.header...)
		if c.name == "10 MB" && err != nil {
			continue // the server may hang up before it has read all of it
		}
		must(t, err)
		wanted := false
		for _, s := range c.want {
			wanted = wanted || a.Status == s
		}
		if !wanted || a.Header.Get("Content-Type") != "application/problem+json" || a.text("type") == "" || a.text("detail") == "" {
			t.Errorf("%s: %d %s %v, want %v", c.name, a.Status, a.Header.Get("Content-Type"), a.Body, c.want)
		}
	}
	if after := r.stock(t); after != before {
		t.Errorf("stock was %+v, is %+v", before, after)
	}
	r.checkoutTwice(t, f, checkout, buyer)
}

// checkoutTwice pays once, however often and under whatever key it is asked.
func (r *running) checkoutTwice(t *testing.T, f *fan, checkout string, buyer map[string]any) {
	ctx := deadline(t)
	send := func(key string, body map[string]any) answer {
		t.Helper()
		a, err := f.do(ctx, "POST", checkout, body, "Idempotency-Key", key)
		must(t, err)
		return a
	}
	first, again := send("one", buyer), send("one", buyer)
	if first.Status != 202 || again.Status != 202 || first.text("order") == "" || first.text("order") != again.text("order") {
		t.Errorf("one key: %d %v, %d %v", first.Status, first.Body, again.Status, again.Body)
	}
	other := map[string]any{"payment": buyer["payment"], "buyer": map[string]any{"name": "Eve", "email": "eve@example.com"}}
	if a := send("one", other); a.Status != 422 {
		t.Errorf("one key, another body: %d %v", a.Status, a.Body)
	}
	if a := send("two", buyer); a.Status != 409 || a.text("order") != first.text("order") {
		t.Errorf("another key: %d %v", a.Status, a.Body)
	}
	order, err := f.settled(ctx, first.text("order"))
	must(t, err)
	if order.text("state") != "paid" {
		t.Errorf("order: %v", order.Body)
	}
}

// stock asks the writer, so that nothing is on its way.
func (r *running) stock(t *testing.T) wire.Count {
	t.Helper()
	m, err := r.connect().RequestWithContext(deadline(t), wire.SeatsSubject("show", wire.ActStatus), nil)
	must(t, err)
	var s wire.Stock
	must(t, json.Unmarshal(m.Data, &s))
	return s.All
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "Services"},
		{[]string{"sell"}, `unexpected argument sell`},
		{[]string{"dev", "--nonsense"}, "unknown flag --nonsense"},
		{[]string{"dev", "--log-level", "loud"}, "--log-level"},
		{[]string{"event", "apply", "-f", "/nonexistent.yaml"}, "no such file"},
		{[]string{"event", "apply", "-f", eventFileOf(t, "id: x\nprice: 5\n")}, "price"},
		{[]string{"event", "apply", "-f", eventFileOf(t, "id: x\n")}, "plan"},
		{[]string{"plan", "check", eventFileOf(t, `{"zones":[]}`)}, "event.yaml"},
		{[]string{"plan", "generate", "--seats", "9000000"}, "80000"},
		{[]string{"inventory", "--keys", "/nonexistent", "--postgres", "postgres://localhost", "--payments", "http://localhost"}, "keyring"},
		{[]string{"audit"}, "usage"},
		{[]string{"rehearse"}, "usage"},
		{[]string{"rehearse", "--event", "x", "--audit"}, "usage"},
		{[]string{"rehearse", "--event", "x", "--fans", "0"}, "one fan"},
		{[]string{"rehearse", "--event", "x", "--share", "presence=1"}, "absent"},
		{[]string{"rehearse", "--event", "x", "--url", "here"}, "http://host:port"},
	} {
		cmd := frontrow(c.args...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("frontrow %v: %v: %s", c.args, err, out)
		}
	}
}
