package admitter

import (
	"context"
	"fmt"
	"slices"

	"frontrow/wire"
)

// A queue that was lost and recreated gives out numbers that are already called. So it is
// in another life and has another line (package queue says how that is detected), which is
// recorded before anybody can see it, and called after those left from the previous life.
// They have only their receipts, and need nothing else.

// look asks the queues who has joined. Its caller has the turn. An error ends the term.
func (a *Admitter) look(ctx context.Context) error {
	known := a.queues.Breaks()
	a.queues.Look(ctx, a.cfg.Now, &a.shared)
	if away := a.queues.Absent(); len(away) > 0 {
		a.log.Warn("regions don't answer", "regions", away)
	}
	breaks := a.queues.Breaks()
	if slices.Equal(breaks, known) {
		return nil
	}
	a.shared.Lock()
	a.noteBreaks()
	next := a.shared.state
	next.Lives, next.Lines, next.At = a.queues.Lives(), a.shared.table.Propose(nil, a.cfg.Now()), a.cfg.Now().UTC()
	a.shared.Unlock()
	for _, b := range breaks {
		a.log.Error("a queue was lost and made again: its places are called by their receipts, those given out since come after them",
			"lane", b.Ended.Lane, "line", b.Ended.Region, "places", b.Joined, "next", b.Begun.Region, "put_back", b.From)
	}
	if err := a.save(ctx, next); err != nil {
		return fmt.Errorf("record of another life: %w", err)
	}
	return nil
}

// noteBreaks tells the table which lines have ended. Its caller holds shared, except at
// take-over.
func (a *Admitter) noteBreaks() {
	for _, b := range a.queues.Breaks() {
		a.shared.table.Break(b.Ended, b.Joined, b.Begun, b.From)
	}
}

// stands returns a place with the line that it stands in. A place that may belong to a life
// not yet known waits for a look at the queues. If they don't answer, it returns false.
func (a *Admitter) stands(place wire.Place) (wire.Place, bool) {
	const looks = 2 // the first may have begun before they joined
	for range looks {
		if !a.doubtful(place) {
			break
		}
		_, err, _ := a.looks.Do("", func() (any, error) {
			a.turn.Lock()
			defer a.turn.Unlock()
			return nil, a.look(a.ctx)
		})
		if err != nil {
			a.fail(err)
			return place, false
		}
	}
	a.shared.Lock()
	silent := a.queues.Silent(place.Lane, place.Region)
	a.shared.Unlock()
	if silent && a.doubtful(place) {
		return place, false
	}
	line, err := a.queues.Stands(a.ctx, place, &a.shared)
	place.Region = line
	return place, err == nil
}

func (a *Admitter) doubtful(place wire.Place) bool {
	a.shared.Lock()
	defer a.shared.Unlock()
	return a.queues.Doubtful(place)
}
