package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/plan"
	"frontrow/wire"
)

// shop is a server that follows the contract, and lies or fails as a test asks.
// cmd/frontrow rehearses with the real one.
type shop struct {
	t     *testing.T
	index *plan.Index
	fail  func(n int) bool // request n gets no answer, or 503
	lies  string           // "one seat for all", "holds vanish", "anything opens"
	short bool             // a fan's first turn is over before they redeem it, their second before they choose

	mu     sync.Mutex
	asked  int
	seq    uint64
	fans   map[string]uint64 // number, by cookie
	turns  map[string]int    // turns that are over, by cookie
	last   uint64            // number
	next   int               // seat
	holds  map[string]wire.HoldReply
	orders map[string]wire.OrderReply
}

func openShop(t *testing.T) (*shop, string) {
	p, err := plan.Generate(plan.Spec{Kind: plan.Theatre, Seats: 400})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, index: plan.NewIndex(p), fans: map[string]uint64{}, turns: map[string]int{}, holds: map[string]wire.HoldReply{}, orders: map[string]wire.OrderReply{}}
	raw, _ := plan.Encode(p)
	mux := http.NewServeMux()
	tell := func(pattern string, answer func(r *http.Request) (int, any)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.asked++; s.fail != nil && s.fail(s.asked) {
				if s.asked%2 == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if strings.HasSuffix(pattern, "/places") && s.fan(r) == "" { // a bot's first request
				r.AddCookie(&http.Cookie{Name: wire.FanCookie, Value: fmt.Sprint("bot-", len(s.fans))})
				w.Header().Set("Set-Cookie", r.Header.Get("Cookie")+"; Path=/")
			}
			status, body := answer(r)
			if status >= 400 {
				w.Header().Set("Content-Type", "application/problem+json")
			}
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		})
	}
	mux.HandleFunc("GET /v1/events/e/plan", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(raw) })
	mux.HandleFunc("GET /v1/events/e/availability", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, s.index.Len()/4)) })
	var pages atomic.Int64
	mux.HandleFunc("GET /e/e", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: wire.FanCookie, Value: fmt.Sprint("fan-", pages.Add(1)), Path: "/"})
	})
	tell("GET /v1/events/e", func(*http.Request) (int, any) { return 200, map[string]any{"limits": wire.Limits{PerFan: 4}} })
	tell("GET /v1/events/e/board", s.board)
	tell("POST /v1/events/e/places", s.join)
	tell("POST /v1/events/e/passes", s.redeem)
	tell("POST /v1/events/e/holds", s.hold)
	tell("DELETE /v1/holds/{hold}", func(*http.Request) (int, any) { return 204, nil })
	tell("POST /v1/holds/{hold}/checkout", s.checkout)
	tell("GET /v1/orders/{order}", func(r *http.Request) (int, any) { return 200, s.orders[r.PathValue("order")] })
	tell("GET /v1/tickets/{ticket}", func(r *http.Request) (int, any) {
		id := r.PathValue("ticket")
		return 200, wire.TicketReply{Ticket: id, Seat: strings.TrimPrefix(id, "t_"), State: "valid", Barcode: "x"}
	})
	srv := httptest.NewServer(mux)
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	return s, srv.URL
}

func refusal(name string) map[string]any { return map[string]any{"type": "/problems/" + name} }

func (s *shop) board(*http.Request) (int, any) {
	s.seq++
	n := max(s.last, uint64(len(s.fans)))
	return 200, wire.Board{Seq: s.seq, At: time.Now(), State: wire.SaleOpen,
		Lanes: map[string]wire.LaneBoard{"general": {Regions: map[string]wire.Head{"home": {Head: n, Joined: n}}}}}
}

