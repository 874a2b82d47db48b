package admission

import (
	"fmt"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"
)

// spoil stores whatever it is under a key, as somebody at a console may.
func (w *world) spoil(bucket, key, raw string) {
	w.t.Helper()
	_, err := kv.Publish(ctxOf(w.t), w.nc, []kv.Msg{{Subject: wire.KVSubject(bucket, key), Data: []byte(raw)}})
	must(w.t, err)
}

// Junk over what an admitter has stored stops neither it nor the next: passes, the
// head and what was withdrawn are as they were.
func TestAdmitterMeetsJunk(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 4, 3)
		one := w.start("one")
		w.board("called", head(3))
		first := w.redeem(w.fans[0])
		w.verify(first, w.fans[0])
		w.verify(w.redeem(w.fans[1]), w.fans[1])
		w.revoke(fmt.Sprintf(`{"fan":%q,"by":"ann"}`, w.fans[1].Fan))
		bucket := wire.PassesBucket("demo")
		term := w.meter("status", "").Term
		for _, key := range []string{wire.PassKey(w.fans[0].Fan, 0), wire.PassKey(w.fans[1].Fan, 0), wire.AdmitterKey, wire.FenceKey, wire.AllKey} {
			w.spoil(bucket, key, "{")
			w.spoil(bucket, key, "")
		}
		w.spoil(wire.BoardBucket, "demo", "{}")
		one.crash()
		w.start("two")
		if again := w.redeem(w.fans[0]); again.Pass != first.Pass {
			t.Errorf("redeemed again: %+v, before %+v", again, first)
		}
		w.refused(w.redeem(w.fans[1]), wire.CodeRevoked)
		w.board("another board", func(b wire.Board) bool { return headOf(b) == 4 }) // whose room is free
		s := w.meter("status", "")
		if s.Alive != 1 || s.State.Term <= term {
			t.Errorf("%+v", s)
		}
		for _, p := range w.fans[:2] {
			if r := w.record(p); r.ID == "" {
				t.Errorf("%s: not stored again: %+v", p.Fan, r)
			}
		}
	})
}

// A pass whose record is lost is nobody's until it can't be alive any more; it
// can be revoked, and its room is kept for so long. Nobody else notices.
func TestLostPassIsNobodys(t *testing.T) {
	t.Parallel()
	w := called(t, natstest.Run(t), 3, 2)
	w.clock.ns.Store(time.Now().UnixNano()) // the server's, which says when the junk came
	lost, other := w.fans[0], w.fans[1]
	key := wire.PassKey(lost.Fan, 0)
	w.spoil(wire.PassesBucket("demo"), key, "junk")
	w.start("one")
	w.board("called", head(1))
	w.refused(w.send("demo", mustJSON(wire.RedeemRequest{Place: lost})), wire.CodeUnavailable)
	w.clock.pass(time.Duration(wire.Spec{}.WithDefaults().Admission.PassTTL) + time.Second)
	w.board("called when it is over", head(3))
	w.verify(w.redeem(other), other)
	w.refused(w.redeem(lost), wire.CodeJoinAgain)
	w.revoke(fmt.Sprintf(`{"fan":%q,"by":"ann"}`, lost.Fan))
	w.refused(w.redeem(lost), wire.CodeRevoked)
	if r := w.record(lost); r.ID == "" || r.Revoked.IsZero() {
		t.Errorf("%+v", r)
	}
}

// What is applied over a spoiled record repairs it, and is held to what the record
// was; one of a later version is left alone.
func TestApplyRepairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	digest := w.plan()
	s := w.start("one")
	w.ready(s)
	apply := func(change func(*wire.Spec)) (e wire.Event, code string) {
		t.Helper()
		spec := demo(nil).Spec
		spec.Admission.Tick = wire.Duration(time.Second)
		if change != nil {
			change(&spec)
		}
		var r wire.ApplyReply
		code = w.ask(wire.EventApplySubject, mustJSON(wire.ApplyRequest{Spec: spec, Plan: digest}), &r)
		return r.Event, code
	}
	if _, code := apply(nil); code != "" {
		t.Fatal(code)
	}
	w.ask(wire.EventCloseSubject, `{"event":"demo"}`, nil)
	for _, junk := range []string{"", "x", `{"spec":{"id":"de`, "[]", `{"spec":{"id":"other"}}`} {
		w.spoil(wire.EventsBucket, "demo", junk)
		if _, code := apply(func(s *wire.Spec) { s.Currency = "USD" }); code != string(wire.CodeInvalid) {
			t.Errorf("%q: the currency changes: %q", junk, code)
		}
		if e, code := apply(func(s *wire.Spec) { s.Name = "Repaired" }); code != "" || e.State != wire.EventClosed || e.Spec.Name != "Repaired" {
			t.Errorf("%q: %q %+v", junk, code, e)
		}
		if e, _, err := s.read(ctxOf(t), "demo"); err != nil || e.Spec.Name != "Repaired" {
			t.Errorf("%q: stored: %+v, %v", junk, e, err)
		}
	}
	w.spoil(wire.EventsBucket, "fresh", "x")
	if _, code := apply(func(s *wire.Spec) { s.ID = "fresh" }); code != "" {
		t.Errorf("over nothing but junk: %s", code)
	}
	w.spoil(wire.EventsBucket, "demo", `{"v":9}`)
	if _, code := apply(nil); code != string(wire.CodeInvalid) {
		t.Errorf("over a later version: %q", code)
	}
}
