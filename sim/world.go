package sim

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"frontrow/inventory/seating"
	"frontrow/plan"
	"frontrow/wire"
)

// Config of one run. Equal configs give equal runs.
type Config struct {
	Seed  uint64
	Steps int       // events with faults; as many as it takes follow without
	Bugs  Bugs      // to show that they are found
	Harsh Harsh     // what the purchase path doesn't withstand
	only  string    // the invariant to look at; empty: all
	Log   io.Writer // gets the trace; nil: nobody
}

// Bugs are mistakes that somebody could make. Each switches one rule off.
type Bugs struct {
	NoFence        bool // a batch doesn't expect the guard
	GuessUnknown   bool // a flush without an answer counts as not stored, and the guard isn't rewritten
	AnswerEarly    bool // answers go out before their flush is stored
	ExpireBlindly  bool // a hold in checkout is freed at its deadline without asking the ledger
	NoSeatCheck    bool // Commit looks neither at bookings nor at fences
	CaptureEarly   bool // money is taken as soon as it is authorised
	NoVoid         bool // a failed order leaves its authorisation alone
	ForgetKept     bool // a new writer doesn't read who kept the seats
	RefuseUnfenced bool // what stores nothing is answered without asking whether somebody else is writer
}

// Harsh is a world in which an assumption of the purchase path doesn't hold;
// see the package comment for what follows.
type Harsh struct {
	LateAuthorises bool // a request to the provider may arrive after more than voidAfter
}

// Counts say what happened in a run, so that a test knows that it did.
type Counts struct {
	Holds, Refusals, Expired, Released                int
	Paid, Declined, Failed                            int
	Restarts, Fenced, Refused, Carried                int
	UnknownStored, UnknownLost                        int
	DeadlinePaid, DeadlineFailed, LateCommits, Voided int
	Redelivered, WriterCrashes, Takeovers, Deaths     int
}

// Result of a run without a violation.
type Result struct {
	Hash      uint64 // of the trace
	Events    int
	Simulated time.Duration
	Counts    Counts
}

// Violation is a broken invariant, named as in docs/correctness.md.
type Violation struct{ Invariant, Detail string }

func (v *Violation) Error() string { return v.Invariant + ": " + v.Detail }

const (
	eventID = "demo"
	perFan  = 4

	maxLate = 30 * time.Second // a message arrives within it, or never
	drained = 2 * time.Hour    // simulated; liveness
	maxTail = 400_000          // events; liveness
)

// world is everything of one run.
type world struct {
	*scheduler
	cfg    Config
	calm   time.Time // since when there are no faults; zero: there still are
	broken *Violation
	counts Counts

	index  *plan.Index
	event  wire.Event
	prices map[string][]wire.Price // by level: all that were published

	store    *store
	ledger   *ledger
	provider *provider
	orders   *queue
	check    *checker
	writers  []*writer
	term     uint64
	holder   *proc // of the lease
	fans     []string
}

// Run plays one seed. A *Violation is what it looks for.
func Run(cfg Config) (Result, error) {
	w := &world{scheduler: newScheduler(cfg.Seed, cfg.Log), cfg: cfg, prices: map[string][]wire.Price{}}
	defer w.end()
	w.index = hall(1+w.IntN(4), 4+w.IntN(9), w.IntN(9))
	w.event = wire.Event{State: wire.EventOpen, Spec: wire.Spec{ID: eventID, Name: "Demo", Currency: "EUR",
		Levels: []wire.Level{{ID: "a", Categories: []string{"front"}}, {ID: "b", Categories: []string{"floor"}}},
		Limits: wire.Limits{PerFan: perFan},
		Hold:   wire.HoldSpec{TTL: w.seconds(5, 30, 120), Checkout: w.seconds(10, 30, 180)}}.WithDefaults()}
	w.reprice("a")
	w.reprice("b")
	w.store = &store{w: w, history: map[string][]entry{}}
	w.ledger = newLedger(w)
	w.provider = &provider{w: w, payments: map[string]*payment{}}
	w.orders = &queue{w: w, messages: map[string]*message{}}
	w.check = newChecker(w)

	start := w.now
	w.appoint()
	for range 3 + w.IntN(8) {
		w.fan()
	}
	w.spawn("chaos", w.chaos)
	for w.broken == nil && w.done < cfg.Steps && w.step() {
	}
	w.calm = w.now
	w.note("no more faults")
	for w.broken == nil && w.step() {
		if w.done > cfg.Steps+maxTail || w.now.Sub(w.calm) > drained {
			w.violate("liveness", "not at rest %v and %d events after the last fault", w.now.Sub(w.calm), w.done-cfg.Steps)
		}
	}
	if w.broken == nil {
		w.check.atRest()
	}
	r := Result{Hash: w.hash, Events: w.done, Simulated: w.now.Sub(start), Counts: w.counts}
	if w.broken != nil {
		return r, w.broken
	}
	return r, nil
}

