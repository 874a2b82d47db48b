package sale

import (
	"time"

	"frontrow/wire"
)

// Snapshot is an event at one moment: all that its board shows except who is called.
type Snapshot struct {
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
const MessageDown = "Payments are not working at the moment, so nobody is being called. Your place is kept, and the queue goes on as soon as they work again."

// State returns the state on the board: one of the Sale… of package wire.
func (s Snapshot) State() string {
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
func (s Snapshot) Over() bool { return s.Event.Spec.Over(s.Now) }

// SoldOut reports whether nothing is free, and nothing is held that could come back.
func (s Snapshot) SoldOut() bool { return s.Known && s.Stock.All.Free == 0 && s.Stock.All.Held == 0 }

// OnSale reports whether fans may be called and may redeem.
func (s Snapshot) OnSale() bool {
	st := s.State()
	return st == wire.SaleOpen || st == wire.SalePaused || st == wire.SaleDraining
}

// Callable reports whether fans can be called: the sale is on, and it is known what there
// is to sell.
func (s Snapshot) Callable() bool { return s.OnSale() && s.Known }

// Board builds the public document, except for its number and what its admitter knows: the
// lanes, the pace, the draw. message is the operator's, or empty.
func (s Snapshot) Board(message string) wire.Board {
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
	if s.Event.Spec.Pricing.Promises() {
		b.Priced = wire.PriceState(s.Event.Spec.Levels, s.Prices)
	}
	for _, l := range s.Event.Spec.Levels {
		total := s.Event.Spec.Opening(l).Total
		if p, ok := s.Prices[l.ID]; ok {
			total = p.Total
		}
		count := s.Stock.Levels[l.ID]
		b.Levels = append(b.Levels, wire.LevelBoard{ID: l.ID, Name: l.Name, Free: count.Free, Total: count.Total(), From: total, To: total})
	}
	return b
}
