package queue

import (
	"context"
	"fmt"
	"time"

	"frontrow/admission/passes"
	"frontrow/wire"
)

// Plan says how far each line is to be called for n fans: lane by lane, in a
// lane the draw before the others, those by arrival. Open is how far a line is
// called, draws are those held, by lane; lines that stay as they are aren't in
// it. While a region has been silent for no longer than wait, nobody is
// called who came after it was last heard: they might be overtaking. After that
// it is gone without; its fans come first when it is back, by their arrival.
// An error is a queue's that could not be asked: the order is not known.
func (q *Queues) Plan(ctx context.Context, n uint64, open func(passes.Line) uint64, draws map[string]wire.Draw, wait time.Duration, now time.Time) (map[passes.Line]uint64, error) {
	to := map[passes.Line]uint64{}
	for _, lane := range wire.Lanes() {
		if d, ok := draws[lane]; ok && n > 0 {
			ranks := passes.Line{Lane: lane}
			if k := min(n, d.Total()-open(ranks)); k > 0 {
				to[ranks], n = open(ranks)+k, n-k
			}
		}
		if n == 0 {
			break
		}
		lines, err := q.waiting(ctx, lane, open, wait, now)
		if err != nil {
			return nil, err
		}
		ends, err := earliest(ctx, lines, n)
		if err != nil {
			return nil, fmt.Errorf("lane %s: %w", lane, err)
		}
		for i, end := range ends {
			if end > lines[i].from {
				to[lines[i].line] = end
				n -= end - lines[i].from
			}
		}
	}
	return to, nil
}

// waiting returns the stretches of a lane that may be called.
func (q *Queues) waiting(ctx context.Context, lane string, open func(passes.Line) uint64, wait time.Duration, now time.Time) ([]waiting, error) {
	var lines []waiting
	heard, bounded := time.Time{}, false // if bounded, nobody who came later is called
	for _, one := range q.of(lane) {
		silent, last := one.asOf, one.asOf
		if silent.IsZero() { // heard from by the previous admitter, if at all
			silent, last = q.began, one.last().Last().At
		}
		switch {
		case one.absent && now.Sub(silent) >= wait:
			continue
		case one.absent && (!bounded || last.Before(heard)):
			heard, bounded = last, true
		}
		for i, l := range one.lives {
			if from := open(lineOf(l)); l.Joined() > from && !one.absent {
				lines = append(lines, waiting{arrivals: one.order(i), line: lineOf(l), from: from, to: l.Joined()})
			}
		}
	}
	switch {
	case !bounded:
		return lines, nil
	case heard.IsZero(): // never
		return nil, nil
	}
	for i := range lines {
		until, err := lines[i].Until(ctx, heard)
		if err != nil {
			return nil, err
		}
		lines[i].to = max(lines[i].from, min(lines[i].to, until))
	}
	return lines, nil
}

// Entrants returns who takes part in a draw: the places given out before the sale opened,
// exactly by instant. A region that stays silent for as long as calls wait for one is left
// out; its fans are called after the draw, by arrival. An error means that it is waiting
// for a region, or names the queue that could not be asked.
func (q *Queues) Entrants(ctx context.Context, opened time.Time, wait time.Duration, now time.Time) ([]wire.Drawn, error) {
	var drawn []wire.Drawn
	for _, one := range q.list {
		if one.absent && now.Sub(opened) < wait {
			return nil, fmt.Errorf("region %s doesn't answer", one.region)
		}
		for i, l := range one.lives {
			d := wire.Drawn{Lane: l.Lane, Region: l.Region}
			if !one.absent {
				n, err := one.order(i).Until(ctx, opened)
				if err != nil {
					return nil, err
				}
				d.Places = min(n, l.Joined())
			}
			drawn = append(drawn, d)
		}
	}
	return drawn, nil
}
