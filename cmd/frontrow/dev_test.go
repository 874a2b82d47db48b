package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/inventory/audit"
	"frontrow/keyring"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// eventOf is theatre under an id, with holds of a length.
func eventOf(t *testing.T, id, hold string) string {
	t.Helper()
	return eventFileOf(t, theatreOf(t, id, hold))
}

func theatreOf(t *testing.T, id, hold string) string {
	t.Helper()
	return fmt.Sprintf(theatre, id, theatreSeats, theatreStanding, theatreCategories(t, theatreSeats, theatreStanding), hold)
}

// theatreCategories lists the categories of a generated theatre for an event file.
func theatreCategories(t *testing.T, seats, standing int) string {
	t.Helper()
	p, err := plan.Generate(plan.Spec{Kind: plan.Theatre, Seats: seats, Standing: standing})
	must(t, err)
	return strings.Join(p.CategoryNames(), ", ")
}

// One house for the tests that don't kill it.
func TestDev(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	t.Run("secrets", r.testSecrets)
	t.Run("purchase", r.testPurchase)
	t.Run("failed payment", r.testFailedPayment)
	t.Run("release", r.testRelease)
	t.Run("one of a thousand", r.testOneOfAThousand)
	t.Run("bad input", r.testBadInput)
	t.Run("operator", r.testOperator)
	t.Run("probes", r.testProbes)
	t.Run("browsers", r.testBrowsers)
	t.Run("refunds", r.testRefunds)
	t.Run("history", r.testHistory)
	t.Run("refund seen", r.testRefundSeen)
	r.audit("show")
}

func admitted(t *testing.T, r *running, n int) *fan {
	t.Helper()
	f := newFan(t, r.http, "show", n)
	must(t, f.admit(deadline(t)))
	return f
}

func (r *running) testPurchase(t *testing.T) {
	ctx := deadline(t)
	f := newFan(t, r.http, "show", 1)
	first, err := f.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	again, err := f.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	if first.Status != 201 || again.Status != 200 || first.Body["number"] != again.Body["number"] || first.text("place") != again.text("place") {
		t.Fatalf("join: %d %v, again: %d %v", first.Status, first.Body, again.Status, again.Body)
	}
	must(t, f.admit(ctx))
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	if hold.Status != 201 || hold.Body["total"] != 2*5600.0 || hold.text("currency") != "EUR" {
		t.Fatalf("hold: %d %v", hold.Status, hold.Body)
	}
	order, err := f.buy(ctx, hold.text("hold"), "tok_visa")
	must(t, err)
	tickets, _ := order.Body["tickets"].([]any)
	if order.text("state") != "paid" || len(tickets) != 2 {
		t.Fatalf("order: %v", order.Body)
	}
	for _, id := range tickets {
		ticket, err := f.do(ctx, "GET", "/v1/tickets/"+id.(string), nil)
		must(t, err)
		keys, err := keyring.Load(r.data+"/keys.json", "")
		must(t, err)
		code, err := keys.Public().VerifyBarcode(ticket.text("barcode"))
		if err != nil || code.Ticket != id || code.Seat != ticket.text("seat") || ticket.text("state") != "valid" {
			t.Errorf("ticket %v: %+v, %v", ticket.Body, code, err)
		}
		qr, err := f.do(ctx, "GET", "/v1/tickets/"+id.(string)+"/qr.svg", nil)
		must(t, err)
		if qr.Status != 200 || !strings.HasPrefix(qr.Header.Get("Content-Type"), "image/svg+xml") {
			t.Errorf("qr: %d %v", qr.Status, qr.Header)
		}
		stranger := newFan(t, r.http, "show", 2)
		if _, err := stranger.do(ctx, "POST", "/v1/events/show/places", map[string]any{}); err != nil {
			t.Fatal(err)
		}
		if a, err := stranger.do(ctx, "GET", "/v1/tickets/"+id.(string), nil); err != nil || a.Status != 404 {
			t.Errorf("a stranger's look at the ticket: %d, %v", a.Status, err)
		}
	}
}

