package pricing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/operator"
	"frontrow/pricing/rules"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// endpoints are what operators may ask for. Any instance answers: what is done is decided by
// the log, whoever is the pricer.
func (s *Service) endpoints() []operator.Endpoint {
	endpoint := func(act, about, request, response string, do operator.Handler) operator.Endpoint {
		return operator.Endpoint{Name: "pricing-" + act, Subject: wire.OperatorSubject(wire.Pricing, act, "*"), About: about, Request: request, Response: response, Do: do}
	}
	return []operator.Endpoint{
		endpoint("status", "the prices of an event's levels, with their history", "{}", "Status", s.status),
		endpoint("propose", "proposes a price that the rails of a level allow now, where changes need approval", `{"level":"stalls","total":12500,"why":"…","by":"…"}`, "Status", s.acting(wire.PriceActPropose)),
		endpoint("approve", "approves the open proposal, of the rules or of another operator; the last approval that is needed moves the prices", `{"on":17,"why":"…","by":"…"}`, "Status", s.acting(wire.PriceActApprove)),
		endpoint("reject", "rejects the open proposal; for a while the rules make no other", `{"on":17,"why":"…","by":"…"}`, "Status", s.acting(wire.PriceActReject)),
		endpoint("freeze", "stops the rules of a level, or of all: prices stay as they are until resume", `{"level":"stalls","why":"…","by":"…"}`, "Status", s.acting(wire.PriceActFreeze)),
		endpoint("resume", "lets the rules of a level, or of all, go on", `{"level":"stalls","why":"…","by":"…"}`, "Status", s.acting(wire.PriceActResume)),
		endpoint("set", "gives a level a price that its rails allow now; then its rules go on from there, unless it is frozen", `{"level":"stalls","total":12500,"why":"…","by":"…"}`, "Status", s.acting(wire.PriceActSet)),
	}
}

// acting returns the handler of an act. The act is its own record in the sale log, with who
// and why; repeating it changes nothing.
func (s *Service) acting(kind string) operator.Handler {
	return func(ctx context.Context, r operator.Request) (any, error) {
		var asked wire.PriceRequest
		if err := r.Decode(&asked); err != nil {
			return nil, err
		}
		if err := operator.Said(asked.Why, asked.By); err != nil {
			return nil, err
		}
		if prices := kind == wire.PriceActSet || kind == wire.PriceActPropose; prices != (asked.Total != nil) || prices && asked.Level == "" {
			return nil, wire.Refuse(wire.CodeInvalid, `Only set and propose take a "total", in minor units and with all fees, and the "level" that it is for.`)
		}
		if on := kind == wire.PriceActApprove || kind == wire.PriceActReject; on != (asked.On > 0) || on && asked.Level != "" {
			return nil, wire.Refuse(wire.CodeInvalid, `Only approve and reject take "on", the number of the act with the proposal, and no level: status has it.`)
		}
		e := s.leader.Event(r.Event)
		if e == nil {
			return nil, wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", r.Event))
		}
		spec := e.Record().Spec.WithDefaults()
		if err := spec.CheckPricing(); err != nil {
			return nil, wire.Refuse(wire.CodeInvalid, "The event's rules can't be kept: "+err.Error())
		}
		act := wire.PriceAct{Kind: kind, At: s.cfg.Now().UTC().Round(0), By: asked.By, Why: asked.Why, Level: asked.Level, On: asked.On, Rules: spec.PriceRules()}
		if asked.Total != nil {
			act.Total = *asked.Total
		}
		if _, err := s.book(e.ID).act(ctx, act); err != nil && !errors.Is(err, rules.ErrNothing) {
			return nil, err
		}
		return s.status(ctx, operator.Request{Event: r.Event})
	}
}

// Status is what frontrow.pricing.status.<event> answers.
type Status struct {
	Event    string                `json:"event"`
	Mode     string                `json:"mode"` // wire.Pricing…
	Act      int64                 `json:"act"`  // the last in the log
	Pricer   string                `json:"pricer"`
	At       time.Time             `json:"at,omitzero"` // of it
	Currency string                `json:"currency"`
	Proposal *wire.PriceProposal   `json:"proposal,omitempty"` // waiting for approval, or rejected
	Levels   map[string]LevelState `json:"levels"`
}

// LevelState is a level's price and those before it, newest first.
type LevelState struct {
	Name    string       `json:"name"`
	Frozen  bool         `json:"frozen,omitempty"`
	Rails   *wire.Rails  `json:"rails,omitempty"` // nil: no rule moves it
	Now     *wire.Price  `json:"now,omitempty"`
	History []wire.Price `json:"history,omitempty"`
}

func (s *Service) status(ctx context.Context, r operator.Request) (any, error) {
	e := s.leader.Event(r.Event)
	if e == nil {
		return nil, wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", r.Event))
	}
	spec := e.Record().Spec.WithDefaults()
	last, _, err := s.book(e.ID).last(ctx)
	if err != nil {
		return nil, err
	}
	bucket, err := s.js.KeyValue(ctx, wire.PricesBucket)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	status := Status{Event: e.ID, Mode: spec.Pricing.Mode, Act: last.N, Pricer: last.Pricer, At: last.At, Currency: spec.Currency, Proposal: last.Proposal, Levels: map[string]LevelState{}}
	for _, l := range spec.Levels {
		state := LevelState{Name: l.Name, Frozen: last.Levels[l.ID].Frozen}
		if rails, moves := spec.Pricing.RailsOf(l.ID); moves {
			state.Rails, state.Frozen = &rails, state.Frozen || rails.Freeze
		}
		entries, err := bucket.History(ctx, wire.PriceKey(e.ID, l.ID))
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, fmt.Errorf("history of %s: %w", l.ID, err)
		}
		for _, e := range entries {
			p, err := wire.Read[wire.Price](e.Key(), e.Value())
			if err != nil {
				continue // junk was never in force
			}
			state.Now = &p
			if len(state.History) > 0 && state.History[0].Version == p.Version { // something else was said of it
				state.History[0] = p
				continue
			}
			state.History = append([]wire.Price{p}, state.History...)
		}
		status.Levels[l.ID] = state
	}
	return status, nil
}
