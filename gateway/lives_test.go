package gateway

import (
	"net/http"
	"testing"
	"time"

	"frontrow/internal/streams"
	"frontrow/wire"
)

// The queue is lost and made again. A fan who has their receipt has their place, wherever
// they join; the others get one of the new line, and so does who was told a wrong one
// before the board knew.
func TestJoinAfterTheQueueWasLost(t *testing.T) {
	t.Parallel()
	s := open(t)
	there := s.another() // it has seen nobody
	join := func(f *fan, body string, status int) joinReply {
		t.Helper()
		return into[joinReply](t, f.send("POST", places, body), status)
	}
	with := func(p joinReply) string { return `{"place":"` + p.Place + `"}` }
	gone, kept, old, new, late := s.fan(), s.fan(), s.fan(), s.fan(), s.fan()
	join(gone, "", http.StatusCreated)
	join(s.fan(), "", http.StatusCreated)
	first := join(old, "", http.StatusCreated)
	if p := join(old.at(there), with(first), http.StatusOK); p.Place != first.Place {
		t.Errorf("with their receipt: %+v", p)
	}
	since := time.Now() // of the last place
	must(t, s.js.DeleteStream(t.Context(), wire.KVStream(wire.QueueBucket(show, wire.LaneGeneral))))
	must(t, streams.CreateForEvent(t.Context(), s.js, show, 1))
	unaware := join(new, "", http.StatusCreated)
	if unaware.Number != 1 || unaware.Region != "home" {
		t.Fatalf("%+v", unaware)
	}
	s.board++
	board := wire.Board{Event: show, Seq: s.board, State: wire.SaleOpen, Currency: "EUR", Lanes: map[string]wire.LaneBoard{
		wire.LaneGeneral: {Regions: map[string]wire.Head{"home": {Head: 2, Joined: 3}, "home~2": {Joined: 1, Since: since}}}}}
	s.put(wire.BoardBucket, show, board)
	for _, g := range []*shop{s, there} {
		s.until("the board of another life", func() bool { return len(g.event(show).Board().Lanes[wire.LaneGeneral].Regions) == 2 })
		if p := join(old.at(g), with(first), http.StatusOK); p.Place != first.Place || p.Ahead != 0 {
			t.Errorf("an old fan: %+v", p)
		}
		for _, body := range []string{"", with(unaware)} {
			if p := join(new.at(g), body, http.StatusOK); p.Region != "home~2" || p.Number != 1 {
				t.Errorf("a new fan who was told a wrong line: %+v", p)
			}
		}
	}
	if p := join(late.at(there), "", http.StatusCreated); p.Region != "home~2" || p.Number != 2 || p.Ahead != 1 {
		t.Errorf("a newcomer: %+v", p)
	}
	// A receipt brings back its own fan's place alone, and none that is forged or of elsewhere.
	if p := join(kept.at(there), with(first), http.StatusCreated); p.Region != "home~2" || p.Number != 3 {
		t.Errorf("with another's receipt: %+v", p)
	}
	if p := join(gone, "", http.StatusOK); p.Region != "home" || p.Number != 1 {
		t.Errorf("without a receipt, where they are remembered: %+v", p)
	}
	if p := join(gone.at(there), `{"place":"x"}`, http.StatusCreated); p.Region != "home~2" {
		t.Errorf("without a receipt, where they are not: %+v", p)
	}
}
