package inventorytest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"frontrow/inventory/ledger"
	"frontrow/inventory/refund"
	"frontrow/wire"
)

// Ledger stands for PostgreSQL, which decides about holds past their
// deadline; its own tests are in package ledger.
type Ledger struct {
	refund.Ledger               // of nothing
	refund.Captures             // of none
	Asked           chan string // orders, and "bookings" while they fail

	mu       sync.Mutex
	paid     map[string]wire.OrderReply
	bookings []ledger.Booking
	orders   map[string]ledger.Order
	failing  bool
}

// NewLedger knows nothing.
func NewLedger() *Ledger {
	return &Ledger{Asked: make(chan string, 100), paid: map[string]wire.OrderReply{}, orders: map[string]ledger.Order{}}
}

func (l *Ledger) Bookings(context.Context, string) ([]ledger.Booking, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing {
		select {
		case l.Asked <- "bookings":
		default:
		}
		return nil, errors.New("down")
	}
	return slices.Clone(l.bookings), nil
}

func (l *Ledger) Reopen(ctx context.Context, event string, _ uint64) ([]ledger.Booking, error) {
	return l.Bookings(ctx, event)
}

func (l *Ledger) Order(_ context.Context, id string) (ledger.Order, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing {
		return ledger.Order{}, errors.New("down")
	}
	if o, ok := l.orders[id]; ok {
		return o, nil
	}
	return ledger.Order{}, ledger.ErrNotFound
}

// Fail makes every call fail from now on, or none.
func (l *Ledger) Fail(failing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = failing
}

func (l *Ledger) PutEvent(context.Context, wire.Event, []string) error { return nil }

func (l *Ledger) GiveUp(_ context.Context, order, _, _ string) (wire.OrderReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.Asked <- order:
	default:
	}
	if l.failing {
		return wire.OrderReply{}, errors.New("down")
	}
	if r, ok := l.paid[order]; ok {
		return r, nil
	}
	return wire.OrderReply{Order: order, State: wire.OrderFailed}, nil
}

// Pay has an order paid.
func (l *Ledger) Pay(order string, r wire.OrderReply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paid[order] = r
}

// Book adds bookings.
func (l *Ledger) Book(bookings ...ledger.Booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bookings = append(l.bookings, bookings...)
}

// Know makes orders known.
func (l *Ledger) Know(orders ...ledger.Order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range orders {
		l.orders[o.ID] = o
	}
}
