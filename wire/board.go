package wire

import (
	"encoding/base64"
	"slices"
	"time"
)

// Sale states an event's board can show.
const (
	SaleScheduled = "scheduled" // the room is open, the sale is not
	SaleOpen      = "open"
	SalePaused    = "paused"   // an operator paused calling
	SaleDraining  = "draining" // an operator is ending the queue: nobody else is called, and nobody can join
	SaleSoldOut   = "sold_out" // nothing free and nothing held
	SaleClosed    = "closed"
)

// Board is the public document of one event. It is the same for every fan, so it is
// cached and encoded once for all sockets, and each client subtracts. A place is called
// when its number is at or below the head of its lane and region.
type Board struct {
	Event    string               `json:"event"`
	Seq      uint64               `json:"seq"` // rises by one with each board
	At       time.Time            `json:"at"`
	State    string               `json:"state"`
	Lanes    map[string]LaneBoard `json:"lanes"`
	Rate     float64              `json:"rate_per_minute"` // fans called in the last minute; in the first minute, extrapolated from its part so far
	Pace     *Pace                `json:"pace,omitempty"`
	Currency string               `json:"currency"`
	Levels   []LevelBoard         `json:"levels"`
	Priced   int64                `json:"priced,omitempty"`  // PriceState of the prices in Levels, of an event that promises those who join what it shows
	Message  string               `json:"message,omitempty"` // from the operator
	Draw     *DrawBoard           `json:"draw,omitempty"`    // of an event with a lottery
}

// LaneBoard shows a lane region by region, and one whose queue was lost life by life
// (see Life). Its fans are called in this order: those of the draw by rank, up to
// Called; then the others by arrival.
type LaneBoard struct {
	Regions map[string]Head `json:"regions"` // by the name of the line
	Waiting uint64          `json:"waiting"`
	Called  uint64          `json:"drawn_called,omitempty"` // ranks of the draw
}

// Head is the watermark of a region's lane and the number of places given out.
type Head struct {
	Head   uint64 `json:"head"` // places up to here are called
	Joined uint64 `json:"joined"`
	Drawn  uint64 `json:"drawn,omitempty"` // places up to here take part in the draw
	Upto   uint64 `json:"upto,omitempty"`  // while tickets that came back are offered: the highest place that was called before

	Since time.Time `json:"since,omitzero"` // of a later life: its places were given out after this
}

// Reached is the highest place that has ever been called. It never goes back.
func (h Head) Reached() uint64 { return max(h.Head, h.Upto) }

// Pace is how fast fans are called, as an honest range, and how many seats those who are
// called take.
type Pace struct {
	Low    float64 `json:"low"`     // fans a minute: nine times in ten it lies
	High   float64 `json:"high"`    // between the two
	PerFan float64 `json:"per_fan"` // seats that a called fan takes, on average,
	Spread float64 `json:"spread"`  // and the standard deviation of that
}

// DrawBoard is the proof of the draw: see Draw.
type DrawBoard struct {
	Commitment string `json:"commitment"`
	Secret     string `json:"secret,omitempty"` // base64url, from the opening on
}

// SamePrices reports whether two boards show the same prices.
func (b *Board) SamePrices(o *Board) bool {
	return b.Priced == o.Priced && slices.EqualFunc(b.Levels, o.Levels, func(x, y LevelBoard) bool { return x.From == y.From && x.To == y.To })
}

// DrawOf is the draw of a lane as the board shows it; ok is false before it is held, if
// there is none, or if it has more places than clients can count.
func (b *Board) DrawOf(lane string) (d Draw, ok bool) {
	if b.Draw == nil || b.Draw.Secret == "" {
		return d, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(b.Draw.Secret)
	if err != nil {
		return d, false
	}
	d = Draw{Secret: secret, Event: b.Event, Lane: lane, Entrants: map[string]uint64{}}
	left := uint64(Everybody)
	for region, h := range b.Lanes[lane].Regions {
		if h.Drawn > left {
			return Draw{}, false
		}
		d.Entrants[region], left = h.Drawn, left-h.Drawn
	}
	return d, true
}

// Turn returns where a place stands: how many of its lane and region will be called
// before it, and whether it is called. Known is false if the board doesn't show its lane
// or region.
func (b *Board) Turn(lane, region string, number uint64) (ahead uint64, called, known bool) {
	l, ok := b.Lanes[lane]
	h, ok2 := l.Regions[region]
	if !ok || !ok2 {
		return 0, false, false
	}
	if d, ok := b.DrawOf(lane); ok {
		if rank := d.Rank(region, number); rank > 0 {
			return Ahead(rank, l.Called), rank <= l.Called, true
		}
		if total := d.Total(); l.Called < total {
			return total - l.Called + Ahead(number, h.Drawn), false, true
		}
	}
	return Ahead(number, h.Head), number <= h.Head, true
}

// Reached reports whether a place may have been called before, as far as the board
// shows: any place of the draw may have been, once ranks are called.
func (b *Board) Reached(lane, region string, number uint64) bool {
	l := b.Lanes[lane]
	h, ok := l.Regions[region]
	return ok && (number <= h.Reached() || number <= h.Drawn && l.Called > 0)
}

// Line is the line of a region's queue that a place given out at an instant stands in,
// by the lives that the board shows; at zero, that of places given out now.
func (b *Board) Line(lane, region string, given time.Time) string {
	name := region
	for life := 2; ; life++ {
		next := LineName(region, life)
		h, ok := b.Lanes[lane].Regions[next]
		if !ok || !given.IsZero() && !given.After(h.Since) {
			return name
		}
		name = next
	}
}

// Ahead is how many fans who aren't called yet stand before a number.
func Ahead(number, head uint64) uint64 {
	if number <= head {
		return 0
	}
	return number - head - 1
}

// LevelBoard is the stock and the all-in price range of a price level.
type LevelBoard struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Free  int    `json:"free"`
	Total int    `json:"total"`
	From  int64  `json:"from"` // lowest all-in price
	To    int64  `json:"to"`   // highest all-in price
}
