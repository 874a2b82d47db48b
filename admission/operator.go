package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"frontrow/admission/meter"
	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const (
	operatorTimeout = 8 * time.Second // of one request, end to end
	maxMessage      = 500             // bytes of an operator's message on the board
	maxRate         = 10_000_000      // fans a minute
)

// Acts of a MeterRequest.
const (
	actStatus = "status"
	actPause  = "pause"
	actResume = "resume"
	actRate   = "rate"

	actMessage = "message"
	actDrain   = "drain"
)

// serveOperators answers frontrow.admission.* and frontrow.event.* until ctx ends.
func (s *Service) serveOperators(ctx context.Context) error {
	if err := s.view.Await(ctx); err != nil {
		return err
	}
	service, err := micro.AddService(s.cfg.NATS, micro.Config{
		Name: wire.ServiceAdmission, Version: s.cfg.Version,
		Description: "Calls fans from the queue of an event and gives out their passes.",
		Metadata:    map[string]string{"instance": s.cfg.Name},
	})
	if err != nil {
		return fmt.Errorf("service %s: %w", wire.ServiceAdmission, err)
	}
	defer func() { _ = service.Stop() }()
	for _, e := range s.endpoints() {
		err := service.AddEndpoint(e.name, micro.HandlerFunc(func(r micro.Request) { answer(ctx, r, e.handle) }),
			micro.WithEndpointSubject(e.subject), micro.WithEndpointMetadata(map[string]string{
				"description": e.what, "request": e.request, "response": e.response,
			}))
		if err != nil {
			return fmt.Errorf("endpoint %s: %w", e.subject, err)
		}
	}
	if err := s.cfg.NATS.FlushTimeout(operatorTimeout); err != nil {
		return fmt.Errorf("service %s: %w", wire.ServiceAdmission, err)
	}
	s.ready.Store(true)
	<-ctx.Done()
	return nil
}

// handler does one request: a *wire.Problem is a refusal, and any other error
// means that the outcome is for the operator to look up.
type handler func(ctx context.Context, subject string, data []byte) (any, error)

type endpoint struct {
	name, subject           string
	what, request, response string
	handle                  handler
}

func (s *Service) endpoints() []endpoint {
	about := func(act, what, request string) endpoint {
		return endpoint{"admission-" + act, wire.OperatorSubject("admission", act, "*"), what, request, "MeterReply",
			func(ctx context.Context, subject string, data []byte) (any, error) {
				return s.forward(ctx, act, subject[strings.LastIndexByte(subject, '.')+1:], data)
			}}
	}
	return []endpoint{
		about(actStatus, "The admitter's state: head, calls, passes alive, what it goes by.", "{}"),
		about(actPause, "Call nobody until resumed. Called fans may still come in.", `{"message"?: text for everybody, "by"?}`),
		about(actResume, "Call fans again. What was said when they were paused is taken back.", `{"message"?: text for everybody, "by"?}`),
		about(actRate, "Call at most so many fans a minute; 0 is what the event's spec says.", `{"rate_per_minute": n, "by"?}`),
		about(actMessage, "Tell everybody in the queue something, and change nothing else.", `{"message": text, "" to clear it, "by"?}`),
		about(actDrain, "End the queue: nobody else can join or is called; called fans may still come in. Resume takes it back.", `{"message"?: text for everybody, "by"?}`),
		{"admission-revoke", wire.OperatorSubject("admission", wire.ActRevoke, "*"),
			"Withdraw a fan's pass, or all passes given out until now; for good. Seats that they hold go back on sale.",
			`{"fan": "f_…"} or {"all": true}, "why"?, "by"?`, "RevokeReply",
			func(ctx context.Context, subject string, data []byte) (any, error) {
				return s.forwardRevoke(ctx, subject[strings.LastIndexByte(subject, '.')+1:], data)
			}},
		{"event-apply", wire.EventApplySubject, "Put an event up for sale, or change its name, dates, prices, limits or pace. The plan is in PLANS.",
			`{"spec": {…}, "plan": digest, "by"?}`, "ApplyReply", s.apply},
		{"event-open", wire.EventOpenSubject, "Open a closed event again.", `{"event": id, "by"?}`, "Event",
			func(ctx context.Context, _ string, data []byte) (any, error) {
				return s.flip(ctx, "open", wire.EventOpen, data)
			}},
		{"event-close", wire.EventCloseSubject, "Close an event: nobody is called or gets a pass.", `{"event": id, "by"?}`, "Event",
			func(ctx context.Context, _ string, data []byte) (any, error) {
				return s.flip(ctx, "close", wire.EventClosed, data)
			}},
	}
}

