package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/streams"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.send("POST", "/v1/events/show/places", "")
	place := into[joinReply](t, first, http.StatusCreated)
	cookies := first.Cookies()
	if len(cookies) != 2 || cookies[0].Name != fanCookie || cookies[1].Name != deviceCookie || len(cookies[1].Value) < 22 {
		t.Fatalf("cookies %v", cookies)
	}
	for _, c := range cookies {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure {
			t.Fatalf("cookie %v", c)
		}
	}
	receipt, err := s.cfg.Keys.VerifyReceipt(place.Place)
	must(t, err)
	if place.Number != 1 || place.Ahead != 0 || place.Lane != "general" || place.Region != "home" || receipt.Number != 1 || receipt.At.IsZero() {
		t.Fatalf("place %+v, receipt %+v", place, receipt)
	}
	cookie := fanCookie + "=" + cookies[0].Value + "; " + deviceCookie + "=" + cookies[1].Value
	again := s.send("POST", "/v1/events/show/places", `{"challenge":"x"}`, "Cookie", cookie)
	if p := into[joinReply](t, again, http.StatusOK); p.Place != place.Place || len(again.Cookies()) != 0 {
		t.Fatalf("again %+v, first %+v", p, place)
	}
	forged := s.send("POST", "/v1/events/show/places", "{}", "Cookie", "x"+cookie+"; "+fanCookie+"="+cookies[0].Value+"x")
	if p := into[joinReply](t, forged, http.StatusCreated); p.Number != 2 || len(forged.Cookies()) != 1 {
		t.Fatalf("with a forged cookie: %+v", p)
	}
}

// The reply to a join is what encoding/json makes of it.
func TestJoinReplyIsJSON(t *testing.T) {
	t.Parallel()
	keys := keyring.New()
	for _, r := range []joinReply{
		{Place: keys.SignReceipt(wire.Place{Event: show, Fan: wire.NewFan(), Number: 7, At: time.Now()}), Lane: wire.LaneGeneral, Region: "home", Number: 7},
		{Place: "a.b_-.c", Lane: wire.LanePriority, Region: "eu-1~2", Number: 1 << 63, Ahead: 1<<64 - 1, Again: true},
		{Place: "a", Lane: wire.LaneGeneral, Region: "home", Number: 1, Joined: time.Now().UTC(), Priced: 1 << 50},
	} {
		want, err := json.Marshal(r)
		must(t, err)
		if got := r.appendJSON(nil); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestJoinInParallelIsOnePlace(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	const parallel = 1000
	replies := make([]answered, parallel)
	slots := make(chan struct{}, 100) // sockets, not joins, are scarce
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			slots <- struct{}{}
			replies[i] = f.send("POST", "/v1/events/show/places", "{}")
			<-slots
		})
	}
	all.Wait()
	created, places := 0, map[string]bool{}
	for _, r := range replies {
		if r.StatusCode == http.StatusCreated {
			created++
		}
		places[into[joinReply](t, r, r.StatusCode).Place] = true
	}
	// What this process remembers is not what decides: another one agrees.
	places[into[joinReply](t, f.at(s.another()).send("POST", "/v1/events/show/places", ""), http.StatusOK).Place] = true

	if created != 1 || len(places) != 1 {
		t.Fatalf("%d created, %d places", created, len(places))
	}
	st, err := s.js.Stream(t.Context(), wire.KVStream(wire.QueueBucket(show, wire.LaneGeneral)))
	must(t, err)
	if n := st.CachedInfo().State.Msgs; n != 1 {
		t.Fatalf("%d records", n)
	}
}

