package sim

import (
	"errors"
	"time"
)

// Calls of the provider, as in package checkout.
const (
	authorizeLimit = 10 * time.Second
	relayCall      = 5 * time.Second
	relayFinish    = 10 * time.Second
	relayBackoff   = 200 * time.Millisecond
)

var (
	errProvider  = errors.New("the provider is away")
	errPermanent = errors.New("refused by the provider")
	errNoPayment = errors.New("no such payment")
)

// provider moves money by the rules of package payment: the order's id makes
// each step idempotent.
type provider struct {
	w        *world
	away     time.Time
	payments map[string]*payment
}

type payment struct {
	state  string // authorized, declined, captured, voided
	amount int64
}

type paid struct {
	state string
	err   error
}

// ask has the provider do a step. Other errors than its own leave it open.
func (v *provider) ask(p *proc, limit time.Duration, step func() paid) (string, error) {
	r, ok := ask(v.w, p, "provider", limit, func() paid {
		if v.w.faulty() && (v.w.now.Before(v.away) || v.w.chance(0.02)) {
			return paid{err: errProvider}
		}
		return step()
	})
	if !ok {
		return "", errNoAnswer
	}
	return r.state, r.err
}

func (v *provider) authorize(order string, amount int64, method string) paid {
	a := v.payments[order]
	if a == nil {
		a = &payment{state: "authorized", amount: amount}
		if method == "declined" {
			a.state = "declined"
			v.w.counts.Declined++
		}
		v.payments[order] = a
	}
	if a.amount != amount {
		v.w.violate("I8", "order %s asks for %d, and before for %d", order, amount, a.amount)
	}
	if v.w.cfg.Bugs.CaptureEarly && a.state == "authorized" {
		v.capture(order)
	}
	return paid{state: a.state}
}

func (v *provider) capture(order string) paid {
	a := v.payments[order]
	if a == nil || a.state != "authorized" && a.state != "captured" {
		v.w.violate("I4", "capture for %s finds %+v", order, a)
		return paid{err: errPermanent}
	}
	if a.state == "authorized" {
		a.state = "captured"
		v.w.check.captured(order, a.amount)
	}
	return paid{state: a.state}
}

func (v *provider) void(order string) paid {
	switch a := v.payments[order]; {
	case a == nil:
		return paid{err: errNoPayment}
	case a.state == "captured":
		v.w.violate("I4", "void for %s, whose money was taken", order)
		return paid{err: errPermanent}
	case a.state == "authorized":
		v.w.counts.Voided++
		a.state = "voided"
	}
	return paid{state: "voided"}
}

func (v *provider) get(order string) paid {
	if a := v.payments[order]; a != nil {
		return paid{state: a.state}
	}
	return paid{err: errNoPayment}
}

// relay works off what is due in the outbox, once.
func (w *world) relay(p *proc) {
	var tasks []task
	_, err := w.ledger.ask(p, relayFinish, func() order { tasks = w.ledger.claim(); return order{} })
	if err != nil { // claimed or not: the lease of a claim ends
		return
	}
	for _, t := range tasks {
		err := w.tell(p, t)
		again := w.now.Add(min(relayBackoff<<min(t.attempts, 11), 5*time.Minute))
		_, _ = w.ledger.ask(p, relayFinish, func() order { w.ledger.finish(t, err == nil, again); return order{} })
	}
}

func (w *world) tell(p *proc, t task) error {
	if t.kind == capture {
		_, err := w.provider.ask(p, relayCall, func() paid { return w.provider.capture(t.order) })
		return err
	}
	if !t.known {
		_, err := w.provider.ask(p, relayCall, func() paid { return w.provider.get(t.order) })
		if errors.Is(err, errNoPayment) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	_, err := w.provider.ask(p, relayCall, func() paid { return w.provider.void(t.order) })
	return err
}
