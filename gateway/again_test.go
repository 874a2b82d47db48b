package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// A fan whose place is used up gets another when they join, at the end and once;
// whoever can't be told so has at least the old one, and a place that was never
// called is asked about nowhere.
func TestJoiningAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	f.pass = ""
	code := s.issue(nil)
	first := into[joinReply](t, f.send("POST", places, ""), http.StatusCreated)
	s.fan().send("POST", places, "")
	s.setHead(1)
	if p := into[joinReply](t, f.send("POST", places, ""), http.StatusOK); p.Place != first.Place || p.Again {
		t.Fatalf("without an admitter: %+v", p)
	}
	reply, subject := wire.StandReply{}, wire.PassesSubject(show, wire.ActStand)
	s.answer(subject, func(m *nats.Msg) any {
		var r wire.StandRequest
		if err := json.Unmarshal(m.Data, &r); err != nil || r.Place.Fan != f.id || r.Place.Number != first.Number {
			t.Errorf("asked for %s", m.Data)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return reply
	})
	say := func(r wire.StandReply) {
		s.mu.Lock()
		defer s.mu.Unlock()
		reply = r
	}
	if p := into[joinReply](t, f.send("POST", places, ""), http.StatusOK); p.Place != first.Place || p.Again {
		t.Fatalf("a place that is good: %+v", p)
	}
	say(wire.StandReply{Problem: wire.Refuse(wire.CodeRevoked, "Withdrawn.")})
	if p := f.send("POST", places, "").problem(t); p.Status != http.StatusForbidden || p.Type != "/problems/revoked" {
		t.Fatalf("%+v", p)
	}
	say(wire.StandReply{Used: true, Turn: 1})
	again := into[joinReply](t, f.send("POST", places, ""), http.StatusCreated)
	if again.Number != 3 || again.Lane != wire.LaneGeneral || !again.Again || again.Ahead != 1 {
		t.Fatalf("%+v", again)
	}
	if p, err := s.cfg.Keys.VerifyReceipt(again.Place); err != nil || p.Turn != 1 || p.Fan != f.id {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, at := range []*shop{s, s.another()} {
		if p := into[joinReply](t, f.at(at).send("POST", places, ""), http.StatusOK); p.Place != again.Place || p.Again {
			t.Errorf("joined twice: %+v", p)
		}
	}
	asked := s.times(subject)
	late := s.fan()
	for range 2 {
		late.send("POST", places, "")
	}
	if n := s.times(subject); n != asked {
		t.Errorf("asked %d times about a place that was never called", n-asked)
	}

	// A code is its fan's still, and nobody else's.
	say(wire.StandReply{})
	by := into[joinReply](t, f.send("POST", places, joinWith(code, "ann@example.org")), http.StatusCreated)
	if by.Lane != wire.LanePriority || by.Again {
		t.Fatalf("%+v", by)
	}
	if p := s.fan().send("POST", places, joinWith(code, "ann@example.org")).problem(t); p.Type != "/problems/code-used" {
		t.Errorf("%+v", p)
	}
}
