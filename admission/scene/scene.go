package scene

import (
	"time"

	"frontrow/wire"
)

// Scene is an event at one moment: all that its board shows but who is called.
type Scene struct {
	Event  wire.Event
	Stock  wire.Stock
	Known  bool                  // Stock was counted at least once
	Prices map[string]wire.Price // by level
	Now    time.Time

	PaymentsDown bool // nobody could pay

	Paused   bool // by an operator, as the admitter knows
	Draining bool // by an operator, for good
}

// MessageDown is on the board while nobody is called because nobody could pay.
const MessageDown = "Payments can't be made just now, so nobody is called. Your place is kept."

// State is the state on the board: one of the Sale… of package wire.
func (s Scene) State() string {
	switch {
	case s.Event.State == wire.EventClosed, s.Over():
		return wire.SaleClosed
	case s.Now.Before(s.Event.Spec.OpensAt):
		return wire.SaleScheduled
	case s.SoldOut():
		return wire.SaleSoldOut
	case s.Draining:
		return wire.SaleDraining
	case s.Paused:
		return wire.SalePaused
	}
	return wire.SaleOpen
}

// Over reports whether the sale has ended by itself.
func (s Scene) Over() bool { return s.Event.Spec.Over(s.Now) }

// SoldOut tells whether nothing is free, and nothing is held that could come back.
func (s Scene) SoldOut() bool { return s.Known && s.Stock.All.Free == 0 && s.Stock.All.Held == 0 }

// OnSale tells whether fans may be called and may redeem.
func (s Scene) OnSale() bool {
	st := s.State()
	return st == wire.SaleOpen || st == wire.SalePaused || st == wire.SaleDraining
}

// Callable tells whether fans can be called: it is known what there is to sell.
func (s Scene) Callable() bool { return s.OnSale() && s.Known }

// Board builds the public document, but for its number and what its admitter
// knows: the lanes, the pace, the draw. Message is the operator's, or empty.
func (s Scene) Board(message string) wire.Board {
	if message == "" && s.PaymentsDown && s.OnSale() {
		message = MessageDown
	}
	if message == "" && s.Over() {
		message = "The sale ended on " + wire.FormatInstant(s.Event.Spec.SaleEndsAt, s.Event.Spec.Zone()) + "."
	}
	b := wire.Board{
		Event: s.Event.Spec.ID, At: s.Now.UTC(), State: s.State(), Lanes: map[string]wire.LaneBoard{},
		Currency: s.Event.Spec.Currency, Levels: make([]wire.LevelBoard, 0, len(s.Event.Spec.Levels)), Message: message,
	}
	for _, l := range s.Event.Spec.Levels {
		total := wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee).Total
		if p, ok := s.Prices[l.ID]; ok {
			total = p.Total
		}
		count := s.Stock.Levels[l.ID]
		b.Levels = append(b.Levels, wire.LevelBoard{ID: l.ID, Name: l.Name, Free: count.Free, Total: count.Total(), From: total, To: total})
	}
	return b
}
