package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// revoked is what REVOKED has for the demo, by id.
func (w *world) revoked() map[string]wire.Revocation {
	w.t.Helper()
	entries, err := kv.Open(w.js, wire.RevokedBucket).All(ctxOf(w.t), "demo.*")
	must(w.t, err)
	all := map[string]wire.Revocation{}
	for _, e := range entries {
		var v wire.Revocation
		must(w.t, json.Unmarshal(e.Value, &v))
		all[strings.TrimPrefix(e.Key, "demo.")] = v
	}
	return all
}

func (w *world) revoke(payload string) wire.RevokeReply {
	w.t.Helper()
	var r wire.RevokeReply
	if code := w.ask(wire.OperatorSubject("admission", wire.ActRevoke, "demo"), payload, &r); code != "" {
		w.t.Fatalf("revoke %s: %s", payload, code)
	}
	return r
}

func (w *world) record(p wire.Place) wire.PassRecord { return w.passes()[p.Fan] }

// called is a demo in which n fans have been called.
func called(t *testing.T, env *natstest.Env, n, ceiling int) *world {
	t.Helper()
	w := newWorld(t, env)
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = ceiling }))
	w.stock(1000, 0, 0)
	w.join(n)
	return w
}

// TestPassStaysWithItsKey: in the session that it was redeemed in, a pass is had again
// with the browser's own key alone, whatever cookies come with another; in another
// session, which only a link begins, it moves as from device to device.
func TestPassStaysWithItsKey(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 1, 10)
		w.start("one")
		w.board("called", head(1))
		p := w.fans[0]
		as := func(device, session, key string) wire.RedeemReply {
			t.Helper()
			r, err := w.tryRedeemAs(wire.RedeemRequest{Place: p, Device: device, Session: session, Key: key})
			must(t, err)
			return r
		}
		desk := as("desk", "s1", "k1")
		first := w.verify(desk, p)
		if first.Key() != "k1" {
			t.Fatalf("%+v", first)
		}
		if again := as("desk", "s1", "k1"); again.Pass != desk.Pass {
			t.Errorf("the same browser: %+v", again)
		}
		for name, r := range map[string]wire.RedeemReply{"another key": as("desk", "s1", "k2"), "no key": as("desk", "s1", ""), "another key and device": as("copy", "s1", "k2"), "no key, another device": as("copy", "s1", "")} {
			if r.Problem == nil || r.Problem.Code != wire.CodeOtherDevice {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if rec := w.record(p); rec.ID != first.ID || rec.Moves != 0 {
			t.Errorf("it has moved: %+v", rec)
		}
		phone := w.verify(as("phone", "s2", "k2"), p)
		if phone.ID == first.ID || phone.Key() != "k2" {
			t.Errorf("%+v", phone)
		}
		if back := w.verify(as("desk", "s3", ""), p); back.ID == phone.ID || back.Key() != "" {
			t.Errorf("to a browser without keys: %+v", back)
		}
	})
}

func TestPassMovesToAnotherDevice(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 1, 10)
		w.start("one")
		w.board("called", head(1))
		p := w.fans[0]
		desk := w.redeemOn(p, "desk")
		first := w.verify(desk, p)
		if again := w.redeemOn(p, "desk"); again.Pass != desk.Pass || first.Device != "desk" {
			t.Fatalf("the same device: %+v, %+v", first, again)
		}
		w.clock.pass(time.Minute)
		phone := w.redeemOn(p, "phone")
		second := w.verify(phone, p)
		rec := w.record(p)
		if second.ID == first.ID || second.Device != "phone" || !second.ExpiresAt.Equal(first.ExpiresAt.Time) || second.Limit != first.Limit ||
			rec.ID != second.ID || rec.Was != first.ID || rec.Moves != 1 || rec.Number != p.Number {
			t.Fatalf("%+v, then %+v, record %+v", first, second, rec)
		}
		if v := w.revoked(); len(v) != 1 || !v[first.ID].Moved {
			t.Fatalf("revoked %+v", v)
		}
		back := w.verify(w.redeemOn(p, "desk"), p)
		if v := w.revoked(); back.ID == first.ID || len(v) != 2 || !v[second.ID].Moved {
			t.Fatalf("back: %+v, revoked %+v", back, v)
		}
		// Not for ever: whoever shares a place among many keeps it where it was last.
		for i := w.record(p).Moves; i < 16; i++ {
			w.verify(w.redeemOn(p, fmt.Sprint("device ", i)), p)
		}
		last := w.record(p)
		w.refused(w.redeemOn(p, "one more"), wire.CodeOtherDevice)
		if again := w.verify(w.redeemOn(p, last.Device), p); again.ID != last.ID || w.record(p) != last {
			t.Errorf("%+v, then %+v", last, again)
		}
	})
}