func (w *world) faulty() bool { return w.calm.IsZero() }

// violate ends the run after this event. The first violation counts.
func (w *world) violate(invariant, format string, args ...any) {
	if w.broken == nil && (w.cfg.only == "" || w.cfg.only == invariant) {
		w.broken = &Violation{invariant, fmt.Sprintf(format, args...)}
		w.note("VIOLATED %v", w.broken)
	}
}

func (w *world) seconds(choices ...int) wire.Duration {
	return wire.Duration(time.Duration(choices[w.IntN(len(choices))]) * time.Second)
}

func (w *world) reprice(level string) {
	n := int64(len(w.prices[level]) + 1)
	w.prices[level] = append(w.prices[level], wire.Price{Amounts: wire.NewAmounts(1000+w.Int64N(9000), 90, 30), Version: n, At: w.now})
}

// id is 128 bits of chance behind a prefix, like wire's.
func (w *world) id(prefix string) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], w.Uint64())
	binary.LittleEndian.PutUint64(b[8:], w.Uint64())
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// carry brings a message to where it is handled: mostly soon, sometimes late or
// never, and therefore in any order.
func (w *world) carry(who, what string, deliver func()) {
	w.carryWithin(maxLate, who, what, deliver)
}

func (w *world) carryWithin(late time.Duration, who, what string, deliver func()) {
	delay := w.between(time.Millisecond, 20*time.Millisecond)
	if w.faulty() {
		switch x := w.Float64(); {
		case x < 0.02:
			return
		case x < 0.05:
			delay = w.between(0, 8*time.Second)
		case x < 0.06:
			delay = w.between(0, late)
		}
	}
	w.after(delay, who, what, deliver)
}

// ask is a request to a server that answers at once. Request and answer may be
// lost or late, each by itself.
func ask[T any](w *world, p *proc, server string, limit time.Duration, serve func() T) (T, bool) {
	late := maxLate
	if w.cfg.Harsh.LateAuthorises && server == "provider" {
		late = 3 * voidAfter
	}
	return call(p, limit, func(answer func(T)) {
		w.carryWithin(late, p.name, "reaches "+server, func() {
			reply := serve()
			w.carry(server, "answers "+p.name, func() { answer(reply) })
		})
	})
}

// askWriter is a request to whoever listens as writer: usually one, for a while
// perhaps two or none.
func askWriter[T any](w *world, p *proc, limit time.Duration, weight int, decide func(*seating.Engine, time.Time) func(*writer) T, busy T) (T, bool) {
	return call(p, limit, func(answer func(T)) {
		for _, wr := range w.writers {
			arrive := func() {
				reply := func(v T) { w.carry(wr.name, "answers "+p.name, func() { answer(v) }) }
				if wr.serving && !wr.p.ended {
					wr.enqueue(command{weight: weight, busy: func() { reply(busy) },
						decide: func(e *seating.Engine, now time.Time) func(*writer) {
							answer := decide(e, now)
							return func(wr *writer) { reply(answer(wr)) }
						}})
				}
			}
			w.carry(p.name, "reaches "+wr.name, arrive)
			switch {
			case w.faulty() && w.chance(0.1):
				w.after(w.between(0, maxLate), p.name, "reaches late "+wr.name, arrive)
			case w.faulty() && w.chance(0.02):
				w.carry(p.name, "reaches again "+wr.name, arrive)
			}
		}
	})
}

