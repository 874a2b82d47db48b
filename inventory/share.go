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

// begin counts e among the events this process writes, until done, and reports
// whether it should. Many events spread over the workers without anybody's
// plan: whoever gets a lease beyond his share gives it back once and stands
// back for a third of its TTL, so that a worker with fewer events has it at
// once. If none takes it, he keeps it the next time.
func (s *Service) begin(ctx context.Context, e *event) (mine bool, done func()) {
	s.mu.Lock()
	s.writing++
	writing, events := s.writing, len(s.events)
	s.mu.Unlock()
	done = func() {
		s.mu.Lock()
		s.writing--
		s.mu.Unlock()
	}
	if writing > 1 && !e.stoodBack && writing > share(events, s.workers(ctx)) {
		e.stoodBack = true
		return false, done
	}
	e.stoodBack = false
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