// TestMovesAtOnce: two devices want the pass at once, a hundred times each. When
// all is quiet one id is good, and every other that was ever given out is revoked.
func TestMovesAtOnce(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 1, 10)
		w.start("one")
		w.board("called", head(1))
		var mu sync.Mutex
		given := map[string]bool{}
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				r, err := w.tryRedeemOn(w.fans[0], fmt.Sprint("device ", i%2))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case r.Problem == nil:
					given[w.verify(r, w.fans[0]).ID] = true
				case r.Problem.Code != wire.CodeOtherDevice:
					t.Errorf("%+v", r.Problem)
				}
			})
		}
		all.Wait()
		last, revoked := w.record(w.fans[0]), w.revoked()
		for id := range given {
			if _, ended := revoked[id]; ended == (id == last.ID) {
				t.Errorf("id %s, revoked %v, the last is %s", id, ended, last.ID)
			}
		}
		if last.Moves > 16 || len(revoked) != last.Moves || !given[last.ID] {
			t.Errorf("%d revoked, %+v", len(revoked), last)
		}
	})
}

func TestRevokedPassFreesItsRoom(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 3, 2)
		released := make(chan wire.ReleaseRequest, 8)
		sub, err := w.nc.Subscribe(wire.SeatsSubject("demo", wire.ActGiveBack), func(m *nats.Msg) {
			var r wire.ReleaseRequest
			must(t, json.Unmarshal(m.Data, &r))
			released <- r
			must(t, m.Respond([]byte("{}")))
		})
		must(t, err)
		defer func() { _ = sub.Unsubscribe() }()
		one := w.start("one")
		w.board("two called", head(2))
		bot, good := w.verify(w.redeemOn(w.fans[0], "d"), w.fans[0]), w.verify(w.redeem(w.fans[1]), w.fans[1])
		w.refused(w.redeem(w.fans[2]), wire.CodeWait)

		request := fmt.Sprintf(`{"fan":%q,"why":"49 accounts","by":"ann"}`, w.fans[0].Fan)
		r := w.revoke(request)
		if r.Passes != 1 || r.Event != "demo" || r.At.IsZero() {
			t.Errorf("%+v", r)
		}
		if rec := w.record(w.fans[0]); !rec.Revoked.Equal(r.At) || rec.Why != "49 accounts" || rec.ID != bot.ID {
			t.Errorf("%+v", rec)
		}
		if v := w.revoked(); len(v) != 1 || !v[bot.ID].At.Equal(r.At) || v[bot.ID].Moved {
			t.Errorf("%+v", v)
		}
		if got := <-released; got.Fan != w.fans[0].Fan || got.By != "ann" || got.Hold != "" {
			t.Errorf("%+v", got)
		}
		w.refused(w.redeemOn(w.fans[0], "d"), wire.CodeRevoked)
		w.refused(w.redeemOn(w.fans[0], "another"), wire.CodeRevoked)
		w.board("one more called", head(3))
		w.verify(w.redeem(w.fans[2]), w.fans[2])
		if again := w.revoke(request); again != r {
			t.Errorf("again: %+v, first %+v", again, r)
		}

		// And so it stays with whoever is admitter next.
		w.start("two")
		one.crash()
		w.refused(w.redeem(w.fans[0]), wire.CodeRevoked)
		if again := w.verify(w.redeem(w.fans[1]), w.fans[1]); again.ID != good.ID {
			t.Errorf("%+v", again)
		}
		if again := w.revoke(request); again != r {
			t.Errorf("again, of another: %+v, first %+v", again, r)
		}
		if s := w.meter("status", ""); s.Alive != 2 {
			t.Errorf("%d alive", s.Alive)
		}
		if acts := fmt.Sprint(w.acts(9)); acts != "[revoke by ann]" {
			t.Errorf("acts %s", acts)
		}
		for payload, want := range map[string]string{"": "invalid", "{}": "invalid", `{"fan":"f_x"}`: "invalid", `{"fan":"f_*","all":true}`: "invalid",
			fmt.Sprintf(`{"fan":%q}`, wire.NewFan()): "not-found", `{"fans":[]}`: "bad-request", "[]": "bad-request",
			fmt.Sprintf(`{"all":true,"why":%q}`, strings.Repeat("x", 600)): "invalid"} {
			if code := w.ask(wire.OperatorSubject("admission", wire.ActRevoke, "demo"), payload, nil); code != want {
				t.Errorf("%s: %q", payload, code)
			}
		}
		if code := w.ask(wire.OperatorSubject("admission", wire.ActRevoke, "nosuch"), request, nil); code != "not-found" {
			t.Errorf("unknown event: %q", code)
		}
	})
}