// appoint gives the lease to a new process. Its predecessor, if it still runs,
// doesn't know yet.
func (w *world) appoint() {
	w.term++
	w.writers = slices.DeleteFunc(w.writers, func(wr *writer) bool { return wr.p.ended })
	term := w.term
	w.holder = w.spawn(fmt.Sprintf("writer.%d", term), func(p *proc) {
		w.write(p, term)
		if w.holder == p { // it stopped by itself: a fence or an unsettled flush
			w.after(w.between(0, time.Second), "lease", "is released", func() { w.succeed(p) })
		}
	})
}

func (w *world) succeed(p *proc) {
	if w.holder == p {
		w.appoint()
	}
}

// supersede appoints another while a writer is alive and doesn't know.
func (w *world) supersede(old *proc) {
	if w.holder != old {
		return
	}
	w.counts.Takeovers++
	w.note("%s is superseded and doesn't know", old.name)
	w.appoint()
	w.after(w.between(0, 20*time.Second), old.name, "learns that its lease is over", old.kill)
}

// chaos kills, suspends and supersedes writers, changes prices, and takes the
// ledger and the provider away for a while, until the faults end.
func (w *world) chaos(p *proc) {
	for {
		p.sleep(w.between(0, 12*time.Second))
		if !w.faulty() {
			return
		}
		old := w.holder
		switch w.IntN(7) {
		case 0, 1:
			w.counts.WriterCrashes++
			w.note("%s is killed", old.name)
			old.kill()
			w.after(w.between(0, 5*time.Second), "lease", "runs out", func() { w.succeed(old) })
		case 2:
			w.supersede(old)
		case 3:
			old.asleep = w.now.Add(w.between(0, 10*time.Second))
			w.note("%s is suspended", old.name)
			if w.chance(0.5) {
				w.after(w.between(0, 5*time.Second), "lease", "runs out", func() { w.succeed(old) })
				w.after(w.between(10*time.Second, 25*time.Second), old.name, "learns that its lease is over", func() {
					if w.holder != old {
						old.kill()
					}
				})
			}
		case 4:
			w.ledger.away = w.now.Add(w.between(0, 20*time.Second))
		case 5:
			w.provider.away = w.now.Add(w.between(0, 40*time.Second))
		case 6:
			w.reprice("a")
		}
	}
}

// mortal kills a process at some instant, or not.
func (w *world) mortal(p *proc, chance float64) *proc {
	if w.faulty() && w.chance(chance) {
		w.after(w.between(0, 10*time.Second), p.name, "is killed", func() {
			if !p.ended {
				w.counts.Deaths++
				p.kill()
			}
		})
	}
	return p
}

// hall is a plan of straight rows before a stage, and a standing floor.
func hall(rows, seats, floor int) *plan.Index {
	s := plan.Section{ID: "101", Label: "Block 101"}
	for r := range rows {
		row := plan.Row{Label: string(rune('A' + r))}
		for n := range seats {
			row.Seats = append(row.Seats, plan.Seat{ID: fmt.Sprintf("%s-%d", row.Label, n+1), Number: fmt.Sprint(n + 1),
				X: float64(1000 + 50*n), Y: float64(1000 + 85*r), Category: "front"})
		}
		s.Rows = append(s.Rows, row)
	}
	return plan.NewIndex(&plan.Plan{Name: "Hall", Width: 10000, Height: 10000, Focus: plan.Point{X: 5000, Y: 100},
		Categories: []plan.Category{{Name: "front"}, {Name: "floor"}}, Sections: []plan.Section{s},
		Areas: []plan.Area{{ID: "floor", Label: "Floor", Category: "floor", Capacity: floor + 1}}})
}

// errNoAnswer is a request whose outcome is open.
var errNoAnswer = errors.New("no answer")
