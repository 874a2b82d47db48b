package sim

import (
	"context"
	"time"

	"frontrow/inventory/payment"
	"frontrow/wire"
)

// providerLimit is the timeout of a client of the provider.
const providerLimit = 10 * time.Second

// Methods of payment that the provider knows.
const (
	methodCard     = "card"
	methodDeclined = "declined"
	methodConfirm  = "confirm" // the fan must confirm the payment first
)

// provider moves money by the rules of package payment: the order's id makes each step
// idempotent.
type provider struct {
	w        *world
	away     time.Time
	payments map[string]*money
}

// money is a payment at the provider.
type money struct {
	payment.Auth
	refunds map[string]int64 // by key
}

// providerOf is the provider as one process reaches it.
type providerOf struct{ *process }

var _ payment.Provider = providerOf{}

// errAway is a server that answers that it can't.
var errAway = errNoAnswer

func (p providerOf) ask(ctx context.Context, what string, step func() (payment.Auth, error)) (payment.Auth, error) {
	return ask(ctx, p.process, providerLimit, "provider", what, func() (payment.Auth, error) {
		if v := p.w.provider; p.w.faulty() && (during(v.away) || p.w.chance(0.01)) {
			return payment.Auth{}, errAway
		}
		return step()
	})
}

// Authorize implements payment.Provider.
func (p providerOf) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	return p.ask(ctx, "authorize "+r.Order, func() (payment.Auth, error) { return p.w.provider.authorize(r) })
}

// Capture implements payment.Provider.
func (p providerOf) Capture(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return p.ask(ctx, "capture "+t.Order, func() (payment.Auth, error) { return p.w.provider.capture(t.Order) })
}

// Void implements payment.Provider.
func (p providerOf) Void(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return p.ask(ctx, "void "+t.Order, func() (payment.Auth, error) { return p.w.provider.void(t.Order) })
}

// Refund implements payment.Provider.
func (p providerOf) Refund(ctx context.Context, r payment.RefundRequest) (payment.Auth, error) {
	if p.w.cfg.Bugs.RefundAnew {
		r.Key += time.Now().String()
	}
	return p.ask(ctx, "refund "+r.Order, func() (payment.Auth, error) { return p.w.provider.refund(r) })
}

// Get implements payment.Provider.
func (p providerOf) Get(ctx context.Context, order string) (payment.Auth, error) {
	return p.ask(ctx, "get "+order, func() (payment.Auth, error) {
		if a := p.w.provider.payments[order]; a != nil {
			return a.Auth, nil
		}
		return payment.Auth{}, payment.ErrNotFound
	})
}

func (v *provider) authorize(r payment.AuthRequest) (payment.Auth, error) {
	a := v.payments[r.Order]
	if a == nil {
		a = &money{Auth: payment.Auth{Order: r.Order, Reference: "ref." + r.Order, State: payment.Authorized, Amount: r.Amount, Currency: r.Currency}, refunds: map[string]int64{}}
		switch r.Method {
		case methodDeclined:
			a.State, a.Reason = payment.Declined, "The card was declined."
			v.w.counts.Declined++
		case methodConfirm:
			a.State, a.Action = payment.RequiresAction, "https://bank.example/"+r.Order
			v.confirmed(a)
		}
		v.payments[r.Order] = a
	}
	if a.Amount != r.Amount {
		v.w.violate("I8", "order %s asks for %d, and before for %d", r.Order, r.Amount, a.Amount)
	}
	if v.w.cfg.Bugs.CaptureEarly && a.State == payment.Authorized {
		return v.capture(r.Order)
	}
	return a.Auth, nil
}

