package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// past answers ledger.history from a list, as the inventory does.
func (s *shop) past(orders map[string][]wire.PastOrder) {
	s.answer(wire.LedgerHistory, func(m *nats.Msg) any {
		var q wire.HistoryQuery
		must(s.t, json.Unmarshal(m.Data, &q))
		h := wire.HistoryReply{AsOf: time.Unix(2_000_000_000, 0).UTC()}
		for _, o := range orders[q.Fan] {
			if q.Before != nil && (o.Created.After(q.Before.At) || o.Created.Equal(q.Before.At) && o.Order >= q.Before.Order) {
				continue
			}
			if len(h.Orders) == q.Limit {
				last := h.Orders[q.Limit-1]
				h.Next = &wire.OrderMark{At: last.Created, Order: last.Order}
				break
			}
			h.Orders = append(h.Orders, o)
		}
		return h
	})
}

// pastOf makes n orders, the newest first, in every state.
func pastOf(n int) (orders []wire.PastOrder) {
	for i := range n {
		quote := wire.SeatQuote{ID: fmt.Sprint("101-", i), Label: fmt.Sprintf("Row <%d>", i), Level: "standard", Price: wire.NewAmounts(5000, 400, 50)}
		o := wire.OrderReply{Order: wire.OrderOfHold(wire.NewHold()), Event: show, State: wire.OrderPaid, Seats: []wire.SeatQuote{quote}, Total: 5450, Currency: "EUR"}
		switch i % 4 {
		case 0:
			o.Tickets, o.Total, o.Refunded = []string{wire.NewTicket()}, 10900, 5450
		case 1:
			o.State, o.Reason = wire.OrderFailed, "The card was declined."
		case 2:
			o.State, o.Refunded = wire.OrderRefunded, 5450
		case 3:
			o.State, o.Event = wire.OrderPending, "long-ago"
		}
		orders = append(orders, wire.PastOrder{OrderReply: o, Created: time.UnixMicro(1_900_000_000_000_001 - int64(i)).UTC()})
	}
	return orders
}

func TestHistory(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, stranger := s.fan(), s.fan()
	orders := pastOf(45)
	s.past(map[string][]wire.PastOrder{f.id: orders})
	get := func(f *fan, query string) historyReply {
		t.Helper()
		a := f.send("GET", "/v1/orders"+query, "")
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %s", a.Header.Get("Cache-Control"))
		}
		return into[historyReply](t, a, http.StatusOK)
	}
	var all []pastOrder
	for query, pages := "?limit=20", 1; ; pages++ {
		h := get(f, query)
		all = append(all, h.Orders...)
		if h.AsOf.Unix() != 2_000_000_000 {
			t.Errorf("as of %v", h.AsOf)
		}
		if h.Next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		query = "?limit=20&before=" + h.Next
	}
	if len(all) != len(orders) {
		t.Fatalf("%d orders of %d", len(all), len(orders))
	}
	for i, o := range all {
		want := orders[i]
		if o.Order != want.Order || o.Event != want.Event || o.State != want.State || o.Reason != want.Reason || o.Total != want.Total || o.Refunded != want.Refunded ||
			o.Currency != "EUR" || !o.Created.Equal(want.Created) || len(o.Seats) != 1 || o.Seats[0].ID != want.Seats[0].ID || len(o.Tickets) != len(want.Tickets) {
			t.Errorf("order %d: %+v, want %+v", i, o, want)
		}
	}
	if h := get(f, ""); len(h.Orders) != 20 {
		t.Errorf("%d orders by default", len(h.Orders))
	}
	if h := get(f, "?limit=100"); len(h.Orders) != 45 || h.Next != "" {
		t.Errorf("%d orders, then %q", len(h.Orders), h.Next)
	}
	// A stranger sees their own, with whosever cursor.
	raw := stranger.send("GET", "/v1/orders?before="+get(f, "?limit=1").Next, "")
	if string(raw.body) != `{"orders":[],"as_of":"2033-05-18T03:33:20Z"}` {
		t.Errorf("%s", raw.body)
	}
}

