package admission

import (
	"math"
	"slices"
	"time"

	"frontrow/admission/roll"
	"frontrow/wire"
)

// scene is what a board shows, at one moment.
type scene struct {
	event  wire.Event
	stock  wire.Stock
	known  bool                  // stock was counted at least once
	prices map[string]wire.Price // by level
	paused bool
	now    time.Time

	draining bool

	paymentsDown bool // nobody could pay
}

// messageDown is on the board while nobody is called because nobody could pay.
const messageDown = "Payments can't be made just now, so nobody is called. Your place is kept."

// saleState is the state on the board.
func (s scene) saleState() string {
	switch {
	case s.event.State == wire.EventClosed:
		return wire.SaleClosed
	case s.now.Before(s.event.Spec.OpensAt):
		return wire.SaleScheduled
	case s.soldOut():
		return wire.SaleSoldOut
	case s.draining:
		return wire.SaleDraining
	case s.paused:
		return wire.SalePaused
	}
	return wire.SaleOpen
}

// soldOut: nothing is free, and nothing is held that could come back.
func (s scene) soldOut() bool { return s.known && s.stock.All.Free == 0 && s.stock.All.Held == 0 }

// onSale: fans may be called and may redeem.
func (s scene) onSale() bool {
	st := s.saleState()
	return st == wire.SaleOpen || st == wire.SalePaused || st == wire.SaleDraining
}

// callable: fans can be called, for it is known what there is to sell.
func (s scene) callable() bool { return s.onSale() && s.known }

// board builds the public document, but for its number and its lanes.
func (s scene) board(message string) wire.Board {
	if message == "" && s.paymentsDown && s.onSale() {
		message = messageDown
	}
	b := wire.Board{
		Event: s.event.Spec.ID, At: s.now.UTC(), State: s.saleState(), Lanes: map[string]wire.LaneBoard{},
		Currency: s.event.Spec.Currency, Levels: make([]wire.LevelBoard, 0, len(s.event.Spec.Levels)), Message: message,
	}
	for _, l := range s.event.Spec.Levels {
		total := wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee).Total
		if p, ok := s.prices[l.ID]; ok {
			total = p.Total
		}
		count := s.stock.Levels[l.ID]
		b.Levels = append(b.Levels, wire.LevelBoard{ID: l.ID, Name: l.Name, Free: count.Free, Total: count.Total(), From: total, To: total})
	}
	return b
}

// board is the scene's with what the admitter knows. General is always on it;
// the other lanes once somebody has joined them.
func (a *admitter) board(s scene) wire.Board {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.paused, s.draining = a.state.Paused, a.state.Draining
	b := s.board(a.state.Message)
	for l, joined := range a.queues.Joined() {
		open, head := a.roll.Open(l), a.roll.Head(l)
		if l.Lane != wire.LaneGeneral && joined == 0 && head == 0 {
			continue
		}
		lane := b.Lanes[l.Lane]
		if lane.Regions == nil {
			lane.Regions = map[string]wire.Head{}
		}
		h := wire.Head{Head: open, Joined: max(joined, head)}
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
	b.Rate = float64(a.roll.CalledSince(s.now, time.Minute))
	a.pace.Note(s.now, 0)
	if low, high := a.pace.Between(); high > 0 {
		b.Pace = &wire.Pace{Low: round(low), High: round(high)}
	}
	if b.State == wire.SaleOpen || b.State == wire.SalePaused {
		if b.Pace == nil {
			b.Pace = &wire.Pace{}
		}
		b.Pace.PerFan, b.Pace.Spread = round(a.demand.PerFan()), round(a.demand.Spread)
	}
	if s.event.Spec.Admission.Lottery && a.drawSecret != nil {
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
