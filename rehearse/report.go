package rehearse

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a rehearsal. OK is true if no check found anything.
type Report struct {
	URL   string    `json:"url"`
	Event string    `json:"event"`
	Seed  uint64    `json:"seed"`
	Began time.Time `json:"began"`
	Took  string    `json:"took"`
	OK    bool      `json:"ok"`

	Fans Crowd            `json:"fans"`
	Bots map[string]Crowd `json:"bots,omitempty"` // by behaviour

	Groups map[string]Crowd `json:"groups,omitempty"` // fans who share a network, by kind; only visitors, seats and what hindered them

	Places     int     `json:"places"` // given out, to fans and bots
	Orders     int     `json:"orders_paid"`
	Seats      int     `json:"seats_paid"`
	SeatsBots  int     `json:"seats_to_bots"`
	ShareBots  float64 `json:"share_of_seats_to_bots"`
	PlacesBots float64 `json:"share_of_places_to_bots"`

	Checks []Check `json:"checks"`
	Audit  any     `json:"audit,omitempty"` // the report of "frontrow audit", if requested
}

// Crowd is what happened to the fans, or to the bots of one behaviour.
type Crowd struct {
	Persons  int                 `json:"persons"`
	Visitors int                 `json:"visitors"` // cookies
	Places   int                 `json:"places"`
	Passes   int                 `json:"passes"`
	Holds    int                 `json:"holds"`
	Orders   int                 `json:"orders_paid"`
	Seats    int                 `json:"seats_paid"`
	Kept     int                 `json:"seat_seconds_kept,omitempty"` // off sale, by checkouts that never pay
	Outcomes map[string]int      `json:"outcomes"`
	Retries  map[string]int      `json:"retries"` // by reason
	Latency  map[string]Latency  `json:"latency_ms"`
	Routes   map[string]Answered `json:"routes"`
	Hindered Hindered            `json:"hindered"`

	SharePlaces float64 `json:"share_of_places"` // of all given out
	ShareSeats  float64 `json:"share_of_seats"`  // of all paid
}

// Hindered counts the visitors whom the defences hindered. A visitor may be in
// several counts. Those who were hindered but did not give up came in all the same.
type Hindered struct {
	Visitors   int     `json:"visitors"`   // by anything
	Limited    int     `json:"limited"`    // told to slow down
	Challenged int     `json:"challenged"` // asked for a proof
	Rested     int     `json:"rested"`     // told that others go first
	Slow       int     `json:"slow"`       // whose place is in the slow lane
	GaveUp     int     `json:"gave_up"`    // gave no proof: would not, or had too slow a computer
	Unsolved   int     `json:"unsolved"`   // of those, would have given one if this machine had had a processor for it
	Proofs     int     `json:"proofs"`     // given
	Delay      Latency `json:"delay_ms"`   // of those limited or challenged, until they came in or gave up
}

// Answered counts a route's answers. Status "none" means no answer at all.
type Answered struct {
	Statuses map[string]int `json:"statuses"`
	Problems map[string]int `json:"problems,omitempty"` // by type
}

// Latency is in milliseconds; percentiles are exact to 3 %.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Check is an invariant, by its number in docs/correctness.md, and what violates it.
type Check struct {
	Invariant string   `json:"invariant"`
	Rule      string   `json:"rule"`
	Looked    int      `json:"looked_at"`
	Broken    int      `json:"broken"`
	Samples   []string `json:"samples,omitempty"` // of what violates it, at most maxSamples
}

// Progress is a rehearsal at one moment: what has happened so far or, where marked
// "now", how many there are.
type Progress struct {
	At       time.Duration // since the start
	Joined   int
	Waiting  int // now
	Admitted int
	Held     int
	Holding  int            // now
	Paid     int            // orders
	Seats    int            // paid
	Failed   int            // orders
	Trying   int            // now: requests without an answer, or answered "try again", that wait to be sent again
	TryingTo map[string]int // Trying by route: join, redeem, hold …
	Errors   int            // no answer, or 5xx
	Head     uint64
	Free     int
	State    string // of the board
}

func (p Progress) String() string {
	return fmt.Sprintf("%5.0fs  joined %d  waiting %d  admitted %d  holding %d  paid %d  failed %d  trying %d  errors %d  head %d  free %d  %s",
		p.At.Seconds(), p.Joined, p.Waiting, p.Admitted, p.Holding, p.Paid, p.Failed, p.Trying, p.Errors, p.Head, p.Free, p.State)
}

