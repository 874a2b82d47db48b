package rehearse

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// Report is what a rehearsal found. OK is true when no check found anything.
type Report struct {
	URL   string    `json:"url"`
	Event string    `json:"event"`
	Seed  uint64    `json:"seed"`
	Began time.Time `json:"began"`
	Took  string    `json:"took"`
	OK    bool      `json:"ok"`

	Fans Crowd            `json:"fans"`
	Bots map[string]Crowd `json:"bots,omitempty"` // by behaviour

	Places     int     `json:"places"` // given out, to fans and bots
	Orders     int     `json:"orders_paid"`
	Seats      int     `json:"seats_paid"`
	SeatsBots  int     `json:"seats_to_bots"`
	ShareBots  float64 `json:"share_of_seats_to_bots"`
	PlacesBots float64 `json:"share_of_places_to_bots"`

	Checks []Check `json:"checks"`
	Audit  any     `json:"audit,omitempty"` // the report of "frontrow audit", if it was asked for
}

// Crowd is what fans, or the bots of one behaviour, met with.
type Crowd struct {
	Persons  int                 `json:"persons"`
	Visitors int                 `json:"visitors"` // cookies
	Places   int                 `json:"places"`
	Passes   int                 `json:"passes"`
	Holds    int                 `json:"holds"`
	Orders   int                 `json:"orders_paid"`
	Seats    int                 `json:"seats_paid"`
	Outcomes map[string]int      `json:"outcomes"`
	Retries  map[string]int      `json:"retries"` // by why
	Latency  map[string]Latency  `json:"latency_ms"`
	Routes   map[string]Answered `json:"routes"`
}

// Answered counts a route's answers. Status "none" is no answer at all.
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

// Check is one invariant, by its number in docs/correctness.md, and what breaks it.
type Check struct {
	Invariant string   `json:"invariant"`
	Rule      string   `json:"rule"`
	Looked    int      `json:"looked_at"`
	Broken    int      `json:"broken"`
	Samples   []string `json:"samples,omitempty"` // of what breaks it, at most maxSamples
}

// Progress is a rehearsal at one moment: what has happened so far, or, where it
// says now, how many there are.
type Progress struct {
	At       time.Duration // since the beginning
	Joined   int
	Waiting  int // now
	Admitted int
	Held     int
	Holding  int            // now
	Paid     int            // orders
	Seats    int            // paid
	Failed   int            // orders
	Trying   int            // now: requests that were not answered, or with "try again", and wait to be sent again
	TryingTo map[string]int // the same by route: join, redeem, hold …
	Errors   int            // no answer, or 5xx
	Head     uint64
	Free     int
	State    string // of the board
}

func (p Progress) String() string {
	return fmt.Sprintf("%5.0fs  joined %d  waiting %d  admitted %d  holding %d  paid %d  failed %d  trying %d  errors %d  head %d  free %d  %s",
		p.At.Seconds(), p.Joined, p.Waiting, p.Admitted, p.Holding, p.Paid, p.Failed, p.Trying, p.Errors, p.Head, p.Free, p.State)
}

