package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"frontrow/admission/meter"
	"frontrow/admission/roll"
	"frontrow/admission/scene"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// idleWrite is how often the record is written while nobody is called, so that
// people see that there is an admitter.
const idleWrite = 30 * time.Second

// tick calls as many fans as the meter says: durably first, then on the board. They are
// let out slice by slice until the next tick. Between ticks (due false) it is decided on
// more only if the sale has just opened or resumed, and a board is published only if
// it says something new.
func (a *admitter) tick(ctx context.Context, due bool) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	s := a.scene()
	opened := s.Callable() && !a.callable
	slice := a.spread.Due(s.Now) > 0
	if due || opened || slice {
		if err := a.call(ctx, s, due || opened); err != nil {
			return err
		}
	}
	return a.publish(ctx, s, due || opened || slice)
}

// scene is what this process has seen of the event, now.
func (a *admitter) scene() scene.Scene {
	s := a.view.Scene(a.id, a.cfg.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Paused, s.Draining = a.state.Paused, a.state.Draining
	return s
}

// call moves the lines: with decide set, by the first slice of a call that is decided
// on, else by the next one. What the meter would not call any more is not let out.
func (a *admitter) call(ctx context.Context, s scene.Scene, decide bool) error {
	a.mu.Lock()
	next := a.state
	a.mu.Unlock()
	if decide {
		a.spread = meter.Spread{}
		if err := a.look(ctx); err != nil {
			return err
		}
		a.lookAtCheckouts(ctx)
		a.callable = s.Callable()
		var err error
		if next, err = a.drawn(ctx, s); err != nil {
			a.log.Warn("draw not held yet", "error", err)
			return nil
		}
	}
	turned := decide && s.Known && s.SoldOut() != a.state.SoldOut
	out := a.decide(s, &next, decide, turned)
	n := min(out.Call, a.spread.Due(s.Now))
	if !s.OnSale() || s.PaymentsDown {
		a.spread = meter.Spread{} // when that is over, a tick decides
	}
	if n == 0 && !decide {
		return nil
	}
	return a.let(ctx, s, next, n, out.Why, turned)
}

// decide asks the meter how many to call over a tick, if that is to be decided anew,
// and then how many may be called now.
func (a *admitter) decide(s scene.Scene, next *wire.Admitter, anew, turned bool) meter.Output {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.SetLimits(s.Event.Spec.Admission)
	a.roll.Expire(s.Now)
	if turned {
		if next.SoldOut = s.SoldOut(); next.SoldOut {
			a.roll.Suspend(s.Now)
		}
	}
	if anew {
		out := meter.Decide(a.input(s, a.tickOf(s)))
		a.spread = meter.NewSpread(out.Call, s.Now, a.tickOf(s), a.step)
		a.why = out.Why
		a.metrics.ticks.WithLabelValues(out.Why).Inc()
	}
	return meter.Decide(a.input(s, 0))
}

// let calls n fans, whoever is next.
func (a *admitter) let(ctx context.Context, s scene.Scene, next wire.Admitter, n int, why string, turned bool) error {
	to, err := a.queues.Plan(ctx, uint64(n), a.open, a.roll.Draws(), time.Duration(s.Event.Spec.Admission.RegionWait), s.Now)
	if err != nil {
		a.log.Warn("order of arrival not known", "error", err)
		to = nil
	}
	called := uint64(0)
	for l, end := range to {
		called += end - a.open(l)
	}
	a.mu.Lock()
	next.Lines, next.Lives = a.roll.Propose(to, s.Now), a.queues.Lives()
	next.Board, next.At = max(next.Board, a.last.Seq), s.Now.UTC()
	alive := a.roll.Alive()
	a.mu.Unlock()
	a.metrics.alive.Add(float64(alive - a.gauge))
	a.gauge = alive
	if len(to) > 0 || turned || len(next.Drawn) != len(a.state.Drawn) || s.Now.Sub(a.written) >= idleWrite {
		if err := a.store(ctx, next); err != nil {
			return a.unstored(err)
		}
		failpoint.Here(failpoint.CallStored)
		a.moved(s, int(called))
	}
	if err := a.calls.write(ctx, a.state, why); err != nil {
		a.log.Warn("call not logged yet", "error", err) // made up for at the next tick
	}
	return nil
}

// lookAtCheckouts counts the orders under way. If that can't be told, what was
// known last is as good as anything.
func (a *admitter) lookAtCheckouts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	c, err := a.js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
	if err != nil {
		a.log.Warn("checkouts not counted", "error", err)
		return
	}
	a.checkouts = int(min(c.CachedInfo().NumPending+uint64(c.CachedInfo().NumAckPending), math.MaxInt32))
}

