package sim

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// driver is all there is of chance and order. Production code runs in goroutines of a
// synctest bubble and stops wherever it asks for something beyond its process (submit). One
// goroutine drives: it waits until all others are stopped, draws for each that has asked
// since how that goes, sleeps to the next instant at which something happens, and lets that
// one thing happen. So the same seed runs the same way, on however many processors.
type driver struct {
	*rand.Rand
	events events
	seq    uint64
	done   int    // events run
	hash   uint64 // of the trace, FNV-1a
	log    io.Writer
	timer  *time.Timer
	wake   chan struct{} // holds a token when somebody has asked

	mu    sync.Mutex
	asked []call // since the driver looked last
}

// call is something asked for by a process. What it is called decides, together with who
// asks, in which order the driver draws for calls of one instant.
type call struct {
	from      *process
	kind, key string
	send      func() // on its way: schedules what becomes of it
}

type event struct {
	at        time.Time
	tie, seq  uint64 // chance, not the order of scheduling, decides among simultaneous events
	who, what string
	do        func() // nil: cancelled
}

func newDriver(seed uint64, log io.Writer) *driver {
	d := &driver{Rand: rand.New(rand.NewPCG(seed, 0)), log: log, hash: 14695981039346656037,
		timer: time.NewTimer(time.Hour), wake: make(chan struct{}, 1)}
	d.timer.Stop()
	return d
}

// after has do run when delay has passed.
func (d *driver) after(delay time.Duration, who, what string, do func()) *event {
	d.seq++
	e := &event{at: time.Now().Add(delay), tie: d.Uint64(), seq: d.seq, who: who, what: what, do: do}
	heap.Push(&d.events, e)
	return e
}

// submit hands a call to the driver; any goroutine may.
func (d *driver) submit(c call) {
	d.mu.Lock()
	d.asked = append(d.asked, c)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// idleLimit ends a run in which nothing happens any more.
const idleLimit = time.Hour

// step lets the next thing happen, once everybody is still. It reports whether there was
// one.
func (d *driver) step() bool {
	for {
		synctest.Wait()
		d.collect()
		wait := idleLimit
		if len(d.events) > 0 {
			wait = time.Until(d.events[0].at)
		}
		if wait <= 0 {
			e := heap.Pop(&d.events).(*event)
			if e.do == nil {
				continue
			}
			d.done++
			d.trace(e)
			e.do()
			return true
		}
		d.timer.Reset(wait)
		select {
		case <-d.timer.C:
			if len(d.events) == 0 {
				return false
			}
		case <-d.wake:
		}
	}
}

// collect draws for what was asked for since the last look, in an order that does not
// depend on how goroutines ran.
func (d *driver) collect() {
	d.mu.Lock()
	asked := d.asked
	d.asked = nil
	d.mu.Unlock()
	slices.SortStableFunc(asked, func(a, b call) int {
		return cmp.Or(cmp.Compare(a.from.id, b.from.id), cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
	for _, c := range asked {
		c.send()
	}
}

func (d *driver) trace(e *event) {
	for _, part := range [...]string{e.who, " ", e.what, "\n"} {
		for i := range len(part) {
			d.hash = (d.hash ^ uint64(part[i])) * 1099511628211
		}
	}
	d.hash = (d.hash ^ uint64(e.at.UnixNano())) * 1099511628211
	if d.log != nil {
		fmt.Fprintf(d.log, "%s %-12s %s\n", e.at.Format("15:04:05.000000"), e.who, e.what)
	}
}

// note adds to the printed trace what an event led to.
func (d *driver) note(format string, args ...any) {
	if d.log != nil {
		fmt.Fprintf(d.log, "%29s→ %s\n", "", fmt.Sprintf(format, args...))
	}
}

// chance is true with probability p.
func (d *driver) chance(p float64) bool { return d.Float64() < p }

// between is a duration in [low, high).
func (d *driver) between(low, high time.Duration) time.Duration { return between(d.Rand, low, high) }

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// events is a heap by instant.
type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	a, b := e[i], e[j]
	switch {
	case !a.at.Equal(b.at):
		return a.at.Before(b.at)
	case a.tie != b.tie:
		return a.tie < b.tie
	}
	return a.seq < b.seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}
