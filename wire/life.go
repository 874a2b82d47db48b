package wire

import (
	"strconv"
	"strings"
	"time"
)

// A queue that is lost with its stream can be made again, empty or from a backup.
// What it gives out then is another life of it: its numbers begin anew, and are not
// to be compared with those before. So each life is a line of its own, under a name
// of its own wherever a region's would stand: "home", then "home~2".

const lifeMark = "~" // in no region's name

// LineName is the name of a region's line in a life of its queue, counted from 1.
func LineName(region string, life int) string {
	if life <= 1 {
		return region
	}
	return region + lifeMark + strconv.Itoa(life)
}

// RegionOf is the region that a line's name is of.
func RegionOf(line string) string {
	region, _, _ := strings.Cut(line, lifeMark)
	return region
}

// Everybody is the head of a line that has ended and whose places are all called, as
// far as they are known: whoever else has one may come. Every client counts so far exactly.
const Everybody = 1<<53 - 1

// Life is what was seen of a life of a queue.
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

// Last is the last place that was seen.
func (l Life) Last() (m Mark) {
	if n := len(l.Marks); n > 0 {
		m = l.Marks[n-1]
	}
	return m
}

// Joined is how many places were given out, as far as is known.
func (l Life) Joined() uint64 { return l.Last().Number }
