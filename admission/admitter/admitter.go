package admitter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/admission/pacing"
	"frontrow/admission/passes"
	"frontrow/admission/queue"
	"frontrow/admission/sale"
	"frontrow/internal/bus"
	"frontrow/internal/operator"
	"frontrow/internal/records"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

const (
	takeOverTimeout = 30 * time.Second
	queryTimeout    = 2 * time.Second
	boardTimeout    = 3 * time.Second       // of confirming the guard: one attempt that fails, and another
	maxRedeems      = 16384                 // under way at once
	minTick         = 10 * time.Millisecond // between two ticks, whatever the spec says

	settle = 100 * time.Millisecond // after a price has changed: others change with it, one after the other
)

// Config is what an admitter works with. All but NewID and Registerer are required.
type Config struct {
	Name    string   // of this process, unique
	Store   kv.Store // of home
	Bus     Bus
	Regions []queue.Region   // whose places are called, home first
	View    *sale.View       // what this process sees of events
	Keys    *keyring.Keyring // its pass keys sign
	Spoiled *records.Spoiled
	Orders  func(ctx context.Context) (int, error) // how many are being paid for

	Beat  time.Duration // between two checks whether a board is due
	Slice time.Duration // between two slices of a call; 0: a call is let out at once

	Now        func() time.Time
	NewID      func() string // of a pass, unique and unguessable; nil: rand.Text
	Logger     *slog.Logger
	Metrics    *Metrics
	Registerer prometheus.Registerer
}

// Bus carries requests between processes. Its guarantees are those of package bus.
type Bus interface {
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	Subscribe(subject string, handle func(bus.Msg)) (stop func() error, err error)
	Publish(subject string, data []byte) error
}

// Admitter calls the fans of one event and gives out its passes, during one term of its
// lease. If it doubts what is stored it ends, and the next term starts from what is.
//
// Its fields belong to:
//
//	the term    the first group: set by New and TakeOver, and then only read
//	the turn    whoever has it ticks, acts for an operator or publishes; it is
//	            held across I/O, so redeems never wait for it but by looks
//	all         shared: what redeems and ticks have in common; held for moments, never
//	            across I/O, and taken after the turn if both are
type Admitter struct {
	cfg   Config
	event string
	term  uint64
	log   *slog.Logger

	ctx    context.Context // ends with the term
	fail   context.CancelCauseFunc
	beside sync.WaitGroup // the committer

	guard   *kv.Guard
	bucket  *kv.Bucket    // PASSES, written only by writes
	writes  *kv.Committer // behind the guard
	boards  *kv.Bucket    // BOARD
	redeems chan struct{} // one token for each under way
	looks   singleflight.Group
	changes [64]lock // see changing

	queues *queue.Queues // asked by the holder of the turn; what they found is under shared
	turn   turn
	shared shared
}

// turn is held by one tick, operator's act or board at a time, and has what only those
// touch.
type turn struct {
	lock

	revision     kv.Revision // of the record "admitter"
	written      time.Time   // when it was
	withdrawnRev kv.Revision // of the record "all"
	drawSecret   []byte      // of an event with a lottery, once known
	back         []kv.Write  // of spoiled records, as they were before; stored at take-over

	fans     pacing.Rises // who hold or have bought, within the life of a pass,
	lately   pacing.Rises // and within its youth
	issued   pacing.Rises // passes, within it
	orders   int          // being paid for, at the last look
	callable bool         // whether fans could be called at the last tick
	spread   pacing.Spread
	gauge    int // passes of this event counted in the metric

	board published
	calls callLog
}

// shared is what redeems, ticks and operators have in common.
type shared struct {
	sync.Mutex

	table     *passes.Table
	state     wire.Admitter   // as stored; written with the turn held too
	withdrawn wire.Revocation // of all passes given out before that instant; written with the turn held too
	why       string          // what bounded the last call
	demand    pacing.Demand
	pace      pacing.Pace
}

// New returns the admitter of an event in a term of its lease. It does nothing yet.
func New(cfg Config, event string, term uint64) *Admitter {
	if cfg.NewID == nil {
		cfg.NewID = rand.Text
	}
	a := &Admitter{
		cfg: cfg, event: event, term: term, log: cfg.Logger.With("event", event, "term", term),
		bucket:  kv.NewBucket(cfg.Store, wire.PassesBucket(event)),
		boards:  kv.NewBucket(cfg.Store, wire.BoardBucket),
		redeems: make(chan struct{}, maxRedeems),
		queues:  queue.New(event, cfg.Regions),
		turn: turn{lock: newLock(), calls: callLog{stream: kv.NewStream(cfg.Store, wire.SaleLogStream), spoiled: cfg.Spoiled,
			subject: wire.LogSubject(event, wire.LogAdmission)}},
	}
	for i := range a.changes {
		a.changes[i] = newLock()
	}
	return a
}

