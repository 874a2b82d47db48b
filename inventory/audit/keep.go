package audit

import (
	"time"

	"frontrow/wire"
)

// keepLate is how long after a hold's last deadline the ledger may take to settle
// its payment.
const keepLate = time.Minute

// keepsAreBounded checks holds of every kind. An order that waits for us has its
// hold's bound moved, and is still unacknowledged in ORDERS.
func (a *audit) keepsAreBounded() Check {
	c := Check{Invariant: "I15", Rule: "nobody keeps a seat without buying it for longer than the event allows"}
	life := time.Duration(a.event.Spec.WithDefaults().Hold.Life())
	for id, s := range a.records {
		k := s.Kept
		if s.State != wire.Held || k == nil || s.Until == nil || a.waiting[s.Order] || a.moved[id] {
			continue
		}
		switch c.Looked++; {
		case s.Until.After(k.Until):
			c.breaks("seat %s is held until %v, at most until %v is allowed", id, s.Until, k.Until)
		case a.now.Sub(k.Until) > keepLate:
			c.breaks("seat %s should have come back at %v", id, k.Until)
		case s.Order == "" && k.Until.Sub(k.Since) > life:
			c.breaks("seat %s may be kept from %v to %v, longer than %v", id, k.Since, k.Until, life)
		}
	}
	return c
}