func (s *shop) fan(r *http.Request) string {
	c, err := r.Cookie(wire.FanCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *shop) join(r *http.Request) (int, any) {
	fan, status := s.fan(r), 200
	if s.fans[fan] == 0 {
		s.last = max(s.last, uint64(len(s.fans))) + 1
		s.fans[fan], status = s.last, 201
	}
	return status, map[string]any{"place": "receipt of " + fan, "lane": "general", "region": "home", "number": s.fans[fan]}
}

func (s *shop) redeem(r *http.Request) (int, any) {
	var q struct{ Place string }
	_ = json.NewDecoder(r.Body).Decode(&q)
	if q.Place != "receipt of "+s.fan(r) && s.lies != "anything opens" {
		return 403, refusal("forbidden")
	}
	if s.short && s.turns[s.fan(r)] == 0 {
		return s.over(r, 410, "join-again")
	}
	return 201, map[string]any{"pass": fmt.Sprintf("pass of %s, %d", s.fan(r), s.turns[s.fan(r)])}
}

// over ends a fan's turn: when they join again they get another place.
func (s *shop) over(r *http.Request, status int, why string) (int, any) {
	s.turns[s.fan(r)]++
	delete(s.fans, s.fan(r))
	return status, refusal(why)
}

func (s *shop) hold(r *http.Request) (int, any) {
	if s.short && s.turns[s.fan(r)] == 1 {
		return s.over(r, 401, "no-pass")
	}
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer pass of %s, %d", s.fan(r), s.turns[s.fan(r)]) && s.lies != "anything opens" {
		return 401, refusal("no-pass")
	}
	id := "h_" + r.Header.Get("Idempotency-Key")
	if h, ok := s.holds[id]; ok {
		return 201, h
	}
	var q struct {
		Seats []string
		Best  *wire.Best
		Count int
	}
	_ = json.NewDecoder(r.Body).Decode(&q)
	n := max(len(q.Seats), q.Count)
	if q.Best != nil {
		n = q.Best.Count
	}
	if s.next+n > s.index.Len() {
		return 409, refusal("none-left")
	}
	var seats []string
	for i := range n {
		at := s.next + i
		if s.lies == "one seat for all" {
			at = i
		}
		seats = append(seats, s.index.ID(at))
	}
	s.next += n
	h := quote(50, seats...)
	h.Hold, h.Expires = id, time.Now().Add(time.Minute)
	s.holds[id] = h
	return 201, h
}

func (s *shop) checkout(r *http.Request) (int, any) {
	if s.lies == "holds vanish" {
		return 410, refusal("hold-over")
	}
	h := s.holds[r.PathValue("hold")]
	o := wire.OrderReply{Order: wire.OrderOfHold(h.Hold), State: wire.OrderPaid, Seats: h.Seats, Total: h.Total, Currency: h.Currency}
	for _, q := range h.Seats {
		o.Tickets = append(o.Tickets, "t_"+q.ID)
	}
	s.orders[o.Order] = o
	return 202, map[string]any{"order": o.Order}
}

func TestRun(t *testing.T) {
	t.Parallel()
	for lies, finds := range map[string]rule{"": rules, "one seat for all": ruleOneHolder, "holds vanish": ruleHoldStands, "anything opens": ruleForged} {
		t.Run(lies, func(t *testing.T) {
			t.Parallel()
			s, url := openShop(t)
			s.lies = lies
			if lies == "" {
				s.fail = func(n int) bool { return n%5 == 0 } // nobody notices
			}
			c := Config{URL: url, Event: "e", Fans: 60, Bots: 0.05, Ramp: 100 * time.Millisecond, Think: 10 * time.Millisecond, Shares: DefaultShares()}
			c.Shares.Sockets, c.Shares.Decline, c.Shares.Abandon, c.Shares.DoubleClick = 0, 0, 0.1, 0.3
			if lies == "anything opens" {
				c.Bots = 0.15 // the last of nine bots is a forger; bots after it would keep seats for minutes
			}
			var last Progress
			c.Progress = func(p Progress) { last = p }
			r, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if broken := r.Checks[min(finds, rules-1)].Broken; (broken > 0) != (finds < rules) || r.OK != (finds == rules) {
				t.Errorf("ok %v, %+v", r.OK, r.Checks)
			}
			ended := 0
			for _, n := range r.Fans.Outcomes {
				ended += n
			}
			if ended != c.Fans || r.Fans.Places != c.Fans || last.Joined != r.Places {
				t.Errorf("%d fans ended, %d have places, of %d; progress %v", ended, r.Fans.Places, c.Fans, last)
			}
			if lies == "" && (r.Fans.Orders == 0 || r.Fans.Retries["503"] == 0 || r.Fans.Retries["no answer"] == 0 || r.SeatsBots == 0) {
				t.Errorf("%+v", r)
			}
			var text strings.Builder
			r.Write(&text)
			if strings.Contains(text.String(), "BROKEN") == r.OK {
				t.Error(text.String())
			}
		})
	}
}

