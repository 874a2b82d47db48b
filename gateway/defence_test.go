package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/gateway/challenge"
	"frontrow/gateway/challenge/altcha"
	"frontrow/gateway/challenge/siteverify"
	"frontrow/gateway/client"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// guarded starts a shop whose defences look at everybody; this machine is a
// trusted proxy, so that a test may speak for any address.
func guarded(t *testing.T, change ...func(*Config)) *shop {
	t.Helper()
	return open(t, append([]func(*Config){func(c *Config) {
		c.Defences.Exempt, c.Defences.Proxies = nil, client.Loopback()
	}}, change...)...)
}

func budgets(t *testing.T, text string) func(*Config) {
	t.Helper()
	b, err := limit.ParseBudgets(text)
	must(t, err)
	return func(c *Config) { c.Defences.Budgets = b }
}

// suspicious makes every program a suspect.
func suspicious(c *Config) { c.Defences.Thresholds = challenge.Thresholds{Standard: 5, Strong: 90} }

// unscored leaves the limits alone with their work: small budgets are soon used by half.
func unscored(c *Config) { c.Defences.Off = []Defence{DefenceRisk} }

// slowLane gives the show a slow lane.
func (s *shop) slowLane() {
	s.t.Helper()
	rec := *s.events.events[show].record.Load()
	rec.Spec.Admission.Slow = true
	s.put(wire.EventsBucket, show, rec)
	s.until("the slow lane", func() bool { return s.events.events[show].record.Load().Spec.Admission.Slow })
}

const (
	places = "/v1/events/show/places"
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)

// human is what a browser sends over HTTP, from an address.
func human(address string) []string {
	return []string{"X-Forwarded-For", address, "User-Agent", chrome, "Accept", "*/*", "Accept-Language", "en", "Accept-Encoding", "gzip, br"}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	s := guarded(t, unscored, budgets(t, "join.address=5-H join.network=12-H join.fan=3-H"))
	join := func(f *fan, address string) answered { return f.send("POST", places, "", human(address)...) }
	for range 5 {
		into[joinReply](t, join(s.fan(), "192.0.2.1"), http.StatusCreated)
	}
	r := join(s.fan(), "192.0.2.1")
	p := r.problem(t)
	if p.Status != http.StatusTooManyRequests || p.Type != "/problems/slow-down" || p.RetryAfterMS < 1000 || r.Header.Get("Retry-After") == "" || !strings.Contains(p.Detail, "network") {
		t.Fatalf("%+v, Retry-After %q", p, r.Header.Get("Retry-After"))
	}
	for range 5 {
		into[joinReply](t, join(s.fan(), "192.0.2.2"), http.StatusCreated)
	}
	for i := range 2 {
		into[joinReply](t, join(s.fan(), fmt.Sprint("192.0.2.", 3+i)), http.StatusCreated)
	}
	if p := join(s.fan(), "192.0.2.5").problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("the thirteenth of a /24: %+v", p)
	}
	f := s.fan()
	for i := range 3 {
		join(f, fmt.Sprint("198.51.100.", i))
	}
	if p := join(f, "198.51.100.9").problem(t); p.Status != http.StatusTooManyRequests || strings.Contains(p.Detail, "network") {
		t.Errorf("the fourth of a fan: %+v", p)
	}
	if p := s.send("POST", places, "", human("203.0.113.1, 192.0.2.1")...).problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("an address that lies to the left: %+v", p)
	}
	if s.limited() < 4 {
		t.Error("the metric doesn't know of them")
	}
}

// limited is how many requests the metric says were limited.
func (s *shop) limited() (n float64) {
	s.t.Helper()
	families, err := s.cfg.Registerer.(*prometheus.Registry).Gather()
	must(s.t, err)
	for _, f := range families {
		if f.GetName() == "frontrow_gateway_limited_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// TestEveryRouteHasABudget: whatever a route is, it can't be had without end.
func TestEveryRouteHasABudget(t *testing.T) {
	t.Parallel()
	var all []string
	for _, r := range limit.Routes() {
		all = append(all, string(r)+".address=1-H")
	}
	s := guarded(t, budgets(t, strings.Join(all, " ")+" connect.address=60000-M"))
	path := strings.NewReplacer("{event}", show, "{hold}", wire.NewHold(), "{order}", "o_x", "{ticket}", "t_x", "{name...}", "app.js", "{$}", "")
	for i, r := range s.table() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		from := human(fmt.Sprint("192.0.2.", i))
		s.send(method, path.Replace(pattern), "", from...)
		if got := s.send(method, path.Replace(pattern), "", from...); got.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %d", r.pattern, got.StatusCode)
		}
	}
	if got := s.send("GET", "/nothing", "", human("192.0.2.200")...); got.StatusCode != http.StatusNotFound {
		t.Errorf("%d", got.StatusCode)
	}
	if got := s.send("GET", "/nothing", "", human("192.0.2.200")...); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("what isn't there: %d", got.StatusCode)
	}
}