// Write prints a report for people.
func (r *Report) Write(w io.Writer) {
	fmt.Fprintf(w, "\n%s at %s, seed %d: %s\n\n", r.Event, r.URL, r.Seed, r.Took)
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "WHO\tPERSONS\tVISITORS\tPLACES\tPASSES\tHOLDS\tORDERS\tSEATS\tREFUSED, AND WHY")
	row := func(who string, c Crowd) {
		fmt.Fprintf(tab, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", who, c.Persons, c.Visitors, c.Places, c.Passes, c.Holds, c.Orders, c.Seats, refusals(c))
	}
	row("fans", r.Fans)
	for _, name := range slices.Sorted(maps.Keys(r.Bots)) {
		row(name, r.Bots[name])
	}
	tab.Flush()
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

// refusals adds the problem types up over all routes.
func refusals(c Crowd) string {
	all := map[string]int{}
	for _, a := range c.Routes {
		for name, n := range a.Problems {
			all[strings.TrimPrefix(name, "/problems/")] += n
		}
	}
	return inOrder(all)
}

// inOrder lists what was counted, the most first.
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

// tally counts what one crowd meets with.
type tally struct {
	persons, visitors int

	mu       sync.Mutex
	outcomes map[string]int
	retries  map[string]int
	times    map[string]*histogram
	routes   map[route]*Answered
	counts   [counted]int
}

// count is something that happens to visitors.
type count int

const (
	countPlaces count = iota
	countPasses
	countHolds
	countOrders // paid
	countSeats  // paid
	countFailed // orders
	countErrors
	counted
)

func newTally() *tally {
	return &tally{outcomes: map[string]int{}, retries: map[string]int{}, times: map[string]*histogram{}, routes: map[route]*Answered{}}
}

func (t *tally) add(what count, n int) {
	t.mu.Lock()
	t.counts[what] += n
	t.mu.Unlock()
}

func (t *tally) numbers() [counted]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

func (t *tally) end(outcome string) {
	t.mu.Lock()
	t.outcomes[outcome]++
	t.mu.Unlock()
}

func (t *tally) took(what string, d time.Duration) {
	t.mu.Lock()
	t.observe(what, d)
	t.mu.Unlock()
}

func (t *tally) observe(what string, d time.Duration) {
	h := t.times[what]
	if h == nil {
		h = &histogram{}
		t.times[what] = h
	}
	h.observe(d)
}

func (t *tally) request(r route, a answer, err error, queued, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observe(timeQueued, queued)
	c := t.routes[r]
	if c == nil {
		c = &Answered{Statuses: map[string]int{}, Problems: map[string]int{}}
		t.routes[r] = c
	}
	if err != nil {
		c.Statuses["none"]++
		t.counts[countErrors]++
		return
	}
	t.observe(string(r), took)
	c.Statuses[strconv.Itoa(a.status)]++
	if a.Type != "" {
		c.Problems[a.Type]++
	}
	if a.status >= 500 {
		t.counts[countErrors]++
	}
}

// retry notes why something is tried again.
func (t *tally) retry(a answer, err error) {
	why := "no answer"
	if err == nil {
		why = strconv.Itoa(a.status)
	}
	t.retried(why)
}

func (t *tally) retried(why string) {
	t.mu.Lock()
	t.retries[why]++
	t.mu.Unlock()
}

func (t *tally) crowd() Crowd {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Crowd{Persons: t.persons, Visitors: t.visitors, Places: t.counts[countPlaces], Passes: t.counts[countPasses],
		Holds: t.counts[countHolds], Orders: t.counts[countOrders], Seats: t.counts[countSeats],
		Outcomes: maps.Clone(t.outcomes), Retries: maps.Clone(t.retries), Latency: map[string]Latency{}, Routes: map[string]Answered{}}
	for what, h := range t.times {
		c.Latency[what] = h.latency()
	}
	for r, a := range t.routes {
		c.Routes[string(r)] = Answered{Statuses: maps.Clone(a.Statuses), Problems: maps.Clone(a.Problems)}
	}
	return c
}

// histogram has 32 buckets for each doubling, from a microsecond on.
type histogram struct {
	buckets [32 * 32]uint32
	n       int
	max     time.Duration
}

func (h *histogram) observe(d time.Duration) {
	h.n++
	h.max = max(h.max, d)
	h.buckets[bucketOf(d)]++
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < 32 {
		return int(us)
	}
	double := bits.Len64(us) - 6 // us>>double is 32 to 63
	return min(32*(double+1)+int(us>>double)-32, 32*32-1)
}

// topOf is the longest duration of a bucket.
func topOf(bucket int) time.Duration {
	if bucket < 32 {
		return time.Duration(bucket) * time.Microsecond
	}
	double := bucket/32 - 1
	return time.Duration((uint64(bucket%32)+33)<<double-1) * time.Microsecond
}

func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(h.n))), 0
	for b, n := range h.buckets {
		if seen += int(n); n > 0 && seen >= rank {
			return min(topOf(b), h.max)
		}
	}
	return 0
}

func (h *histogram) latency() Latency {
	ms := func(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/10) / 100 }
	return Latency{Count: h.n, P50: ms(h.quantile(0.5)), P99: ms(h.quantile(0.99)), Max: ms(h.max)}
}

// route names a request of the contract in reports.
type route string

const (
	routePage     route = "page"
	routeEvent    route = "event"
	routeBoard    route = "board"
	routeJoin     route = "join"
	routeRedeem   route = "redeem"
	routeMap      route = "map"
	routeHold     route = "hold"
	routeRelease  route = "release"
	routeCheckout route = "checkout"
	routeOrder    route = "order"
	routeTicket   route = "ticket"
)

// What else takes time, beside the answers of routes.
const (
	timeToPaid = "checkout to paid"
	timeQueued = "waited for a connection"
	timeLive   = "age of a board on a live socket"
)
