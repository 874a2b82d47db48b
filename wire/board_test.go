package wire

import "testing"

// Places that came after the draw wait for those drawn, and for each other; a board
// that says more ranks were called than there are makes nobody wait for ever.
func TestTurnAfterTheDraw(t *testing.T) {
	for _, c := range []struct {
		drawnCalled, number, ahead uint64
		called                     bool
	}{
		{0, 4, 3, false},
		{2, 4, 1, false},
		{2, 6, 3, false},
		{2, 0, 1, false}, // no place has this number
		{3, 5, 0, true},
		{3, 7, 1, false},
		{4, 5, 0, true},
		{4, 7, 1, false},
	} {
		b := Board{Event: "demo", Draw: &DrawBoard{Secret: "c2VjcmV0"}, Lanes: map[string]LaneBoard{
			LaneGeneral: {Regions: map[string]Head{"home": {Head: 5, Joined: 9, Drawn: 3}}, Called: c.drawnCalled}}}
		if ahead, called, known := b.Turn(LaneGeneral, "home", c.number); ahead != c.ahead || called != c.called || !known {
			t.Errorf("%d ranks called, place %d: %d ahead, called %v, known %v", c.drawnCalled, c.number, ahead, called, known)
		}
	}
}