// TestUnservedCostsNothing: a fan who repeats what we could not do is not
// refused for it.
func TestUnservedCostsNothing(t *testing.T) {
	t.Parallel()
	s := guarded(t, budgets(t, "hold.fan=3-H hold.address=3-H"))
	f := s.fan()
	for range 10 {
		if p := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...).problem(t); p.Status != http.StatusServiceUnavailable {
			t.Fatalf("%+v", p)
		}
	}
	s.writer()
	for range 3 {
		into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...), http.StatusCreated)
	}
	if p := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...).problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("%+v", p)
	}
}

// TestRotatedAddresses: who changes his IPv6 address with each request within his
// /48 is asked for a proof, and then refused.
func TestRotatedAddresses(t *testing.T) {
	t.Parallel()
	s := guarded(t, budgets(t, "join.network=80-H rotation.network=64-H"))
	got := map[int]int{}
	for i := range 100 {
		r := s.send("POST", places, "", human(fmt.Sprintf("2001:db8:7:%x::1", i))...)
		got[r.StatusCode]++
	}
	if got[http.StatusCreated] < 3 || got[http.StatusForbidden] < 40 || got[http.StatusTooManyRequests] != 20 {
		t.Errorf("answers %v", got)
	}
	into[joinReply](t, s.send("POST", places, "", human("2001:db8:8:1::1")...), http.StatusCreated)
}

// TestOffice: hundreds of fans of one address, each with a browser of his own,
// come in; then the rest is asked for a proof, and nobody is refused.
func TestOffice(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	got := map[int]int{}
	for range 1200 {
		r := s.fan().send("POST", places, "", human("192.0.2.1")...)
		got[r.StatusCode]++
	}
	if got[http.StatusCreated] < 800 || got[http.StatusForbidden] == 0 || got[http.StatusCreated]+got[http.StatusForbidden] != 1200 {
		t.Errorf("answers %v", got)
	}
	into[joinReply](t, s.fan().send("POST", places, "", human("198.51.100.1")...), http.StatusCreated)
	for range 300 { // programs that say so, and nothing else: the API is public
		into[joinReply](t, s.send("POST", places, "", "X-Forwarded-For", "198.51.100.2"), http.StatusCreated)
	}
}

// TestGatewaysShareBudgets: what is spent at one gateway is spent at the other.
func TestGatewaysShareBudgets(t *testing.T) {
	t.Parallel()
	small := budgets(t, "join.address=8-H")
	s := guarded(t, unscored, small)
	cfg := s.cfg
	cfg.Registerer, cfg.Addr = prometheus.NewRegistry(), "127.0.0.1:0"
	other, err := New(cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	t.Cleanup(func() { cancel(); must(t, <-ended) })
	s.until("the other gateway", func() bool { return other.Ready(t.Context()) == nil })

	for range 8 {
		into[joinReply](t, s.send("POST", places, "", human("192.0.2.1")...), http.StatusCreated)
	}
	there := &shop{Gateway: other, t: t, url: "http://" + other.Addr()}
	who := limit.Who{Address: client.Of("192.0.2.1", nil, nil).Host()}
	s.until("the other has heard", func() bool { n, _ := other.defences.limits.Used(limit.Join, limit.Address, who); return n == 8 })
	if r := there.send("POST", places, "", human("192.0.2.1")...); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("at the other gateway: %d", r.StatusCode)
	}
	if n := other.defences.gossip.Peers(); n != 1 {
		t.Errorf("%d other gateways heard", n)
	}
}

