package audit

import "frontrow/wire"

// reductionsAreWithinLimits counts codes by hold, and concessions by seat, of what is held and
// sold. It uses the limits as they are now, so lowering one during a sale shows up here.
func (a *audit) reductionsAreWithinLimits() Check {
	c := Check{Invariant: "I8", Rule: "no code and no concession is used more often than the event allows"}
	type use struct{ id, fan string }
	spec := a.event.Spec.WithDefaults()
	concessions, orders, ofFans := map[use]int{}, map[string]int{}, map[use]int{}
	counted := map[use]bool{} // promotions, by hold
	for _, s := range a.records {
		if s.State != wire.Held && s.State != wire.Sold || s.Quote == nil {
			continue
		}
		if id := s.Quote.Concession; id != "" {
			c.Looked++
			concessions[use{id, s.Fan}]++
		}
		if id := s.Quote.Promotion; id != "" && !counted[use{id, s.Hold}] {
			c.Looked++
			counted[use{id, s.Hold}] = true
			orders[id]++
			ofFans[use{id, s.Fan}]++
		}
	}
	for _, p := range spec.Promotions {
		if n := orders[p.ID]; p.Limit > 0 && n > p.Limit {
			c.breaks("promotion %s is used by %d orders of %d", p.ID, n, p.Limit)
		}
	}
	for u, n := range ofFans {
		if p, ok := spec.Promotion(u.id); ok && n > p.PerFan {
			c.breaks("promotion %s is used by fan %s in %d orders of %d", u.id, u.fan, n, p.PerFan)
		}
	}
	for u, n := range concessions {
		if k, ok := spec.Concession(u.id); ok && k.PerFan > 0 && n > k.PerFan {
			c.breaks("fan %s has %d seats of %s of %d", u.fan, n, u.id, k.PerFan)
		}
	}
	return c
}