func TestRedeem(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, other := s.fan(), s.fan()
	place := into[joinReply](t, f.send("POST", "/v1/events/show/places", ""), http.StatusCreated)
	body := fmt.Sprintf(`{"place":%q}`, place.Place)
	subject := wire.PassesSubject(show, wire.ActRedeem)

	wait := f.send("POST", "/v1/events/show/passes", body)
	if p := wait.problem(t); p.Status != http.StatusTooEarly || p.Ahead == nil || *p.Ahead != 0 || p.RetryAfterMS <= 0 || wait.Header.Get("Retry-After") == "" {
		t.Fatalf("not called: %+v", p)
	}
	s.setHead(5)
	if p := f.send("POST", "/v1/events/show/passes", body).problem(t); p.Status != http.StatusServiceUnavailable {
		t.Fatalf("no admitter: %+v", p)
	}
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	devices := make(chan string, 1)
	s.answer(subject, func(m *nats.Msg) any {
		var r wire.RedeemRequest
		_ = json.Unmarshal(m.Data, &r)
		if r.Place.Fan != f.id || r.Place.Number != place.Number {
			return wire.RedeemReply{Problem: wire.Refuse(wire.CodeInvalid, "wrong place")}
		}
		devices <- r.Device
		return wire.RedeemReply{Pass: "the-pass", Expires: expires}
	})
	r := f.send("POST", "/v1/events/show/passes", body)
	got := into[struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}](t, r, http.StatusCreated)
	device := cookieOf(r, deviceCookie)
	if device == nil || !device.HttpOnly || device.Path != "/" || <-devices != s.hashOf(device.Value) {
		t.Fatalf("device %v", r.Cookies())
	}
	known := &fan{shop: s, cookie: f.cookie, device: device.Value}
	if r := known.send("POST", "/v1/events/show/passes", body); len(r.Cookies()) != 0 || <-devices != s.hashOf(device.Value) {
		t.Fatalf("the same device: %v", r.Cookies())
	}
	for name, chosen := range map[string]string{"made up": "chosen", "tampered": "x" + device.Value, "endless": strings.Repeat("x", 3000), "a fan's": f.cookie} {
		f := &fan{shop: s, cookie: f.cookie, device: chosen}
		r := f.send("POST", "/v1/events/show/passes", body)
		if given := cookieOf(r, deviceCookie); given == nil || <-devices != s.hashOf(given.Value) {
			t.Errorf("%s: it is taken for a device: %v", name, r.Cookies())
		}
	}
	if got.Pass != "the-pass" || !got.Expires.Equal(expires) {
		t.Fatalf("%+v", got)
	}
	before := s.times(subject)
	elsewhere := s.cfg.Keys.SignReceipt(wire.Place{Event: "other", Fan: f.id, Number: 1, Lane: wire.LaneGeneral, Region: "home"})
	for name, c := range map[string]struct {
		fan  *fan
		body string
		want int
	}{
		"somebody else's": {other, body, http.StatusForbidden},
		"forged":          {f, `{"place":"` + place.Place[:len(place.Place)-4] + `AAAA"}`, http.StatusForbidden},
		"other event's":   {f, fmt.Sprintf(`{"place":%q}`, elsewhere), http.StatusForbidden},
		"none":            {f, `{}`, http.StatusBadRequest},
		"no cookie":       {&fan{shop: s}, body, http.StatusUnauthorized},
	} {
		if p := c.fan.send("POST", "/v1/events/show/passes", c.body).problem(t); p.Status != c.want {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if n := s.times(subject); n != before {
		t.Errorf("the admitter was asked %d times more", n-before)
	}
}

// writer answers like the writer of the show's seats, for one hold.
func (s *shop) writer() {
	s.answer(wire.SeatsAll(show), func(m *nats.Msg) any {
		quote := wire.SeatQuote{ID: s.index.ID(0), Label: s.index.Seat(0).Label, Level: "standard", Price: wire.NewAmounts(5000, 400, 50), Version: 1}
		switch m.Subject {
		case wire.SeatsSubject(show, wire.ActHold):
			var r wire.HoldRequest
			_ = json.Unmarshal(m.Data, &r)
			if r.Expect != nil && *r.Expect < 5450 {
				return wire.HoldReply{Problem: &wire.Problem{Code: wire.CodePriceChanged, Detail: "dearer", Expected: *r.Expect, Total: 5450}}
			}
			if len(r.Seats) == 2 {
				return wire.HoldReply{Problem: &wire.Problem{Code: wire.CodeTaken, Detail: "gone", Seats: r.Seats[:1]}}
			}
			if len(r.Seats) == 3 {
				return wire.HoldReply{Problem: &wire.Problem{Code: wire.CodeOrphan, Detail: "alone", Seats: r.Seats[:1], Instead: r.Seats[1:]}}
			}
			return wire.HoldReply{Hold: r.Hold, Seats: []wire.SeatQuote{quote}, Total: 5450, Currency: "EUR",
				Expires: time.Now().Add(time.Minute), Why: "row A"}
		case wire.SeatsSubject(show, wire.ActMoreTime):
			var r wire.MoreTimeRequest
			_ = json.Unmarshal(m.Data, &r)
			return wire.HoldReply{Hold: r.Hold, Seats: []wire.SeatQuote{quote}, Total: 5450, Currency: "EUR", Expires: time.Now().Add(time.Hour)}
		case wire.SeatsSubject(show, wire.ActCheckout):
			var r wire.CheckoutRequest
			_ = json.Unmarshal(m.Data, &r)
			if r.Quoted != nil && !r.Quoted.Quotes([]wire.SeatQuote{quote}) {
				return wire.HoldReply{Problem: wire.Refuse(wire.CodeQuoteChanged, "not what was shown")}
			}
			return wire.HoldReply{Hold: r.Hold, Seats: []wire.SeatQuote{quote}, Total: 5450, Currency: "EUR", Order: wire.OrderOfHold(r.Hold)}
		}
		return wire.Reply{}
	})
}

const goodCheckout = `{"payment":{"method":"pm_1"},"buyer":{"name":"Ann","email":"ann@example.org"}}`

func TestPurchase(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.writer()
	f := s.fan()
	a, b := s.index.ID(0), s.index.ID(1)

	hold := into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q]}`, a)), http.StatusCreated)
	if !wire.IsHold(hold.Hold) || len(hold.Seats) != 1 || hold.Seats[0].Price.Total != 5450 || hold.Total != 5450 || hold.Why == "" {
		t.Fatalf("%+v", hold)
	}
	taken := f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q,%q]}`, a, b)).problem(t)
	if taken.Status != http.StatusConflict || taken.Type != "/problems/taken" || len(taken.Seats) != 1 || taken.Seats[0] != a {
		t.Fatalf("%+v", taken)
	}

	for expect, want := range map[string]string{
		"5449": `{"type":"/problems/price-changed","title":"The price has changed","status":409,"detail":"dearer","expect_total":5449,"total":5450}`,
		"0":    `{"type":"/problems/price-changed","title":"The price has changed","status":409,"detail":"dearer","expect_total":0,"total":5450}`,
		"-1":   `{"type":"/problems/invalid","title":"The request is not valid","status":422,"detail":"expect_total can't be negative."}`,
	} {
		if r := f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q],"expect_total":%s}`, a, expect)); string(r.body) != want {
			t.Errorf("shown %s: %s", expect, r.body)
		}
	}
	into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q],"expect_total":5450}`, a)), http.StatusCreated)
	orphan := f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q,%q,%q]}`, a, b, s.index.ID(2))).problem(t)
	if orphan.Status != http.StatusUnprocessableEntity || orphan.Type != "/problems/orphan" || len(orphan.Seats) != 1 || len(orphan.Instead) != 2 {
		t.Fatalf("%+v", orphan)
	}
	more := into[wire.HoldReply](t, f.send("POST", "/v1/holds/"+hold.Hold+"/more-time", ""), http.StatusOK)
	if more.Hold != hold.Hold || !more.Expires.After(hold.Expires) {
		t.Fatalf("%+v", more)
	}

	path := "/v1/holds/" + hold.Hold + "/checkout"
	other := strings.TrimSuffix(goodCheckout, "}") + fmt.Sprintf(`,"quoted":{"seats":[%q],"total":5451}}`, hold.Seats[0].ID)
	if p := f.send("POST", path, other, "Idempotency-Key", "k-0").problem(t); p.Status != http.StatusConflict || p.Type != "/problems/quote-changed" {
		t.Fatalf("another total than was shown: %+v", p)
	}
	goodCheckout := strings.Replace(other, "5451", "5450", 1)
	for range 2 {
		r := f.send("POST", path, goodCheckout, "Idempotency-Key", "k-1")
		order := into[struct{ Order string }](t, r, http.StatusAccepted).Order
		if order != wire.OrderOfHold(hold.Hold) || r.Header.Get("Location") != "/v1/orders/"+order {
			t.Fatalf("order %q, Location %q", order, r.Header.Get("Location"))
		}
	}
	orders, err := s.js.Stream(t.Context(), wire.OrdersStream)
	must(t, err)
	if n := orders.CachedInfo().State.Msgs; n != 1 {
		t.Fatalf("%d orders queued", n)
	}
	raw, err := orders.GetLastMsgForSubject(t.Context(), wire.OrderSubject(show, wire.OrderOfHold(hold.Hold)))
	must(t, err)
	var m wire.OrderMessage
	must(t, json.Unmarshal(raw.Data, &m))
	if m.Fan != f.id || m.Total != 5450 || m.Payment.Method != "pm_1" || m.Buyer.Email != "ann@example.org" || len(m.Seats) != 1 {
		t.Fatalf("%+v", m)
	}
	if r := f.send("DELETE", "/v1/holds/"+hold.Hold, ""); r.StatusCode != http.StatusNoContent || len(r.body) != 0 {
		t.Fatalf("release: %d %s", r.StatusCode, r.body)
	}

	// The pass may have run out while the hold was standing, but not long ago,
	// and it grants no new hold.
	f.pass = s.passFor(show, f.id, time.Now().Add(-time.Minute))
	if r := f.send("POST", path, goodCheckout, "Idempotency-Key", "k-1"); r.StatusCode != http.StatusAccepted {
		t.Fatalf("checkout in the grace: %d %s", r.StatusCode, r.body)
	}
	if p := f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q]}`, a)).problem(t); p.Status != http.StatusUnauthorized {
		t.Fatalf("hold with an expired pass: %+v", p)
	}
	f.pass = s.passFor(show, f.id, time.Now().Add(-time.Hour))
	if p := f.send("POST", path, goodCheckout, "Idempotency-Key", "k-1").problem(t); p.Status != http.StatusUnauthorized {
		t.Fatalf("checkout after the grace: %+v", p)
	}
}

