package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"frontrow/internal/salelog"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// feed compares the sale log with the event's own.
type feed struct {
	fed   []bool // by number, from 1
	count int
	Check
}

func newFeed(l *log) *feed {
	return &feed{fed: make([]bool, len(l.sums)), Check: Check{Invariant: "I10", Rule: "the sale log has every flush, word for word"}}
}

// take takes a record of the sale log. Junk in the event's log is copied like anything else,
// and a record that was stored again is there twice.
func (f *feed) take(l *log, raw []byte) {
	n := salelog.NumberOf(raw)
	if !l.has(n) || n > uint64(len(f.fed)) {
		return
	}
	full := sha256.Sum256(raw)
	switch {
	case sum(full[:len(sum{})]) != l.sums[n-1]:
		if _, err := wire.Read[wire.Flush](wire.LogKey(n), raw); err == nil {
			f.breaks("the sale log has another log.%d", n)
		}
	case !f.fed[n-1]:
		f.fed[n-1] = true
		f.count++
	}
}

// missing notes what the sale log lacks.
func (f *feed) missing(l *log) {
	f.Looked = f.count
	for i, ok := range f.fed {
		if !ok && l.has(uint64(i+1)) {
			f.breaks("log.%d is not in the sale log", i+1)
		}
	}
}

// readFeed reads the sale log, and waits for flushes that JetStream has not copied yet.
func (a *audit) readFeed(ctx context.Context, js jetstream.JetStream) error {
	a.feed = newFeed(&a.log)
	subject := wire.LogSubject(a.event.Spec.ID, wire.LogSeats)
	stream, err := js.Stream(ctx, wire.SaleLogStream)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return err
	}
	copied := info.State.Subjects[subject]
	if copied == 0 && a.log.read == 0 {
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
	for read := uint64(0); read < copied || a.feed.count < a.log.read; read++ {
		late, cancel := context.WithTimeout(ctx, feedLate)
		m, err := messages.Next(jetstream.NextContext(late))
		cancel()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the sale log: %w", err)
		}
		a.feed.take(&a.log, m.Data())
	}
	a.feed.missing(&a.log)
	return nil
}

func (a *audit) logIsFed() Check { return a.feed.Check }