func TestRevokeAll(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		const fans = 20
		w := called(t, env, 2*fans, fans)
		one := w.start("one")
		w.board("called", head(fans))
		for _, p := range w.fans[:fans] {
			w.verify(w.redeem(p), p)
		}
		w.clock.pass(400 * time.Millisecond) // somewhere inside a second
		r := w.revoke(`{"all":true,"why":"wrong prices","by":"ann"}`)
		if r.Passes != fans || !r.At.Equal(r.At.Truncate(time.Second)) || !r.At.After(w.clock.now()) || r.At.Sub(w.clock.now()) > time.Second {
			t.Errorf("%+v at %v", r, w.clock.now())
		}
		if v := w.revoked(); len(v) != 1 || !v[wire.RevokedAll].At.Equal(r.At) {
			t.Errorf("%+v", v)
		}
		for _, p := range w.fans[:fans] {
			w.refused(w.redeem(p), wire.CodeRevoked)
		}
		// The room is free at once, and who comes in the same second is not meant.
		w.board("the others called", head(2*fans))
		for _, p := range w.fans[fans:] {
			if pass := w.verify(w.redeem(p), p); pass.IssuedAt.Before(r.At) {
				t.Fatalf("issued at %v, all before %v are revoked", pass.IssuedAt, r.At)
			}
		}
		w.start("two")
		one.crash()
		w.refused(w.redeem(w.fans[0]), wire.CodeRevoked)
		w.verify(w.redeem(w.fans[fans]), w.fans[fans])
		if s := w.meter("status", ""); s.Alive != fans {
			t.Errorf("%d alive after the take-over", s.Alive)
		}
		w.clock.pass(time.Minute)
		again := w.revoke(`{"all":true,"by":"ann"}`)
		same := w.revoke(`{"all":true,"by":"ann"}`)
		if again.Passes != fans || !again.At.After(r.At) || same != again {
			t.Errorf("%+v, again %+v", again, same)
		}
		if acts := fmt.Sprint(w.acts(9)); acts != "[revoke by ann revoke by ann]" {
			t.Errorf("acts %s", acts)
		}
	})
}

// TestTakeOverMendsRevocations: an admitter that dies between PASSES and REVOKED
// leaves what the next one tells.
func TestTakeOverMendsRevocations(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 3, 10)
		now := w.clock.now().UTC()
		alive := wire.PassRecord{Lane: wire.LaneGeneral, Region: "home", Limit: 6, At: now, Expires: now.Add(time.Minute), Device: "d"}
		for i, change := range []func(*wire.PassRecord){
			func(r *wire.PassRecord) { r.Was, r.Moves = "before", 1 },
			func(r *wire.PassRecord) { r.Revoked, r.Why = now, "bot" },
			func(r *wire.PassRecord) { r.Was, r.Expires = "long-ago", now },
		} {
			r := alive
			r.ID, r.Fan, r.Number = fmt.Sprint("pass-", i), w.fans[i].Fan, w.fans[i].Number
			change(&r)
			w.put(wire.PassesBucket("demo"), wire.PassKey(r.Fan, 0), r)
		}
		w.put(wire.PassesBucket("demo"), wire.AdmitterKey, wire.Admitter{Admitter: "zero", Lines: []wire.Line{{Lane: wire.LaneGeneral, Region: "home", Head: 3, Calls: []wire.Call{{To: 3, At: now}}}}})
		w.put(wire.PassesBucket("demo"), wire.AllKey, wire.Revocation{At: now.Add(-time.Hour), Why: "then"})
		w.start("one")
		w.board("a board", func(wire.Board) bool { return true })
		got := w.revoked()
		if len(got) != 3 || !got["before"].Moved || !got["pass-1"].At.Equal(now) || got["pass-1"].Moved || !got[wire.RevokedAll].At.Equal(now.Add(-time.Hour)) {
			t.Errorf("%+v", got)
		}
		if s := w.meter("status", ""); s.Alive != 1 {
			t.Errorf("%d alive", s.Alive)
		}
	})
}