func (r *running) testFailedPayment(t *testing.T) {
	ctx := deadline(t)
	f := admitted(t, r, 10)
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	order, err := f.buy(ctx, hold.text("hold"), "tok_decline")
	must(t, err)
	if order.text("state") != "failed" || order.text("reason") == "" {
		t.Fatalf("order: %v", order.Body)
	}
	// The seats are still theirs, and nobody else's: another card buys them.
	if kept, _ := order.Body["hold"].(map[string]any); kept["hold"] != hold.text("hold") || kept["expires_at"] != hold.text("expires_at") {
		t.Errorf("the hold after the failure: %v, before: %v", kept, hold.Body)
	}
	other := admitted(t, r, 11)
	if a, err := other.hold(ctx, map[string]any{"seats": seatIDs(hold)}); err != nil || a.Status != 409 {
		t.Errorf("somebody else's hold of them: %d %v, %v", a.Status, a.Body, err)
	}
	again, err := f.buy(ctx, hold.text("hold"), "tok_visa")
	must(t, err)
	if again.text("state") != "paid" || again.text("order") == order.text("order") {
		t.Errorf("another card: %v", again.Body)
	}
}

func (r *running) testRelease(t *testing.T) {
	ctx := deadline(t)
	f, g := admitted(t, r, 20), admitted(t, r, 21)
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 3}})
	must(t, err)
	wish := map[string]any{"seats": seatIDs(hold)}
	if a, err := g.hold(ctx, wish); err != nil || a.Status != 409 || len(a.Body["seats"].([]any)) != 3 {
		t.Fatalf("held seats: %d %v %v", a.Status, a.Body, err)
	}
	if a, err := g.do(ctx, "DELETE", "/v1/holds/"+hold.text("hold"), nil); err != nil || a.Status != 403 {
		t.Errorf("a stranger released the hold: %d %v", a.Status, err)
	}
	if a, err := f.do(ctx, "DELETE", "/v1/holds/"+hold.text("hold"), nil); err != nil || a.Status != 204 {
		t.Fatalf("release: %d %v", a.Status, err)
	}
	if a, err := g.hold(ctx, wish); err != nil || a.Status != 201 {
		t.Errorf("released seats: %d %v %v", a.Status, a.Body, err)
	}
}

func seatIDs(hold answer) []string {
	var ids []string
	for _, s := range hold.Body["seats"].([]any) {
		ids = append(ids, s.(map[string]any)["id"].(string))
	}
	return ids
}

func (r *running) testOneOfAThousand(t *testing.T) {
	ctx := deadline(t)
	probe := admitted(t, r, 30)
	hold, err := probe.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	wish := map[string]any{"seats": seatIDs(hold)}
	const fans = 1000
	crowd := make([]*fan, fans)
	each(fans, func(i int) {
		crowd[i] = newFan(t, r.http, "show", 1000+i)
		if err := crowd[i].admit(ctx); err != nil {
			t.Error(err)
		}
	})
	if a, err := probe.do(ctx, "DELETE", "/v1/holds/"+hold.text("hold"), nil); err != nil || a.Status != 204 {
		t.Fatalf("release: %d %v", a.Status, err)
	}
	var mu sync.Mutex
	outcomes := map[int]int{}
	each(fans, func(i int) {
		a, err := crowd[i].hold(ctx, wish)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		outcomes[a.Status]++
		if a.Status == 409 && len(a.Body["seats"].([]any)) != 2 {
			t.Errorf("a loser was told %v", a.Body)
		}
	})
	if outcomes[201] != 1 || outcomes[409] != fans-1 {
		t.Errorf("outcomes: %v", outcomes)
	}
}

