package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"frontrow/admission/meter"
	"frontrow/admission/queue"
	"frontrow/admission/roll"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/singleflight"
)

const (
	takeOverTimeout = 30 * time.Second
	queryTimeout    = 2 * time.Second
	maxRedeems      = 16384 // under way at once
)

// admitter calls the fans of one event and gives out its passes, during one
// term of its lease. In doubt about what is stored it ends; the next term
// starts from what is.
type admitter struct {
	*Service
	id     string // of the event
	term   uint64
	log    *slog.Logger
	queues *queue.Queues
	guard  *kv.Guard
	bucket *kv.Bucket // PASSES
	back   []kv.Write // of records that are spoiled, as they were before
	writes *kv.Committer
	boards *kv.Bucket
	calls  callLog
	fail   context.CancelCauseFunc
	ctx    context.Context // ends with the term

	redeems chan struct{}      // one token for each under way
	looks   singleflight.Group // of those who can't wait for the next tick

	turn     sync.Mutex // one tick, operator's act or board at a time
	revision kv.Revision
	written  time.Time
	fans     meter.Rises // who hold or have bought, within the life of a pass,
	lately   meter.Rises // and within its youth
	issued   meter.Rises // passes, within it
	last     wire.Board
	shown    time.Time // when it was published, by this machine's clock
	boardRev kv.Revision
	boardOK  bool         // last and boardRev are what BOARD has
	callable bool         // the scene of the last tick
	spread   meter.Spread // what the last tick decided
	gauge    int          // passes of this event counted in the metric

	checkouts  int    // under way at the last look
	drawSecret []byte // of an event with a lottery, once it is known

	withdrawnRev kv.Revision // of withdrawn

	mu     sync.Mutex
	roll   *roll.Roll
	state  wire.Admitter // as stored
	why    string        // what bounded the last call
	demand meter.Demand
	pace   meter.Pace

	withdrawn wire.Revocation // of all passes given out before
}

// lead is one term as admitter of an event.
func (s *Service) lead(ctx context.Context, event string, term uint64) error {
	if err := s.view.Await(ctx); err != nil {
		return err
	}
	a := s.newAdmitter(event, term)
	defer s.spoiled.Forget(wire.PassesBucket(event)) // the next to read it notes what is spoiled
	if err := a.takeOver(ctx); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	s.metrics.led.Inc()
	defer s.metrics.led.Dec()
	return a.run(ctx)
}

func (s *Service) newAdmitter(event string, term uint64) *admitter {
	var regions []string
	for _, r := range s.cfg.Regions {
		regions = append(regions, r.Name)
	}
	return &admitter{
		Service: s, id: event, term: term,
		log:     s.cfg.Logger.With("event", event, "term", term),
		queues:  queue.New(event, regions, s.regions),
		boards:  kv.Open(s.js, wire.BoardBucket),
		calls:   callLog{stream: s.log, spoiled: s.spoiled, subject: wire.LogSubject(event, wire.LogAdmission)},
		redeems: make(chan struct{}, maxRedeems),
	}
}

// takeOver fences whoever was admitter before and reads what he left.
func (a *admitter) takeOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, takeOverTimeout)
	defer cancel()
	bucket := kv.Open(a.js, wire.PassesBucket(a.id))
	guard, err := kv.Seize(ctx, &bucket.Stream, wire.FenceKey, a.cfg.Name, a.term)
	if err != nil {
		return err
	}
	a.guard, a.bucket = guard, bucket
	a.writes = kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream, Guard: guard, MaxQueue: maxRedeems, Registerer: a.cfg.Registerer})
	entries, err := a.snapshot(ctx, bucket)
	if err != nil {
		return err
	}
	var passes []wire.PassRecord
	var secret []byte
	for _, e := range entries {
		switch {
		case e.Key == wire.DrawKey:
			rec, err := readBack[wire.DrawRecord](ctx, a, e)
			if err != nil {
				return fmt.Errorf("record %s: %w", e.Key, err)
			}
			secret = rec.Secret
		case e.Key == wire.AdmitterKey:
			a.revision = e.Revision
			if a.state, err = records.Last[wire.Admitter](ctx, a.spoiled, &bucket.Stream, e); err != nil {
				return fmt.Errorf("record %s: %w", e.Key, err)
			}
		case strings.HasPrefix(e.Key, wire.PassPrefix):
			p, err := readBack[wire.PassRecord](ctx, a, e)
			switch fan, turn, ok := wire.SplitPassKey(e.Key); {
			case err == nil:
				passes = append(passes, p)
			case wire.SpoiledKind(err) == "":
				return fmt.Errorf("record %s: %w", e.Key, err)
			case ok:
				passes = append(passes, a.unreadable(fan, turn, e.Created))
			}
		}
	}
	if len(a.state.Drawn) > 0 && secret == nil {
		return fmt.Errorf("the draw is held, but record %s is missing", wire.DrawKey)
	}
	a.drawSecret = secret
	a.roll = roll.New(a.state.Lines, draws(a.id, secret, a.state.Drawn), passes, a.cfg.Now())
	event, _ := a.view.Event(a.id)
	a.roll.SetLimits(event.Spec.Admission)
	a.queues.Resume(a.state.Lives, a.state.Lines)
	a.broken()
	a.state.Admitter, a.state.Term = a.cfg.Name, a.term
	return nil
}

