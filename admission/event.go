package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"frontrow/eventfile"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// streamsLease is held by whoever makes an event's streams: SALELOG's list of
	// sources is one value for all events.
	streamsLease = "streams"

	casTries = 8 // of a change to EVENTS that others change too

	regionPause = 5 * time.Second // between two tries to make the streams of a region that is away, and two looks whether they were asked for again
)

// apply puts an event up for sale or changes it.
func (s *Service) apply(ctx context.Context, _ string, data []byte) (any, error) {
	var req wire.ApplyRequest
	if err := eventfile.Decode("request", data, &req); err != nil {
		return nil, wire.Refuse(wire.CodeInvalid, err.Error())
	}
	spec := req.Spec.WithDefaults()
	if !wire.IsName(spec.ID) {
		return nil, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("id %q: use up to 48 of a-z, 0-9 and '-'", spec.ID))
	}
	p, err := s.plan(ctx, req.Plan)
	if err != nil {
		return nil, err
	}
	if err := spec.Validate(p.CategoryNames()); err != nil {
		return nil, wire.Refuse(wire.CodeInvalid, err.Error())
	}
	next := wire.Event{Spec: spec, Plan: req.Plan, Places: plan.NewIndex(p).Len(), State: wire.EventOpen}
	now := s.cfg.Now()
	old, _, err := s.read(ctx, spec.ID)
	switch {
	case err == nil:
		err = changeable(old, next, now)
	case !absent(err):
	case spec.Over(now) || !spec.StartsAt.IsZero() && !now.Before(spec.StartsAt):
		err = wire.Refuse(wire.CodeInvalid, "starts_at, sale_ends_at: the event is over before it is put up. It starts "+
			wire.FormatInstant(spec.StartsAt, spec.Zone())+", and it is "+wire.FormatInstant(now, spec.Zone())+".")
	default:
		err = nil // a new one
	}
	if err != nil {
		return nil, err
	}
	if err := s.logAct(ctx, spec.ID, "apply", req.By, req); err != nil {
		return nil, err
	}
	if err := s.createStreams(ctx, spec.ID); err != nil {
		return nil, err
	}
	failpoint.Here(failpoint.StreamsMade)
	event, err := s.change(ctx, spec.ID, func(old *wire.Event) (wire.Event, error) {
		e := next
		if old != nil {
			if err := changeable(*old, next, now); err != nil {
				return e, err
			}
			e.State = old.State
		}
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	failpoint.Here(failpoint.EventStored)
	return wire.ApplyReply{Event: event}, nil
}

// plan reads and checks a plan of PLANS.
func (s *Service) plan(ctx context.Context, digest string) (*plan.Plan, error) {
	missing := wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no plan %q in PLANS: put it there first.", digest))
	if digest == "" {
		return nil, missing
	}
	store, err := s.js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", wire.PlansObjects, err)
	}
	info, err := store.GetInfo(ctx, digest)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, missing
	}
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	if info.Size > plan.MaxPlanBytes {
		return nil, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The plan has %d bytes, more than %d.", info.Size, plan.MaxPlanBytes))
	}
	raw, err := store.GetBytes(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, wire.Refuse(wire.CodeInvalid, "The plan is not right: "+err.Error())
	}
	if got := plan.Digest(p); got != digest {
		return nil, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The object named %q is the plan %s.", digest, got))
	}
	return p, nil
}

// changeable refuses what can not change once there are seats, holds and
// orders: they are counted by plan and level and priced in the currency. What fans
// were told of when and how they are called stands once they have come for it.
func changeable(old, next wire.Event, now time.Time) error {
	was, is := old.Spec.WithDefaults(), next.Spec.WithDefaults()
	begun := !now.Before(was.OpensAt) // an opening of zero: at once
	room := !now.Before(was.Admission.RoomOpensAt)
	levels := func(s wire.Spec) (ids []string) {
		for _, l := range s.Levels {
			categories := slices.Sorted(slices.Values(l.Categories))
			ids = append(ids, fmt.Sprintf("%s %q", l.ID, categories))
		}
		slices.Sort(ids)
		return ids
	}
	switch {
	case old.Plan != next.Plan:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The plan of %q can not change. Put it up as another event.", old.Spec.ID))
	case old.Spec.Currency != next.Spec.Currency:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The currency of %q can not change. Put it up as another event.", old.Spec.ID))
	case !slices.Equal(levels(old.Spec), levels(next.Spec)):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The levels of %q and their categories can not change, only names and prices.", old.Spec.ID))
	case begun && now.Before(is.OpensAt):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("opens_at: %q is on sale already, so that can not be moved ahead. To stop the sale, close it: frontrow.event.close.", was.ID))
	case room && now.Before(is.Admission.RoomOpensAt):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("admission.room_opens_at: fans stand in the queue of %q already. To let nobody else join, drain it: frontrow.admission.drain.%s.", was.ID, was.ID))
	case room && was.Admission.Lottery != is.Admission.Lottery:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("admission.lottery: fans have joined %q by the rule that was published. It can not change any more.", was.ID))
	case begun && was.Admission.Lottery && !was.OpensAt.Equal(is.OpensAt):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("opens_at: the draw of %q has been held at it.", was.ID))
	}
	return nil
}

