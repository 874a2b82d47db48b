package live

import (
	"time"

	"frontrow/wire"
)

// How often a waiting fan is told the board, by how long their wait will be. Near
// the head a second matters; an hour away it doesn't, and a million sockets
// written to each second would be all that a gateway does.
const (
	cadenceNear  = time.Second      // called within two minutes, about
	cadenceSoon  = 5 * time.Second  // within ten; and who has no place
	cadenceLater = 15 * time.Second // within the hour
	cadenceFar   = 30 * time.Second

	nearAhead = 100 // so few are near whatever the pace
)

// cadence is how often the board is told to a fan with so many ahead of them.
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

// urgent reports whether a board says something that everybody must hear at once:
// that the sale opens, pauses or ends, that a level is sold out or back, the
// draw, an operator's words.
func urgent(last, b *wire.Board) bool {
	if last.State != b.State || last.Message != b.Message || (last.Draw == nil) != (b.Draw == nil) ||
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
