package audit

import (
	"context"
	"errors"

	"frontrow/internal/promise"
	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// prices are what the event's prices have been, and what was promised by them.
type prices struct {
	past     promise.Past
	promised map[promised]string // to the id of a hold
}

// promised is what a fan was promised, and what they were quoted for a level. All that is
// kept of the holds is one of each such: there are few, however many holds.
type promised struct {
	priced int64
	level  string
	total  int64
}

// quoted takes the holds of a flush, as the log has them.
func (a *audit) quoted(f *wire.Flush) {
	if a.index == nil || !a.event.Spec.Pricing.Promises() {
		return
	}
	levels := a.event.Spec.LevelIndex()
	for _, act := range f.Acts {
		if act.Kind != wire.ActKindHold || act.Priced == 0 || len(act.Prices) != len(act.Seats) {
			continue
		}
		for k, id := range act.Seats {
			if i, ok := a.index.Lookup(id); ok {
				ref := a.index.Seat(i)
				level, _ := levels.Of(ref.Category, ref.SectionID)
				a.promised[promised{act.Priced, a.event.Spec.Levels[level].ID, act.Prices[k].Total}] = act.Hold
			}
		}
	}
}

// readPrices reads what the event's prices have been.
func (a *audit) readPrices(ctx context.Context, js jetstream.JetStream) error {
	err := salelog.Each(ctx, kv.JetStream(js), wire.LogSubject(a.event.Spec.ID, wire.LogPrices), func(e kv.Entry) {
		if act, err := wire.Read[wire.PriceAct]("", e.Value); err == nil { // the replay of prices names what can't be read
			a.past.Note(act.Levels)
		}
	})
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	return err
}

// promisesAreKept compares what fans were quoted with what the board showed when they joined,
// by the log of prices.
func (a *audit) promisesAreKept() Check {
	c := Check{Invariant: "I13", Rule: "nobody is quoted more for a level than the board showed when they joined, if that is promised"}
	for p, hold := range a.promised {
		c.Looked++
		if most, known := a.past.Most(p.level, p.priced); !known {
			c.breaks("hold %s was promised prices of state %d, of which the log of prices knows nothing", hold, p.priced)
		} else if p.total > most.Total {
			c.breaks("hold %s was promised %s for %d at most, and quoted %d", hold, p.level, most.Total, p.total)
		}
	}
	return c
}
