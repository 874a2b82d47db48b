package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go/micro"
)

// Bounds of an operator's request.
const (
	operatorTimeout = 5 * time.Second  // for one command to the writer
	wideTimeout     = 60 * time.Second // for all commands of a wide block
)

// operate starts the operator endpoints. Any worker answers by asking the
// event's writer, so that operators needn't know who that is. What is under way
// ends with ctx.
func (s *Service) operate(ctx context.Context) (micro.Service, error) {
	svc, err := micro.AddService(s.cfg.NATS, micro.Config{Name: wire.ServiceInventory, Version: s.cfg.Version,
		Description: "Who holds which seat. Payloads are JSON; the last token of the subject names the event."})
	if err != nil {
		return nil, err
	}
	for _, e := range []struct{ act, send, about string }{
		{"status", wire.ActStatus, "counters by section and level; no payload"},
		{"refund", wire.ActRefund, `give money and seats back: {"order":"o_…","seats":["101-A-1"],"why":"…","by":"…"}, without seats all of the order; {"all":true,"why":"…","by":"…"} all orders of the event: close it first, repeat while "left" is not 0; "block":true keeps the seats off sale`},
		{"block", wire.ActBlock, `take free seats off sale: {"seats":["101-A-1"],"why":"…","by":"…"}, or "sections":[…], "levels":[…]; "channel":"presale" keeps them for its buyers`},
		{"unblock", wire.ActBlock, `put blocked seats back: as block, or all of {"channel":"presale","why":"…","by":"…"}`},
		{"release", wire.ActGiveBack, `end a hold that is not in checkout, or all of a fan: {"hold":"h_…","why":"…","by":"…"}, or "fan":"f_…"`},
	} {
		handle := func(r micro.Request) { s.forward(ctx, r, e.act, e.send) }
		if e.send == wire.ActRefund {
			handle = func(r micro.Request) { s.refund(ctx, r) }
		}
		asked := func(r micro.Request) {
			if wire.Asked(r.Reply()) {
				handle(r)
			}
		}
		err := svc.AddEndpoint(e.act, micro.HandlerFunc(asked),
			micro.WithEndpointSubject(wire.OperatorSubject("inventory", e.act, "*")),
			micro.WithEndpointMetadata(map[string]string{"payload": e.about}))
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: %w", e.act, err)
		}
	}
	return svc, nil
}

// forward turns an operator's request into the writer's and back.
func (s *Service) forward(ctx context.Context, r micro.Request, act, send string) {
	requests, problem := operatorRequests(act, r.Data())
	if problem != nil {
		s.respond(r, problem, nil)
		return
	}
	known, problem := s.addressed(r)
	if problem != nil {
		s.respond(r, problem, nil)
		return
	}
	event := known.id
	ctx, cancel := context.WithTimeout(ctx, wideTimeout)
	defer cancel()
	var all wire.BlockReply
	for k := 0; k < len(requests); {
		data, problem := s.command(ctx, wire.SeatsSubject(event, send), requests[k])
		if problem != nil {
			if all.Changed > 0 {
				problem.Detail += fmt.Sprintf(" %d places were changed before; the same request does the rest.", all.Changed)
			}
			s.respond(r, problem, nil)
			return
		}
		if send != wire.ActBlock {
			s.respond(r, nil, data)
			return
		}
		var part wire.BlockReply
		if err := json.Unmarshal(data, &part); err != nil {
			s.respond(r, wire.Busy("The writer's answer is not understood."), nil)
			return
		}
		all.Changed, all.Skipped = all.Changed+part.Changed, part.Skipped
		if part.Left == 0 || part.Changed == 0 {
			k++
		}
	}
	data, _ := json.Marshal(all) // numbers: can't fail
	s.respond(r, nil, data)
}

// addressed is the event which a request's subject names.
func (s *Service) addressed(r micro.Request) (*event, *wire.Problem) {
	id := r.Subject()[strings.LastIndexByte(r.Subject(), '.')+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.events[id]; e != nil {
		return e, nil
	}
	return nil, wire.Refuse(wire.CodeNotFound, "There is no event "+id+".")
}

// command sends one command to the writer.
func (s *Service) command(ctx context.Context, subject string, payload []byte) ([]byte, *wire.Problem) {
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	reply, err := s.cfg.NATS.RequestWithContext(ctx, subject, payload)
	if err != nil {
		return nil, wire.Busy("The event has no writer just now (" + err.Error() + ").")
	}
	var refused wire.Reply
	if err := json.Unmarshal(reply.Data, &refused); err == nil && refused.Problem != nil {
		return nil, refused.Problem
	}
	return reply.Data, nil
}

// operatorRequests is the commands that an operator's request comes to: one,
// but for more seats by name than one flush takes.
func operatorRequests(act string, data []byte) ([][]byte, *wire.Problem) {
	if act == "status" {
		return [][]byte{nil}, nil
	}
	block, release := wire.BlockRequest{By: "operator"}, wire.ReleaseRequest{By: "operator"}
	var into any = &block
	if act == "release" {
		into = &release
	}
	if p := wire.DecodeStrictly(data, into); p != nil {
		return nil, p
	}
	if act == "release" {
		release.Order = "" // an operator acts in his own name
		if !(wire.IsHold(release.Hold) && release.Fan == "" || wire.IsFan(release.Fan) && release.Hold == "") {
			return nil, wire.Refuse(wire.CodeInvalid, "Name the hold, or the fan whose holds are to end.")
		}
		return payloads(release)
	}
	block.Unblock = act == "unblock"
	if len(block.Seats) == 0 {
		return payloads(block)
	}
	var parts []any
	for seats := range slices.Chunk(distinct(block.Seats), maxRecords) {
		part := block
		part.Seats = seats
		parts = append(parts, part)
	}
	return payloads(parts...)
}

// distinct is ids without those that are there before: what counts is effects.
func distinct(ids []string) (once []string) {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once
}

func payloads(requests ...any) ([][]byte, *wire.Problem) {
	raw := make([][]byte, len(requests))
	for i, r := range requests {
		var err error
		if raw[i], err = json.Marshal(r); err != nil {
			return nil, wire.Refuse(wire.CodeBadRequest, err.Error())
		}
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