func TestSilentWriterIsAskedAgainForTheSameHold(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	var holds []string
	s.answer(wire.SeatsSubject(show, wire.ActHold), func(m *nats.Msg) any {
		var r wire.HoldRequest
		_ = json.Unmarshal(m.Data, &r)
		s.mu.Lock()
		defer s.mu.Unlock()
		if holds = append(holds, r.Hold); len(holds) == 1 {
			return nil
		}
		return wire.HoldReply{Hold: r.Hold}
	})
	hold := into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", `{"best":{"count":2}}`), http.StatusCreated)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(holds) != 2 || holds[0] != holds[1] || hold.Hold != holds[0] {
		t.Fatalf("asked for %v, got %v", holds, hold.Hold)
	}
}

func TestHoldUnderAKeyIsTheSameHold(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, g := s.fan(), s.fan()
	s.answer(wire.SeatsSubject(show, wire.ActHold), func(m *nats.Msg) any {
		var r wire.HoldRequest
		_ = json.Unmarshal(m.Data, &r)
		return wire.HoldReply{Hold: r.Hold}
	})
	ask := func(f *fan, key ...string) string {
		return into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", `{"best":{"count":2}}`, key...), http.StatusCreated).Hold
	}
	one := ask(f, "Idempotency-Key", "a")
	if !wire.IsHold(one) || ask(f, "Idempotency-Key", "a") != one {
		t.Error("one key, two holds")
	}
	free, again := ask(f), ask(f)
	if ask(f, "Idempotency-Key", "b") == one || ask(g, "Idempotency-Key", "a") == one || free == again {
		t.Error("another key, another fan, or none: the same hold")
	}
	if p := f.send("POST", "/v1/events/show/holds", `{"best":{"count":2}}`, "Idempotency-Key", "").problem(t); p.Status != http.StatusBadRequest {
		t.Errorf("an empty key: %+v", p)
	}
}

func TestNoWriterIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := s.fan().send("POST", "/v1/events/show/holds", `{"best":{"count":2}}`)
	if p := r.problem(t); p.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "1" {
		t.Fatalf("%+v, Retry-After %q", p, r.Header.Get("Retry-After"))
	}
}

func TestOrderIsPendingUntilTheLedgerHasIt(t *testing.T) {
	t.Parallel()
	t.Run("home", func(t *testing.T) { testPendingOrder(t, open(t)) })
	t.Run("another region", func(t *testing.T) { testPendingOrder(t, openInRegion(t)) })
}

func testPendingOrder(t *testing.T, s *shop) {
	s.writer()
	f, other := s.fan(), s.fan()
	hold := wire.NewHold()
	order := wire.OrderOfHold(hold)
	paid := false
	s.answer(wire.LedgerOrder, func(m *nats.Msg) any {
		var q wire.OrderQuery
		_ = json.Unmarshal(m.Data, &q)
		s.mu.Lock()
		defer s.mu.Unlock()
		if !paid || q.Fan != f.id || q.Order != order {
			return wire.OrderReply{Problem: wire.Refuse(wire.CodeNotFound, "no such order")}
		}
		return wire.OrderReply{Order: q.Order, Event: show, State: wire.OrderPaid, Tickets: []string{"t_1"}, Total: 5450, Currency: "EUR"}
	})
	if p := f.send("GET", "/v1/orders/"+order, "").problem(t); p.Status != http.StatusNotFound {
		t.Fatalf("unknown order: %+v", p)
	}
	f.send("POST", "/v1/holds/"+hold+"/checkout", goodCheckout, "Idempotency-Key", "k")
	if o := into[orderReply](t, f.send("GET", "/v1/orders/"+order, ""), http.StatusOK); o.State != wire.OrderPending || o.Tickets == nil || o.Total != 5450 {
		t.Fatalf("queued: %+v", o)
	}
	if p := other.send("GET", "/v1/orders/"+order, "").problem(t); p.Status != http.StatusNotFound {
		t.Fatalf("somebody else's order: %+v", p)
	}
	s.mu.Lock()
	paid = true
	s.mu.Unlock()
	if o := into[orderReply](t, f.send("GET", "/v1/orders/"+order, ""), http.StatusOK); o.State != wire.OrderPaid || len(o.Tickets) != 1 {
		t.Fatalf("paid: %+v", o)
	}
}

