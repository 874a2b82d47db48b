package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a writer.
const (
	maxRecords   = seating.MaxFlush // of seats in one flush, beside its log record
	maxQueue     = 16384            // commands waiting to be decided; more are refused
	maxCommands  = 4096             // decided for one flush
	maxReplies   = 2                // batches stored whose answers are not sent yet
	flushTimeout = 5 * time.Second  // for one acknowledgement
	flushTries   = 40               // while the stream has no leader: with the pauses, about 10 s
	flushPause   = 250 * time.Millisecond
	settleAgain  = 2 * time.Second        // before the ledger is asked again about a hold in checkout
	sweepEvery   = 30 * time.Second       // between two looks at every hold, for one the deadlines have missed
	stockEvery   = 250 * time.Millisecond // between two publications of the counters
)

const _ = uint(kv.MaxBatch - 1 - maxRecords) // a flush fits a batch

// errRestart ends a term in which the engine may know more than is stored.
var errRestart = errors.New("flush not stored: starting anew from the records")

// writer is one term of one event: from seizing the guard until it is lost.
type writer struct {
	event  *event
	name   string
	term   uint64
	nc     *nats.Conn
	js     jetstream.JetStream
	stream *kv.Stream
	guard  *kv.Guard
	engine *seating.Engine
	flushN uint64 // number of the last flush stored
	vouchN uint64 // of the last vouch sent

	queue    chan command
	deciding *batch       // what has been decided since the last batch left
	carried  *command     // decided in the next batch: it didn't fit this one
	flying   *batch       // on its way; nil when none is
	landed   chan outcome // of what was flying
	replies  chan []reply // to be sent
	msgs     []kv.Msg     // of what is flying
	data     []byte       // of msgs
	sweptAt  time.Time

	ledger   Ledger
	settling chan struct{}       // one element for each hold the ledger is being asked about
	settle   func(seating.Ended) // asks, beside the writer
	asking   map[string]bool     // about these holds
	now      func() time.Time
	logger   *slog.Logger
	metrics  *metrics
	spoiled  *records.Spoiled
	stock    *stockPublisher
	dirty    bool // the stock has changed since it was published
	stockAt  time.Time
}

// run is one term. It returns when ctx ends, when somebody else is writer
// (kv.ErrFenced), or when it has to start anew.
func (w *writer) run(ctx context.Context) error {
	started := w.now()
	defer w.spoiled.Forget(w.stream.Name()) // the next to read them notes them
	if err := w.load(ctx); err != nil {
		return fmt.Errorf("load seats of %s: %w", w.event.id, err)
	}
	if err := w.open(ctx); err != nil {
		return fmt.Errorf("open seats of %s: %w", w.event.id, err)
	}
	sub, err := w.nc.Subscribe(wire.SeatsAll(w.event.id), w.receive)
	if err != nil {
		return err
	}
	// Flushed, so that whoever sees us as writer finds us listening.
	if err := w.nc.FlushTimeout(flushTimeout); err != nil {
		return errors.Join(err, sub.Unsubscribe())
	}
	w.logger.Info("writer of seats", "event_id", w.event.id, "term", w.term, "seats", w.event.index.Len(), "flush", w.flushN, "took", w.now().Sub(started))
	w.metrics.writing.Inc()
	defer w.metrics.writing.Dec()
	beside, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	w.settle = func(h seating.Ended) { wg.Go(func() { w.settleHold(beside, h) }) }
	wg.Go(func() { w.reconcile(beside) })
	wg.Go(w.send)
	err = errors.Join(w.serve(ctx), sub.Unsubscribe())
	end()
	close(w.replies)
	wg.Wait()
	_ = w.abandon(nil) // what arrived since
	return err
}

// send encodes and sends the answers, so that no batch waits for that.
func (w *writer) send() {
	for replies := range w.replies {
		for _, r := range replies {
			r.to.answer(r.what)
		}
	}
}

// next is how long the writer may sleep.
func (w *writer) next() time.Duration {
	wait := w.sweptAt.Add(sweepEvery).Sub(w.now())
	if due, ok := w.engine.Due(); ok {
		wait = due.Sub(w.now())
	}
	if w.dirty {
		wait = min(wait, w.stockAt.Add(stockEvery).Sub(w.now()))
	}
	return max(wait, 0)
}

func (w *writer) publishStock() {
	if now := w.now(); w.dirty && now.Sub(w.stockAt) >= stockEvery {
		w.stock.put(w.counted(now.UTC()))
		w.dirty, w.stockAt = false, now
	}
}

// counted is the stock as of the last flush stored.
func (w *writer) counted(now time.Time) wire.Stock {
	s := w.engine.Stock(now)
	s.Flush, s.Writer = w.flushN, w.name
	return s
}

func notify(nc *nats.Conn, event, fan string, n wire.Notice) {
	if raw, err := json.Marshal(n); err == nil && fan != "" {
		_ = nc.Publish(wire.NoticeSubject(event, fan), raw) // best effort: GET tells the truth
	}
}
