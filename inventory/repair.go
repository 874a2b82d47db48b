package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/records"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"
)

// A seat's record that can't be read is whatever it was when it could be: the
// writer's flushes are the only right writes, and the bucket keeps the last of them.
// Where it keeps none, the seat is out of sale until the log, or the ledger, says
// what it is.

// maxRepairs bounds the seats that are put back at once: they fit one flush.
const maxRepairs = maxRecords

// repair gives the engine seats whose records are spoiled.
func (w *writer) repair(ctx context.Context, spoiled []record) error {
	var back []int
	for _, r := range spoiled {
		if len(back) == maxRepairs { // the others come with the next term
			w.engine.Spoil(r.seat, r.revision)
			continue
		}
		e := kv.Entry{Key: r.key, Value: r.raw, Revision: kv.Revision(r.revision)}
		was, err := records.Last[wire.Seat](ctx, w.spoiled, w.stream, e)
		if err != nil && wire.SpoiledKind(err) == "" {
			return err
		}
		if err != nil || w.engine.Restore(r.seat, was, r.revision) != nil {
			w.engine.Spoil(r.seat, r.revision)
			w.logger.Error("seat is out of sale: its record can't be read", "event_id", w.event.id, "seat", w.event.index.ID(r.seat), "err", err)
			continue
		}
		back = append(back, r.seat)
		w.spoiled.Note(w.stream.Name(), r.key, "")
	}
	if len(back) > 0 {
		w.engine.Repaired(back)
		w.logger.Warn("spoiled records of seats are stored again as they were", "event_id", w.event.id, "seats", len(back))
	}
	return nil
}

// past is what the log says of a seat.
type past struct {
	last  wire.Act // that left it in a state
	until time.Time
	order string
	over  bool // the hold of last has ended
}

// pasts reads from the log what the seats were last.
func (w *writer) pasts(ctx context.Context, seats []string) (map[string]*past, error) {
	entries, err := w.stream.All(ctx, wire.LogPrefix+"*")
	if err != nil {
		return nil, err
	}
	of := make(map[string]*past, len(seats))
	for _, id := range seats {
		of[id] = &past{last: wire.Act{Kind: wire.ActKindRelease}} // never touched
	}
	for _, e := range entries {
		flush, err := records.Read[wire.Flush](w.spoiled, w.stream.Name(), e)
		if err != nil {
			return nil, fmt.Errorf("log record %s: %w", e.Key, err)
		}
		for _, act := range flush.Acts {
			for _, p := range of {
				p.hold(act)
			}
			if _, changes := act.Leaves(); !changes {
				continue
			}
			for _, id := range act.Seats {
				if p := of[id]; p != nil {
					*p = past{last: act}
					p.hold(act)
				}
			}
		}
	}
	return of, nil
}

// hold follows what becomes of the hold that a seat was in.
func (p *past) hold(act wire.Act) {
	if act.Hold == "" || act.Hold != p.last.Hold {
		return
	}
	if act.Until != nil {
		p.until = *act.Until
	}
	switch act.Kind {
	case wire.ActKindCheckout:
		p.order = act.Order
	case wire.ActKindReturn:
		p.order = ""
	case wire.ActKindRelease, wire.ActKindExpire:
		p.over = true
	}
}

// repairWithin is repairFromLog within the time of a reconciliation.
func (w *writer) repairWithin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	return w.repairFromLog(ctx)
}

// repairFromLog makes seats that are out of sale what the log says, once nobody
// can have them: what is sold the reconciliation makes so, and a hold stays the
// fan's until its last deadline.
func (w *writer) repairFromLog(ctx context.Context) error {
	seats, err := own(ctx, w, 0, func(e *seating.Engine, _ time.Time) []string { return e.Spoiled() })
	if err != nil || len(seats) == 0 {
		return err
	}
	if seats, err = w.unknown(ctx, seats); err != nil || len(seats) == 0 {
		return err
	}
	of, err := w.pasts(ctx, seats[:min(len(seats), maxRepairs)])
	if err != nil {
		return err
	}
	for id, p := range of {
		to, free, err := w.verdict(ctx, p)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		if _, err := own(ctx, w, 1, func(e *seating.Engine, now time.Time) bool {
			e.Repair(id, to, p.last.Channel, p.last.Why, now)
			return true
		}); err != nil {
			return err
		}
		w.spoiled.Note(w.stream.Name(), wire.SeatKey(id), "")
		w.logger.Warn("seat is what the log says, since its record can't be read", "event_id", w.event.id, "seat", id, "state", to)
	}
	return nil
}

// unknown are those seats whose records are junk, and not of a later version: what
// that says is the truth for who can read it.
func (w *writer) unknown(ctx context.Context, seats []string) (junk []string, err error) {
	for _, id := range seats {
		e, err := w.stream.Get(ctx, wire.SeatKey(id))
		if err != nil {
			return nil, err
		}
		if _, err = records.Last[wire.Seat](ctx, w.spoiled, w.stream, e); err == nil {
			continue // the next term puts it back
		}
		switch kind := wire.SpoiledKind(err); kind {
		case "":
			return nil, err
		case wire.SpoiledNewer:
		default:
			junk = append(junk, id)
		}
	}
	return junk, nil
}

// verdict is whether a seat is nobody's by now, and what it is then.
func (w *writer) verdict(ctx context.Context, p *past) (to wire.State, free bool, err error) {
	switch to, _ = p.last.Leaves(); {
	case to == wire.Available || to == wire.Blocked:
		return to, true, nil
	case to == wire.Sold:
		return to, false, nil
	case p.over:
		return wire.Available, true, nil
	case !w.now().After(p.until):
		return to, false, nil
	case p.order == "":
		return wire.Available, true, nil
	}
	reply, err := w.ledger.GiveUp(ctx, p.order, w.event.id, p.last.Fan)
	if err != nil {
		return to, false, errors.Join(errors.New("the ledger doesn't say what became of an order"), err)
	}
	return wire.Available, reply.State != wire.OrderPaid, nil
}
