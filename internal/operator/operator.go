package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// DefaultTimeout bounds a request, from its arrival to its answer.
const DefaultTimeout = 8 * time.Second

// Config describes a service to operators, who see it with `nats micro info`. All but
// Metadata are required.
type Config struct {
	NATS        *nats.Conn
	Name        string // one of the Service… of package wire
	Version     string // of the build, as semantic versioning writes it
	Description string
	Metadata    map[string]string
	Logger      *slog.Logger // gets answers that can't be sent
}

// Endpoint is one act that operators can ask for.
type Endpoint struct {
	Name, Subject            string
	About, Request, Response string // for people: what it does, the payload, the answer; may be empty

	Timeout time.Duration // of a request; 0: DefaultTimeout
	// AtOnce is how many requests are done at once; more are told to try again. 0: one
	// after the other, and the others wait.
	AtOnce int
	// Everybody is set if each process answers for itself, instead of one for all.
	Everybody bool

	Do Handler
}

// Request is an operator's request.
type Request struct {
	Event string // the last token of the subject
	Data  []byte
}

// Decode reads the payload strictly. The error is a *wire.Problem.
func (r Request) Decode(into any) error {
	if p := wire.DecodeStrictly(r.Data, into); p != nil {
		return p
	}
	return nil
}

// Handler does one request, and returns what to answer: a value for JSON, or an error.
// A *wire.Problem is a refusal; after any other the outcome is for the operator to look up.
type Handler func(ctx context.Context, r Request) (any, error)

// Problem returns the problem that reports err to an operator.
func Problem(err error) *wire.Problem {
	var p *wire.Problem
	if !errors.As(err, &p) {
		p = wire.Busy(err.Error())
	}
	return p
}

// Serve answers operators until stop is called, which waits for concurrent requests. What
// is under way ends with ctx. A caller that must be reachable from now on flushes the
// connection.
func Serve(ctx context.Context, cfg Config, endpoints ...Endpoint) (stop func(), err error) {
	service, err := micro.AddService(cfg.NATS, micro.Config{
		Name: cfg.Name, Version: cfg.Version, Description: cfg.Description, Metadata: cfg.Metadata,
	})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", cfg.Name, err)
	}
	slots := make([]chan struct{}, len(endpoints))
	stop = func() {
		_ = service.Stop() // fails only when the connection is gone, and the subscriptions with it
		for _, slot := range slots {
			for range cap(slot) { // a request that arrives now finds no room
				slot <- struct{}{}
			}
		}
	}
	for i, e := range endpoints {
		slots[i] = make(chan struct{}, e.AtOnce)
		s := &served{Endpoint: e, ctx: ctx, nc: cfg.NATS, log: cfg.Logger, slots: slots[i]}
		options := []micro.EndpointOpt{micro.WithEndpointSubject(e.Subject), micro.WithEndpointMetadata(map[string]string{
			"description": e.About, "request": e.Request, "response": e.Response,
		})}
		if e.Everybody {
			options = append(options, micro.WithEndpointQueueGroupDisabled())
		}
		if err = service.AddEndpoint(e.Name, micro.HandlerFunc(s.handle), options...); err != nil {
			_ = service.Stop()
			return nil, fmt.Errorf("endpoint %s: %w", e.Subject, err)
		}
	}
	return stop, nil
}

// served is an endpoint at work.
type served struct {
	Endpoint
	ctx   context.Context
	nc    *nats.Conn
	log   *slog.Logger
	slots chan struct{} // one token for each request under way, if AtOnce
}

func (s *served) handle(r micro.Request) {
	if !wire.Asked(r.Reply()) {
		return
	}
	if s.AtOnce == 0 {
		body, p := s.do(r.Subject(), r.Data())
		s.sent(r.Subject(), respond(r, body, p))
		return
	}
	subject, reply, data := r.Subject(), r.Reply(), r.Data()
	select {
	case s.slots <- struct{}{}:
	default:
		p := wire.Busy("As many such requests as this process takes are under way. Try again.")
		s.sent(subject, respond(r, encoded(p), p))
		return
	}
	go func() {
		defer func() { <-s.slots }()
		body, p := s.do(subject, data)
		s.sent(subject, s.nc.PublishMsg(answer(reply, body, p)))
	}()
}

// do runs the handler. body is the answer or, if p is not nil, the refusal.
func (s *served) do(subject string, data []byte) (body []byte, p *wire.Problem) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	v, err := s.Do(ctx, Request{Event: subject[strings.LastIndexByte(subject, '.')+1:], Data: data})
	if err == nil {
		if body, err = json.Marshal(v); err == nil {
			return body, nil
		}
	}
	p = Problem(err)
	return encoded(p), p
}

func encoded(p *wire.Problem) []byte {
	body, _ := json.Marshal(p) // strings and numbers: can't fail
	return body
}

func respond(r micro.Request, body []byte, p *wire.Problem) error {
	if p != nil {
		return r.Error(string(p.Code), p.Detail, body)
	}
	return r.Respond(body)
}

// answer has the form of the micro protocol without its Request, which package micro
// reads for its statistics once the handler has returned.
func answer(reply string, body []byte, p *wire.Problem) *nats.Msg {
	m := nats.NewMsg(reply)
	m.Data = body
	if p != nil {
		m.Header.Set(micro.ErrorCodeHeader, string(p.Code))
		m.Header.Set(micro.ErrorHeader, p.Detail)
	}
	return m
}

func (s *served) sent(subject string, err error) {
	if err != nil {
		s.log.Warn("operator got no answer", "subject", subject, "err", err)
	}
}
