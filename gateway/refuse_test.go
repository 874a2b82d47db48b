package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// bad is a request that must be refused without anything being asked or written.
type bad struct {
	name, method, path, body string
	want                     int
	header                   []string
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.writer()
	for _, subject := range []string{wire.LedgerOrder, wire.LedgerTicket, wire.PassesAll(show)} {
		s.answer(subject, func(*nats.Msg) any { return wire.Reply{} })
	}
	f := s.fan()
	seat, hold := s.index.ID(0), wire.NewHold()
	floor, section := s.plan.Areas[len(s.plan.Areas)-1].ID, s.plan.Sections[0].ID
	holds, checkout := "/v1/events/show/holds", "/v1/holds/"+hold+"/checkout"
	key := []string{"Idempotency-Key", "k"}
	big := `{"code":"` + strings.Repeat("x", 10<<20) + `"}`
	text := []string{"Content-Type", "text/plain"}
	buyer := func(method, name, email string) string {
		return fmt.Sprintf(`{"payment":{"method":%q},"buyer":{"name":%q,"email":%q}}`, method, name, email)
	}
	table := []bad{
		{"route", "GET", "/v1/nothing", "", 404, nil},
		{"later route", "GET", "/v1/events/show/listings", "", 404, nil},
		{"method", "PUT", "/v1/events/show/places", "{}", 405, nil},
		{"method", "POST", "/v1/events", "{}", 405, nil},
		{"event", "GET", "/v1/events/none", "", 404, nil},
		{"event", "GET", "/v1/events/%2E%2E%2F/plan", "", 404, nil},
		{"event", "GET", "/v1/events/none/plan", "", 404, nil},
		{"event", "GET", "/v1/events/none/plan/map", "", 404, nil},
		{"event", "GET", "/v1/events/none/board", "", 404, nil},
		{"event", "GET", "/v1/events/none/availability", "", 404, nil},
		{"event", "GET", "/v1/events/none/live", "", 404, nil},
		{"event", "POST", "/v1/events/none/places", "{}", 404, nil},
		{"event", "POST", "/v1/events/none/passes", "{}", 404, nil},
		{"event", "POST", "/v1/events/none/holds", "{}", 404, nil},
		{"event", "POST", "/v1/events/a.*.>/places", "{}", 404, nil},
		{"format", "GET", "/v1/events/show/availability?format=xml", "", 400, nil},
		{"not a socket", "GET", "/v1/events/show/live", "", 400, nil},

		{"syntax", "POST", "/v1/events/show/places", `{"code"`, 400, nil},
		{"type", "POST", "/v1/events/show/places", `{"code":1}`, 400, nil},
		{"array", "POST", "/v1/events/show/places", `[]`, 400, nil},
		{"field", "POST", "/v1/events/show/places", `{"lane":"priority"}`, 400, nil},
		{"garbage after", "POST", "/v1/events/show/places", `{} {}`, 400, nil},
		{"media type", "POST", "/v1/events/show/places", `{}`, 415, text},
		{"10 MB", "POST", "/v1/events/show/places", big, 413, nil},
		{"long code", "POST", "/v1/events/show/places", `{"code":"` + strings.Repeat("x", 2000) + `"}`, 422, nil},

		{"no body", "POST", "/v1/events/show/passes", "", 415, nil},
		{"no receipt", "POST", "/v1/events/show/passes", `{"place":""}`, 400, nil},
		{"no token", "POST", "/v1/events/show/passes", `{"place":"a.b.c"}`, 403, nil},
		{"10 MB", "POST", "/v1/events/show/passes", big, 413, nil},

		{"nothing", "POST", holds, `{}`, 422, nil},
		{"null", "POST", holds, `null`, 422, nil},
		{"two wishes", "POST", holds, `{"seats":["` + seat + `"],"best":{"count":1}}`, 422, nil},
		{"three wishes", "POST", holds, `{"seats":["x"],"best":{"count":1},"area":"y"}`, 422, nil},
		{"count alone", "POST", holds, `{"count":2}`, 422, nil},
		{"seats and count", "POST", holds, `{"seats":["` + seat + `"],"count":1}`, 422, nil},
		{"twice", "POST", holds, `{"seats":["` + seat + `","` + seat + `"]}`, 422, nil},
		{"unknown seat", "POST", holds, `{"seats":["` + seat + `","no*such.>"]}`, 422, nil},
		{"too many", "POST", holds, `{"area":"` + floor + `","count":5}`, 409, nil},
		{"too many", "POST", holds, `{"best":{"count":5}}`, 409, nil},
		{"too many", "POST", holds, `{"best":{"count":9223372036854775807}}`, 409, nil},
		{"overflow", "POST", holds, `{"best":{"count":9223372036854775808}}`, 400, nil},
		{"fraction", "POST", holds, `{"best":{"count":1.5}}`, 400, nil},
		{"negative", "POST", holds, `{"best":{"count":-1}}`, 422, nil},
		{"zero", "POST", holds, `{"area":"` + floor + `"}`, 422, nil},
		{"unknown area", "POST", holds, `{"area":"nowhere","count":1}`, 422, nil},
		{"a section is no area", "POST", holds, `{"area":"` + section + `","count":1}`, 422, nil},
		{"unknown section", "POST", holds, `{"best":{"count":1,"section":"nowhere"}}`, 422, nil},
		{"unknown level", "POST", holds, `{"best":{"count":1,"level":"gold"}}`, 422, nil},
		{"negative price", "POST", holds, `{"best":{"count":1,"max_total":-1}}`, 422, nil},
		{"own price", "POST", holds, `{"seats":["` + seat + `"],"total":1}`, 400, nil},
		{"own hold", "POST", holds, `{"hold":"` + hold + `","seats":["` + seat + `"]}`, 400, nil},
		{"10 MB", "POST", holds, big, 413, nil},

		{"hold id", "DELETE", "/v1/holds/h_1", "", 404, nil},
		{"hold id", "DELETE", "/v1/holds/h_aaaaaaaaaaaaaaaaaaaa.*", "", 404, nil},
		{"hold id", "POST", "/v1/holds/x/checkout", goodCheckout, 404, key},
		{"no key", "POST", checkout, goodCheckout, 400, nil},
		{"long key", "POST", checkout, goodCheckout, 400, []string{"Idempotency-Key", strings.Repeat("k", 256)}},
		{"odd key", "POST", checkout, goodCheckout, 400, []string{"Idempotency-Key", "\u00e9"}},
		{"no body", "POST", checkout, "", 415, key},
		{"empty", "POST", checkout, "{}", 422, key},
		{"no method", "POST", checkout, buyer("", "Ann", "a@b.cd"), 422, key},
		{"no name", "POST", checkout, buyer("pm", " ", "a@b.cd"), 422, key},
		{"long name", "POST", checkout, buyer("pm", strings.Repeat("n", 201), "a@b.cd"), 422, key},
		{"e-mail", "POST", checkout, buyer("pm", "Ann", "ann"), 422, key},
		{"e-mail", "POST", checkout, buyer("pm", "Ann", "Ann <a@b.cd>"), 422, key},
		{"e-mail", "POST", checkout, buyer("pm", "Ann", "a@b.cd\r\nBcc: x@y.z"), 422, key},
		{"10 MB", "POST", checkout, big, 413, key},

		{"order id", "GET", "/v1/orders/o_1", "", 404, nil},
		{"order id", "GET", "/v1/orders/*", "", 404, nil},
		{"ticket id", "GET", "/v1/tickets/t_1", "", 404, nil},
		{"ticket id", "GET", "/v1/tickets/t_1/qr.svg", "", 404, nil},
		{"asset", "GET", "/assets/none.js", "", 404, nil},
		{"asset", "GET", "/assets/..%2Ftemplates%2Findex.html", "", 404, nil},
	}
	before := s.written()
	for _, c := range table {
		p := f.send(c.method, c.path, c.body, c.header...).problem(t)
		if p.Status != c.want {
			t.Errorf("%s: %s %s %.60s: %+v, want %d", c.name, c.method, c.path, c.body, p, c.want)
		}
	}
	if after := s.written(); after != before {
		t.Errorf("%d messages were written", after-before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) != 0 {
		t.Errorf("services were asked: %v", s.asked)
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.AllowedOrigins = []string{"https://shop.example"} })
	for _, c := range []struct {
		name   string
		header []string
		refuse bool
	}{
		{"none", nil, false},
		{"same host", []string{"Origin", "http://" + s.Addr()}, false},
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"allowed", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://shop.example"}, false},
		{"other", []string{"Origin", "https://evil.example"}, true},
		{"null", []string{"Origin", "null"}, true},
		{"cross site", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"same site", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://evil.shop.example"}, true},
	} {
		r := s.send("POST", "/v1/events/show/places", "{}", c.header...)
		if refused := r.StatusCode == http.StatusForbidden; refused != c.refuse {
			t.Errorf("%s: %d %s", c.name, r.StatusCode, r.body)
		}
		if r.StatusCode == http.StatusForbidden && len(r.Cookies()) != 0 {
			t.Errorf("%s: a refused request was given a cookie", c.name)
		}
	}
}

// locked is a log that several goroutines write to.
type locked struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// TestNothingSecretIsLogged: a whole purchase, with the log at its most
// talkative, leaves no token and nobody's name in the log and the metrics.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log locked
	registry := prometheus.NewRegistry()
	s := open(t, func(c *Config) {
		c.Registerer = registry
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s.writer()
	f := s.fan()
	joined := f.send("POST", places, "")
	place := into[joinReply](t, joined, http.StatusCreated)
	f.send("POST", "/v1/events/show/passes", fmt.Sprintf(`{"place":%q}`, place.Place))
	code := s.issue(nil)
	for _, email := range []string{"bob@example.com", "ann@example.org"} {
		f.send("POST", places, joinWith(code, email))
	}
	f.send("POST", places, joinWith("made-up", "ann@example.org"))
	path, _ := f.carry("{}")
	s.send("GET", path, "")
	s.opens(path, "", "")
	hold := into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`), http.StatusCreated)
	f.send("POST", "/v1/holds/"+hold.Hold+"/checkout", goodCheckout, "Idempotency-Key", "the-key")
	f.send("POST", "/v1/holds/"+hold.Hold+"/checkout", `{"payment":{"method":"pm_1"},"buyer":{"name":"Ann"}}`, "Idempotency-Key", "the-key")
	f.send("GET", "/v1/orders/"+wire.OrderOfHold(hold.Hold), "")
	must(t, s.stop())
	families, err := registry.Gather()
	must(t, err)
	text, err := json.Marshal(families)
	must(t, err)
	if !strings.Contains(log.String(), "/v1/holds/{hold}/checkout") || !bytes.Contains(text, []byte("frontrow_gateway_requests_total")) {
		t.Fatal("neither log nor metrics: the test sees nothing")
	}
	if !strings.Contains(log.String(), "access code refused") || !bytes.Contains(text, []byte("code-owner")) {
		t.Error("a refused code is neither logged nor counted")
	}
	for _, secret := range []string{f.cookie, f.pass, f.id, place.Place, hold.Hold, "the-key", "pm_1", "Ann", "example.org", "bob@", "made-up",
		code, keyring.CodeID("seed", show, "ann@example.org", wire.LanePriority, "presale"), path, cookieOf(joined, deviceCookie).Value} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%.20q is in the log", secret)
		}
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%.20q is in the metrics", secret)
		}
	}
}
