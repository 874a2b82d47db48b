package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go/micro"
)

// operatorTimeout bounds what an operator's request waits for the writer.
const operatorTimeout = 5 * time.Second

// operate starts the operator endpoints. Any worker answers by asking the
// event's writer, so that operators needn't know who that is.
func (s *Service) operate() (micro.Service, error) {
	svc, err := micro.AddService(s.cfg.NATS, micro.Config{Name: wire.ServiceInventory, Version: "1.0.0",
		Description: "Who holds which seat. Payloads are JSON; the last token of the subject names the event."})
	if err != nil {
		return nil, err
	}
	for _, e := range []struct{ act, send, about string }{
		{"status", wire.ActStatus, "counters by section and level; no payload"},
		{"block", wire.ActBlock, `take free seats off sale: {"seats":["101-A-1"],"why":"…","by":"…"}`},
		{"unblock", wire.ActBlock, `put blocked seats back: {"seats":["101-A-1"],"why":"…","by":"…"}`},
		{"release", wire.ActRelease, `end a hold that is not in checkout: {"hold":"h_…","why":"…","by":"…"}`},
	} {
		err := svc.AddEndpoint(e.act, micro.HandlerFunc(func(r micro.Request) { s.forward(r, e.act, e.send) }),
			micro.WithEndpointSubject(wire.OperatorSubject("inventory", e.act, "*")),
			micro.WithEndpointMetadata(map[string]string{"payload": e.about}))
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: %w", e.act, err)
		}
	}
	return svc, nil
}

// forward turns an operator's request into the writer's and back.
func (s *Service) forward(r micro.Request, act, send string) {
	event := r.Subject()[strings.LastIndexByte(r.Subject(), '.')+1:]
	payload, problem := operatorPayload(act, r.Data())
	if problem != nil {
		s.respond(r, problem, nil)
		return
	}
	s.mu.Lock()
	_, known := s.events[event]
	s.mu.Unlock()
	if !known {
		s.respond(r, wire.Refuse(wire.CodeNotFound, "There is no event "+event+"."), nil)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), operatorTimeout)
	defer cancel()
	reply, err := s.cfg.NATS.RequestWithContext(ctx, wire.SeatsSubject(event, send), payload)
	if err != nil {
		s.respond(r, wire.Busy("The event has no writer just now ("+err.Error()+")."), nil)
		return
	}
	var refused wire.Reply
	if err := json.Unmarshal(reply.Data, &refused); err == nil && refused.Problem != nil {
		s.respond(r, refused.Problem, nil)
		return
	}
	s.respond(r, nil, reply.Data)
}

func operatorPayload(act string, data []byte) ([]byte, *wire.Problem) {
	var into any
	block, release := wire.BlockRequest{By: "operator"}, wire.ReleaseRequest{By: "operator"}
	switch act {
	case "status":
		return nil, nil
	case "release":
		into = &release
	default:
		into = &block
	}
	if err := json.Unmarshal(data, into); err != nil {
		return nil, wire.Refuse(wire.CodeBadRequest, "The payload is not the JSON this endpoint takes: "+err.Error())
	}
	block.Unblock = act == "unblock"
	release.Fan, release.Order = "", "" // an operator acts in his own name
	if act != "release" && len(block.Seats) == 0 || act == "release" && !wire.IsHold(release.Hold) {
		return nil, wire.Refuse(wire.CodeInvalid, "Name the seats, or the hold.")
	}
	raw, err := json.Marshal(into)
	if err != nil {
		return nil, wire.Refuse(wire.CodeBadRequest, err.Error())
	}
	return raw, nil
}

func (s *Service) respond(r micro.Request, problem *wire.Problem, data []byte) {
	var err error
	if problem != nil {
		body, _ := json.Marshal(problem) // strings and numbers: can't fail
		err = r.Error(string(problem.Code), problem.Detail, body)
	} else {
		err = r.Respond(data)
	}
	if err != nil {
		s.cfg.Logger.Warn("operator got no answer", "subject", r.Subject(), "err", err)
	}
}