// answer solves a challenge that costs little, signed as the gateway's own.
func (s *shop) solved(fan, act string, level challenge.Level, life time.Duration) string {
	s.t.Helper()
	p := challenge.Purpose{Event: show, Fan: fan}
	c, err := altcha.New(s.cfg.Keys, altcha.Task{Act: act, For: s.defences.desk.Whom(p), Level: int(level), Tries: 2}, time.Now().Add(life))
	must(s.t, err)
	a, err := altcha.Solve(s.t.Context(), c)
	must(s.t, err)
	return a
}

func joinWith(answer string) string { return fmt.Sprintf(`{"challenge":%q}`, answer) }

// TestChallengedJoin is the flow of a stranger: told what to do, he does it.
func TestChallengedJoin(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	from := []string{"X-Forwarded-For", "192.0.2.1"}
	asked := s.send("POST", places, "", from...).problem(t)
	if asked.Status != http.StatusForbidden || asked.Type != "/problems/challenge-required" || asked.Challenge != "/v1/events/show/challenge?act=join&level=standard" || asked.Skip {
		t.Fatalf("%+v", asked)
	}
	got := s.send("GET", asked.Challenge, "", from...)
	task := into[challengeReply](t, got, http.StatusOK)
	if got.Header.Get("Cache-Control") != "no-store" || len(got.Cookies()) != 1 || task.Level != "standard" || task.Widget != nil {
		t.Fatalf("%v %+v", got.Header, task)
	}
	from = append(from, "Cookie", got.Cookies()[0].String())
	answer, err := altcha.Solve(t.Context(), task.Challenge)
	must(t, err)
	place := into[joinReply](t, s.send("POST", places, joinWith(answer), from...), http.StatusCreated)
	if place.Lane != wire.LaneGeneral || place.Slow != nil {
		t.Fatalf("%+v", place)
	}
	again := into[joinReply](t, s.send("POST", places, joinWith(answer), from...), http.StatusOK)
	bare := into[joinReply](t, s.send("POST", places, "", from...), http.StatusOK)
	if again.Place != place.Place || bare.Place != place.Place {
		t.Error("the same fan, another place")
	}
	receipt, err := s.cfg.Keys.VerifyReceipt(place.Place)
	must(t, err)
	stored, err := kv.Open(s.js, wire.QueueBucket(show, wire.LaneGeneral)).Get(t.Context(), wire.PlaceKey(receipt.Fan))
	must(t, err)
	var rec wire.PlaceRecord
	must(t, json.Unmarshal(stored.Value, &rec))
	if rec.Risk < 5 || !slices.Contains(rec.Reasons, "agent-tool") {
		t.Errorf("%+v", rec)
	}
	if acts := s.acts(2); acts[0].Outcome != "challenged" || acts[1].Outcome != "passed" || acts[1].Fan != receipt.Fan || acts[1].Act != "join" || acts[1].Gateway != s.defences.name || len(acts[1].Reasons) == 0 {
		t.Errorf("%+v", acts)
	}
}

// acts is the first n records of the risk log.
func (s *shop) acts(n int) (acts []wire.RiskAct) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waitLimit)
	defer cancel()
	c, err := s.js.OrderedConsumer(ctx, wire.SaleLogStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{wire.LogSubject(show, wire.LogRisk)}})
	must(s.t, err)
	messages, err := c.Messages()
	must(s.t, err)
	defer messages.Stop()
	for range n {
		m, err := messages.Next(jetstream.NextContext(ctx))
		must(s.t, err)
		var act wire.RiskAct
		must(s.t, json.Unmarshal(m.Data(), &act))
		acts = append(acts, act)
	}
	return acts
}