// answer runs a handler and renders what it says as the micro protocol does.
func answer(ctx context.Context, r micro.Request, handle handler) {
	if !wire.Asked(r.Reply()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	reply, err := handle(ctx, r.Subject(), r.Data())
	if err == nil {
		_ = r.RespondJSON(reply) // fails only when the asker can't be reached
		return
	}
	var p *wire.Problem
	if !errors.As(err, &p) {
		p = wire.Busy(err.Error())
	}
	body, _ := json.Marshal(p) // strings and numbers: can't fail
	_ = r.Error(string(p.Code), p.Detail, body)
}

// decode reads a request.
func decode(data []byte, into any) error {
	if p := wire.DecodeStrictly(data, into); p != nil {
		return p
	}
	return nil
}

// forward passes an operator's request on to the admitter of the event.
func (s *Service) forward(ctx context.Context, act, event string, data []byte) (any, error) {
	var req wire.MeterRequest
	if err := decode(data, &req); err != nil {
		return nil, err
	}
	req.Act = act
	var reply wire.MeterReply
	if err := s.tellAdmitter(ctx, event, wire.ActMeter, req, &reply); err != nil {
		return nil, err
	}
	if reply.Problem != nil {
		return nil, reply.Problem
	}
	return reply, nil
}

func (s *Service) forwardRevoke(ctx context.Context, event string, data []byte) (any, error) {
	var req wire.RevokeRequest
	if err := decode(data, &req); err != nil {
		return nil, err
	}
	var reply wire.RevokeReply
	if err := s.tellAdmitter(ctx, event, wire.ActRevoke, req, &reply); err != nil {
		return nil, err
	}
	if reply.Problem != nil {
		return nil, reply.Problem
	}
	return reply, nil
}

// tellAdmitter asks an event's admitter to act, and decodes what it says.
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

// logAct records an operator's act before it is done: there is no act without its record.
func (s *Service) logAct(ctx context.Context, event, act, by string, payload any) error {
	raw, err := json.Marshal(wire.OperatorAct{Act: act, By: by, At: s.cfg.Now().UTC(), Payload: payload})
	if err != nil {
		return err
	}
	if _, err := kv.Publish(ctx, s.cfg.NATS, []kv.Msg{{Subject: wire.LogSubject(event, wire.LogOperator), Data: raw}}); err != nil {
		return wire.Busy("Nothing was done, since it could not be logged: " + err.Error())
	}
	failpoint.Here(failpoint.ActLogged)
	return nil
}

// onMeter answers what is forwarded to this admitter.
func (a *admitter) onMeter(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(a.ctx, operatorTimeout)
	defer cancel()
	if err := a.obey(ctx, m.Data); err != nil {
		var p *wire.Problem
		if !errors.As(err, &p) {
			p = wire.Busy(err.Error())
		}
		respond(m, wire.MeterReply{Event: a.id, Problem: p})
		return
	}
	respond(m, a.status())
}

// obey does an operator's act: durably first, then on the board.
func (a *admitter) obey(ctx context.Context, data []byte) error {
	var req wire.MeterRequest
	if err := decode(data, &req); err != nil {
		return err
	}
	if req.Act == actStatus {
		return nil
	}
	if err := check(req); err != nil {
		return err
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.logAct(ctx, a.id, req.Act, req.By, req); err != nil {
		return err
	}
	a.mu.Lock()
	next := a.state
	a.mu.Unlock()
	switch req.Act {
	case actPause:
		next.Paused = true
	case actResume:
		if next.Paused || next.Draining {
			next.Message = ""
		}
		next.Paused, next.Draining = false, false
	case actDrain:
		next.Draining = true
	case actRate:
		next.Rate = *req.RatePerMinute
	}
	if req.Message != nil {
		next.Message = *req.Message
	}
	next.At = a.cfg.Now().UTC()
	if err := a.store(ctx, next); err != nil {
		if !notStored(err) {
			a.fail(fmt.Errorf("record: %w", err))
		}
		return wire.Busy("It could not be stored just now: " + err.Error())
	}
	if next.Paused || next.Draining {
		a.spread = meter.Spread{} // not let out yet, and not to be
	}
	if err := a.publish(ctx, a.scene(), true); err != nil {
		a.fail(err)
	}
	return nil
}

func check(req wire.MeterRequest) error {
	switch {
	case !slices.Contains([]string{actPause, actResume, actRate, actMessage, actDrain}, req.Act):
		return wire.Refuse(wire.CodeBadRequest, fmt.Sprintf("There is no act %q.", req.Act))
	case req.Act == actRate && req.RatePerMinute == nil:
		return wire.Refuse(wire.CodeInvalid, `Say {"rate_per_minute": n}; 0 is what the event's spec says.`)
	case req.Act == actMessage && req.Message == nil:
		return wire.Refuse(wire.CodeInvalid, `Say {"message": text}; "" clears it.`)
	case req.Act != actRate && req.RatePerMinute != nil:
		return wire.Refuse(wire.CodeInvalid, "rate_per_minute belongs to rate.")
	case req.RatePerMinute != nil && (*req.RatePerMinute < 0 || *req.RatePerMinute > maxRate):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("rate_per_minute is between 0 and %d.", maxRate))
	case req.Message != nil && len(*req.Message) > maxMessage:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("message has at most %d bytes.", maxMessage))
	}
	return nil
}

func (a *admitter) status() wire.MeterReply {
	s := a.scene()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.Expire(s.Now)
	show, _ := a.roll.Show()
	r := wire.MeterReply{
		Event: a.id, Admitter: a.cfg.Name, Term: a.term, State: a.state, Waiting: a.uncalled(),
		Alive: a.roll.Alive(), Coming: int(math.Ceil(a.roll.Coming(s.Now))), Show: round(show),
		Buys: round(a.demand.Buys), PerFan: round(a.demand.PerFan()), Free: s.Stock.All.Free, Why: a.why, Absent: a.queues.Absent(), At: s.Now.UTC(),
	}
	for _, l := range a.queues.Lives() {
		r.Joined += l.Joined() - l.From
	}
	return r
}