// confirmed has the fan confirm a payment, or not, and a webhook told of it.
func (v *provider) confirmed(a *money) {
	if v.w.chance(0.2) {
		return
	}
	v.w.after(v.w.between(100*time.Millisecond, 40*time.Second), "fan", "confirms the payment of "+a.Order, func() {
		if a.State != payment.RequiresAction {
			return
		}
		a.State, a.Action = payment.Authorized, ""
		v.w.counts.Confirmed++
		v.hook(payment.Event{ID: "e." + a.Order, Order: a.Order, State: a.State}, 0)
		if v.w.chance(0.3) {
			v.w.after(v.w.between(0, 5*time.Second), "fan", "looks at "+a.Order, func() { v.looks(a.Order) })
		}
	})
}

// hook tells a checkout what has become of a payment, again until one has taken it.
func (v *provider) hook(e payment.Event, tries int) {
	w := v.w
	if tries > 8 {
		return
	}
	again := func(after time.Duration) {
		w.after(after, "provider", "tells again of "+e.Order, func() { v.hook(e, tries+1) })
	}
	c := w.checkouts[w.IntN(len(w.checkouts))]
	if c.isDead() || during(c.asleep) || w.faulty() && w.chance(0.1) {
		again(2 * time.Second)
		return
	}
	w.counts.Webhooks++
	c.carry(maxLate, "provider", "tells "+c.name+" of "+e.Order, func() {
		if c.isDead() {
			again(2 * time.Second)
			return
		}
		go func() {
			ctx, cancel := context.WithTimeout(c.ctx, 8*time.Second)
			defer cancel()
			if c.checkout.Wake(ctx, e) != nil {
				c.submit("hook", e.Order, func() { again(2 * time.Second) })
			}
		}()
	})
}

func (v *provider) capture(order string) (payment.Auth, error) {
	a := v.payments[order]
	switch {
	case a == nil || a.State != payment.Authorized && a.State != payment.Captured && a.State != payment.Refunded:
		v.w.violate("I4", "capture for %s finds %+v", order, a)
		return payment.Auth{}, payment.ErrPermanent
	case a.State == payment.Authorized:
		a.State = payment.Captured
		v.w.check.captured(order, a.Amount)
	}
	return a.Auth, nil
}

func (v *provider) void(order string) (payment.Auth, error) {
	a := v.payments[order]
	switch {
	case a == nil:
		return payment.Auth{}, payment.ErrNotFound
	case a.State == payment.Captured || a.State == payment.Refunded:
		v.w.violate("I4", "void for %s, whose money was taken", order)
		return payment.Auth{}, payment.ErrPermanent
	case a.State == payment.Authorized || a.State == payment.RequiresAction:
		v.w.counts.Voided++
		a.State, a.Action = payment.Voided, ""
	}
	return a.Auth, nil
}

func (v *provider) refund(r payment.RefundRequest) (payment.Auth, error) {
	a := v.payments[r.Order]
	if a == nil || a.State != payment.Captured && a.State != payment.Refunded {
		v.w.violate("I4", "refund %s finds %+v", r.Key, a)
		return payment.Auth{}, payment.ErrPermanent
	}
	if before, ok := a.refunds[r.Key]; ok {
		if before != r.Amount {
			v.w.violate("I4", "refund %s of %d, and before of %d", r.Key, r.Amount, before)
		}
		return a.Auth, nil
	}
	if a.Refunded+r.Amount > a.Amount {
		v.w.violate("I4", "refund %s of %d: %d of %d are given back", r.Key, r.Amount, a.Refunded, a.Amount)
		return payment.Auth{}, payment.ErrPermanent
	}
	a.refunds[r.Key] = r.Amount
	if a.Refunded += r.Amount; a.Refunded == a.Amount {
		a.State = payment.Refunded
	}
	return a.Auth, nil
}

// owed is what the provider has taken and not given back for an order.
func (v *provider) owed(order string) int64 {
	if a := v.payments[order]; a != nil && (a.State == payment.Captured || a.State == payment.Refunded) {
		return a.Amount - a.Refunded
	}
	return 0
}

var _ = wire.OrderPaid
