package kv

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// disconnectCheck is how often a waiting request checks whether its connection is still the
// one it was sent on. nats.go lets a request whose answer can no longer come wait until its
// timeout.
const disconnectCheck = 20 * time.Millisecond

// whileConnected returns a context that also ends when the connection breaks, with the
// cause nats.ErrDisconnected, and after limit if ctx has no deadline.
func whileConnected(ctx context.Context, nc *nats.Conn, limit time.Duration) (context.Context, context.CancelFunc) {
	stop := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, stop = context.WithTimeout(ctx, limit)
	}
	ctx, end := context.WithCancelCause(ctx)
	generation := nc.Stats().Reconnects
	var check *time.Timer
	armed := make(chan struct{})
	check = time.AfterFunc(disconnectCheck, func() {
		<-armed
		if !nc.IsConnected() || nc.Stats().Reconnects != generation {
			end(nats.ErrDisconnected)
		} else if ctx.Err() == nil {
			check.Reset(disconnectCheck)
		}
	})
	close(armed)
	return ctx, func() { check.Stop(); end(nil); stop() }
}
