package consume

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pullHeartbeat is the interval of heartbeats on an idle pull. Two missed ones mean that
// the pull was lost, for example because there was no leader.
const pullHeartbeat = 2 * time.Second

// Source is a pull consumer with explicit acks. Messages not answered within AckWait, or
// given back, are delivered again.
type Source interface {
	Name() string
	AckWait() time.Duration
	// Pull begins to take messages, up to ahead at once.
	Pull(ahead int) (Pull, error)
}

// Pull hands out messages, as jetstream.MessagesContext does: after Drain no more are
// requested, and Next returns those that were, then an error. jetstream.ErrNoHeartbeat
// means that it will pull again by itself.
type Pull interface {
	Next(ctx context.Context) (jetstream.Msg, error)
	Drain()
	Stop()
}

// consumer is a JetStream consumer as a Source.
type consumer struct{ jetstream.Consumer }

// From returns c as a Source.
func From(c jetstream.Consumer) Source { return consumer{c} }

func (c consumer) Name() string           { return c.CachedInfo().Name }
func (c consumer) AckWait() time.Duration { return c.CachedInfo().Config.AckWait }

func (c consumer) Pull(ahead int) (Pull, error) {
	it, err := c.Messages(jetstream.PullMaxMessages(ahead), jetstream.PullHeartbeat(pullHeartbeat))
	return pulled{it}, err
}

type pulled struct{ jetstream.MessagesContext }

func (p pulled) Next(ctx context.Context) (jetstream.Msg, error) {
	return p.MessagesContext.Next(jetstream.NextContext(ctx))
}