// moved takes note of what was stored: n were called.
func (a *admitter) moved(s scene.Scene, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.Called()
	a.spread.Let(n)
	a.pace.Note(s.Now, n)
	a.metrics.called.Add(float64(n))
}

// open is how far a line is called.
func (a *admitter) open(l roll.Line) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.roll.Open(l)
}

// unstored is what a record that was not stored means for the term.
func (a *admitter) unstored(err error) error {
	if !notStored(err) {
		return fmt.Errorf("record: %w", err)
	}
	a.log.Warn("record not stored", "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.Withdraw()
	return nil
}

// input gathers what the meter goes by, for calls that are spread over a time: of the
// last minute's those count that are of it still when that is over. Its caller holds mu.
func (a *admitter) input(s scene.Scene, over time.Duration) meter.Input {
	spec := s.Event.Spec.Admission
	rate := spec.RatePerMinute
	if a.state.Rate > 0 {
		rate = a.state.Rate
	}
	_, show := a.roll.Show()
	a.demand = meter.Learn(a.seen(s))
	return meter.Input{
		Open: s.OnSale(), Paused: a.state.Paused, Draining: a.state.Draining, PaymentsDown: s.PaymentsDown,
		Checkouts: a.checkouts, MaxCheckouts: spec.Checkouts,
		Waiting: a.uncalled(), Alive: a.roll.Alive(), Coming: a.roll.Coming(s.Now), Show: show, Ceiling: a.roll.Ceiling(),
		Free: s.Stock.All.Free, Undecided: a.demand.Undecided, PerOrder: a.demand.PerOrder, Buys: a.demand.Buys,
		Rate: rate, LastMinute: a.roll.CalledSince(s.Now, max(time.Minute-over, 0)), Tick: time.Duration(spec.Tick),
	}
}

// seen is what the meter learns the demand from. Its caller holds mu.
func (a *admitter) seen(s scene.Scene) meter.Seen {
	life := time.Duration(s.Event.Spec.Admission.PassTTL)
	youth := time.Duration(meter.Youth * float64(life))
	return meter.Seen{Passes: a.roll.Issued(), Alive: a.roll.Alive(), Stock: s.Stock, Limit: s.Event.Spec.Limits.PerFan,
		Came: a.fans.Since(s.Now, life, s.Stock.Fans), Young: a.issued.Since(s.Now, youth, a.roll.Issued()),
		Lately: a.lately.Since(s.Now, youth, s.Stock.Fans), Settled: a.issued.Know(s.Now, youth)}
}

// uncalled is how many places wait. Its caller holds mu.
func (a *admitter) uncalled() (n uint64) {
	for _, l := range a.queues.Lives() {
		n += behind(l.Joined(), a.roll.Open(roll.Line{Lane: l.Lane, Region: l.Region}))
	}
	for lane, d := range a.roll.Draws() {
		n += behind(d.Total(), a.roll.Open(roll.Line{Lane: lane}))
	}
	return n
}

func behind(n, open uint64) uint64 { return max(n, open) - open }

// publish writes the next board behind the one before. Its caller has the turn.
func (a *admitter) publish(ctx context.Context, s scene.Scene, always bool) error {
	if !a.boardOK {
		if err := a.readBoard(ctx); err != nil {
			a.log.Warn("board not read", "error", err)
			return nil
		}
	}
	b := a.board(s)
	if !always && (time.Since(a.shown) < a.beat/2 || !worthABoard(a.last, b)) {
		return nil
	}
	b.Seq = a.last.Seq + 1
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	revision, err := a.boards.Update(ctx, a.id, value, a.boardRev)
	if err == nil {
		failpoint.Here(failpoint.BoardPublished)
		a.last, a.boardRev, a.shown = b, revision, time.Now()
		a.spoiled.Note(wire.BoardBucket, a.id, "")
		a.metrics.boards.Inc()
		return nil
	}
	a.boardOK = false
	if errors.Is(err, kv.ErrConflict) {
		if err := a.guard.Check(ctx); errors.Is(err, kv.ErrFenced) {
			return fmt.Errorf("board: %w", err)
		}
	}
	a.log.Warn("board not published", "error", err)
	return nil
}

// readBoard finds the number and the revision to go on from.
func (a *admitter) readBoard(ctx context.Context) error {
	var b wire.Board
	e, err := a.boards.Get(ctx, a.id)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil {
		b, _ = records.Read[wire.Board](a.spoiled, wire.BoardBucket, e) // one that is spoiled will be replaced
	}
	if b.Seq == 0 {
		b.Seq = a.state.Board
	}
	a.last, a.boardRev, a.boardOK = b, e.Revision, true
	return nil
}