// each runs f for 0 to n-1, many at a time.
func each(n int, f func(int)) {
	const atOnce = 200
	var wg sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

func (r *running) testOperator(t *testing.T) {
	ctx := deadline(t)
	nc := r.connect()
	call := func(subject, payload string) wire.MeterReply {
		t.Helper()
		m, err := nc.RequestWithContext(ctx, subject, []byte(payload))
		must(t, err)
		if e := m.Header.Get("Nats-Service-Error"); e != "" {
			t.Fatalf("%s: %s", subject, e)
		}
		var reply wire.MeterReply
		must(t, json.Unmarshal(m.Data, &reply))
		return reply
	}
	call("frontrow.admission.pause.show", `{"message":"Back soon"}`)
	for {
		b, err := newFan(t, r.http, "show", 40).do(ctx, "GET", "/v1/events/show/board", nil)
		must(t, err)
		if b.text("state") == "paused" && b.text("message") == "Back soon" {
			break
		}
		breathe(ctx)
	}
	waiting := newFan(t, r.http, "show", 41)
	a, err := waiting.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	var head uint64
	for _, l := range call("frontrow.admission.status.show", "").State.Lines {
		head = max(head, l.Head)
	}
	if a.Status != 201 || uint64(a.Body["number"].(float64)) <= head {
		t.Fatalf("joining during a pause: %d %v, head %d", a.Status, a.Body, head)
	}
	if a, err := waiting.do(ctx, "POST", "/v1/events/show/passes", map[string]any{"place": a.text("place")}); err != nil || a.Status != 425 || a.Body["retry_after_ms"] == nil {
		t.Errorf("redeeming during a pause: %d %v %v", a.Status, a.Body, err)
	}
	call("frontrow.admission.resume.show", "")
	must(t, waiting.admit(ctx))

	js, err := jetstream.New(nc)
	must(t, err)
	bucket, err := js.KeyValue(ctx, wire.SeatsBucket("show"))
	must(t, err)
	hold, err := waiting.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
	must(t, err)
	for key := wire.SeatKey(seatIDs(hold)[0]); ; breathe(ctx) { // the record follows the log
		entry, err := bucket.Get(ctx, key)
		must(t, err)
		var seat wire.Seat
		must(t, json.Unmarshal(entry.Value(), &seat))
		if seat.State == wire.Held && seat.Hold == hold.text("hold") && seat.Quote.Price.Total == 5600 {
			break
		}
	}
	m, err := nc.RequestWithContext(ctx, "frontrow.inventory.status.show", nil)
	must(t, err)
	var stock wire.Stock
	must(t, json.Unmarshal(m.Data, &stock))
	if stock.All.Total() != theatreSeats || stock.All.Held == 0 {
		t.Errorf("%s", m.Data)
	}
}

func (r *running) testProbes(t *testing.T) {
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/version"} {
		resp, err := http.Get(r.ops + path)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestExpiryGivesTheSeatsBack(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "2s"))
	ctx := deadline(t)
	f, g := admitted(t, r, 1), admitted(t, r, 2)
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	until, err := time.Parse(time.RFC3339Nano, hold.text("expires_at"))
	must(t, err)
	wish := map[string]any{"seats": seatIDs(hold)}
	for {
		a, err := g.hold(ctx, wish)
		must(t, err)
		if a.Status == 201 {
			if time.Now().Before(until) {
				t.Error("freed before the deadline")
			}
			break
		}
		breathe(ctx)
	}
	if a, err := f.buy(ctx, hold.text("hold"), "tok_visa"); err != nil || a.Status != 410 {
		t.Errorf("checkout after the deadline: %d %v %v", a.Status, a.Body, err)
	}
	r.audit("show")
}

