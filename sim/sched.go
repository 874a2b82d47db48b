package sim

import (
	"container/heap"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"
)

// scheduler runs events one after the other, in the order of their instants.
// It is all there is of time, threads and chance: what it is asked to do twice
// from the same seed, it does twice in the same order.
type scheduler struct {
	*rand.Rand
	now    time.Time
	events events
	seq    uint64
	done   int    // events run
	hash   uint64 // of the trace, FNV-1a
	log    io.Writer
	procs  []*proc
}

type event struct {
	at        time.Time
	tie, seq  uint64 // chance, not the order of scheduling, decides among simultaneous events
	who, what string
	do        func() // nil: cancelled
}

func newScheduler(seed uint64, log io.Writer) *scheduler {
	return &scheduler{Rand: rand.New(rand.NewPCG(seed, 0)), log: log, hash: 14695981039346656037,
		now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
}

// after has do run when d has passed.
func (s *scheduler) after(d time.Duration, who, what string, do func()) *event {
	s.seq++
	e := &event{at: s.now.Add(d), tie: s.Uint64(), seq: s.seq, who: who, what: what, do: do}
	heap.Push(&s.events, e)
	return e
}

// step runs the next event; false when there is none.
func (s *scheduler) step() bool {
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(*event)
		if e.do == nil {
			continue
		}
		s.now = e.at
		s.done++
		s.trace(e)
		e.do()
		return true
	}
	return false
}

func (s *scheduler) trace(e *event) {
	for _, part := range [...]string{e.who, " ", e.what, "\n"} {
		for i := range len(part) {
			s.hash = (s.hash ^ uint64(part[i])) * 1099511628211
		}
	}
	s.hash = (s.hash ^ uint64(e.at.UnixNano())) * 1099511628211
	if s.log != nil {
		fmt.Fprintf(s.log, "%s %-12s %s\n", e.at.Format("04:05.000000"), e.who, e.what)
	}
}

// note adds to the printed trace what an event led to.
func (s *scheduler) note(format string, args ...any) {
	if s.log != nil {
		fmt.Fprintf(s.log, "%26s→ %s\n", "", fmt.Sprintf(format, args...))
	}
}

// chance is true with probability p.
func (s *scheduler) chance(p float64) bool { return s.Float64() < p }

// between is an instant's distance in [low, high).
func (s *scheduler) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.Int64N(int64(high-low)))
}

// end lets go of everybody who still waits.
func (s *scheduler) end() {
	for _, p := range s.procs {
		p.kill()
	}
}

// proc is a process: straight-line code that runs until it waits, and may be
// killed or suspended wherever it does.
type proc struct {
	*scheduler
	name   string
	resume func() (struct{}, bool)
	unwind func()
	yield  func(struct{}) bool
	turn   uint64 // counts its waits, so that what comes late wakes nobody
	ended  bool
	asleep time.Time // suspended until then
}

type killed struct{}

// spawn starts a process.
func (s *scheduler) spawn(name string, body func(*proc)) *proc {
	p := &proc{scheduler: s, name: name}
	p.resume, p.unwind = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		defer func() {
			p.ended = true
			if r := recover(); r != nil && r != (killed{}) {
				panic(r)
			}
		}()
		body(p)
	})
	s.procs = append(s.procs, p)
	s.after(0, name, "starts", func() { p.proceed(0) })
	return p
}

// kill ends a process where it waits; only another may.
func (p *proc) kill() {
	if !p.ended {
		p.ended = true
		p.unwind()
	}
}

// proceed wakes the process from its wait number turn, and no later one.
func (p *proc) proceed(turn uint64) {
	switch {
	case p.ended || p.turn != turn:
	case p.now.Before(p.asleep):
		p.after(p.asleep.Sub(p.now), p.name, "is resumed", func() { p.proceed(turn) })
	default:
		p.resume()
	}
}

// wait gives way until somebody proceeds with the turn that arm is given.
func (p *proc) wait(arm func(turn uint64)) {
	p.turn++
	arm(p.turn)
	if !p.yield(struct{}{}) {
		panic(killed{})
	}
}

func (p *proc) sleep(d time.Duration) {
	p.wait(func(turn uint64) { p.after(d, p.name, "wakes", func() { p.proceed(turn) }) })
}

// call sends a request and waits for its answer, at most limit. ok is false
// when none came: what was asked for may have been done, or be done later.
func call[T any](p *proc, limit time.Duration, send func(answer func(T))) (reply T, ok bool) {
	var timer *event
	p.wait(func(turn uint64) {
		timer = p.after(limit, p.name, "gives up waiting", func() { p.proceed(turn) })
		send(func(v T) {
			if p.turn == turn && !ok {
				reply, ok = v, true
				p.proceed(turn)
			}
		})
	})
	timer.do = nil
	return reply, ok
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
