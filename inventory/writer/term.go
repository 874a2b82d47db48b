package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/leader"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/wire"
)

// MaxSeats bounds the seats of one flush, as seating.Engine.Pending counts them, and so the
// bytes of its log record.
const MaxSeats = seating.MaxFlush

// Bounds of a term.
const (
	maxQueue   = 16384                  // commands waiting to be decided, unless Config says another
	maxReplies = 2                      // batches stored whose answers are not sent yet
	sweepEvery = 30 * time.Second       // between two looks at every hold, for one the deadlines have missed
	stockEvery = 250 * time.Millisecond // between two publications of the counters
)

// errRestart ends a term in which the engine may know more than is stored.
var errRestart = fmt.Errorf("flush not stored: %w", leader.ErrRestart)

// term is one term of one event: from seizing the guard until it is lost.
//
// Until it serves, the goroutine that runs it has all of it. From then on:
//
//	*Writer … stock   never change
//	queue             anybody sends, the serving goroutine receives
//	answers           the serving goroutine sends, the answering one receives. What is
//	                  sent is the receiver's, and nobody changes it any more
//	serving           the serving goroutine's alone
//	flight            the serving goroutine's while nothing flies; the batch's own goroutine
//	                  has it from launch until landed has received its outcome
type term struct {
	*Writer
	event  *Event
	number uint64 // of the lease
	stream *kv.Stream
	stock  *stockPublisher

	queue   chan command
	answers chan []command

	recorder *kv.Guard // of the seats' records; what writes them uses it

	serving
	flight
}

// serving is what the serving goroutine decides with.
type serving struct {
	engine   *seating.Engine
	deciding *batch    // what has been decided since the last batch left
	flying   *batch    // on its way; nil when none is
	carried  *command  // decided in the next batch: it didn't fit this one
	flushN   uint64    // number of the last flush stored
	flushed  uint64    // revision of its record
	digest   string    // of its record; "" before the first
	adopted  bool      // the records of the version before are not in the log yet
	sweptAt  time.Time // when every hold was looked at

	behind        behind              // what the seats' records don't say yet
	beside        sync.WaitGroup      // the goroutines that the serving one has begun
	askBeside     func(seating.Ended) // asks the ledger about an overdue hold, beside the serving goroutine
	confirmBeside func(command)       // asks the ledger about a confirmation, beside the serving goroutine
	asked         map[string]bool     // the holds it is being asked about

	promises  func()                            // has the event's prices of the past noted; once
	priceActs chan []map[string]wire.LevelPrice // the prices after each act, for the serving goroutine

	stockChanged bool // since it was published
	stockAt      time.Time
}

// flight is what a batch needs to be stored, and to know for certain whether it is.
type flight struct {
	guard  *kv.Guard // of the log
	vouchN uint64    // of the last vouch
	msg    kv.Msg    // the record
	acts   int       // of the record
	data   []byte    // of the last log record
	landed chan outcome
}

func newTerm(w *Writer, e *Event, number uint64, stock *stockPublisher) *term {
	return &term{Writer: w, event: e, number: number, stock: stock,
		stream:  &kv.NewBucket(w.cfg.Store, wire.SeatsBucket(e.id)).Stream,
		queue:   make(chan command, w.cfg.Queue),
		answers: make(chan []command, maxReplies),
		serving: serving{asked: map[string]bool{}, deciding: &batch{}, behind: newBehind(e.index.Len()), priceActs: make(chan []map[string]wire.LevelPrice)},
		flight:  flight{landed: make(chan outcome, 1)}}
}

// run returns when ctx ends, when somebody else is writer (kv.ErrFenced), or when
// it has to start anew (errRestart). It calls opened when it has all seats.
func (t *term) run(ctx context.Context, opened func()) error {
	started := t.cfg.Now()
	defer t.spoiled.Forget(t.stream.Name()) // the next to read them notes them
	if err := t.load(ctx); err != nil {
		return fmt.Errorf("load seats of %s: %w", t.event.id, err)
	}
	if err := t.open(ctx); err != nil {
		return fmt.Errorf("open seats of %s: %w", t.event.id, err)
	}
	opened()
	unsubscribe, err := t.cfg.Bus.Subscribe(wire.SeatsAll(t.event.id), t.receive)
	if err != nil {
		return err
	}
	t.cfg.Logger.Info("writer of seats", "event", t.event.id, "term", t.number, "seats", t.event.index.Len(), "flush", t.flushN, "took", t.cfg.Now().Sub(started))
	t.metrics.writing.Inc()
	defer t.metrics.writing.Dec()
	beside, end := context.WithCancel(ctx)
	t.askBeside = func(h seating.Ended) { t.beside.Go(func() { t.askLedger(beside, h) }) }
	t.confirmBeside = func(c command) { t.beside.Go(func() { t.confirmAsBooked(beside, c) }) }
	t.promises = sync.OnceFunc(func() { t.beside.Go(func() { t.followPrices(beside) }) })
	t.beside.Go(func() { t.reconcile(beside) })
	t.beside.Go(t.sendAnswers)
	err = errors.Join(t.serve(beside), unsubscribe())
	end()
	close(t.answers)
	t.beside.Wait()
	_ = t.abandon(nil) // what arrived since
	return err
}

// sendAnswers encodes and sends them, so that no batch waits for that.
func (t *term) sendAnswers() {
	logs := t.cfg.Logger.Enabled(context.Background(), slog.LevelDebug)
	for commands := range t.answers {
		for _, c := range commands {
			t.answer(c, c.reply)
			if logs {
				t.cfg.Logger.Debug("decided and stored", "event", t.event.id, "command", c)
			}
		}
	}
}

// notify tells a fan, and the gateways. It is best effort: GET tells the truth.
func (t *term) notify(n notice) {
	if raw, err := wire.Append(nil, n.Notice); err == nil && n.fan != "" {
		_ = t.cfg.Bus.Publish(wire.NoticeSubject(t.event.id, n.fan), raw)
	}
}
