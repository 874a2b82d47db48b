package wire

import (
	"strconv"
	"strings"
	"time"
)

// A queue that was lost with its stream can be recreated, empty or from a backup. From
// then on it is in another life: its numbers begin again, and can't be compared with
// those before. So each life is a line of its own, with a name of its own wherever a
// region's name would stand: "home", then "home~2".

const lifeMark = "~" // in no region's name

// LineName is the name of a region's line in a life of its queue; lives count from 1.
func LineName(region string, life int) string {
	if life <= 1 {
		return region
	}
	return region + lifeMark + strconv.Itoa(life)
}

// RegionOf is the region in a line's name.
func RegionOf(line string) string {
	region, _, _ := strings.Cut(line, lifeMark)
	return region
}

// Everybody is the head of a line that has ended and whose known places are all called:
// anyone else with a place of it may come. It is the largest number that every client
// counts exactly.
const Everybody = 1<<53 - 1

// Life is what is known of one life of a queue.
type Life struct {
	Lane   string    `json:"lane"`
	Region string    `json:"region"`          // the name of its line
	Since  time.Time `json:"since,omitzero"`  // its places were given out after this,
	From   uint64    `json:"from,omitempty"`  // and after this number: up to there a backup of the life before was put back
	Marks  []Mark    `json:"marks,omitempty"` // oldest first; by the last one
}

// Mark says when the place with a number was stored.
type Mark struct {
	Number uint64    `json:"number"`
	At     time.Time `json:"at,omitzero"`
}

// Last is the last place that is known.
func (l Life) Last() (m Mark) {
	if n := len(l.Marks); n > 0 {
		m = l.Marks[n-1]
	}
	return m
}

// Joined is how many places are known to have been given out.
func (l Life) Joined() uint64 { return l.Last().Number }
