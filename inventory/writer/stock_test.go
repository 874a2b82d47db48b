package writer

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/kv/memory"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// late is a store on whose way a write is held up, until something else has happened.
type late struct {
	kv.Store
	first func()
}

func (l *late) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	if first := l.first; first != nil {
		l.first = nil
		first()
	}
	return l.Store.Publish(ctx, msgs)
}

// The stock never goes back to what a former writer says late: not if it is still on its way
// when the next publishes, and not if it looks once more.
func TestFormerWriterPublishesItsStockLate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := memory.New(time.Now)
	store.Create(jetstream.StreamConfig{Name: "KV_STOCK", Subjects: []string{"$KV.STOCK.>"}, MaxMsgsPerSubject: 1})
	log := slog.New(slog.DiscardHandler)
	plain := kv.NewBucket(store, wire.StockBucket)
	slow := &late{Store: store}
	former := newStockPublisher(kv.NewBucket(slow, wire.StockBucket), "demo", log)
	next := newStockPublisher(plain, "demo", log)
	of := func(term, flush uint64) wire.Stock { return wire.Stock{Event: "demo", Term: term, Flush: flush} }
	stands := func(term, flush uint64) {
		t.Helper()
		e, err := plain.Get(ctx, "demo")
		must(t, err)
		s, err := wire.Read[wire.Stock]("demo", e.Value)
		if must(t, err); s.Term != term || s.Flush != flush {
			t.Errorf("the stock is of flush %d of term %d, not %d of %d", s.Flush, s.Term, flush, term)
		}
	}
	must(t, former.publish(ctx, of(1, 5)))
	must(t, former.publish(ctx, of(1, 6)))
	stands(1, 6)
	slow.first = func() { must(t, next.publish(ctx, of(2, 8))) }
	if err := former.publish(ctx, of(1, 7)); !errors.Is(err, errLaterTerm) {
		t.Error(err)
	}
	stands(2, 8)
	if err := newStockPublisher(plain, "demo", log).publish(ctx, of(1, 7)); !errors.Is(err, errLaterTerm) {
		t.Error(err)
	}
	stands(2, 8)
	for _, junk := range []string{"", "junk", `{"event":"demo","flush":99}`} { // the last is of the version before
		_, err := plain.Publish(ctx, []kv.Msg{{Subject: plain.Subject("demo"), Data: []byte(junk)}})
		must(t, err)
		must(t, next.publish(ctx, of(2, 9)))
		stands(2, 9)
	}
	store.Delete("KV_STOCK")
	store.Create(jetstream.StreamConfig{Name: "KV_STOCK", Subjects: []string{"$KV.STOCK.>"}, MaxMsgsPerSubject: 1})
	must(t, next.publish(ctx, of(2, 9)))
	stands(2, 9)
}
