package sale

import (
	"testing"
	"time"

	"frontrow/wire"
)

func TestStateOfTheSale(t *testing.T) {
	t.Parallel()
	opens := time.Unix(1_900_000_000, 0)
	free, held, none := wire.Stock{All: wire.Count{Free: 1}}, wire.Stock{All: wire.Count{Held: 1}}, wire.Stock{All: wire.Count{Sold: 9}}
	for name, c := range map[string]struct {
		change           func(*Snapshot)
		want             string
		onSale, callable bool
	}{
		"open":             {func(s *Snapshot) {}, wire.SaleOpen, true, true},
		"before the time":  {func(s *Snapshot) { s.Now, s.Paused = opens.Add(-1), true }, wire.SaleScheduled, false, false},
		"all is held":      {func(s *Snapshot) { s.Stock = held }, wire.SaleOpen, true, true},
		"all is sold":      {func(s *Snapshot) { s.Stock, s.Paused, s.Draining = none, true, true }, wire.SaleSoldOut, false, false},
		"nothing is known": {func(s *Snapshot) { s.Stock, s.Known = wire.Stock{}, false }, wire.SaleOpen, true, false},
		"paused":           {func(s *Snapshot) { s.Paused = true }, wire.SalePaused, true, true},
		"draining":         {func(s *Snapshot) { s.Paused, s.Draining = true, true }, wire.SaleDraining, true, true},
		"closed":           {func(s *Snapshot) { s.Event.State, s.Stock, s.Paused = wire.EventClosed, none, true }, wire.SaleClosed, false, false},
		"at its end":       {func(s *Snapshot) { s.Event.Spec.SaleEndsAt = s.Now }, wire.SaleClosed, false, false},
		"before its end":   {func(s *Snapshot) { s.Event.Spec.SaleEndsAt = s.Now.Add(1) }, wire.SaleOpen, true, true},
	} {
		s := Snapshot{Event: wire.Event{State: wire.EventOpen}, Stock: free, Known: true, Now: opens}
		s.Event.Spec.OpensAt = opens
		c.change(&s)
		if s.State() != c.want || s.OnSale() != c.onSale || s.Callable() != c.callable {
			t.Errorf("%s: %s, on sale %t, callable %t", name, s.State(), s.OnSale(), s.Callable())
		}
		s.PaymentsDown = true
		if down := s.Board("").Message == MessageDown; down != c.onSale {
			t.Errorf("%s: that nobody can pay is said: %t", name, down)
		}
		if m := s.Board("The band is late").Message; m != "The band is late" {
			t.Errorf("%s: the operator's message is %q", name, m)
		}
	}
}
