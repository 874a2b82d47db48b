package admission

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// stand asks until there is somebody to answer.
func (w *world) stand(p wire.Place) (reply wire.StandReply) {
	w.t.Helper()
	raw, err := json.Marshal(wire.StandRequest{Place: p})
	must(w.t, err)
	for began := time.Now(); ; {
		m, err := w.nc.Request(wire.PassesSubject(p.Event, wire.ActStand), raw, time.Second)
		if err == nil {
			must(w.t, json.Unmarshal(m.Data, &reply))
			return reply
		}
		if time.Since(began) > limit {
			w.t.Fatal(err)
		}
	}
}

// A fan whose pass has ended joins again and comes in once more, whoever is
// admitter; their old place never lets them in again, and they have one pass at a time.
func TestJoiningAgain(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := called(t, env, 1, 1)
		one := w.start("one")
		w.board("called", head(1))
		place := w.fans[0]
		place.At = w.clock.now()
		if s := w.stand(place); s.Used || s.Turn != 0 || s.Problem != nil {
			t.Fatalf("before the pass: %+v", s)
		}
		first := w.verify(w.redeem(place), place)
		if s := w.stand(place); s.Used {
			t.Fatalf("with a pass: %+v", s)
		}
		for turn := 1; turn < 3; turn++ {
			w.clock.pass(15 * time.Minute)
			w.refused(w.redeem(place), wire.CodeJoinAgain)
			s := w.stand(place)
			if !s.Used || s.Turn != turn {
				t.Fatalf("turn %d: %+v", turn, s)
			}
			again := w.place(turn, place.Fan)
			if again.Number <= place.Number {
				t.Fatalf("turn %d: number %d after %d", turn, again.Number, place.Number)
			}
			w.board("called again", head(again.Number))
			second := w.verify(w.redeem(again), again)
			if second.ID == first.ID {
				t.Fatalf("turn %d: the pass of before", turn)
			}
			if same := w.verify(w.redeem(again), again); same.ID != second.ID {
				t.Errorf("turn %d: two passes", turn)
			}
			w.start(fmt.Sprint("after ", turn))
			one.crash()
			if same := w.verify(w.redeem(again), again); same.ID != second.ID {
				t.Errorf("turn %d: another admitter gives another pass", turn)
			}
			if s := w.meter("status", ""); s.Alive != 1 {
				t.Errorf("turn %d: %d alive", turn, s.Alive)
			}
			first, place = second, again
		}
		if n := len(w.passRecords()); n != 3 {
			t.Errorf("%d passes are recorded", n)
		}

		// Who is revoked gets no other, though their pass would be over by itself.
		w.clock.pass(15 * time.Minute)
		if r := w.revoke(fmt.Sprintf(`{"fan":%q,"why":"bot"}`, place.Fan)); r.Passes != 1 {
			t.Errorf("%+v", r)
		}
		if s := w.stand(place); s.Problem == nil || s.Problem.Code != wire.CodeRevoked {
			t.Errorf("revoked: %+v", s)
		}
		again := w.place(3, place.Fan)
		w.refused(w.redeem(again), wire.CodeRevoked)
	})
}

// All passes are withdrawn: that is for those who have one, not for those whose
// pass had ended before.
func TestWithdrawingSparesThePast(t *testing.T) {
	t.Parallel()
	w := called(t, natstest.Run(t), 2, 2)
	w.start("one")
	w.board("called", head(2))
	w.verify(w.redeem(w.fans[0]), w.fans[0])
	w.clock.pass(15 * time.Minute)
	w.verify(w.redeem(w.fans[1]), w.fans[1])
	if r := w.revoke(`{"all":true}`); r.Passes != 1 {
		t.Errorf("%+v", r)
	}
	w.refused(w.redeem(w.fans[0]), wire.CodeJoinAgain)
	w.refused(w.redeem(w.fans[1]), wire.CodeRevoked)
}