// createStreams makes an event's streams while nobody else makes any.
func (s *Service) createStreams(ctx context.Context, event string) (err error) {
	alone, done := context.WithCancel(ctx)
	defer done()
	held := false
	_ = s.leases.Hold(alone, streamsLease, func(ctx context.Context, _ uint64) error {
		defer done()
		held = true
		changes, _ := wire.Drift(ctx, s.js, append(wire.ForEvent(event, s.cfg.Replicas), wire.ForQueue(event, s.cfg.Replicas)...)...) // its error is Create's too
		for _, change := range changes {
			s.cfg.Logger.Warn("a stream that is there is put right", "event", event, "change", change)
		}
		err = wire.CreateForEvent(ctx, s.js, event, s.cfg.Replicas)
		return nil
	})
	if !held {
		return fmt.Errorf("streams of %s: %w", event, ctx.Err())
	}
	return err
}

// keepSettled settles the event, and again whenever it is put up again: what was lost
// in a region is made anew by that.
func (a *admitter) keepSettled(ctx context.Context) {
	look := time.NewTicker(regionPause)
	defer look.Stop()
	for settled := time.Unix(0, 0); ; {
		if e, _ := a.view.Event(a.id); !e.At.Equal(settled) {
			a.settle(ctx, a.id)
			settled = e.At
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// settle makes what an event needs in the regions beside home, however long
// one is away: its queues, and mirrors of what gateways read.
func (s *Service) settle(ctx context.Context, event string) {
	var wg sync.WaitGroup
	for _, r := range s.cfg.Regions {
		if r.Domain == "" {
			continue // made when the event was put up
		}
		wg.Go(func() {
			for {
				attempt, cancel := context.WithTimeout(ctx, takeOverTimeout)
				err := wire.CreateInRegion(attempt, s.regions[r.Name], event, s.cfg.Domain, s.cfg.Replicas)
				cancel()
				if err == nil || ctx.Err() != nil {
					return
				}
				s.cfg.Logger.Warn("region not prepared yet", "event", event, "region", r.Name, "error", err)
				select {
				case <-ctx.Done():
					return
				case <-time.After(regionPause):
				}
			}
		})
	}
	wg.Wait()
}

// flip opens or closes an event.
func (s *Service) flip(ctx context.Context, act, state string, data []byte) (any, error) {
	var req wire.EventRequest
	if err := decode(data, &req); err != nil {
		return nil, err
	}
	if _, _, err := s.read(ctx, req.Event); err != nil {
		return nil, err
	}
	if err := s.logAct(ctx, req.Event, act, req.By, req); err != nil {
		return nil, err
	}
	return s.change(ctx, req.Event, func(old *wire.Event) (wire.Event, error) {
		if old == nil {
			return wire.Event{}, noEvent(req.Event)
		}
		e := *old
		e.State = state
		return e, nil
	})
}

func noEvent(id string) error {
	return wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", id))
}

// absent tells whether an error of read says that there is no event.
func absent(err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && p.Code == wire.CodeNotFound
}

// read is an event's record, or what it was before somebody spoilt it, with the
// revision to write behind; a *wire.Problem if there is none.
func (s *Service) read(ctx context.Context, id string) (wire.Event, kv.Revision, error) {
	var event wire.Event
	if !wire.IsName(id) {
		return event, 0, noEvent(id)
	}
	e, err := s.events.Get(ctx, id)
	if errors.Is(err, kv.ErrNotFound) {
		return event, 0, noEvent(id)
	}
	if err != nil {
		return event, 0, fmt.Errorf("event %s: %w", id, err)
	}
	event, err = records.Last[wire.Event](ctx, s.spoiled, &s.events.Stream, e)
	switch kind := wire.SpoiledKind(err); {
	case kind == wire.SpoiledNewer:
		return event, 0, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The record of %q is of a later version of frontrow: use that.", id))
	case kind != "":
		return event, e.Revision, noEvent(id) // nothing else was ever stored
	case err != nil:
		return event, 0, fmt.Errorf("event %s: %w", id, err)
	}
	return event, e.Revision, nil
}

// change replaces an event's record by what f makes of it (of nil, if there is
// none), by compare-and-swap.
func (s *Service) change(ctx context.Context, id string, f func(*wire.Event) (wire.Event, error)) (wire.Event, error) {
	for try := 1; ; try++ {
		old, revision, err := s.read(ctx, id)
		var known *wire.Event
		switch {
		case err == nil:
			known = &old
		case !absent(err):
			return old, err
		}
		next, err := f(known)
		if err != nil {
			return next, err
		}
		next.At = s.cfg.Now().UTC()
		value, err := json.Marshal(next)
		if err != nil {
			return next, err
		}
		_, err = s.events.Update(ctx, id, value, revision)
		if err == nil {
			s.spoiled.Note(wire.EventsBucket, id, "")
			return next, nil
		}
		if !errors.Is(err, kv.ErrConflict) || try == casTries {
			return next, fmt.Errorf("event %s: %w", id, err)
		}
	}
}
