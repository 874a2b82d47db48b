package admitter

import (
	"context"
	"fmt"
	"time"

	"frontrow/admission/pacing"
	"frontrow/admission/passes"
	"frontrow/admission/sale"
	"frontrow/internal/failpoint"
	"frontrow/wire"
)

// idleWrite is how often the record is written while nobody is called, so that
// people see that there is an admitter.
const idleWrite = 30 * time.Second

// Tick calls as many fans as pacing says: durably first, then on the board. They are let
// out slice by slice until the next tick. Between ticks (due false) it decides on more only
// if the sale has just opened or resumed, and publishes a board only if it has news.
func (a *Admitter) Tick(ctx context.Context, due bool) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.tick(ctx, due)
}

// tick is Tick for who has the turn.
func (a *Admitter) tick(ctx context.Context, due bool) error {
	s := a.snapshot()
	opened := s.Callable() && !a.turn.callable
	slice := a.turn.spread.Due(s.Now) > 0
	if due || opened || slice {
		if err := a.call(ctx, s, due || opened); err != nil {
			return err
		}
	}
	return a.publish(ctx, s, due || opened || slice)
}

// snapshot returns what this process has seen of the event, now.
func (a *Admitter) snapshot() sale.Snapshot {
	s := a.cfg.View.Snapshot(a.event, a.cfg.Now())
	a.shared.Lock()
	defer a.shared.Unlock()
	s.Paused, s.Draining = a.shared.state.Paused, a.shared.state.Draining
	return s
}

// call moves the lines: if decide is set, by the first slice of a newly decided call, else
// by the next slice. What pacing would no longer call is not let out.
func (a *Admitter) call(ctx context.Context, s sale.Snapshot, decide bool) error {
	a.shared.Lock()
	next := a.shared.state
	a.shared.Unlock()
	if decide {
		a.turn.spread = pacing.Spread{}
		if err := a.look(ctx); err != nil {
			return err
		}
		a.countOrders(ctx)
		a.turn.callable = s.Callable()
		var err error
		if next, err = a.drawn(ctx, s); err != nil {
			a.log.Warn("draw not held yet", "err", err)
			return nil
		}
	}
	turned := decide && s.Known && s.SoldOut() != a.shared.state.SoldOut
	out := a.decide(s, &next, decide, turned)
	n := min(out.Call, a.turn.spread.Due(s.Now))
	if !s.OnSale() || s.PaymentsDown {
		a.turn.spread = pacing.Spread{} // once that is over, a tick decides
	}
	if n == 0 && !decide {
		return nil
	}
	return a.let(ctx, s, next, n, out.Why, turned)
}

// decide asks pacing how many to call over a tick, if anew is set, and then how many may be
// called now.
func (a *Admitter) decide(s sale.Snapshot, next *wire.Admitter, anew, turned bool) pacing.Output {
	a.shared.Lock()
	defer a.shared.Unlock()
	a.shared.table.SetLimits(s.Event.Spec.Admission)
	a.shared.table.Expire(s.Now)
	if turned {
		if next.SoldOut = s.SoldOut(); next.SoldOut {
			a.shared.table.Suspend(s.Now)
		}
	}
	if anew {
		out := pacing.Decide(a.input(s, a.tickOf(s)))
		a.turn.spread = pacing.NewSpread(out.Call, s.Now, a.tickOf(s), a.cfg.Slice)
		a.shared.why = out.Why
		a.cfg.Metrics.ticks.WithLabelValues(out.Why).Inc()
	}
	return pacing.Decide(a.input(s, 0))
}

// let calls the next n fans.
func (a *Admitter) let(ctx context.Context, s sale.Snapshot, next wire.Admitter, n int, why string, turned bool) error {
	to, err := a.queues.Plan(ctx, uint64(n), a.open, a.shared.table.Draws(), time.Duration(s.Event.Spec.Admission.RegionWait), s.Now)
	if err != nil {
		a.log.Warn("order of arrival not known", "err", err)
		to = nil
	}
	called := uint64(0)
	for l, end := range to {
		called += end - a.open(l)
	}
	a.shared.Lock()
	next.Lines, next.Lives = a.shared.table.Propose(to, s.Now), a.queues.Lives()
	next.Board, next.At = max(next.Board, a.turn.board.last.Seq), s.Now.UTC()
	alive := a.shared.table.Alive()
	a.shared.Unlock()
	a.cfg.Metrics.alive.Add(float64(alive - a.turn.gauge))
	a.turn.gauge = alive
	if len(to) > 0 || turned || len(next.Drawn) != len(a.shared.state.Drawn) || s.Now.Sub(a.turn.written) >= idleWrite {
		if err := a.save(ctx, next); err != nil {
			return a.unstored(err)
		}
		failpoint.Here(failpoint.CallStored)
		a.moved(s, int(called))
	}
	if err := a.turn.calls.write(ctx, a.shared.state, why); err != nil {
		a.log.Warn("call not logged yet", "err", err) // made up for at the next tick
	}
	return nil
}

