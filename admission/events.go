package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"frontrow/eventfile"
	"frontrow/internal/failpoint"
	"frontrow/internal/operator"
	"frontrow/internal/records"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
)

const (
	// streamsLease is held by whoever makes an event's streams: SALELOG's list of
	// sources is one value for all events.
	streamsLease = "streams"

	casTries = 8 // of a change to EVENTS, which others change too

	regionTimeout = 30 * time.Second // of one try to make the streams of a region
	regionPause   = 5 * time.Second  // between two tries, and between two checks whether they were requested again
)

// apply puts an event up for sale or changes it.
func (s *Service) apply(ctx context.Context, r operator.Request) (any, error) {
	var req wire.ApplyRequest
	file := eventfile.Read("request", r.Data, &req)
	spec := req.Spec.WithDefaults()
	file.CheckSpec("spec.", req.Spec, nil)
	if err := file.Err(); err != nil {
		return nil, invalid(err)
	}
	p, err := s.plan(ctx, req.Plan)
	if err != nil {
		return nil, err
	}
	next := wire.Event{Spec: spec, Plan: req.Plan, Places: plan.NewIndex(p).Len(), State: wire.EventOpen}
	file.CheckSpec("spec.", req.Spec, &wire.Layout{Categories: p.CategoryNames(), Sections: p.SectionCategories()})
	file.Check("spec.", spec.CheckPlaces(next.Places))
	if err := file.Err(); err != nil {
		return nil, invalid(err)
	}
	now := s.cfg.Now()
	old, _, err := s.read(ctx, spec.ID)
	switch {
	case err == nil:
		err = invalid(old.CheckChange(next, now))
	case absent(err):
		err = invalid(spec.CheckNew(now))
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
			if err := old.CheckChange(next, now); err != nil {
				return e, invalid(err)
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

// plan reads and checks a plan in PLANS.
func (s *Service) plan(ctx context.Context, digest string) (*plan.Plan, error) {
	p, _, err := records.Plan(ctx, s.js, digest)
	var spoiled *wire.Spoiled
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil, wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no plan %q in PLANS: put it there first.", digest))
	case errors.As(err, &spoiled):
		return nil, wire.Refuse(wire.CodeInvalid, spoiled.Why)
	}
	return p, err
}

// invalid refuses what err says is wrong, nothing if it is nil.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return wire.Refuse(wire.CodeInvalid, err.Error())
}

// createStreams makes an event's streams while nobody else makes any.
func (s *Service) createStreams(ctx context.Context, event string) error {
	return s.leader.Alone(ctx, streamsLease, func(ctx context.Context) error {
		changes, _ := streams.Drift(ctx, s.js, append(streams.ForEvent(event, s.cfg.Replicas), streams.ForQueue(event, s.cfg.Replicas)...)...) // Create fails with the same error
		for _, change := range changes {
			s.cfg.Logger.Warn("a stream that is there is put right", "event", event, "change", change)
		}
		return streams.CreateForEvent(ctx, s.js, event, s.cfg.Replicas)
	})
}

// keepRegions makes what an event needs in the regions besides home, and again whenever the
// event is put up again, which so restores what a region has lost.
func (s *Service) keepRegions(ctx context.Context, event string) {
	look := time.NewTicker(regionPause)
	defer look.Stop()
	for made := time.Unix(0, 0); ; {
		if e, _ := s.view.Event(event); !e.At.Equal(made) {
			s.makeRegions(ctx, event)
			made = e.At
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// makeRegions makes an event's queues in the regions besides home, and mirrors of what
// gateways read there, however long a region is unreachable.
func (s *Service) makeRegions(ctx context.Context, event string) {
	var wg sync.WaitGroup
	for _, r := range s.cfg.Regions {
		if r.Domain == "" {
			continue // made when the event was put up
		}
		wg.Go(func() {
			_, _ = backoff.Retry(ctx, func() (struct{}, error) {
				attempt, cancel := context.WithTimeout(ctx, regionTimeout)
				defer cancel()
				return struct{}{}, streams.CreateInRegion(attempt, s.regions[r.Name], event, s.cfg.Domain, s.cfg.Replicas)
			}, backoff.WithBackOff(backoff.NewConstantBackOff(regionPause)), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
				s.cfg.Logger.Warn("region not prepared yet", "event", event, "region", r.Name, "err", err)
			})) // fails only when ctx has ended
		})
	}
	wg.Wait()
}

// flip opens or closes an event.
func (s *Service) flip(ctx context.Context, act, state string, r operator.Request) (any, error) {
	var req wire.EventRequest
	if err := r.Decode(&req); err != nil {
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

// absent reports whether an error of read means that there is no event.
func absent(err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && p.Code == wire.CodeNotFound
}

// read returns an event's record, or its last readable value if it is spoiled, with the
// revision that a write must expect. The error is a *wire.Problem if there is none.
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

// change replaces an event's record by what f makes of it (of nil if there is none), by
// compare-and-swap.
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
