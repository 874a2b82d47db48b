package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"
)

// idleWrite is how often the record is written while nobody is called, so that
// people see that there is an admitter.
const idleWrite = 30 * time.Second

// tick calls as many fans as the meter says: durably first, then on the board.
// Between ticks (due false) it does so only if the sale has just opened or
// resumed, and publishes a board only if it says something new.
func (a *admitter) tick(ctx context.Context, due bool) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	s := a.scene()
	opened := s.callable() && !a.callable
	if due || opened {
		if err := a.call(ctx, s); err != nil {
			return err
		}
	}
	return a.publish(ctx, s, due || opened)
}

// scene is what this process has seen of the event, now.
func (a *admitter) scene() scene {
	s := a.view.scene(a.id, a.cfg.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	s.paused = a.state.Paused
	return s
}

// call moves the head.
func (a *admitter) call(ctx context.Context, s scene) error {
	joined, err := a.lastPlace(ctx)
	if err != nil {
		a.log.Warn("places not counted", "error", err)
	}
	a.callable = s.callable()
	a.mu.Lock()
	a.joined = max(joined, a.joined)
	a.roll.limits(s.event.Spec.Admission)
	a.roll.expire(s.now)
	out := Meter(a.input(s))
	next := a.state
	next.Head, next.Calls = a.roll.head()+uint64(out.Call), a.roll.propose(out.Call, s.now)
	next.Board, next.At = max(next.Board, a.last.Seq), s.now.UTC()
	alive := a.roll.alive
	a.mu.Unlock()

	a.metrics.ticks.WithLabelValues(out.Why).Inc()
	a.metrics.alive.Add(float64(alive - a.gauge))
	a.gauge = alive
	if out.Call > 0 || s.now.Sub(a.written) >= idleWrite {
		if err := a.store(ctx, next); err != nil {
			return a.unstored(err)
		}
		failpoint.Here(failpoint.CallStored)
		a.mu.Lock()
		a.roll.called()
		a.mu.Unlock()
		a.metrics.called.Add(float64(out.Call))
	}
	if err := a.calls.write(ctx, a.state, out.Why); err != nil {
		a.log.Warn("call not logged yet", "error", err) // made up for at the next tick
	}
	return nil
}

// unstored is what a record that was not stored means for the term.
func (a *admitter) unstored(err error) error {
	if !notStored(err) {
		return fmt.Errorf("record: %w", err)
	}
	a.log.Warn("record not stored", "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.propose(0, a.roll.callAt)
	return nil
}

// input gathers what the meter goes by. Its caller holds mu.
func (a *admitter) input(s scene) Input {
	spec := s.event.Spec.Admission
	rate := spec.RatePerMinute
	if a.state.Rate > 0 {
		rate = a.state.Rate
	}
	in := Input{
		Open: s.onSale(), Paused: a.state.Paused, PaymentsDown: s.paymentsDown,
		Alive: a.roll.alive, Called: a.roll.outstanding(s.now), Ceiling: a.roll.ceiling,
		Free: s.stock.All.Free, Held: s.stock.All.Held, Bought: a.sales.since(s.now, time.Duration(spec.PassTTL), s.stock.All.Sold),
		PerFan: seatsPerFan(s.stock.All.Held+s.stock.All.Sold, len(a.roll.passes), s.event.Spec.Limits.PerFan),
		Rate:   rate, LastMinute: a.roll.calledSince(s.now, time.Minute), Tick: time.Duration(spec.Tick),
	}
	if head := a.roll.head(); a.joined > head {
		in.Waiting = a.joined - head
	}
	return in
}

// publish writes the next board behind the one before. Its caller has the turn.
func (a *admitter) publish(ctx context.Context, s scene, always bool) error {
	if !a.boardOK {
		if err := a.readBoard(ctx); err != nil {
			a.log.Warn("board not read", "error", err)
			return nil
		}
	}
	a.mu.Lock()
	s.paused = a.state.Paused
	head := wire.Head{Head: a.roll.head(), Joined: a.joined}
	b := s.board(a.lane, a.cfg.Region, head, a.roll.calledSince(s.now, time.Minute), a.state.Message)
	a.mu.Unlock()
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
		if err := json.Unmarshal(e.Value, &b); err != nil {
			a.log.Warn("board is not JSON: it will be replaced", "error", err)
		}
	}
	if b.Seq == 0 {
		b.Seq = a.state.Board
	}
	a.last, a.boardRev, a.boardOK = b, e.Revision, true
	return nil
}

// callLog writes the calls of an event to the sale log: each place once and
// without gaps, whoever was admitter. It goes on where the log ends.
type callLog struct {
	stream   *kv.Stream
	subject  string
	revision kv.Revision
	to       uint64
	known    bool
}

func (l *callLog) write(ctx context.Context, state wire.Admitter, why string) error {
	if !l.known {
		e, err := l.stream.Get(ctx, l.subject)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		var act wire.AdmissionAct
		if err == nil {
			if err := json.Unmarshal(e.Value, &act); err != nil {
				return fmt.Errorf("last act of %s: %w", l.subject, err)
			}
		}
		l.revision, l.to, l.known = e.Revision, act.To, true
	}
	if state.Head <= l.to {
		return nil
	}
	value, err := json.Marshal(wire.AdmissionAct{Kind: "call", From: l.to + 1, To: state.Head, Term: state.Term, At: state.At, Why: why})
	if err != nil {
		return err
	}
	revision, err := l.stream.Update(ctx, l.subject, value, l.revision)
	if err != nil {
		l.known = false
		return err
	}
	failpoint.Here(failpoint.CallLogged)
	l.revision, l.to = revision, state.Head
	return nil
}
