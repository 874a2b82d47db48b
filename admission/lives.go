package admission

import (
	"context"
	"fmt"
	"slices"

	"frontrow/wire"
)

// A queue that was lost and made again gives out numbers that are called already. So
// it is in another life, and its line another one (package queue says how that is
// known): recorded before anybody can see it, and called after those who are left of
// the life before. They have nothing but their receipts, and need nothing else.

// look asks the queues who has joined. Its caller has the turn. After an error the
// term is over.
func (a *admitter) look(ctx context.Context) error {
	known := a.queues.Breaks()
	a.queues.Look(ctx, a.cfg.Now, &a.mu)
	if away := a.queues.Absent(); len(away) > 0 {
		a.log.Warn("regions don't answer", "regions", away)
	}
	breaks := a.queues.Breaks()
	if slices.Equal(breaks, known) {
		return nil
	}
	a.mu.Lock()
	a.broken()
	next := a.state
	next.Lives, next.Lines, next.At = a.queues.Lives(), a.roll.Propose(nil, a.cfg.Now()), a.cfg.Now().UTC()
	a.mu.Unlock()
	for _, b := range breaks {
		a.log.Error("a queue was lost and made again: its places are called by their receipts, those given out since come after them",
			"lane", b.Ended.Lane, "line", b.Ended.Region, "places", b.Joined, "next", b.Begun.Region, "put_back", b.From)
	}
	if err := a.store(ctx, next); err != nil {
		return fmt.Errorf("record of another life: %w", err)
	}
	return nil
}

// broken tells the roll which lines have ended. Its caller holds mu, but at take-over.
func (a *admitter) broken() {
	for _, b := range a.queues.Breaks() {
		a.roll.Break(b.Ended, b.Joined, b.Begun, b.From)
	}
}

// stands is a place by the line that it stands in. One that may be of a life not known
// of yet waits for a look at the queues. It is not sure if they don't answer.
func (a *admitter) stands(place wire.Place) (wire.Place, bool) {
	const looks = 2 // the first may have begun before he joined
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
	a.mu.Lock()
	silent := a.queues.Silent(place.Lane, place.Region)
	a.mu.Unlock()
	if silent && a.doubtful(place) {
		return place, false
	}
	line, err := a.queues.Stands(a.ctx, place, &a.mu)
	place.Region = line
	return place, err == nil
}

func (a *admitter) doubtful(place wire.Place) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queues.Doubtful(place)
}
