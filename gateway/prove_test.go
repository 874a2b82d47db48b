package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/gateway/abuse/challenge/siteverify"
	"frontrow/gateway/listener"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// solved is the answer to a challenge that costs little, signed as the gateway's own.
func (s *shop) solved(fan, act string, level challenge.Level, life time.Duration) string {
	s.t.Helper()
	p := challenge.Purpose{Event: show, Fan: fan}
	c, err := altcha.New(s.cfg.Keys, altcha.Task{Act: act, For: challenge.NewChallenger(s.cfg.Keys, nil, nil, time.Now).Whom(p), Level: int(level), Tries: 2}, time.Now().Add(life))
	must(s.t, err)
	a, err := altcha.Solve(s.t.Context(), c)
	must(s.t, err)
	return a
}

func joinProven(answer string) string { return fmt.Sprintf(`{"challenge":%q}`, answer) }

// TestChallengedJoin is the flow of a stranger: told what to do, they do it.
func TestChallengedJoin(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	from := []string{"X-Forwarded-For", "192.0.2.1"}
	asked := s.send("POST", places, "", from...).problem(t)
	if asked.Status != http.StatusForbidden || asked.Type != "/problems/challenge-required" || asked.Challenge != "/v1/events/show/challenge?act=join" || asked.Skip {
		t.Fatalf("%+v", asked)
	}
	got := s.send("GET", asked.Challenge, "", from...)
	task := into[abuse.Task](t, got, http.StatusOK)
	if got.Header.Get("Cache-Control") != "no-store" || len(got.Cookies()) != 1 || task.Level != "standard" || task.Widget != nil {
		t.Fatalf("%v %+v", got.Header, task)
	}
	from = append(from, "Cookie", got.Cookies()[0].String())
	answer, err := altcha.Solve(t.Context(), task.Challenge)
	must(t, err)
	place := into[joinReply](t, s.send("POST", places, joinProven(answer), from...), http.StatusCreated)
	if place.Lane != wire.LaneGeneral || place.Slow != nil {
		t.Fatalf("%+v", place)
	}
	again := into[joinReply](t, s.send("POST", places, joinProven(answer), from...), http.StatusOK)
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
	if acts := s.acts(2); acts[0].Outcome != "challenged" || acts[1].Outcome != "passed" || acts[1].Fan != receipt.Fan || acts[1].Act != "join" || acts[1].Gateway != s.defences.Status(listener.Stats{}).Name || len(acts[1].Reasons) == 0 {
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
	foreign := &shop{Gateway: &Gateway{cfg: Config{Keys: keyring.New()}, defences: s.defences}, t: t}
	used := s.solved(other.id, abuse.ActJoin, challenge.Standard, time.Minute)
	into[joinReply](t, other.send("POST", places, joinProven(used), "X-Forwarded-For", "192.0.2.1"), http.StatusCreated)
	before := s.written()
	for name, c := range map[string]struct{ answer, word string }{
		"somebody else's": {used, "wrong"},
		"for a hold":      {s.solved(f.id, abuse.ActHold, challenge.Standard, time.Minute), "wrong"},
		"foreign":         {foreign.solved(f.id, abuse.ActJoin, challenge.Standard, time.Minute), "wrong"},
		"expired":         {s.solved(f.id, abuse.ActJoin, challenge.Standard, -2*time.Second), "late"},
		"garbage":         {"garbage", "wrong"},
		"control bytes":   {"\u0000\u0001", "wrong"},
		"a widget's":      {"turnstile:token", "wrong"},
		"oversized":       {strings.Repeat("A", 4000), "wrong"},
		"skipped":         {"skip", "robot"},
		"too weak by now": {s.solved(f.id, abuse.ActJoin, challenge.None, time.Minute), "robot"},
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

// TestSuspectWithACode: their access code is not spent on the slow lane, nor lost
// while they are asked for a proof.
func TestSuspectWithACode(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	s.slowLane()
	f := s.fan()
	join := func(answer string) answered {
		raw, _ := json.Marshal(joinRequest{Code: s.issue(nil), Email: "ann@example.org", Challenge: answer})
		return f.send("POST", places, string(raw), "X-Forwarded-For", "192.0.2.1")
	}
	for _, answer := range []string{"", "skip"} {
		if p := join(answer).problem(t); p.Status != http.StatusForbidden || p.Challenge == "" || p.Skip {
			t.Errorf("with answer %q: %+v", answer, p)
		}
	}
	if p := into[joinReply](t, join(s.solved(f.id, abuse.ActJoin, challenge.Standard, time.Minute)), http.StatusCreated); p.Lane != wire.LanePriority {
		t.Errorf("%+v", p)
	}
}

// TestSlowLane: a fan who skips or fails waits in the slow lane, knows why, and leaves
// it with a stronger proof; one who has a better place keeps it.
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
	slow := into[joinReply](t, f.send("POST", places, joinProven("skip"), from...), http.StatusCreated)
	if slow.Lane != wire.LaneSlow || slow.Slow == nil || len(slow.Slow.Why) == 0 || slow.Slow.Detail == "" || slow.Slow.Challenge != "/v1/events/show/challenge?level=strong" {
		t.Fatalf("%+v", slow)
	}
	for _, body := range []string{"", joinProven("skip"), joinProven("forged")} { // it is kept, not lost
		if again := into[joinReply](t, f.send("POST", places, body, from...), http.StatusOK); again.Place != slow.Place {
			t.Errorf("%s: %+v", body, again)
		}
	}
	task := into[abuse.Task](t, f.send("GET", slow.Slow.Challenge, "", from...), http.StatusOK)
	if task.Level != "strong" {
		t.Errorf("%+v", task)
	}
	general := into[joinReply](t, f.send("POST", places, joinProven(s.solved(f.id, abuse.ActJoin, challenge.Strong, time.Minute)), from...), http.StatusCreated)
	if general.Lane != wire.LaneGeneral || general.Slow != nil {
		t.Fatalf("%+v", general)
	}
	for _, body := range []string{"", joinProven("skip"), joinProven("forged")} {
		if again := into[joinReply](t, f.send("POST", places, body, from...), http.StatusOK); again.Place != general.Place {
			t.Errorf("with %s they lost their place: %+v", body, again)
		}
	}
	failed := s.fan()
	if p := into[joinReply](t, failed.send("POST", places, joinProven("forged"), from...), http.StatusCreated); p.Lane != wire.LaneSlow {
		t.Errorf("failed: %+v", p)
	}
	late := s.fan() // is no failure
	if p := late.send("POST", places, joinProven(s.solved(late.id, abuse.ActJoin, challenge.Standard, -2*time.Second)), from...).problem(t); p.Status != http.StatusForbidden {
		t.Errorf("late: %+v", p)
	}
	if acts := s.acts(2); acts[1].Outcome != "slow" || acts[1].Fan != f.id {
		t.Errorf("%+v", acts)
	}
}

// TestKeptPlace: a fan who has a place and comes back as a suspect, at a gateway
// that has never seen them, has it still.
func TestKeptPlace(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.slowLane()
	f := s.fan()
	first := into[joinReply](t, f.send("POST", places, "", human("192.0.2.1")...), http.StatusCreated)
	there := s.another()
	// The same fan from a program that pretends to be a browser.
	again := into[joinReply](t, f.at(there).send("POST", places, "", "Cookie", wire.CookieName(fanCookie, true)+"="+f.cookie, "X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https", "User-Agent", chrome), http.StatusOK)
	if again.Place != first.Place {
		t.Errorf("%+v", again)
	}
	if p := there.send("POST", places, "", "X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https", "User-Agent", chrome).problem(t); p.Type != "/problems/challenge-required" {
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
	live, held := s.view("Cookie", fanCookie+"="+f.cookie, "Origin", s.url), 0
	live.next(wire.FrameBoard)
	for ; held < 20; held++ {
		r := hold(wish)
		if r.StatusCode != http.StatusCreated {
			break
		}
		id := into[wire.HoldReply](t, r, http.StatusCreated).Hold
		for _, n := range []wire.Notice{{Kind: wire.NoticeReturn, Hold: id, Seats: 1}, {Kind: "hold", Hold: id, State: "expired"}} {
			raw, _ := json.Marshal(n)
			must(t, s.nc.Publish(wire.NoticeSubject(show, f.id), raw))
		}
		if n := live.next(wire.FrameNotice).Notice; n.Hold != id { // they are told once it is counted
			t.Fatalf("%+v", n)
		}
	}
	if held < 3 || held == 20 {
		t.Fatalf("asked for a proof after %d holds", held)
	}
	p := hold(wish).problem(t)
	if p.Status != http.StatusForbidden || p.Challenge != "/v1/events/show/challenge?act=hold" || p.Skip {
		t.Fatalf("%+v", p)
	}
	answer := s.solved(f.id, abuse.ActHold, challenge.Standard, time.Minute)
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

// TestChallengedRedeem: a called place of a suspect becomes a pass when they have paid.
func TestChallengedRedeem(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	f := s.fan()
	from := []string{"X-Forwarded-For", "192.0.2.1"}
	place := into[joinReply](t, f.send("POST", places, joinProven(s.solved(f.id, abuse.ActJoin, challenge.Standard, time.Minute)), from...), http.StatusCreated)
	redeem := func(answer string) answered {
		raw, _ := json.Marshal(map[string]string{"place": place.Place, "challenge": answer})
		return f.send("POST", "/v1/events/show/passes", string(raw), from...)
	}
	s.answer(wire.PassesSubject(show, wire.ActRedeem), func(*nats.Msg) any { return wire.RedeemReply{Pass: "the-pass"} })
	if p := redeem("").problem(t); p.Status != http.StatusTooEarly {
		t.Fatalf("not called, and asked for a proof: %+v", p)
	}
	s.setHead(5)
	if p := redeem("").problem(t); p.Status != http.StatusForbidden || p.Challenge != "/v1/events/show/challenge?act=redeem" {
		t.Fatalf("%+v", p)
	}
	answer := s.solved(f.id, abuse.ActRedeem, challenge.Standard, time.Minute)
	for range 2 {
		if r := redeem(answer); r.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
}

// TestParallelAnswers: one answer sent a hundred times at once is one place.
func TestParallelAnswers(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious)
	f := s.fan()
	answer := s.solved(f.id, abuse.ActJoin, challenge.Standard, time.Minute)
	got := make([]answered, 100)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = f.send("POST", places, joinProven(answer), "X-Forwarded-For", "192.0.2.1") })
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
	offer := into[abuse.Task](t, f.send("GET", "/v1/events/show/challenge?level=strong", "", from...), http.StatusOK)
	if offer.Widget == nil || offer.Widget.Provider != "turnstile" || offer.Widget.SiteKey != "0x-site" || offer.Widget.Data != offer.Parameters.Data.For || offer.Signature == "" {
		t.Fatalf("%+v", offer)
	}
	join := func(token string) answered { return f.send("POST", places, joinProven("turnstile:"+token), from...) }
	say(func(w http.ResponseWriter) { http.Error(w, "away", http.StatusBadGateway) })
	if p := join("a").problem(t); p.Status != http.StatusForbidden || !strings.Contains(p.Detail, "another kind of proof") {
		t.Errorf("away: %+v", p)
	}
	for range 5 {
		join("a")
	}
	if again := into[abuse.Task](t, f.send("GET", "/v1/events/show/challenge?level=strong", "", from...), http.StatusOK); again.Widget != nil || again.Signature == "" {
		t.Errorf("offered though it is away: %+v", again)
	}
	if p := into[joinReply](t, f.send("POST", places, joinProven(s.solved(f.id, abuse.ActJoin, challenge.Strong, time.Minute)), from...), http.StatusCreated); p.Lane != wire.LaneGeneral {
		t.Errorf("%+v", p)
	}
}