// Nobody is asked about a request that makes no sense, or by nobody we know.
func TestHistoryIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	s.past(nil)
	order := wire.OrderOfHold(wire.NewHold())
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, query := range []string{"limit=0", "limit=-1", "limit=101", "limit=1e1", "limit=", "limit=20x", "limit=99999999999999999999",
		"before=", "before=x", "before=" + order, "before=" + strings.Repeat("A", 65), "before=" + cursor("zz"), "before=" + cursor("zz."), "before=" + cursor("zz.o_1"),
		"before=" + cursor("."+order), "before=" + cursor("-zz."+order), "before=" + cursor("0."+order), "before=" + cursor("zzzzzzzzzzzz."+order), "before=" + cursor("+zz."+order),
		"before=" + cursor("0zz."+order), "before=" + cursor("ZZ."+order), "before=" + cursor("zz."+order+"x"), "before=" + cursor("zz."+order) + "="} {
		if p := f.send("GET", "/v1/orders?"+query, "").problem(t); p.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", query, p)
		}
	}
	for name, cookie := range map[string]string{"none": "", "forged": f.cookie + "x", "another kind": s.cfg.Keys.SignReceipt(wire.Place{Event: show, Fan: f.id})} {
		known := &fan{shop: s, cookie: cookie}
		if p := known.send("GET", "/v1/orders", "").problem(t); p.Status != http.StatusUnauthorized {
			t.Errorf("cookie %s: %+v", name, p)
		}
	}
	if n := s.times(wire.LedgerHistory); n != 0 {
		t.Errorf("the ledger was asked %d times", n)
	}
	if p := f.send("POST", "/v1/orders", "{}").problem(t); p.Status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", p)
	}
}

func TestHistoryIsAway(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	if p := f.send("GET", "/v1/orders", "").problem(t); p.Status != http.StatusServiceUnavailable || p.RetryAfterMS == 0 {
		t.Errorf("%+v", p)
	}
	page := f.send("GET", "/orders", "")
	if page.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v", page.StatusCode, page.Header)
	}
	s.answer(wire.LedgerHistory, func(*nats.Msg) any { return wire.HistoryReply{Problem: wire.Busy("Later.")} })
	if p := f.send("GET", "/v1/orders", "").problem(t); p.Status != http.StatusServiceUnavailable || p.Detail != "Later." {
		t.Errorf("%+v", p)
	}
}

func TestOrdersPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	orders := pastOf(21)
	s.past(map[string][]wire.PastOrder{f.id: orders})
	page := f.send("GET", "/orders", "")
	body := string(page.body)
	if page.StatusCode != http.StatusOK || page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%d %v", page.StatusCode, page.Header)
	}
	for _, want := range []string{
		"The &lt;Band&gt; Paid, partly refunded EUR 109.00 EUR 54.50 Row &lt;0&gt;=" + orders[0].Tickets[0],
		"The &lt;Band&gt; Not paid   Row &lt;1&gt;=<", "The &lt;Band&gt; Refunded EUR 54.50 EUR 54.50 Row &lt;2&gt;=<", "long-ago The payment is under way EUR 54.50  Row &lt;3&gt;=<",
		"/orders?before=" + cursorOf(wire.OrderMark{At: orders[19].Created, Order: orders[19].Order}),
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	older := f.send("GET", body[strings.Index(body, "/orders?"):], "")
	if !strings.Contains(string(older.body), "Row &lt;20&gt;") || strings.Contains(string(older.body), "before=") {
		t.Errorf("%s", older.body)
	}
	for _, cookie := range []string{"", f.cookie + "x"} {
		none := (&fan{shop: s, cookie: cookie}).send("GET", "/orders", "")
		if none.StatusCode != http.StatusOK || strings.Contains(string(none.body), "Row") || len(none.Cookies()) != 0 {
			t.Errorf("%d %s", none.StatusCode, none.body)
		}
	}
	if bad := f.send("GET", "/orders?before=x", ""); bad.StatusCode != http.StatusBadRequest || !strings.HasPrefix(bad.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v", bad.StatusCode, bad.Header)
	}
}

// A cursor has one spelling, and comes back as the mark that it was made of.
func FuzzCursor(f *testing.F) {
	order := wire.OrderOfHold(wire.NewHold())
	right := cursorOf(wire.OrderMark{At: time.UnixMicro(1_900_000_000_000_001).UTC(), Order: order})
	spelled := base64.RawURLEncoding.EncodeToString
	for _, s := range []string{right, right + "=", right[:len(right)-1] + "B", right[:8] + "\r\n" + right[8:], spelled([]byte("+1." + order)),
		spelled([]byte("01." + order)), spelled([]byte("A." + order)), spelled([]byte("1.")), spelled([]byte("zzzzzzzzzzzzz." + order)), "~"} {
		f.Add(s)
	}
	if m, err := markOf(right); err != nil || m.Order != order {
		f.Fatalf("%+v, %v", m, err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := markOf(s); err == nil && cursorOf(m) != s {
			t.Fatalf("%q is another spelling of %q", s, cursorOf(m))
		}
	})
}
