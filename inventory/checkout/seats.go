package checkout

import (
	"context"
	"fmt"
	"time"

	"frontrow/wire"
)

// seatsTimeout bounds one request to the writer.
const seatsTimeout = 5 * time.Second

// Bus reaches the writers and the fans; package bus documents its guarantees.
type Bus interface {
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	Publish(subject string, data []byte) error
}

// writer sends requests to the process that holds the writer's lease of the event.
// If nobody listens, there is no writer just now.
type writer struct{ bus Bus }

func (w writer) Extend(ctx context.Context, event string, r wire.ExtendRequest) (wire.ExtendReply, error) {
	var reply wire.ExtendReply
	if err := w.ask(ctx, event, wire.ActExtend, r, &reply); err != nil {
		return reply, err
	}
	return reply, orNil(reply.Problem)
}

func (w writer) Confirm(ctx context.Context, event string, r wire.ConfirmRequest) error {
	var reply wire.Reply
	if err := w.ask(ctx, event, wire.ActConfirm, r, &reply); err != nil {
		return err
	}
	return orNil(reply.Problem)
}

func (w writer) Release(ctx context.Context, event string, r wire.ReleaseRequest) (wire.StandingReply, error) {
	var reply wire.StandingReply
	if err := w.ask(ctx, event, wire.ActGiveBack, r, &reply); err != nil {
		return reply, err
	}
	return reply, orNil(reply.Problem)
}

func (w writer) ask(ctx context.Context, event, act string, request, reply any) error {
	body, err := wire.Append(nil, request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, seatsTimeout)
	defer cancel()
	answer, err := w.bus.Request(ctx, wire.SeatsSubject(event, act), body)
	if err != nil {
		return fmt.Errorf("ask the writer of %s: %w", event, err)
	}
	if err := wire.Unmarshal(answer, reply); err != nil {
		return fmt.Errorf("answer of the writer of %s: %w", event, err)
	}
	return nil
}

// orNil keeps a nil problem from becoming a non-nil error.
func orNil(p *wire.Problem) error {
	if p == nil {
		return nil
	}
	return p
}
