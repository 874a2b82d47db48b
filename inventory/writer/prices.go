package writer

import (
	"context"
	"time"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"
)

// pricesAgain is before the log of prices is looked for again: of an event without prices
// there is none yet.
const pricesAgain = time.Second

// followPrices has the engine note what the event's prices have been, as their log has it from
// the first act on, until ctx ends. Until it has come so far, holds of those who were promised
// what it says are asked to try again.
func (t *term) followPrices(ctx context.Context) {
	for {
		var read []map[string]wire.LevelPrice
		current := false
		tell := func() {
			select {
			case t.priceActs <- read:
			case <-ctx.Done():
			}
			read = nil
		}
		err := salelog.Tail(ctx, t.cfg.Store, wire.LogSubject(t.event.id, wire.LogPrices), kv.Watcher{
			Entry: func(e kv.Entry) {
				act, err := wire.Read[wire.PriceAct]("", e.Value)
				if err != nil {
					return // the pricer goes on behind the last that can be read
				}
				if read = append(read, act.Levels); current {
					tell()
				}
			},
			Current: func() { current = true; tell() },
		})
		if ctx.Err() != nil {
			return
		}
		t.cfg.Logger.Debug("prices of the past can't be followed yet", "event", t.event.id, "err", err)
		if wait(ctx, pricesAgain) != nil {
			return
		}
	}
}
