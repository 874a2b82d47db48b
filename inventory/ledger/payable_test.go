package ledger

import (
	"errors"
	"testing"

	"frontrow/wire"
)

// What was to be paid is known from the beginning of an order, its payment from the commit.
func TestPayable(t *testing.T) {
	t.Parallel()
	l := opened(t, 4)
	m, free, never := order(0, 1), order(2), order(3)
	free.Seats[0].Price, free.Total = wire.NewAmounts(0, 0, 0), 0
	if _, err := l.Begin(bounded(t), m); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(bounded(t), free); err != nil {
		t.Fatal(err)
	}
	p, err := l.Payable(bounded(t), m.Order)
	if err != nil || p.Event != testEvent || p.Amount != m.Total || p.Currency != "EUR" || p.Reference != "" || p.Began.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := commit(bounded(t), l, purchase(m, 1)); err != nil {
		t.Fatal(err)
	}
	if p, err := l.Payable(bounded(t), m.Order); err != nil || p.Reference != "ref-"+m.Order || p.Amount != m.Total {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := l.GiveUp(bounded(t), never.Order, never.Event, never.Fan); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{free.Order, never.Order, "o_none"} {
		if p, err := l.Payable(bounded(t), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", id, p, err)
		}
	}
}