func TestTicket(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	id := wire.NewTicket()
	barcode := s.cfg.Keys.SignBarcode(keyring.Barcode{Event: show, Ticket: id, Seat: "A-1", Generation: 1})
	s.answer(wire.LedgerTicket, func(m *nats.Msg) any {
		var q wire.TicketQuery
		_ = json.Unmarshal(m.Data, &q)
		if q.Ticket != id || q.Fan != f.id {
			return wire.TicketReply{Problem: wire.Refuse(wire.CodeNotFound, "no such ticket")}
		}
		return wire.TicketReply{Ticket: id, Event: show, Seat: "A-1", Label: `Row "A"`, State: "valid", Generation: 1, Barcode: barcode}
	})
	if got := into[wire.TicketReply](t, f.send("GET", "/v1/tickets/"+id, ""), http.StatusOK); got.Barcode != barcode {
		t.Fatalf("%+v", got)
	}
	r := f.send("GET", "/v1/tickets/"+id+"/qr.svg", "")
	svg := string(r.body)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(svg, "<svg ") || !strings.Contains(svg, "Row &#34;A&#34;") {
		t.Fatalf("%d %s", r.StatusCode, svg)
	}
	if p := s.fan().send("GET", "/v1/tickets/"+id, "").problem(t); p.Status != http.StatusNotFound {
		t.Fatalf("somebody else's: %+v", p)
	}
}

func TestClosedEvent(t *testing.T) {
	t.Parallel()
	s := open(t)
	rec := *s.event(show).Record()
	rec.State = wire.EventClosed
	s.put(wire.EventsBucket, show, rec)
	s.until("the event is closed", func() bool { return s.event(show).State(time.Now()) == wire.SaleClosed })
	before := s.written()
	if p := s.fan().send("POST", "/v1/events/show/places", "{}").problem(t); p.Status != http.StatusGone {
		t.Errorf("join: %+v", p)
	}
	if p := s.fan().send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`).problem(t); p.Status != http.StatusGone {
		t.Errorf("hold: %+v", p)
	}
	if s.written() != before {
		t.Error("something was written")
	}
}

// TestEventsBeforeTheirBuckets: services start in any order, and one event that
// can't be loaded is nobody else's trouble.
func TestEventsBeforeTheirBuckets(t *testing.T) {
	t.Parallel()
	s := open(t)
	second := spec()
	second.ID = "second"
	digest := s.event(show).Record().Plan
	s.put(wire.EventsBucket, "second", wire.Event{Spec: second, Plan: digest, State: wire.EventOpen})
	s.until("the event is visible", func() bool { _, err := s.events.Find("second"); return err == nil })
	if p := s.send("GET", "/v1/events/second/availability", "").problem(t); p.Status != http.StatusServiceUnavailable {
		t.Errorf("availability before the seats: %+v", p)
	}
	must(t, streams.CreateForEvent(t.Context(), s.js, "second", 1))
	must(t, putSeat(t, s.js, "second", s.index.ID(0)))
	s.until("its seats are read", func() bool { return s.event("second").Hub.Snapshot() != nil })
	third := spec()
	third.ID = "third"
	s.put(wire.EventsBucket, "third", wire.Event{Spec: third, Plan: "no such plan", State: wire.EventOpen})
	s.until("the third is known", func() bool {
		return s.send("GET", "/v1/events/third", "").StatusCode == http.StatusServiceUnavailable
	})
	s.until("a broken event doesn't keep the gateway from being ready", func() bool { return s.Ready(t.Context()) == nil })
}

func putSeat(t *testing.T, js jetstream.JetStream, event, seat string) error {
	_, err := js.Publish(t.Context(), wire.KVSubject(wire.SeatsBucket(event), wire.SeatKey(seat)), []byte(`{"state":"sold"}`))
	return err
}
