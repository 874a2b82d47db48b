package inventory

import (
	"context"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go/micro"
)

// countTime is how long the workers of a region have to say that they are
// there. One that is later is not counted, and the others take its share.
const countTime = 50 * time.Millisecond

// begin counts one more among the events this process writes, until done, and
// reports whether it should write it. Many events spread over the workers without
// anybody's plan: a worker that gets a lease beyond its share gives it back once
// and stands back for a third of its TTL, so that a worker with fewer events has
// it at once. If none takes it, it keeps it the next time. stoodBack is whether it
// did so with its last lease of this event.
func (s *Service) begin(ctx context.Context, stoodBack *bool) (mine bool, done func()) {
	s.mu.Lock()
	s.writing++
	writing, events := s.writing, s.leader.Events()
	s.mu.Unlock()
	done = func() {
		s.mu.Lock()
		s.writing--
		s.mu.Unlock()
	}
	if writing > 1 && !*stoodBack && writing > share(events, s.workers(ctx)) {
		*stoodBack = true
		return false, done
	}
	*stoodBack = false
	return true, done
}

// share is how many of the events a worker should write, at most.
func share(events, workers int) int {
	workers = max(workers, 1)
	return (events + workers - 1) / workers
}

// workers counts the inventory workers that answer a ping, this one included.
func (s *Service) workers(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	ping, err := micro.ControlSubject(micro.PingVerb, wire.ServiceInventory, "")
	if err != nil {
		return 1
	}
	inbox := s.cfg.NATS.NewInbox()
	sub, err := s.cfg.NATS.SubscribeSync(inbox)
	if err != nil {
		return 1
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := s.cfg.NATS.PublishRequest(ping, inbox, nil); err != nil {
		return 1
	}
	for n := 0; ; n++ {
		if _, err := sub.NextMsgWithContext(ctx); err != nil {
			return n
		}
	}
}