// snapshot reads all records as of the fence or later: from then on nothing of
// another admitter is stored any more.
func (a *admitter) snapshot(ctx context.Context, bucket *kv.Bucket) ([]kv.Entry, error) {
	for {
		entries, err := bucket.All(ctx, ">")
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Key == wire.FenceKey && e.Revision >= a.guard.Fence().Revision {
				return entries, nil
			}
		}
	}
}

// run admits until ctx ends, or the term does by a failure.
func (a *admitter) run(outer context.Context) error {
	ctx, fail := context.WithCancelCause(outer)
	a.ctx, a.fail = ctx, fail
	var wg sync.WaitGroup
	defer wg.Wait()
	defer fail(nil)
	defer func() { a.metrics.alive.Sub(float64(a.gauge)) }()
	wg.Go(func() { _ = a.writes.Run(ctx) })
	wg.Go(func() { a.keepSettled(ctx) })
	if err := a.mend(ctx); err != nil {
		return err
	}
	for subject, handle := range map[string]nats.MsgHandler{
		wire.PassesSubject(a.id, wire.ActRedeem): a.onRedeem,
		wire.PassesSubject(a.id, wire.ActStand):  a.onStand,
		wire.PassesSubject(a.id, wire.ActMeter):  a.onMeter,
		wire.PassesSubject(a.id, wire.ActRevoke): a.onRevoke,
	} {
		sub, err := a.cfg.NATS.Subscribe(subject, func(m *nats.Msg) {
			if wire.Asked(m.Reply) {
				handle(m)
			}
		})
		if err != nil {
			return fmt.Errorf("subscribe %s: %w", subject, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	// Whoever sees a board finds us listening.
	if err := a.cfg.NATS.FlushTimeout(queryTimeout); err != nil {
		return err
	}
	a.log.Info("admitting", "lines", a.state.Lines)
	err := a.tick(ctx, true)
	if err == nil {
		err = a.loop(ctx)
	}
	if outer.Err() == nil {
		return err
	}
	return nil
}

// loop ticks, and looks once a beat for what is worth a board between ticks.
func (a *admitter) loop(ctx context.Context) error {
	every := a.every()
	tick, beat := time.NewTicker(every), time.NewTicker(a.beat)
	defer tick.Stop()
	defer beat.Stop()
	for {
		now := false
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			now = true
		case <-beat.C:
			if e := a.every(); e != every {
				every = e
				tick.Reset(every)
			}
		}
		if err := a.tick(ctx, now); err != nil {
			return err
		}
	}
}

func (a *admitter) every() time.Duration {
	event, _ := a.view.Event(a.id)
	return max(time.Duration(event.Spec.Admission.Tick), minTick)
}

// minTick bounds how often a spec can make the admitter tick.
const minTick = 10 * time.Millisecond

// store writes the admitter's record, fenced and behind its own revision.
// A passing refusal leaves things as they were; after any other error the term
// is over.
func (a *admitter) store(ctx context.Context, next wire.Admitter) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	revision, err := a.writes.Do(ctx, kv.Write{Key: wire.AdmitterKey, Value: value, Expect: kv.At(a.revision)})
	if err != nil {
		return err
	}
	a.revision, a.written = revision, next.At
	a.spoiled.Note(a.bucket.Name(), wire.AdmitterKey, "")
	a.mu.Lock()
	a.state = next
	a.mu.Unlock()
	return nil
}

// notStored tells refusals that are certain, after which the term goes on, from
// doubt and from the loss of the fence.
func notStored(err error) bool {
	switch {
	case errors.Is(err, kv.ErrUnknown), errors.Is(err, kv.ErrFenced), errors.Is(err, kv.ErrConflict):
		return false
	}
	return errors.Is(err, kv.ErrBusy) || errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrStopped)
}

// respond answers a request with JSON.
func respond(m *nats.Msg, v any) {
	raw, err := json.Marshal(v)
	if err == nil && m.Reply != "" {
		_ = m.Respond(raw) // fails only when the connection is gone, and the asker with it
	}
}
