package pricing

import (
	"context"
	"fmt"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/pricing/rules"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Replay is what came of computing an event's prices again.
type Replay struct {
	Event   string   `json:"event"`
	Acts    int64    `json:"acts"`    // in the log
	Changes int64    `json:"changes"` // of prices, that they made
	Wrong   []string `json:"wrong,omitempty"`
}

const mostWrong = 50 // faults that are told

// Recompute reads an event's log and computes each price again, from the rules and signals
// that the log has for it. Wrong is empty if all are the same to the minor unit and inside
// of their rails, and if PRICES says what the log does.
func Recompute(ctx context.Context, js jetstream.JetStream, event string) (Replay, error) {
	r := Replay{Event: event}
	fault := func(format string, a ...any) {
		if len(r.Wrong) < mostWrong {
			r.Wrong = append(r.Wrong, fmt.Sprintf(format, a...))
		}
	}
	var last wire.PriceAct
	err := salelog.Each(ctx, kv.JetStream(js), wire.LogSubject(event, wire.LogPrices), func(e kv.Entry) {
		act, err := wire.Read[wire.PriceAct]("", e.Value)
		if err != nil {
			fault("behind act %d: %v", last.N, err) // the pricer goes on behind the last that can be read
			return
		}
		for _, wrong := range rules.Verify(last, act) {
			fault("%s", wrong)
		}
		r.Acts++
		for level, l := range act.Levels {
			if act.Kind != wire.PriceActAdopt && l.Version != last.Levels[level].Version {
				r.Changes++
			}
		}
		last = act
	})
	if err != nil {
		return r, fmt.Errorf("prices of %s: %w", event, err)
	}
	entries, err := kv.Open(js, wire.PricesBucket).All(ctx, wire.PriceKey(event, "*"))
	if err != nil {
		return r, fmt.Errorf("prices of %s: %w", event, err)
	}
	for _, e := range entries {
		_, level, _ := wire.SplitPriceKey(e.Key)
		if p, err := wire.Read[wire.Price](e.Key, e.Value); err != nil {
			fault("PRICES %s: %v", e.Key, err)
		} else if l, known := last.Levels[level]; !known || p.Version != l.Version || p.Amounts != l.Amounts {
			fault("PRICES %s: it says %+v, version %d; the log %+v, version %d", e.Key, p.Amounts, p.Version, l.Amounts, l.Version)
		}
	}
	return r, nil
}