// Fans whose turn is over join again, as their page does, and buy.
func TestFansJoinAgain(t *testing.T) {
	t.Parallel()
	s, url := openShop(t)
	s.short = true
	c := Config{URL: url, Event: "e", Fans: 30, Ramp: 100 * time.Millisecond, Think: time.Millisecond, Shares: DefaultShares()}
	c.Shares.Sockets, c.Shares.Decline, c.Shares.Abandon, c.Shares.Absent, c.Shares.DoubleClick = 0, 0, 0, 0, 0
	r, err := Run(t.Context(), c)
	if err != nil || !r.OK || r.Fans.Outcomes[string(paid)] != c.Fans || r.Fans.Places != c.Fans {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	s, url := openShop(t)
	s.fans["somebody"] = 1
	ctx, cancel := context.WithCancel(t.Context())
	c := Config{URL: url, Event: "e", Fans: 50, Ramp: time.Hour, Shares: DefaultShares(), Progress: func(Progress) { cancel() }}
	c.Shares.Sockets = 0
	r, err := Run(ctx, c)
	if err != nil || r.Fans.Outcomes[string(stopped)] == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := Run(t.Context(), Config{URL: url, Event: "nothing", Fans: 1, Shares: DefaultShares()}); err == nil {
		t.Error("an event that is not there was rehearsed with")
	}
}

// TestInsist checks that a request is repeated until it is answered, no sooner than
// advised, and not for ever.
func TestInsist(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var keys []string
	var told time.Time
	always := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch n := len(keys); {
		case always, n == 2:
			told = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"type":"/problems/slow-down"}`)
		case n == 1:
			panic(http.ErrAbortHandler)
		case time.Since(told) < time.Second:
			t.Error("asked again before the time")
		}
	}))
	srv.Config.ErrorLog = nil
	defer srv.Close()
	base, _ := url.Parse(srv.URL)
	tally := newTally()
	var trying trying
	q := request{route: routeHold, method: http.MethodPost, path: "/", body: "{}", key: "k"}
	a, err := newClient(base, 1, time.Minute, &trying).insist(t.Context(), tally, q, polite)
	if err != nil || a.status != http.StatusOK || fmt.Sprint(keys) != "[k k k]" {
		t.Errorf("%+v, %v, keys %v", a, err, keys)
	}
	c := tally.crowd()
	if c.Retries["no answer"] != 1 || c.Retries["429"] != 1 || c.Routes["hold"].Problems["/problems/slow-down"] != 1 {
		t.Errorf("%+v", c)
	}
	mu.Lock()
	always = true
	mu.Unlock()
	if _, err := newClient(base, 1, time.Millisecond, &trying).insist(t.Context(), tally, q, rude(time.Millisecond)); err != errAway {
		t.Errorf("a server that never answers: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(base, 1, time.Minute, &trying).insist(ctx, tally, q, polite); err != errGone {
		t.Errorf("told to go: %v", err)
	}
	if n, by := trying.now(); n != 0 {
		t.Errorf("%v are still trying", by)
	}
}

func TestPauses(t *testing.T) {
	for tries := range 100 {
		if d := polite(tries, 0); d < 0 || d >= longestPause || tries == 0 && d >= firstBackoff {
			t.Errorf("after %d tries %v", tries, d)
		}
		if d := polite(tries, 7*time.Second); d < 7*time.Second || d >= 7*time.Second+longestPause {
			t.Errorf("advised 7 s, waits %v", d)
		}
	}
	for header, want := range map[string]time.Duration{"2": 2 * time.Second, "": 0, "soon": 0, "-5": 0, "999999": longestAdvice} {
		if p := problemOf(http.Header{"Retry-After": {header}}, nil); p.retryAfter != want || p.Type != "none" {
			t.Errorf("Retry-After %q: %+v", header, p)
		}
	}
	if p := problemOf(http.Header{"Retry-After": {"1"}}, []byte(`{"type":"/problems/not-called","retry_after_ms":250}`)); p.retryAfter != 250*time.Millisecond {
		t.Errorf("%+v", p)
	}
}