// TestCodeIsUsedOnce: two regions have given one code's place to two fans, who
// both are called; one gets a pass, and the other's room is not taken.
func TestCodeIsUsedOnce(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 4, 10)
		w.start("one")
		w.board("called", head(4))
		granted := func(p wire.Place, code string) wire.Place {
			p.Grant = wire.Grant{Code: code, Channel: "presale", Limit: 2}
			return p
		}
		both := []wire.Place{granted(w.fans[0], "c"), granted(w.fans[1], "c")}
		replies := make([]wire.RedeemReply, 200)
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() {
				var err error
				if replies[i], err = w.tryRedeem(both[i%2]); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		winner := 0
		if replies[0].Problem != nil {
			winner = 1
		}
		for i, r := range replies {
			if i%2 == winner {
				if pass := w.verify(r, both[winner]); pass.Channel != "presale" || pass.Limit != 2 {
					t.Fatalf("%+v", pass)
				}
			} else {
				w.refused(r, wire.CodeCodeUsed)
			}
		}
		if s := w.meter("status", ""); s.Alive != 1 || len(w.passes()) != 1 {
			t.Errorf("%d alive, %d stored", s.Alive, len(w.passes()))
		}
		// A claim that a crash left without its pass is still theirs.
		w.put(wire.PassesBucket("demo"), wire.ClaimKey("d"), wire.CodeClaim{Fan: w.fans[2].Fan})
		w.verify(w.redeem(granted(w.fans[2], "d")), w.fans[2])
		// A code never raises the event's limit.
		p := granted(w.fans[3], "e")
		p.Limit = 50
		if pass := w.verify(w.redeem(p), p); pass.Limit != 6 {
			t.Errorf("%+v", pass)
		}
	})
}

// TestStormOfRevocations: fans come in, move and are revoked all at once, while
// passes expire; the ceiling holds at every instant, by what is stored.
func TestStormOfRevocations(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		const ceiling, fans = 23, 150
		w := called(t, env, fans, ceiling)
		w.start("one")
		w.board("called", head(ceiling))
		for round := range 5 {
			var all sync.WaitGroup
			for i, p := range w.fans {
				all.Go(func() {
					r, err := w.tryRedeemOn(p, fmt.Sprint(round%2))
					if err != nil {
						t.Error(err)
					}
					if i%3 == round%3 && r.Problem == nil {
						w.revoke(fmt.Sprintf(`{"fan":%q}`, p.Fan))
					}
				})
			}
			if round == 3 {
				all.Go(func() { w.revoke(`{"all":true}`) })
			}
			all.Wait()
			w.clock.pass(700 * time.Millisecond)
			b := w.board("a board", func(wire.Board) bool { return true })
			w.board("called again", func(n wire.Board) bool { return n.Seq > b.Seq })
		}
		alls, err := kv.Open(w.js, wire.PassesBucket("demo")).Get(ctxOf(t), wire.AllKey)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			t.Fatal(err)
		}
		var all wire.Revocation
		must(t, json.Unmarshal(alls.Value, &all))
		changes := map[time.Time]int{}
		for _, p := range w.passes() {
			end := p.Ends()
			if p.At.Before(all.At) && all.At.Before(end) {
				end = all.At
			}
			changes[p.At]++
			changes[end]--
		}
		alive := 0
		for at := w.clock.now().Add(-time.Hour).Truncate(time.Second); !at.After(w.clock.now().Add(time.Hour)); at = at.Add(time.Second) {
			if alive += changes[at.UTC()]; alive > ceiling {
				t.Fatalf("%d alive at %v", alive, at)
			}
		}
		if len(w.passes()) <= ceiling {
			t.Errorf("only %d passes: nobody's room became free", len(w.passes()))
		}
	})
}