// TestBadAnswers: replayed, foreign, expired, malformed: asked again, and no place.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	f, other := s.fan(), s.fan()
	foreign := &shop{Gateway: &Gateway{cfg: Config{Keys: wire.NewKeyring()}, defences: s.defences}, t: t}
	used := s.solved(other.id, actJoin, challenge.Standard, time.Minute)
	into[joinReply](t, other.send("POST", places, joinWith(used), "X-Forwarded-For", "192.0.2.1"), http.StatusCreated)
	before := s.written()
	for name, c := range map[string]struct{ answer, word string }{
		"somebody else's": {used, "wrong"},
		"for a hold":      {s.solved(f.id, actHold, challenge.Standard, time.Minute), "wrong"},
		"foreign":         {foreign.solved(f.id, actJoin, challenge.Standard, time.Minute), "wrong"},
		"expired":         {s.solved(f.id, actJoin, challenge.Standard, -2*time.Second), "late"},
		"garbage":         {"garbage", "wrong"},
		"control bytes":   {"\u0000\u0001", "wrong"},
		"a widget's":      {"turnstile:token", "wrong"},
		"oversized":       {strings.Repeat("A", 4000), "wrong"},
		"skipped":         {"skip", "robot"},
		"too weak by now": {s.solved(f.id, actJoin, challenge.None, time.Minute), "robot"},
	} {
		raw, _ := json.Marshal(map[string]string{"challenge": c.answer})
		p := f.send("POST", places, string(raw), "X-Forwarded-For", "192.0.2.1").problem(t)
		if p.Status != http.StatusForbidden || p.Challenge == "" || p.Skip || !strings.Contains(p.Detail, c.word) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if s.written() != before {
		t.Error("a place was given")
	}
	for _, path := range []string{"/v1/events/show/challenge?act=dance", "/v1/events/show/challenge?level=none", "/v1/events/none/challenge"} {
		if r := f.send("GET", path, ""); r.StatusCode != http.StatusBadRequest && r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestSlowLane: who skips or fails waits in the slow lane, knows why, and leaves
// it with a stronger proof; who has a better place keeps it.
func TestSlowLane(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	s.slowLane()
	f := s.fan()
	from := []string{"X-Forwarded-For", "192.0.2.1"}
	asked := f.send("POST", places, "", from...).problem(t)
	if !asked.Skip || asked.Challenge == "" {
		t.Fatalf("%+v", asked)
	}
	slow := into[joinReply](t, f.send("POST", places, joinWith("skip"), from...), http.StatusCreated)
	if slow.Lane != wire.LaneSlow || slow.Slow == nil || len(slow.Slow.Why) == 0 || slow.Slow.Detail == "" || slow.Slow.Challenge != "/v1/events/show/challenge?act=join&level=strong" {
		t.Fatalf("%+v", slow)
	}
	for _, body := range []string{"", joinWith("skip"), joinWith("forged")} { // it is kept, not lost
		if again := into[joinReply](t, f.send("POST", places, body, from...), http.StatusOK); again.Place != slow.Place {
			t.Errorf("%s: %+v", body, again)
		}
	}
	task := into[challengeReply](t, f.send("GET", slow.Slow.Challenge, "", from...), http.StatusOK)
	if task.Level != "strong" {
		t.Errorf("%+v", task)
	}
	general := into[joinReply](t, f.send("POST", places, joinWith(s.solved(f.id, actJoin, challenge.Strong, time.Minute)), from...), http.StatusCreated)
	if general.Lane != wire.LaneGeneral || general.Slow != nil {
		t.Fatalf("%+v", general)
	}
	for _, body := range []string{"", joinWith("skip"), joinWith("forged")} {
		if again := into[joinReply](t, f.send("POST", places, body, from...), http.StatusOK); again.Place != general.Place {
			t.Errorf("with %s he lost his place: %+v", body, again)
		}
	}
	failed := s.fan()
	if p := into[joinReply](t, failed.send("POST", places, joinWith("forged"), from...), http.StatusCreated); p.Lane != wire.LaneSlow {
		t.Errorf("failed: %+v", p)
	}
	late := s.fan() // is no failure
	if p := late.send("POST", places, joinWith(s.solved(late.id, actJoin, challenge.Standard, -2*time.Second)), from...).problem(t); p.Status != http.StatusForbidden {
		t.Errorf("late: %+v", p)
	}
	if acts := s.acts(2); acts[1].Outcome != "slow" || acts[1].Fan != f.id {
		t.Errorf("%+v", acts)
	}
}

// TestKeptPlace: a fan who has a place and comes back as a suspect, at a gateway
// that has never seen him, has it still.
func TestKeptPlace(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.slowLane()
	f := s.fan()
	first := into[joinReply](t, f.send("POST", places, "", human("192.0.2.1")...), http.StatusCreated)
	s.events.events[show].queues[wire.LaneGeneral].joined = newRecent[string, wire.Place](1)
	// The same fan from a program that pretends to be a browser.
	again := into[joinReply](t, f.send("POST", places, "", "X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https", "User-Agent", chrome), http.StatusOK)
	if again.Place != first.Place {
		t.Errorf("%+v", again)
	}
	if p := s.send("POST", places, "", "X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https", "User-Agent", chrome).problem(t); p.Type != "/problems/challenge-required" {
		t.Errorf("a stranger who does the same: %+v", p)
	}
}

// TestSpinning: a fan who lets holds go again and again has to pay for the next
// one; a proof pays for one.
func TestSpinning(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.writer()
	f, from := s.fan(), human("192.0.2.1")
	hold := func(body string, header ...string) answered {
		return f.send("POST", "/v1/events/show/holds", body, append(slices.Clone(from), header...)...)
	}
	const wish = `{"best":{"count":1}}`
	held := 0
	for ; held < 20; held++ {
		r := hold(wish)
		if r.StatusCode != http.StatusCreated {
			break
		}
		id := into[wire.HoldReply](t, r, http.StatusCreated).Hold
		if held%2 == 0 {
			f.send("DELETE", "/v1/holds/"+id, "", from...)
			continue
		}
		raw, _ := json.Marshal(wire.Notice{Kind: "hold", Hold: id, State: "expired"})
		must(t, s.nc.Publish(wire.NoticeSubject(show, f.id), raw))
		who := limit.Who{Fan: f.id}
		s.until("the lapse is counted", func() bool { n, _ := s.defences.limits.Used(limit.Spin, limit.Fan, who); return int(n) == held+1 })
	}
	if held < 3 || held == 20 {
		t.Fatalf("asked for a proof after %d holds", held)
	}
	p := hold(wish).problem(t)
	if p.Status != http.StatusForbidden || p.Challenge != "/v1/events/show/challenge?act=hold&level=standard" || p.Skip {
		t.Fatalf("%+v", p)
	}
	answer := s.solved(f.id, actHold, challenge.Standard, time.Minute)
	paid := fmt.Sprintf(`{"best":{"count":1},"challenge":%q}`, answer)
	first := into[wire.HoldReply](t, hold(paid, "Idempotency-Key", "a"), http.StatusCreated)
	same := into[wire.HoldReply](t, hold(paid, "Idempotency-Key", "a"), http.StatusCreated)
	if first.Hold != same.Hold {
		t.Error("the same hold asked for again is another")
	}
	for _, key := range [][]string{{"Idempotency-Key", "b"}, nil} {
		if p := hold(paid, key...).problem(t); p.Status != http.StatusForbidden {
			t.Errorf("a second hold for the same proof: %+v", p)
		}
	}
	if r := s.fan().send("POST", "/v1/events/show/holds", wish, from...); r.StatusCode != http.StatusCreated {
		t.Errorf("another fan of the address: %d", r.StatusCode)
	}
}

// TestChallengedRedeem: a called place of a suspect becomes a pass when he has paid.
func TestChallengedRedeem(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	f := s.fan()
	from := []string{"X-Forwarded-For", "192.0.2.1"}
	place := into[joinReply](t, f.send("POST", places, joinWith(s.solved(f.id, actJoin, challenge.Standard, time.Minute)), from...), http.StatusCreated)
	redeem := func(answer string) answered {
		raw, _ := json.Marshal(map[string]string{"place": place.Place, "challenge": answer})
		return f.send("POST", "/v1/events/show/passes", string(raw), from...)
	}
	s.answer(wire.PassesSubject(show, wire.ActRedeem), func(*nats.Msg) any { return wire.RedeemReply{Pass: "the-pass"} })
	if p := redeem("").problem(t); p.Status != http.StatusTooEarly {
		t.Fatalf("not called, and asked for a proof: %+v", p)
	}
	s.setHead(5)
	if p := redeem("").problem(t); p.Status != http.StatusForbidden || p.Challenge != "/v1/events/show/challenge?act=redeem&level=standard" {
		t.Fatalf("%+v", p)
	}
	answer := s.solved(f.id, actRedeem, challenge.Standard, time.Minute)
	for range 2 {
		if r := redeem(answer); r.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
}

// TestSwitchedOff: each defence can be taken away, and then does nothing.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	tight := budgets(t, "join.address=2-H")
	for name, c := range map[string]struct {
		off  []Defence
		want map[int]int
	}{
		"on":         {nil, map[int]int{http.StatusForbidden: 2, http.StatusTooManyRequests: 4}},
		"limits":     {[]Defence{DefenceLimits}, map[int]int{http.StatusForbidden: 6}},
		"risk":       {[]Defence{DefenceRisk}, map[int]int{http.StatusCreated: 2, http.StatusTooManyRequests: 4}},
		"challenges": {[]Defence{DefenceChallenges}, map[int]int{http.StatusCreated: 2, http.StatusTooManyRequests: 4}},
		"all":        {AllDefences(), map[int]int{http.StatusCreated: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guarded(t, tight, suspicious, func(cfg *Config) { cfg.Defences.Off = c.off })
			got := map[int]int{}
			for range 6 {
				got[s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1").StatusCode]++
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if err := (&Config{NATS: &nats.Conn{}, Keys: wire.NewKeyring(), Defences: Defences{Off: []Defence{"walls"}}}).Validate(); err == nil {
		t.Error("a defence that isn't there was switched off")
	}
	if err := (&Config{NATS: &nats.Conn{}, Keys: wire.NewKeyring(), Defences: Defences{Thresholds: challenge.Thresholds{Standard: 80, Strong: 20}}}).Validate(); err == nil {
		t.Error("thresholds upside down")
	}
}

// TestDatacenterAndFingerprint: what the operator's list and a proxy's header say counts, and
// a header of anybody else doesn't.
func TestDatacenterAndFingerprint(t *testing.T) {
	t.Parallel()
	clouds, err := client.ParseNetworks("203.0.113.0/24")
	must(t, err)
	s := guarded(t, func(c *Config) { c.Defences.Datacenters, c.Defences.JA4Header = clouds, "X-JA4" })
	reasons := func(header ...string) []string {
		f := s.fan()
		r := f.send("POST", places, "", header...)
		p := into[joinReply](t, r, http.StatusCreated)
		receipt, err := s.cfg.Keys.VerifyReceipt(p.Place)
		must(t, err)
		stored, err := kv.Open(s.js, wire.QueueBucket(show, wire.LaneGeneral)).Get(t.Context(), wire.PlaceKey(receipt.Fan))
		must(t, err)
		var rec wire.PlaceRecord
		must(t, json.Unmarshal(stored.Value, &rec))
		return rec.Reasons
	}
	const goJA4 = "t13d190900_9dc949149365_97f8aa674fd9"
	if got := reasons(human("203.0.113.7")...); !slices.Equal(got, []string{"datacenter"}) {
		t.Errorf("%v", got)
	}
	if got := reasons(append(human("192.0.2.1"), "X-JA4", goJA4)...); !slices.Equal(got, []string{"tls-mismatch"}) {
		t.Errorf("%v", got)
	}
	if got := reasons(append(human("192.0.2.1"), "X-JA4", "<script>"+strings.Repeat("x", 5000))...); len(got) != 0 {
		t.Errorf("garbage for a fingerprint: %v", got)
	}
	alone := open(t, func(c *Config) { c.Defences.Exempt, c.Defences.JA4Header = nil, "X-JA4" }) // no proxies
	f := alone.fan()
	into[joinReply](t, f.send("POST", places, "", append(human("203.0.113.7"), "X-JA4", goJA4)...), http.StatusCreated)
	stored, err := kv.Open(alone.js, wire.QueueBucket(show, wire.LaneGeneral)).Get(t.Context(), wire.PlaceKey(f.id))
	must(t, err)
	var rec wire.PlaceRecord
	must(t, json.Unmarshal(stored.Value, &rec))
	if rec.Risk != 0 {
		t.Errorf("a stranger's headers count: %+v", rec)
	}
}

// selfSigned writes a certificate for this machine.
func selfSigned(t *testing.T) (*listener.Certificate, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	c, err := listener.LoadCertificate(cert, key)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return c, roots
}

// TestOverTLS: where we end TLS ourselves, the fingerprint is of the handshake.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	cert, roots := selfSigned(t)
	s := open(t, func(c *Config) { c.Defences.Exempt, c.Certificate = nil, cert })
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+s.Addr()+places, nil)
	must(t, err)
	for i, h := 0, human(""); i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	req.Header.Set("Cookie", fanCookie+"="+s.fan().cookie)
	res, err := tr.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	var p problemBody
	must(t, json.NewDecoder(res.Body).Decode(&p))
	// Chrome's User-Agent over HTTPS without hints, with a handshake that is not its.
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %+v", res.StatusCode, p)
	}
	var seen []string
	families, err := s.cfg.Registerer.(*prometheus.Registry).Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "frontrow_gateway_risk_reasons_total" {
			for _, m := range f.GetMetric() {
				seen = append(seen, m.GetLabel()[0].GetValue())
			}
		}
	}
	if !slices.Contains(seen, "hints-missing") {
		t.Errorf("reasons %v", seen)
	}
}

// TestDefencesAreShown: operators see the state in aggregate, and nobody's id.
func TestDefencesAreShown(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious, budgets(t, "join.address=1-H"), func(c *Config) { c.Defences.Off = []Defence{DefenceEdge} })
	s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1")
	s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1")
	m, err := s.nc.Request(statusSubject, nil, waitLimit)
	must(t, err)
	var st status
	must(t, json.Unmarshal(m.Data, &st))
	if d := st.Defences; d.Limited != 1 || d.Asked != 1 || d.Passed != 0 || d.Keys == 0 || d.Keys > d.MaxKeys || d.Conns == 0 || !slices.Equal(d.Off, []Defence{DefenceEdge}) {
		t.Errorf("%s", m.Data)
	}
	if strings.Contains(string(m.Data), "192.0.2.1") {
		t.Errorf("an address is shown: %s", m.Data)
	}
}

// TestParallelAnswers: one answer sent a hundred times at once is one place.
func TestParallelAnswers(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	f := s.fan()
	answer := s.solved(f.id, actJoin, challenge.Standard, time.Minute)
	got := make([]answered, 100)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = f.send("POST", places, joinWith(answer), "X-Forwarded-For", "192.0.2.1") })
	}
	all.Wait()
	created, distinct := 0, map[string]bool{}
	for _, r := range got {
		if r.StatusCode == http.StatusCreated {
			created++
		}
		distinct[into[joinReply](t, r, r.StatusCode).Place] = true
	}
	if created != 1 || len(distinct) != 1 {
		t.Errorf("%d created, %d places", created, len(distinct))
	}
}

