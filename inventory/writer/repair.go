package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// A seat's record of the version before that can't be read is whatever it was when it
// could be: the writer's flushes were the only right writes, and the bucket keeps the last.
// Where it keeps none, the seat is out of sale until the log, or the ledger, says
// what it is.

// maxRepairs bounds the seats that are put back at once: they fit one flush.
const maxRepairs = MaxSeats

// repair gives the engine seats whose records are spoiled.
func (t *term) repair(ctx context.Context, spoiled []record) error {
	var back []int
	for _, r := range spoiled {
		if len(back) == maxRepairs { // the others come with the next term
			t.engine.Spoil(r.seat, r.revision)
			continue
		}
		e := kv.Entry{Key: r.key, Value: r.raw, Revision: kv.Revision(r.revision)}
		was, err := records.Last[wire.Seat](ctx, t.spoiled, t.stream, e)
		if err != nil && wire.SpoiledKind(err) == "" {
			return err
		}
		if err != nil || t.engine.Restore(r.seat, was, r.revision) != nil {
			t.engine.Spoil(r.seat, r.revision)
			t.cfg.Logger.Error("seat is out of sale: its record can't be read", "event", t.event.id, "seat", t.event.index.ID(r.seat), "err", err)
			continue
		}
		back = append(back, r.seat)
		t.spoiled.Note(t.stream.Name(), r.key, "")
	}
	if len(back) > 0 {
		t.engine.Repaired(back)
		t.cfg.Logger.Warn("spoiled records of seats are stored again as they were", "event", t.event.id, "seats", len(back))
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
func (t *term) pasts(ctx context.Context, seats []string) (map[string]*past, error) {
	entries, err := t.stream.All(ctx, wire.LogPrefix+"*")
	if err != nil {
		return nil, err
	}
	of := make(map[string]*past, len(seats))
	for _, id := range seats {
		of[id] = &past{last: wire.Act{Kind: wire.ActKindRelease}} // never touched
	}
	for _, e := range entries {
		flush, err := records.Read[wire.Flush](t.spoiled, t.stream.Name(), e)
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
func (t *term) repairWithin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	return t.repairFromLog(ctx)
}

// repairFromLog makes seats that are out of sale what the log says, once nobody
// can have them: what is sold the reconciliation makes so, and a hold stays the
// fan's until its last deadline.
func (t *term) repairFromLog(ctx context.Context) error {
	seats, err := askWriter[[]string](ctx, t, actSpoiled, &spoiledSeats{})
	if err != nil || len(seats) == 0 {
		return err
	}
	if seats, err = t.unknown(ctx, seats); err != nil || len(seats) == 0 {
		return err
	}
	of, err := t.pasts(ctx, seats[:min(len(seats), maxRepairs)])
	if err != nil {
		return err
	}
	for id, p := range of {
		to, free, err := t.verdict(ctx, p)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		if _, err := askWriter[wire.Reply](ctx, t, actRepair, &repaired{id, to, p.last.Channel, p.last.Why}); err != nil {
			return err
		}
		t.spoiled.Note(t.stream.Name(), wire.SeatKey(id), "")
		t.cfg.Logger.Warn("seat is what the log says, since its record can't be read", "event", t.event.id, "seat", id, "state", to)
	}
	return nil
}

// unknown are those seats whose records are junk, and not of a later version: what
// that says is the truth for who can read it.
func (t *term) unknown(ctx context.Context, seats []string) (junk []string, err error) {
	for _, id := range seats {
		e, err := t.stream.Get(ctx, wire.SeatKey(id))
		if err != nil {
			return nil, err
		}
		if _, err = records.Last[wire.Seat](ctx, t.spoiled, t.stream, e); err == nil {
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
func (t *term) verdict(ctx context.Context, p *past) (to wire.State, free bool, err error) {
	switch to, _ = p.last.Leaves(); {
	case to == wire.Available || to == wire.Blocked:
		return to, true, nil
	case to == wire.Sold:
		return to, false, nil
	case p.over:
		return wire.Available, true, nil
	case !t.cfg.Now().After(p.until):
		return to, false, nil
	case p.order == "":
		return wire.Available, true, nil
	}
	reply, err := t.cfg.Ledger.GiveUp(ctx, p.order, t.event.id, p.last.Fan)
	if err != nil {
		return to, false, errors.Join(errors.New("the ledger doesn't say what became of an order"), err)
	}
	return wire.Available, reply.State != wire.OrderPaid, nil
}
