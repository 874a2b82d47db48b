package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// seatsTimeout bounds one request to the writer.
const seatsTimeout = 5 * time.Second

// writer asks whoever holds the writer's lease of the event. Nobody listening
// means that there is no writer just now.
type writer struct{ nc *nats.Conn }

// NewSeats reaches the writers over NATS.
func NewSeats(nc *nats.Conn) Seats { return writer{nc} }

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
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, seatsTimeout)
	defer cancel()
	m, err := w.nc.RequestWithContext(ctx, wire.SeatsSubject(event, act), body)
	if err != nil {
		return fmt.Errorf("ask the writer of %s: %w", event, err)
	}
	if err := json.Unmarshal(m.Data, reply); err != nil {
		return fmt.Errorf("answer of the writer of %s: %w", event, err)
	}
	return nil
}

// orNil keeps a nil problem from becoming an error that isn't nil.
func orNil(p *wire.Problem) error {
	if p == nil {
		return nil
	}
	return p
}