// TestWidget: a provider's widget is offered beside the proof of work; when the
// provider is away, the proof of work is what is left.
func TestWidget(t *testing.T) {
	t.Parallel()
	var verdict atomic.Pointer[func(http.ResponseWriter)]
	say := func(f func(http.ResponseWriter)) { verdict.Store(&f) }
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { (*verdict.Load())(w) }))
	t.Cleanup(provider.Close)
	widget, err := siteverify.New(siteverify.Config{Provider: siteverify.Turnstile(), SiteKey: "0x-site", Secret: "s", URL: provider.URL})
	must(t, err)
	s := guarded(t, suspicious, func(c *Config) { c.Defences.Widget = widget })
	if csp := s.send("GET", "/", "", human("192.0.2.1")...).Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self' https://challenges.cloudflare.com;") || !strings.Contains(csp, "default-src 'self';") {
		t.Errorf("policy %s", csp)
	}
	f, from := s.fan(), []string{"X-Forwarded-For", "192.0.2.1"}
	offer := into[challengeReply](t, f.send("GET", "/v1/events/show/challenge?level=strong", "", from...), http.StatusOK)
	if offer.Widget == nil || offer.Widget.Provider != "turnstile" || offer.Widget.SiteKey != "0x-site" || offer.Widget.Data != offer.Parameters.Data.For || offer.Signature == "" {
		t.Fatalf("%+v", offer)
	}
	join := func(token string) answered { return f.send("POST", places, joinWith("turnstile:"+token), from...) }
	say(func(w http.ResponseWriter) { http.Error(w, "away", http.StatusBadGateway) })
	if p := join("a").problem(t); p.Status != http.StatusForbidden || !strings.Contains(p.Detail, "another kind of proof") {
		t.Errorf("away: %+v", p)
	}
	for range 5 {
		join("a")
	}
	if again := into[challengeReply](t, f.send("GET", "/v1/events/show/challenge?level=strong", "", from...), http.StatusOK); again.Widget != nil || again.Signature == "" {
		t.Errorf("offered though it is away: %+v", again)
	}
	if p := into[joinReply](t, f.send("POST", places, joinWith(s.solved(f.id, actJoin, challenge.Strong, time.Minute)), from...), http.StatusCreated); p.Lane != wire.LaneGeneral {
		t.Errorf("%+v", p)
	}
}
