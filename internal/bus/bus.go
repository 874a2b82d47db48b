// Package bus is request and reply over NATS, and best-effort messages, between the
// services that decide. It is small enough for the simulation to replace.
//
//	Request    one question, one answer; silence is an error, and nothing is known then
//	Subscribe  whoever asks about a subject reaches every subscriber, or nobody
//	Publish    at most once, and no one says whether: the answer to a Msg goes so, too
//
// Each user declares the part it needs as its own interface.
package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// flushTimeout bounds the wait until the server knows of a subscription.
const flushTimeout = 5 * time.Second

// Msg is a message as its subscriber gets it. Reply is the subject on which an answer is
// awaited, empty if none is.
type Msg struct {
	Subject, Reply string
	Data           []byte
}

// Bus is a connection to NATS.
type Bus struct{ nc *nats.Conn }

// New returns a Bus over nc.
func New(nc *nats.Conn) Bus { return Bus{nc} }

// Request sends a request and waits for its answer until ctx ends. The error is
// nats.ErrNoResponders if nobody has subscribed.
func (b Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	m, err := b.nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// Subscribe calls handle for every message to subject, one after the other, until stop is
// called. When it returns, the server knows of the subscription.
func (b Bus) Subscribe(subject string, handle func(Msg)) (stop func() error, err error) {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { handle(Msg{m.Subject, m.Reply, m.Data}) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	if err := b.nc.FlushTimeout(flushTimeout); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, errors.Join(err, sub.Unsubscribe()))
	}
	return sub.Unsubscribe, nil
}

// Publish sends data to all subscribers. An error means that it was not sent.
func (b Bus) Publish(subject string, data []byte) error { return b.nc.Publish(subject, data) }