// Write prints a report for people to read.
func (r *Report) Write(w io.Writer) {
	fmt.Fprintf(w, "\n%s at %s, seed %d: %s\n\n", r.Event, r.URL, r.Seed, r.Took)
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "WHO\tPERSONS\tVISITORS\tPLACES\tPASSES\tHOLDS\tORDERS\tSEATS\tREFUSED, AND WHY")
	row := func(who string, c Crowd) {
		fmt.Fprintf(tab, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", who, c.Persons, c.Visitors, c.Places, c.Passes, c.Holds, c.Orders, c.Seats, refusals(c))
	}
	r.each(row)
	tab.Flush()
	r.writeShares(tab)
	fmt.Fprintf(w, "\n%d orders of %d seats; bots have %.1f %% of the places and %.1f %% of the seats\n\n",
		r.Orders, r.Seats, 100*r.PlacesBots, 100*r.ShareBots)
	fmt.Fprintln(tab, "FANS' TIMES, ms\tCOUNT\tP50\tP99\tMAX")
	for _, name := range slices.Sorted(maps.Keys(r.Fans.Latency)) {
		l := r.Fans.Latency[name]
		fmt.Fprintf(tab, "%s\t%d\t%.1f\t%.1f\t%.1f\n", name, l.Count, l.P50, l.P99, l.Max)
	}
	tab.Flush()
	fmt.Fprintf(w, "\nfans' outcomes: %s\nfans' retries: %s\n\n", inOrder(r.Fans.Outcomes), inOrder(r.Fans.Retries))
	for _, c := range r.Checks {
		mark := "ok    "
		if c.Broken > 0 {
			mark = "BROKEN"
		}
		fmt.Fprintf(w, "%s %-3s %s (%d looked at, %d broken)\n", mark, c.Invariant, c.Rule, c.Looked, c.Broken)
		for _, s := range c.Samples {
			fmt.Fprintf(w, "         %s\n", s)
		}
	}
}

// each calls f with the fans, then with the bots by name.
func (r *Report) each(f func(who string, c Crowd)) {
	f("fans", r.Fans)
	for _, name := range slices.Sorted(maps.Keys(r.Bots)) {
		f(name, r.Bots[name])
	}
}

// writeShares prints what fans and bots got, and what the defences did.
func (r *Report) writeShares(tab *tabwriter.Writer) {
	fmt.Fprintln(tab, "\nWHO\tOF PLACES\tOF SEATS\tLIMITED\tCHALLENGED\tPROOFS\tGAVE UP\tUNSOLVED\tSLOW LANE\tKEPT P50\tP99, s")
	r.each(func(who string, c Crowd) {
		h := c.Hindered
		fmt.Fprintf(tab, "%s\t%.1f %%\t%.1f %%\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\n", who, 100*c.SharePlaces, 100*c.ShareSeats,
			h.Limited, h.Challenged, h.Proofs, h.GaveUp, h.Unsolved, h.Slow, h.Delay.P50/1000, h.Delay.P99/1000)
	})
	tab.Flush()
}

// sum adds up over all crowds.
func (r *Report) sum() {
	places, seats := 0, 0 // of bots
	for _, c := range r.Bots {
		places, seats = places+c.Places, seats+c.Seats
		r.Orders += c.Orders
	}
	r.Orders += r.Fans.Orders
	r.Places, r.Seats, r.SeatsBots = r.Fans.Places+places, r.Fans.Seats+seats, seats
	of := func(part, all int) float64 { return float64(part) / float64(max(all, 1)) }
	r.ShareBots, r.PlacesBots = of(seats, r.Seats), of(places, r.Places)
	share := func(c Crowd) Crowd {
		c.SharePlaces, c.ShareSeats = of(c.Places, r.Places), of(c.Seats, r.Seats)
		return c
	}
	r.Fans = share(r.Fans)
	for name, c := range r.Bots {
		r.Bots[name] = share(c)
	}
}

// refusals counts the problem types over all routes.
func refusals(c Crowd) string {
	all := map[string]int{}
	for _, a := range c.Routes {
		for name, n := range a.Problems {
			all[strings.TrimPrefix(name, "/problems/")] += n
		}
	}
	return inOrder(all)
}

// inOrder lists counts, the highest first.
func inOrder(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	if len(names) == 0 {
		return "none"
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}
