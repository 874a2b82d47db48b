package writer

import (
	"context"
	"encoding/json"
	"time"

	"frontrow/wire"
)

// askTimeout bounds one command, from its sending to its answer.
const askTimeout = 5 * time.Second

// Requester asks for one answer until ctx ends.
type Requester interface {
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
}

// Client asks whoever writes an event.
type Client struct{ Bus Requester }

// Ask sends a request of act and reads the reply to it. The error is a
// *wire.Problem: the writer's refusal, or that there was no answer, after which
// the act is done or not. Asked again it does no more.
func (c Client) Ask(ctx context.Context, event, act string, request, reply any) error {
	raw, err := wire.Append(nil, request)
	if err != nil {
		return wire.Refuse(wire.CodeBadRequest, err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := c.Bus.Request(ctx, wire.SeatsSubject(event, act), raw)
	if err != nil {
		return wire.Busy("The event has no writer just now (" + err.Error() + ").")
	}
	var refused wire.Reply
	if json.Unmarshal(answer, &refused) == nil && refused.Problem != nil {
		return refused.Problem
	}
	if err := wire.Unmarshal(answer, reply); err != nil {
		return wire.Busy("The writer's answer is not understood: " + err.Error() + ".")
	}
	return nil
}