// countOrders counts the orders being paid for. If that can't be known, the last count
// stands.
func (a *Admitter) countOrders(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	n, err := a.cfg.Orders(ctx)
	if err != nil {
		a.log.Warn("orders under way not counted", "err", err)
		return
	}
	a.turn.orders = n
}

// moved notes what was stored: n fans were called.
func (a *Admitter) moved(s sale.Snapshot, n int) {
	a.shared.Lock()
	defer a.shared.Unlock()
	a.shared.table.Called()
	a.turn.spread.Let(n)
	a.shared.pace.Note(s.Now, n)
	a.cfg.Metrics.called.Add(float64(n))
}

// open returns how far a line is called.
func (a *Admitter) open(l passes.Line) uint64 {
	a.shared.Lock()
	defer a.shared.Unlock()
	return a.shared.table.Open(l)
}

// unstored says what it means for the term that a record was not stored.
func (a *Admitter) unstored(err error) error {
	if !notStored(err) {
		return fmt.Errorf("record: %w", err)
	}
	a.log.Warn("record not stored", "err", err)
	a.shared.Lock()
	defer a.shared.Unlock()
	a.shared.table.Withdraw()
	return nil
}

// input gathers pacing's input for calls spread over a time. Of the last minute's calls,
// those count that will still be within a minute when that time is over. Its caller holds
// shared.
func (a *Admitter) input(s sale.Snapshot, over time.Duration) pacing.Input {
	spec := s.Event.Spec.Admission
	rate := spec.RatePerMinute
	if a.shared.state.Rate > 0 {
		rate = a.shared.state.Rate
	}
	_, show := a.shared.table.Show()
	a.shared.demand = pacing.Learn(a.seen(s))
	return pacing.Input{
		Open: s.OnSale(), Paused: a.shared.state.Paused, Draining: a.shared.state.Draining, PaymentsDown: s.PaymentsDown,
		Checkouts: a.turn.orders, MaxCheckouts: spec.Checkouts,
		Waiting: a.uncalled(), Alive: a.shared.table.Alive(), Coming: a.shared.table.Coming(s.Now), Show: show, Ceiling: a.shared.table.Ceiling(),
		Free: s.Stock.All.Free, Undecided: a.shared.demand.Undecided, PerOrder: a.shared.demand.PerOrder, Buys: a.shared.demand.Buys,
		Rate: rate, LastMinute: a.shared.table.CalledSince(s.Now, max(time.Minute-over, 0)), Tick: time.Duration(spec.Tick),
	}
}

// seen returns what pacing learns the demand from. Its caller holds shared.
func (a *Admitter) seen(s sale.Snapshot) pacing.Seen {
	life := time.Duration(s.Event.Spec.Admission.PassTTL)
	youth := time.Duration(pacing.Youth * float64(life))
	return pacing.Seen{Passes: a.shared.table.Issued(), Alive: a.shared.table.Alive(), Stock: s.Stock, Limit: s.Event.Spec.Limits.PerFan,
		Came: a.turn.fans.Since(s.Now, life, s.Stock.Fans), Young: a.turn.issued.Since(s.Now, youth, a.shared.table.Issued()),
		Lately: a.turn.lately.Since(s.Now, youth, s.Stock.Fans), YouthKnown: a.turn.issued.Know(s.Now, youth)}
}

// uncalled returns how many places are waiting. Its caller holds shared.
func (a *Admitter) uncalled() (n uint64) {
	for _, l := range a.queues.Lives() {
		n += behind(l.Joined(), a.shared.table.Open(passes.Line{Lane: l.Lane, Region: l.Region}))
	}
	for lane, d := range a.shared.table.Draws() {
		n += behind(d.Total(), a.shared.table.Open(passes.Line{Lane: lane}))
	}
	return n
}

func behind(n, open uint64) uint64 { return max(n, open) - open }
