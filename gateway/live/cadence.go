package live

import (
	"time"

	"frontrow/wire"
)

// How often a waiting fan gets the board, by the length of their wait. Near the head a
// second matters; an hour away it doesn't, and a gateway that wrote to a million sockets
// each second would do nothing else.
const (
	cadenceNear  = time.Second      // called within about two minutes
	cadenceSoon  = 5 * time.Second  // within ten; also for viewers without a place
	cadenceLater = 15 * time.Second // within the hour
	cadenceFar   = 30 * time.Second

	nearAhead = 100 // so few ahead is near, whatever the pace
)

// cadence returns how often a fan with so many ahead of them gets the board.
func cadence(b *wire.Board, ahead uint64) time.Duration {
	rate := b.Rate
	if b.Pace != nil && b.Pace.High > rate {
		rate = b.Pace.High
	}
	switch minutes := float64(ahead) / max(rate, 1); {
	case minutes < 2 || ahead < nearAhead:
		return cadenceNear
	case minutes < 10:
		return cadenceSoon
	case minutes < 60:
		return cadenceLater
	}
	return cadenceFar
}

// urgent reports whether a board has news that everybody must get at once: the sale opens,
// pauses or ends, a level is sold out or back, the draw, an operator's message, prices.
func urgent(last, b *wire.Board) bool {
	if !last.SamePrices(b) || last.State != b.State || last.Message != b.Message || (last.Draw == nil) != (b.Draw == nil) ||
		b.Draw != nil && *last.Draw != *b.Draw || len(last.Levels) != len(b.Levels) {
		return true
	}
	for i := range b.Levels {
		if (last.Levels[i].Free == 0) != (b.Levels[i].Free == 0) {
			return true
		}
	}
	return false
}
