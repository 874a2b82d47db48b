package writer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"frontrow/kv"
	"frontrow/wire"
)

// stockTries bounds how often one stock is written while others write there too. The next
// comes soon.
const stockTries = 4

// errLaterTerm: the counters of a later writer stand.
var errLaterTerm = errors.New("a later writer has published its stock")

// stockPublisher writes an event's counters to STOCK beside the writer, so that no flush
// waits for them. Only the newest counters are kept. They are written by compare-and-swap,
// and never over those of a later term: of an event that is sold out nothing would set
// right what a former writer publishes late.
type stockPublisher struct {
	bucket *kv.Bucket
	event  string
	logger *slog.Logger
	newest chan wire.Stock

	// Of the goroutine that runs it.
	at    kv.Revision // of the record
	known bool        // whether that is known
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

// run publishes what is put, until ctx ends or a later term has begun.
func (p *stockPublisher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.newest:
			err := p.publish(ctx, s)
			switch {
			case err == nil || ctx.Err() != nil:
			case errors.Is(err, errLaterTerm):
				p.logger.Info("stock is another writer's to publish", "event", p.event, "term", s.Term)
				return
			default:
				p.logger.Warn("stock not published; the next will be", "event", p.event, "err", err)
			}
		}
	}
}

// publish stores s, unless a later term's is stored.
func (p *stockPublisher) publish(ctx context.Context, s wire.Stock) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := p.look(ctx, s.Term); err != nil {
			return err
		}
		p.at, err = p.bucket.Update(ctx, p.event, raw, p.at)
		if p.known = err == nil; p.known || !errors.Is(err, kv.ErrConflict) || try == stockTries {
			return err
		}
	}
}

// look finds out, if need be, at which revision the record is. One that can't be read is
// written over.
func (p *stockPublisher) look(ctx context.Context, term uint64) error {
	if p.known {
		return nil
	}
	e, err := p.bucket.Get(ctx, p.event)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if s, err := wire.Read[wire.Stock](p.event, e.Value); err == nil && s.Term > term {
		return fmt.Errorf("%w: term %d", errLaterTerm, s.Term)
	}
	p.at, p.known = e.Revision, true
	return nil
}
