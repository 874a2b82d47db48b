package kv

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// disconnectCheck is how often a request that waits looks whether its
// connection is still the one it was sent on. nats.go lets a request whose
// answer can not come any more wait until its timeout.
const disconnectCheck = 20 * time.Millisecond

// whileConnected is ctx until the connection breaks; the cause is then
// nats.ErrDisconnected. Without a deadline of its own it ends after limit.
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
