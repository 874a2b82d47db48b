package inventory

import (
	"context"
	"encoding/json"
	"log/slog"

	"frontrow/kv"
	"frontrow/wire"
)

// stockPublisher writes an event's counters to STOCK beside the writer, so
// that no flush waits for them. Only the newest counters are kept.
type stockPublisher struct {
	bucket *kv.Bucket
	event  string
	logger *slog.Logger
	newest chan wire.Stock
}

func newStockPublisher(bucket *kv.Bucket, event string, logger *slog.Logger) *stockPublisher {
	return &stockPublisher{bucket: bucket, event: event, logger: logger, newest: make(chan wire.Stock, 1)}
}

// put replaces what waits; only one goroutine may call it.
func (p *stockPublisher) put(s wire.Stock) {
	select {
	case <-p.newest:
	default:
	}
	p.newest <- s
}

func (p *stockPublisher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.newest:
			raw, err := json.Marshal(s)
			if err != nil {
				p.logger.Error("encode stock", "err", err)
				continue
			}
			msg := kv.Msg{Subject: p.bucket.Subject(p.event), Data: raw}
			if _, err := kv.Publish(ctx, p.bucket.Conn(), []kv.Msg{msg}); err != nil && ctx.Err() == nil {
				p.logger.Warn("stock not published; the next will be", "event_id", p.event, "err", err)
			}
		}
	}
}
