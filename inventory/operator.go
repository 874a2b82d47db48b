package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/operator"
	"frontrow/inventory/writer"
	"frontrow/wire"
)

// Bounds of an operator's request.
const (
	wideTimeout   = 60 * time.Second // for all commands of a wide block
	refundTimeout = 60 * time.Second // for one refund
	maxRefunding  = 4                // refunds under way at once, per process
)

// endpoints are what operators may ask for. Any worker answers by asking the
// event's writer, so that operators needn't know who that is.
func (s *Service) endpoints() []operator.Endpoint {
	endpoint := func(act, about, request, response string, do operator.Handler) operator.Endpoint {
		return operator.Endpoint{Name: act, Subject: wire.OperatorSubject("inventory", act, "*"), About: about, Request: request, Response: response,
			Timeout: wideTimeout, Do: do}
	}
	refund := endpoint("refund", `gives money and seats back: without seats all of the order; with "all" all orders of the event: close it first, and repeat while "left" is not 0; "block" keeps the seats off sale`,
		`{"order":"o_…","seats":["101-A-1"],"block":true,"why":"…","by":"…"} or {"all":true,"why":"…","by":"…"}`, "RefundReply", s.refund)
	refund.Timeout, refund.AtOnce = refundTimeout, maxRefunding // whole events take long, and others need not wait for them
	return []operator.Endpoint{refund,
		endpoint("refused", "lists the paid orders whose capture the payment provider refuses for good", `{} or {"after":"o_…"}`, "RefusedReply", s.refused),
		endpoint("retry-capture", "has the provider asked again for a capture that it refused, or for all of the event; refund takes the tickets back instead",
			`{"order":"o_…","why":"…","by":"…"} or {"all":true,"why":"…","by":"…"}`, "CaptureReply", s.retryCapture),
		endpoint("write-off", "gives up the money of a capture that the provider refused; the fan keeps the tickets", `{"order":"o_…","why":"…","by":"…"}`, "CaptureReply", s.writeOff),
		endpoint("status", "counts the places by section and level", "no payload", "Stock", s.status),
		endpoint("seat", "says what a seat is now, and what was done to it last", `{"seat":"101-A-1"}`, "SeatReply", s.seat),
		endpoint("restore-log", "puts a record of the sale log back as its writer left it, and those behind it, where the log says that they aren't", `{"n":17,"why":"…","by":"…"}`, "LogReply", s.restoreLog),
		endpoint("block", `takes free seats off sale; with "channel" only its buyers may have them`,
			`{"seats":["101-A-1"],"channel":"presale","why":"…","by":"…"}, or "sections":[…], "levels":[…]`, "BlockReply", s.block),
		endpoint("unblock", "puts blocked seats back on sale", `as block, or all of {"channel":"presale","why":"…","by":"…"}`, "BlockReply", s.unblock),
		endpoint("release", "ends a hold that is not in checkout, or all of a fan", `{"hold":"h_…","why":"…","by":"…"}, or "fan":"f_…"`, "Reply", s.release),
	}
}

// event is the one that a request names.
func (s *Service) event(r operator.Request) (*leader.Event, error) {
	if e := s.leader.Event(r.Event); e != nil {
		return e, nil
	}
	return nil, wire.Refuse(wire.CodeNotFound, "There is no event "+r.Event+".")
}

// ask sends a command to the writer of the event that a request names.
func (s *Service) ask(ctx context.Context, r operator.Request, act string, request, reply any) error {
	e, err := s.event(r)
	if err != nil {
		return err
	}
	return writer.Client{Bus: s.bus}.Ask(ctx, e.ID, act, request, reply)
}

func (s *Service) status(ctx context.Context, r operator.Request) (any, error) {
	var stock json.RawMessage
	return stock, s.ask(ctx, r, wire.ActStatus, nil, &stock)
}

func (s *Service) release(ctx context.Context, r operator.Request) (any, error) {
	asked := wire.ReleaseRequest{By: "operator"}
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	asked.Order = "" // operators act in their own name
	if !(wire.IsHold(asked.Hold) && asked.Fan == "" || wire.IsFan(asked.Fan) && asked.Hold == "") {
		return nil, wire.Refuse(wire.CodeInvalid, "Name the hold, or the fan whose holds are to end.")
	}
	var reply json.RawMessage
	return reply, s.ask(ctx, r, wire.ActGiveBack, asked, &reply)
}

func (s *Service) block(ctx context.Context, r operator.Request) (any, error) {
	return s.setBlocked(ctx, r, false)
}

func (s *Service) unblock(ctx context.Context, r operator.Request) (any, error) {
	return s.setBlocked(ctx, r, true)
}

// setBlocked asks the writer as often as a request needs, which is more than once
// if it comes to more seats than one flush takes.
func (s *Service) setBlocked(ctx context.Context, r operator.Request, unblock bool) (any, error) {
	asked := wire.BlockRequest{By: "operator"}
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	asked.Unblock = unblock
	var all wire.BlockReply
	for _, part := range blockParts(asked) {
		for more := true; more; {
			var reply wire.BlockReply
			if err := s.ask(ctx, r, wire.ActBlock, part, &reply); err != nil {
				p := operator.Problem(err)
				if all.Changed > 0 {
					p.Detail += fmt.Sprintf(" %d places were changed before; the same request does the rest.", all.Changed)
				}
				return nil, p
			}
			all.Changed, all.Skipped = all.Changed+reply.Changed, reply.Skipped
			more = reply.Left > 0 && reply.Changed > 0
		}
	}
	return all, nil
}

// blockParts is a request as the writer takes it: one, but for more seats by name
// than one flush takes.
func blockParts(r wire.BlockRequest) []wire.BlockRequest {
	if len(r.Seats) == 0 {
		return []wire.BlockRequest{r}
	}
	var parts []wire.BlockRequest
	for seats := range slices.Chunk(distinct(r.Seats), writer.MaxSeats) {
		r.Seats = seats
		parts = append(parts, r)
	}
	return parts
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

func (s *Service) refused(ctx context.Context, r operator.Request) (any, error) {
	var asked wire.RefusedRequest
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	if _, err := s.event(r); err != nil {
		return nil, err
	}
	return s.refunds.Refused(ctx, r.Event, asked)
}

func (s *Service) retryCapture(ctx context.Context, r operator.Request) (any, error) {
	return s.onCaptures(ctx, r, s.refunds.RetryCaptures)
}

func (s *Service) writeOff(ctx context.Context, r operator.Request) (any, error) {
	return s.onCaptures(ctx, r, s.refunds.WriteOff)
}

func (s *Service) onCaptures(ctx context.Context, r operator.Request, act func(context.Context, wire.Event, wire.CaptureRequest) (wire.CaptureReply, error)) (any, error) {
	var asked wire.CaptureRequest
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	return act(ctx, e.Record(), asked)
}

func (s *Service) refund(ctx context.Context, r operator.Request) (any, error) {
	var asked wire.RefundOrder
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	return s.refunds.Refund(ctx, e.Record(), asked)
}
