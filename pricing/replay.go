package pricing

import (
	"context"
	"fmt"
	"time"

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

const (
	mostWrong   = 50               // faults that are told
	replayQuiet = 10 * time.Second // for the next record of a log that has one
)

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
	err := eachAct(ctx, js, wire.LogSubject(event, wire.LogPrices), func(raw []byte) {
		act, err := wire.Read[wire.PriceAct]("", raw)
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

// eachAct gives the records of a subject of the sale log that there are now, in order.
func eachAct(ctx context.Context, js jetstream.JetStream, subject string, take func(raw []byte)) error {
	stream, err := js.Stream(ctx, wire.SaleLogStream)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return err
	}
	left := info.State.Subjects[subject]
	if left == 0 {
		return nil
	}
	consumer, err := js.OrderedConsumer(ctx, wire.SaleLogStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for ; left > 0; left-- {
		next, cancel := context.WithTimeout(ctx, replayQuiet)
		m, err := messages.Next(jetstream.NextContext(next))
		cancel()
		if err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
		take(m.Data())
	}
	return nil
}
