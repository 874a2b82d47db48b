package gateway

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// stand makes the event and its board what a case needs, and waits for both.
func (s *shop) stand(spec wire.Spec, state string, board wire.Board) {
	s.t.Helper()
	ev, err := s.events.Find(show)
	must(s.t, err)
	record := *ev.Record()
	record.Spec, record.State = spec, state
	s.put(wire.EventsBucket, show, record)
	s.board++
	board.Event, board.Seq, board.Currency = show, s.board, "EUR"
	s.put(wire.BoardBucket, show, board)
	s.until("the event and the board are here", func() bool {
		r, b := ev.Record(), ev.Board()
		return r.State == state && r.Spec.Admission.Lottery == spec.Admission.Lottery &&
			r.Spec.Admission.RoomOpensAt.Equal(spec.Admission.RoomOpensAt) && r.Spec.OpensAt.Equal(spec.OpensAt) && b.Seq == s.board
	})
}

// Whenever fans come, they are told where they are.
func TestJoinAtAnyTime(t *testing.T) {
	t.Parallel()
	s := open(t)
	hour := time.Now().Add(time.Hour)
	at := func(room, opens time.Time, lottery bool) wire.Spec {
		spec := spec()
		spec.OpensAt, spec.Admission.RoomOpensAt, spec.Admission.Lottery = opens, room, lottery
		return spec
	}
	drawn := &wire.DrawBoard{Commitment: wire.Commit(show, []byte("secret"))}
	for _, c := range []struct {
		name   string
		spec   wire.Spec
		state  string // of the event
		board  wire.Board
		status int
		code   wire.Code
	}{
		{"before the room opens", at(hour, hour, false), wire.EventOpen, wire.Board{State: wire.SaleScheduled}, http.StatusTooEarly, wire.CodeNotOpen},
		{"in the room", at(time.Time{}, hour, false), wire.EventOpen, wire.Board{State: wire.SaleScheduled}, http.StatusCreated, ""},
		{"before a draw is committed to", at(time.Time{}, hour, true), wire.EventOpen, wire.Board{State: wire.SaleScheduled}, http.StatusTooEarly, wire.CodeNotOpen},
		{"once it is", at(time.Time{}, hour, true), wire.EventOpen, wire.Board{State: wire.SaleScheduled, Draw: drawn}, http.StatusCreated, ""},
		{"during the sale", at(time.Time{}, time.Time{}, false), wire.EventOpen, wire.Board{State: wire.SaleOpen}, http.StatusCreated, ""},
		{"while it is paused", at(time.Time{}, time.Time{}, false), wire.EventOpen, wire.Board{State: wire.SalePaused}, http.StatusCreated, ""},
		{"after the last ticket", at(time.Time{}, time.Time{}, false), wire.EventOpen, wire.Board{State: wire.SaleSoldOut}, http.StatusCreated, ""},
		{"while the queue is closed", at(time.Time{}, time.Time{}, false), wire.EventOpen, wire.Board{State: wire.SaleDraining}, http.StatusGone, wire.CodeGone},
		{"after the sale", at(time.Time{}, time.Time{}, false), wire.EventClosed, wire.Board{State: wire.SaleClosed}, http.StatusGone, wire.CodeGone},
	} {
		s.stand(c.spec, c.state, c.board)
		r := s.fan().send("POST", "/v1/events/show/places", "{}")
		if r.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.name, r.StatusCode, r.body)
			continue
		}
		if c.code != "" {
			p := r.problem(t)
			if p.Type != "/problems/"+string(c.code) || r.StatusCode == http.StatusTooEarly && r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %+v %v", c.name, p, r.Header)
			}
		}
	}
}

func TestDrawPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	if r := s.send("GET", "/e/show/draw", ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("an event without a draw: %d %s", r.StatusCode, r.body)
	}
	spec, secret := spec(), []byte("0123456789abcdef0123456789abcdef")
	spec.OpensAt, spec.Admission.Lottery = time.Now().Add(time.Hour), true
	commitment := wire.Commit(show, secret)
	for want, board := range map[string]wire.Board{
		"held=false": {State: wire.SaleScheduled, Draw: &wire.DrawBoard{Commitment: commitment}},
		"held=true " + base64.RawURLEncoding.EncodeToString(secret) + " general home=3 west=2": {State: wire.SaleOpen,
			Draw:  &wire.DrawBoard{Commitment: commitment, Secret: base64.RawURLEncoding.EncodeToString(secret)},
			Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Regions: map[string]wire.Head{"home": {Drawn: 3}, "west": {Drawn: 2}}}}},
	} {
		s.stand(spec, wire.EventOpen, board)
		r := s.send("GET", "/e/show/draw", "")
		if body := string(r.body); r.StatusCode != http.StatusOK || strings.TrimSpace(body) != s.url+" "+commitment+" "+want {
			t.Errorf("%d %q", r.StatusCode, body)
		}
	}
}
