package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"frontrow/admission/admitter"
	"frontrow/internal/operator"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// serveOperators answers frontrow.admission.* and frontrow.event.* until ctx ends.
func (s *Service) serveOperators(ctx context.Context) error {
	if err := s.view.Await(ctx); err != nil {
		return err
	}
	stop, err := operator.Serve(ctx, operator.Config{
		NATS: s.cfg.NATS, Name: wire.ServiceAdmission, Version: s.cfg.Version, Logger: s.cfg.Logger,
		Description: "Calls fans from the queue of an event and gives out their passes.",
		Metadata:    map[string]string{"instance": s.cfg.Name},
	}, s.endpoints()...)
	if err != nil {
		return err
	}
	defer stop()
	if err := s.cfg.NATS.FlushTimeout(operator.DefaultTimeout); err != nil {
		return fmt.Errorf("service %s: %w", wire.ServiceAdmission, err)
	}
	s.ready.Store(true)
	<-ctx.Done()
	return nil
}

func (s *Service) endpoints() []operator.Endpoint {
	about := func(act, what, request string) operator.Endpoint {
		return operator.Endpoint{Name: "admission-" + act, Subject: wire.OperatorSubject("admission", act, "*"), About: what, Request: request, Response: "MeterReply",
			Do: func(ctx context.Context, r operator.Request) (any, error) { return s.forward(ctx, act, r) }}
	}
	return []operator.Endpoint{
		about(admitter.ActStatus, "The admitter's state: head, calls, passes alive, what it goes by.", "{}"),
		about(admitter.ActPause, "Call nobody until resumed. Called fans may still come in.", `{"message"?: text for everybody, "by"?}`),
		about(admitter.ActResume, "Call fans again. What was said when they were paused is taken back.", `{"message"?: text for everybody, "by"?}`),
		about(admitter.ActRate, "Call at most so many fans a minute; 0 is what the event's spec says.", `{"rate_per_minute": n, "by"?}`),
		about(admitter.ActMessage, "Tell everybody in the queue something, and change nothing else.", `{"message": text, "" to clear it, "by"?}`),
		about(admitter.ActDrain, "End the queue: nobody else can join or is called; called fans may still come in. Resume takes it back.", `{"message"?: text for everybody, "by"?}`),
		{Name: "admission-revoke", Subject: wire.OperatorSubject("admission", wire.ActRevoke, "*"),
			About:   "Withdraw a fan's pass, or all passes given out until now; for good. Seats that they hold go back on sale.",
			Request: `{"fan": "f_…"} or {"all": true}, "why"?, "by"?`, Response: "RevokeReply", Do: s.forwardRevoke},
		{Name: "event-apply", Subject: wire.EventApplySubject,
			About:   "Put an event up for sale, or change its name, dates, prices, limits or pace. The plan is in PLANS.",
			Request: `{"spec": {…}, "plan": digest, "by"?}`, Response: "ApplyReply", Do: s.apply},
		{Name: "event-open", Subject: wire.EventOpenSubject, About: "Open a closed event again.", Request: `{"event": id, "by"?}`, Response: "Event",
			Do: func(ctx context.Context, r operator.Request) (any, error) {
				return s.flip(ctx, "open", wire.EventOpen, r)
			}},
		{Name: "event-close", Subject: wire.EventCloseSubject, About: "Close an event: nobody is called or gets a pass.", Request: `{"event": id, "by"?}`, Response: "Event",
			Do: func(ctx context.Context, r operator.Request) (any, error) {
				return s.flip(ctx, "close", wire.EventClosed, r)
			}},
	}
}

// forward passes an operator's request on to the admitter of the event.
func (s *Service) forward(ctx context.Context, act string, r operator.Request) (any, error) {
	var req wire.MeterRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	req.Act = act
	var reply wire.MeterReply
	if err := s.tellAdmitter(ctx, r.Event, wire.ActMeter, req, &reply); err != nil {
		return nil, err
	}
	if reply.Problem != nil {
		return nil, reply.Problem
	}
	return reply, nil
}

func (s *Service) forwardRevoke(ctx context.Context, r operator.Request) (any, error) {
	var req wire.RevokeRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	var reply wire.RevokeReply
	if err := s.tellAdmitter(ctx, r.Event, wire.ActRevoke, req, &reply); err != nil {
		return nil, err
	}
	if reply.Problem != nil {
		return nil, reply.Problem
	}
	return reply, nil
}

// tellAdmitter asks an event's admitter to act, and decodes its reply.
func (s *Service) tellAdmitter(ctx context.Context, event, act string, req, reply any) error {
	if _, ok := s.view.Event(event); !ok {
		return wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", event))
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return err
	}
	m, err := s.cfg.NATS.RequestWithContext(ctx, wire.PassesSubject(event, act), raw)
	if errors.Is(err, nats.ErrNoResponders) {
		return wire.Busy("The event has no admitter just now. Try again.")
	}
	if err != nil {
		return wire.Busy("The admitter did not answer, and may have done it: ask for its status.")
	}
	if err := json.Unmarshal(m.Data, reply); err != nil {
		return fmt.Errorf("answer of the admitter: %w", err)
	}
	return nil
}

// logAct records an operator's act before it is done.
func (s *Service) logAct(ctx context.Context, event, act, by string, payload any) error {
	return operator.Log(ctx, s.log, event, wire.OperatorAct{Act: act, By: by, At: s.cfg.Now().UTC(), Payload: payload})
}