// Run serves the term: it takes over, if TakeOver was not called, and admits until ctx ends
// or the term fails. The error is nil if ctx ended, and kv.ErrFenced if another admitter
// took over.
func (a *Admitter) Run(ctx context.Context) error {
	defer a.cfg.Spoiled.Forget(a.bucket.Name()) // the next reader notes what is spoiled
	if a.guard == nil {
		if err := a.TakeOver(ctx); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
	}
	defer a.beside.Wait()
	defer a.fail(nil)
	a.cfg.Metrics.led.Inc()
	defer a.cfg.Metrics.led.Dec()
	defer func() { a.cfg.Metrics.alive.Sub(float64(a.turn.gauge)) }()
	err := a.serve()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// serve answers and ticks until the term ends.
func (a *Admitter) serve() error {
	if err := a.catchUp(a.ctx); err != nil {
		return err
	}
	for subject, handle := range map[string]func(bus.Msg){
		wire.PassesSubject(a.event, wire.ActRedeem): a.onRedeem,
		wire.PassesSubject(a.event, wire.ActStand):  a.onStand,
		wire.PassesSubject(a.event, wire.ActMeter):  a.onMeter,
		wire.PassesSubject(a.event, wire.ActRevoke): a.onRevoke,
	} {
		stop, err := a.cfg.Bus.Subscribe(subject, func(m bus.Msg) {
			if wire.Asked(m.Reply) {
				handle(m)
			}
		})
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
	}
	// A fan who sees a board must find us listening.
	a.log.Info("admitting", "lines", a.shared.state.Lines)
	if err := a.Tick(a.ctx, true); err != nil {
		return err
	}
	return a.loop(a.ctx)
}

// loop ticks, and checks once a beat whether a board is due between ticks; and as soon as
// prices have changed, for those who look at them.
func (a *Admitter) loop(ctx context.Context) error {
	every := a.every()
	tick, beat := time.NewTicker(every), time.NewTicker(a.cfg.Beat)
	defer tick.Stop()
	defer beat.Stop()
	priced, settled := a.priced(), (<-chan time.Time)(nil)
	for {
		due := false
		select {
		case <-ctx.Done():
		case <-tick.C:
			due = true
		case <-beat.C:
		case <-a.cfg.View.Changed(a.event):
			now := a.priced()
			if now != priced && settled == nil {
				settled = time.After(settle)
			}
			priced = now
			continue
		case <-settled:
			settled = nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// If several are due, select may have seen any of them; one tick serves all that
		// fell due until it had the turn.
		a.turn.Lock()
		due = fired(tick) || due
		fired(beat)
		err := a.tick(ctx, due)
		a.turn.Unlock()
		if err != nil {
			return err
		}
		if e := a.every(); e != every {
			every = e
			tick.Reset(every)
		}
	}
}

// priced is the state of the event's prices, as far as seen.
func (a *Admitter) priced() int64 {
	s := a.cfg.View.Snapshot(a.event, a.cfg.Now())
	return wire.PriceState(s.Event.Spec.Levels, s.Prices)
}

func fired(t *time.Ticker) bool {
	select {
	case <-t.C:
		return true
	default:
		return false
	}
}

func (a *Admitter) every() time.Duration {
	event, _ := a.cfg.View.Event(a.event)
	return max(time.Duration(event.Spec.Admission.Tick), minTick)
}

// save writes the admitter's record, fenced and expecting its own revision. A transient
// refusal changes nothing; any other error ends the term. Its caller has the turn.
func (a *Admitter) save(ctx context.Context, next wire.Admitter) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	revision, err := a.writes.Do(ctx, kv.Write{Key: wire.AdmitterKey, Value: value, Expect: kv.At(a.turn.revision)})
	if err != nil {
		return err
	}
	a.turn.revision, a.turn.written = revision, next.At
	a.cfg.Spoiled.Note(a.bucket.Name(), wire.AdmitterKey, "")
	a.shared.Lock()
	a.shared.state = next
	a.shared.Unlock()
	return nil
}

// logAct records an operator's act in the sale log before it is done.
func (a *Admitter) logAct(ctx context.Context, act, by string, payload any) error {
	return operator.Log(ctx, a.turn.calls.stream, a.event, wire.OperatorAct{Act: act, By: by, At: a.cfg.Now().UTC(), Payload: payload})
}

// notStored reports whether an error is a certain refusal, after which the term goes on,
// rather than doubt or the loss of the fence.
func notStored(err error) bool {
	switch {
	case errors.Is(err, kv.ErrUnknown), errors.Is(err, kv.ErrFenced), errors.Is(err, kv.ErrConflict):
		return false
	}
	return errors.Is(err, kv.ErrBusy) || errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrStopped)
}

// respond answers a request with JSON.
func (a *Admitter) respond(m bus.Msg, v any) {
	if raw, err := wire.Append(make([]byte, 0, answerRoom), v); err == nil {
		_ = a.cfg.Bus.Publish(m.Reply, raw) // fails only when the connection is gone, and the asker with it
	}
}
