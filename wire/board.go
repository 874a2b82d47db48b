package wire

import "time"

// Sale states an event's board can show.
const (
	SaleScheduled = "scheduled" // the room is open, the sale is not
	SaleOpen      = "open"
	SalePaused    = "paused"   // an operator paused calling
	SaleSoldOut   = "sold_out" // nothing free and nothing held
	SaleClosed    = "closed"
)

// Board is the public document of one event: the same for every fan, so it is
// cached and written once to every socket, and each client subtracts. A place
// is called when its number is at or below the head of its lane and region.
type Board struct {
	Event    string               `json:"event"`
	Seq      uint64               `json:"seq"` // rises by one with each board
	At       time.Time            `json:"at"`
	State    string               `json:"state"`
	Lanes    map[string]LaneBoard `json:"lanes"`
	Rate     float64              `json:"rate_per_minute"` // fans called in the last minute
	Currency string               `json:"currency"`
	Levels   []LevelBoard         `json:"levels"`
	Message  string               `json:"message,omitempty"` // from the operator
}

// LaneBoard shows a lane region by region.
type LaneBoard struct {
	Regions map[string]Head `json:"regions"`
	Waiting uint64          `json:"waiting"`
}

// Head is the watermark of a region's lane and the number of places given out.
type Head struct {
	Head   uint64 `json:"head"`
	Joined uint64 `json:"joined"`
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