// Everything that was answered outlives Ctrl-C and kill -9.
func TestRestart(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	ctx := deadline(t)
	f := newFan(t, r.http, "show", 1)
	must(t, f.admit(ctx))
	sold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	order, err := f.buy(ctx, sold.text("hold"), "tok_visa")
	must(t, err)
	held, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	place, err := f.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	for _, end := range []func(){r.stop, r.kill} {
		end()
		r.start()
		f.base = r.http
		again, err := f.insist(ctx, "POST", "/v1/events/show/places", map[string]any{})
		must(t, err)
		if again.Body["number"] != place.Body["number"] {
			t.Errorf("the place was %v, is %v", place.Body, again.Body)
		}
		same, err := f.insist(ctx, "GET", "/v1/orders/"+order.text("order"), nil)
		must(t, err)
		if same.text("state") != "paid" || fmt.Sprint(same.Body["tickets"]) != fmt.Sprint(order.Body["tickets"]) {
			t.Errorf("the order was %v, is %v", order.Body, same.Body)
		}
		record := r.seat(ctx, seatIDs(held)[0])
		if record.State != wire.Held || record.Hold != held.text("hold") || record.Until.Format(time.RFC3339Nano) != held.text("expires_at") {
			t.Errorf("the hold was %v, is %+v", held.Body, record)
		}
	}
	paid, err := f.buy(ctx, held.text("hold"), "tok_visa")
	must(t, err)
	if paid.text("state") != "paid" {
		t.Errorf("buying the old hold: %v", paid.Body)
	}
	if report := r.audit("show"); report.Stock.Sold != 4 {
		t.Errorf("%+v", report.Stock)
	}
}

func (r *running) seat(ctx context.Context, id string) wire.Seat {
	r.t.Helper()
	return seatOf(ctx, r.t, r.connect(), id)
}

// 200 fans buy while dev is killed again and again. Whatever a fan was told
// holds in the end, and the audit is clean.
func TestKillDuringSale(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	const fans, kills = 200, 3
	var mu sync.Mutex
	base := r.http
	current := func() string {
		mu.Lock()
		defer mu.Unlock()
		return base
	}
	bought := make(chan []string, fans) // seats of each paid order
	progress := make(chan struct{}, 4*fans)
	var wg sync.WaitGroup
	for i := range fans {
		wg.Go(func() {
			f := newFan(t, "http://127.0.0.1", "show", i)
			f.http.Transport = &following{base: current}
			seats, err := f.purchase(ctx, progress)
			if err != nil {
				t.Errorf("fan %d: %v", i, err)
			}
			bought <- seats
		})
	}
	for range kills {
		for range fans / 2 { // so far into the sale
			select {
			case <-progress:
			case <-ctx.Done():
			}
		}
		r.kill()
		r.start()
		mu.Lock()
		base = r.http
		mu.Unlock()
	}
	wg.Wait()
	close(bought)
	owned := map[string]bool{}
	for seats := range bought {
		for _, id := range seats {
			if owned[id] {
				t.Errorf("seat %s was sold twice", id)
			}
			owned[id] = true
		}
	}
	report := r.audit("show")
	if report.Stock.Sold != len(owned) || len(owned) != 2*fans {
		t.Errorf("%d seats sold, the fans have %d", report.Stock.Sold, len(owned))
	}
	checkHistory(t, report)
}

func checkHistory(t *testing.T, r audit.Report) {
	t.Helper()
	if !r.OK || len(r.Checks) < 10 {
		t.Errorf("%+v", r)
	}
}

// purchase is a whole purchase by a fan who doesn't give up.
func (f *fan) purchase(ctx context.Context, progress chan<- struct{}) ([]string, error) {
	if err := f.admit(ctx); err != nil {
		return nil, err
	}
	progress <- struct{}{}
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	if err != nil {
		return nil, err
	}
	if hold.Status != 201 {
		return nil, fmt.Errorf("hold: %d %v", hold.Status, hold.Body)
	}
	progress <- struct{}{}
	order, err := f.buy(ctx, hold.text("hold"), "tok_visa")
	if err != nil {
		return nil, err
	}
	if order.text("state") != "paid" {
		return nil, fmt.Errorf("order: %d %v", order.Status, order.Body)
	}
	progress <- struct{}{}
	return seatIDs(hold), nil
}

// following sends requests to wherever dev listens now.
type following struct{ base func() string }

func (f *following) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	host := strings.TrimPrefix(f.base(), "http://")
	r.URL.Scheme, r.URL.Host, r.Host = "http", host, host
	return http.DefaultTransport.RoundTrip(r)
}
