package admission

import (
	"slices"
	"time"

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
	return st == wire.SaleOpen || st == wire.SalePaused
}

// callable: fans can be called, for it is known what there is to sell.
func (s scene) callable() bool { return s.onSale() && s.known }

// board builds the public document, but for its number.
func (s scene) board(lane, region string, head wire.Head, rate int, message string) wire.Board {
	waiting := uint64(0)
	if head.Joined > head.Head {
		waiting = head.Joined - head.Head
	}
	if message == "" && s.paymentsDown && s.onSale() {
		message = messageDown
	}
	b := wire.Board{
		Event: s.event.Spec.ID, At: s.now.UTC(), State: s.saleState(), Rate: float64(rate),
		Lanes:    map[string]wire.LaneBoard{lane: {Regions: map[string]wire.Head{region: head}, Waiting: waiting}},
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

// worthABoard tells whether b says something new between two ticks. How many
// have joined and the rate wait for the next tick.
func worthABoard(last, b wire.Board) bool {
	return last.State != b.State || last.Message != b.Message || last.Currency != b.Currency || !slices.Equal(last.Levels, b.Levels)
}
