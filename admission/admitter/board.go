package admitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"frontrow/admission/passes"
	"frontrow/admission/sale"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// board returns the snapshot's board with what the admitter knows. The general lane is
// always on it; the others once somebody has joined them.
func (a *Admitter) board(s sale.Snapshot) wire.Board {
	a.shared.Lock()
	defer a.shared.Unlock()
	s.Paused, s.Draining = a.shared.state.Paused, a.shared.state.Draining
	b := s.Board(a.shared.state.Message)
	for _, life := range a.queues.Lives() {
		l := passes.Line{Lane: life.Lane, Region: life.Region}
		open, head := a.shared.table.Open(l), a.shared.table.Head(l)
		if l.Lane != wire.LaneGeneral && life.Joined() == 0 && open == 0 && life.Since.IsZero() {
			continue
		}
		lane := b.Lanes[l.Lane]
		if lane.Regions == nil {
			lane.Regions = map[string]wire.Head{}
		}
		h := wire.Head{Head: open, Joined: life.Joined(), Since: life.Since}
		if head > open {
			h.Upto = head
		}
		if d, ok := a.shared.table.Draws()[l.Lane]; ok && len(a.shared.state.Drawn) > 0 {
			h.Drawn, lane.Called = d.Entrants[l.Region], a.shared.table.Open(passes.Line{Lane: l.Lane})
		}
		lane.Regions[l.Region] = h
		lane.Waiting += behind(h.Joined, h.Head)
		b.Lanes[l.Lane] = lane
	}
	for name, lane := range b.Lanes {
		if d, ok := a.shared.table.Draws()[name]; ok && len(a.shared.state.Drawn) > 0 {
			lane.Waiting += d.Total() - lane.Called
			b.Lanes[name] = lane
		}
	}
	a.shared.pace.Note(s.Now, 0)
	b.Rate = math.Round(a.shared.pace.Rate(s.Now, a.shared.table.CalledSince(s.Now, time.Minute), time.Duration(s.Event.Spec.Admission.Tick)))
	if low, high := a.shared.pace.Between(); high > 0 {
		b.Pace = &wire.Pace{Low: round(low), High: round(high)}
	}
	if b.State == wire.SaleOpen || b.State == wire.SalePaused {
		if b.Pace == nil {
			b.Pace = &wire.Pace{}
		}
		b.Pace.PerFan, b.Pace.Spread = round(a.shared.demand.PerFan()), round(a.shared.demand.Spread)
	}
	if s.Event.Spec.Admission.Lottery && a.turn.drawSecret != nil {
		b.Draw = proof(a.event, a.turn.drawSecret, len(a.shared.state.Drawn) > 0)
	}
	return b
}

// round keeps two digits after the point: the board is small.
func round(v float64) float64 { return math.Round(100*v) / 100 }

// worthABoard reports whether b has news to publish between two ticks. The rate and the
// numbers of fans who have joined wait for the next tick.
func worthABoard(last, b wire.Board) bool {
	return (last.Draw == nil) != (b.Draw == nil) || b.Draw != nil && *last.Draw != *b.Draw || last.State != b.State || last.Message != b.Message || last.Currency != b.Currency || last.Priced != b.Priced || !slices.Equal(last.Levels, b.Levels)
}

// published is the last board, as BOARD has it.
type published struct {
	last     wire.Board
	revision kv.Revision
	at       time.Time // by this machine's clock
	known    bool      // whether last and revision are what BOARD has, as far as is known
}

// publish writes the next board, expecting the previous one. Its caller has the turn.
func (a *Admitter) publish(ctx context.Context, s sale.Snapshot, always bool) error {
	if !a.turn.board.known {
		if err := a.readBoard(ctx); errors.Is(err, kv.ErrFenced) {
			return fmt.Errorf("board: %w", err)
		} else if err != nil {
			a.log.Warn("board not read", "err", err)
			return nil
		}
	}
	b := a.board(s)
	soon := time.Since(a.turn.board.at) < a.cfg.Beat/2 && b.SamePrices(&a.turn.board.last)
	if !always && (soon || !worthABoard(a.turn.board.last, b)) {
		return nil
	}
	b.Seq = a.turn.board.last.Seq + 1
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	revision, err := a.boards.Update(ctx, a.event, value, a.turn.board.revision)
	if err == nil {
		failpoint.Here(failpoint.BoardPublished)
		a.turn.board.last, a.turn.board.revision, a.turn.board.at = b, revision, time.Now()
		a.cfg.Spoiled.Note(wire.BoardBucket, a.event, "")
		a.cfg.Metrics.boards.Inc()
		return nil
	}
	a.turn.board.known = false
	if errors.Is(err, kv.ErrConflict) {
		if err := a.guard.Check(ctx); errors.Is(err, kv.ErrFenced) {
			return fmt.Errorf("board: %w", err)
		}
	}
	a.log.Warn("board not published", "err", err)
	return nil
}

// readBoard finds the number and the revision from which to go on. BOARD has no fence, but
// a board is written expecting the revision that was read. A board read while the guard is
// ours precedes a later admitter's first, so nothing of ours follows that.
func (a *Admitter) readBoard(ctx context.Context) error {
	var b wire.Board
	e, err := a.boards.Get(ctx, a.event)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil {
		b, _ = records.Read[wire.Board](a.cfg.Spoiled, wire.BoardBucket, e) // a spoiled one will be replaced
	}
	ctx, cancel := context.WithTimeout(ctx, boardTimeout)
	defer cancel()
	if err := a.guard.Reassert(ctx); err != nil {
		return err
	}
	if b.Seq == 0 {
		b.Seq = a.shared.state.Board
	}
	a.turn.board.last, a.turn.board.revision, a.turn.board.known = b, e.Revision, true
	return nil
}
