package admission

import (
	"math"
	"slices"
	"time"

	"frontrow/admission/roll"
	"frontrow/admission/scene"
	"frontrow/wire"
)

// board is the scene's with what the admitter knows. General is always on it;
// the other lanes once somebody has joined them.
func (a *admitter) board(s scene.Scene) wire.Board {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Paused, s.Draining = a.state.Paused, a.state.Draining
	b := s.Board(a.state.Message)
	for _, life := range a.queues.Lives() {
		l := roll.Line{Lane: life.Lane, Region: life.Region}
		open, head := a.roll.Open(l), a.roll.Head(l)
		if l.Lane != wire.LaneGeneral && life.Joined() == 0 && open == 0 && life.Since.IsZero() {
			continue
		}
		lane := b.Lanes[l.Lane]
		if lane.Regions == nil {
			lane.Regions = map[string]wire.Head{}
		}
		h := wire.Head{Head: open, Joined: life.Joined(), Since: life.Since}
		if head > open {
			h.Upto = head
		}
		if d, ok := a.roll.Draws()[l.Lane]; ok && len(a.state.Drawn) > 0 {
			h.Drawn, lane.Called = d.Entrants[l.Region], a.roll.Open(roll.Line{Lane: l.Lane})
		}
		lane.Regions[l.Region] = h
		lane.Waiting += behind(h.Joined, h.Head)
		b.Lanes[l.Lane] = lane
	}
	for name, lane := range b.Lanes {
		if d, ok := a.roll.Draws()[name]; ok && len(a.state.Drawn) > 0 {
			lane.Waiting += d.Total() - lane.Called
			b.Lanes[name] = lane
		}
	}
	a.pace.Note(s.Now, 0)
	b.Rate = math.Round(a.pace.Rate(s.Now, a.roll.CalledSince(s.Now, time.Minute), time.Duration(s.Event.Spec.Admission.Tick)))
	if low, high := a.pace.Between(); high > 0 {
		b.Pace = &wire.Pace{Low: round(low), High: round(high)}
	}
	if b.State == wire.SaleOpen || b.State == wire.SalePaused {
		if b.Pace == nil {
			b.Pace = &wire.Pace{}
		}
		b.Pace.PerFan, b.Pace.Spread = round(a.demand.PerFan()), round(a.demand.Spread)
	}
	if s.Event.Spec.Admission.Lottery && a.drawSecret != nil {
		b.Draw = proof(a.id, a.drawSecret, len(a.state.Drawn) > 0)
	}
	return b
}

// round keeps two digits after the point: the board is small.
func round(v float64) float64 { return math.Round(100*v) / 100 }

// worthABoard tells whether b says something new between two ticks. How many
// have joined and the rate wait for the next tick.
func worthABoard(last, b wire.Board) bool {
	return (last.Draw == nil) != (b.Draw == nil) || b.Draw != nil && *last.Draw != *b.Draw || last.State != b.State || last.Message != b.Message || last.Currency != b.Currency || !slices.Equal(last.Levels, b.Levels)
}
