package rehearse

import (
	"maps"
	"math"
	"math/bits"
	"strconv"
	"sync"
	"time"
)

// tally counts what happens to one crowd.
type tally struct {
	persons, visitors int

	mu       sync.Mutex
	outcomes map[string]int
	retries  map[string]int
	times    map[string]*histogram
	routes   map[route]*Answered
	counts   [counted]int
	hindered Hindered // without Delay
}

// count is a kind of thing that happens to visitors.
type count int

const (
	countPlaces count = iota
	countPasses
	countHolds
	countOrders // paid
	countSeats  // paid
	countFailed // orders
	countKept   // seat-seconds kept by checkouts that never pay
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

// retry counts why a request is tried again.
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

// hinder records, at the end of a visit, what the defences cost it.
func (t *tally) hinder(h hindered) {
	one := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &t.hindered
	k.Visitors, k.Limited, k.Challenged, k.Slow = k.Visitors+one(h.anyhow()), k.Limited+one(h.limited), k.Challenged+one(h.challenged), k.Slow+one(h.slow)
	k.Rested += one(h.rested)
	k.Proofs, k.GaveUp, k.Unsolved = k.Proofs+h.proofs, k.GaveUp+one(h.gaveUp), k.Unsolved+one(h.unsolved)
	if h.limited || h.challenged {
		t.observe(timeHindered, h.delay)
	}
}

func (t *tally) crowd() Crowd {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Crowd{Persons: t.persons, Visitors: t.visitors, Places: t.counts[countPlaces], Passes: t.counts[countPasses],
		Holds: t.counts[countHolds], Orders: t.counts[countOrders], Seats: t.counts[countSeats], Kept: t.counts[countKept],
		Outcomes: maps.Clone(t.outcomes), Retries: maps.Clone(t.retries), Latency: map[string]Latency{}, Routes: map[string]Answered{}, Hindered: t.hindered}
	for what, h := range t.times {
		c.Latency[what] = h.latency()
	}
	c.Hindered.Delay = c.Latency[timeHindered]
	for r, a := range t.routes {
		c.Routes[string(r)] = Answered{Statuses: maps.Clone(a.Statuses), Problems: maps.Clone(a.Problems)}
	}
	return c
}

// histogram has 32 buckets per doubling, from a microsecond up.
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

// topOf returns the longest duration in a bucket.
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

// route is the name of a request of the contract in reports.
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

	routeChallenge route = "challenge"
)

// Other things that take time, besides the answers of routes.
const (
	timeToPaid   = "checkout to paid"
	timeQueued   = "waited for a connection"
	timeHindered = "kept by the defences"
	timeLive     = "age of a board on a live socket"
)
