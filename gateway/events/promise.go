package events

import (
	"context"
	"slices"
	"time"

	"frontrow/internal/promise"
	"frontrow/wire"
)

// Most returns what each level costs those at most who were promised a state of the prices;
// nil if the history that is kept doesn't reach so far. The writer, which keeps the promise,
// has all of it.
func (ev *Event) Most(ctx context.Context, state int64) (map[string]int64, error) {
	levels := ev.Record().Spec.Levels
	past, err := ev.past(ctx, levels)
	if first := past.First(); err != nil || state < first && first > 2*int64(len(levels)) {
		return nil, err // what was before the first that is kept is not known here
	}
	most := map[string]int64{}
	for _, l := range levels {
		p, known := past.Most(l.ID, state)
		if !known {
			return nil, nil
		}
		most[l.ID] = p.Total
	}
	return most, nil
}

// past makes of the levels' histories what all of them were after each act: its prices have
// its instant. It begins where all levels are known.
func (ev *Event) past(ctx context.Context, levels []wire.Level) (*promise.Past, error) {
	past := &promise.Past{}
	histories := make([][]wire.Price, len(levels))
	var instants []time.Time
	for i, l := range levels {
		history, err := ev.History(ctx, l.ID)
		if err != nil {
			return nil, err
		}
		for _, p := range slices.Backward(history) { // the oldest first
			histories[i], instants = append(histories[i], p), append(instants, p.At)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	now := map[string]wire.LevelPrice{}
	for _, at := range slices.CompactFunc(instants, time.Time.Equal) {
		for i, l := range levels {
			for len(histories[i]) > 0 && !histories[i][0].At.After(at) {
				now[l.ID] = wire.LevelPrice{Price: histories[i][0]}
				histories[i] = histories[i][1:]
			}
		}
		if len(now) == len(levels) {
			past.Note(now)
		}
	}
	return past, nil
}
