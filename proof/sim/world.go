package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"frontrow/internal/bus"
	"frontrow/kv"
	"frontrow/kv/memory"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Config of one run. Equal configs give equal runs.
type Config struct {
	Seed  uint64
	Steps int       // things that happen with faults; as many as it takes follow without
	Bugs  Bugs      // to show that they are found
	Harsh Harsh     // what the purchase path doesn't withstand
	only  string    // the invariant to look at; empty: all
	Log   io.Writer // gets the trace; nil: nobody
}

// Counts say what happened in a run, so that a test knows that it did.
type Counts struct {
	Holds, Refusals, Expired, Released, Reduced, UsedUp                    int
	Parked, Paid, Declined, Failed, Confirmed, Webhooks, Returns, Refunded int
	DeadlinePaid, DeadlineFailed, LateCommits, Voided                      int
	Redelivered, WriterCrashes, Terms, Deaths                              int
	Suspended, Cut, Vouches, Flushes, Rounds                               int
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

	promotion = "spring"
	codeLimit = 2 // orders

	maxWaiting = 256 // commands; there are never so many

	drained = 3 * time.Hour // simulated; liveness
	maxTail = 60_000        // things that happen; liveness
)

// world is everything of one run.
type world struct {
	*driver
	cfg    Config
	calm   atomic.Bool // there are no faults any more
	calmAt time.Time
	broken *Violation
	counts Counts
	logger *slog.Logger
	ttl    time.Duration // of leases; its third is no other bound: of timers of one instant anyone may be first

	index  *plan.Index
	event  wire.Event
	prices map[string][]wire.Price // by level: all that were published
	acts   int64                   // on them

	repriced time.Time // when any changed last

	memory     *memory.Store
	followers  []*follower
	net        network
	books      *books
	booksMu    sync.Mutex // for those who look without asking the driver
	ledgerAway time.Time
	provider   *provider
	orders     *queue
	check      *checker
	observer   observer // check, in a run of purchases

	born      int
	processes []*process
	workers   []*process // that contend for the seats
	checkouts []*till
	fans      []string
	shopping  atomic.Int64 // fans who are not done
	refunding atomic.Int64 // operators who are not
	veryLate  int          // requests on their way, which nobody waits for
}

// Run plays one seed, in a bubble of its own. A *Violation is what it looks for.
func Run(t *testing.T, cfg Config) (r Result, err error) {
	synctest.Test(t, func(*testing.T) { r, err = run(cfg) })
	return r, err
}

func run(cfg Config) (Result, error) {
	w := newWorld(cfg)
	defer w.end()
	start := time.Now()
	for range 2 {
		w.worker()
		w.till()
	}
	for range 3 + w.IntN(6) {
		w.fan()
	}
	w.chaos()
	for w.broken == nil && w.done < cfg.Steps && w.step() {
	}
	w.calmDown()
	for quiet := 0; w.broken == nil && quiet < 2 && w.step(); {
		switch {
		case w.done > cfg.Steps+maxTail || time.Since(w.calmAt) > drained:
			w.violate(w.check.unrest())
		case w.done%64 != 0:
		case w.check.unrestful():
			quiet = 0
		default:
			quiet++
		}
	}
	if w.broken == nil && w.check.unrestful() {
		w.violate(w.check.unrest())
	}
	r := Result{Hash: w.hash, Events: w.done, Simulated: time.Since(start), Counts: w.counts}
	if w.broken != nil {
		return r, w.broken
	}
	return r, nil
}

func newWorld(cfg Config) *world {
	w := &world{driver: newDriver(cfg.Seed, cfg.Log), cfg: cfg, prices: map[string][]wire.Price{}, logger: slog.New(slog.DiscardHandler),
		memory: memory.New(time.Now), net: network{waiting: map[string]chan []byte{}, arrived: map[arrival]kv.Revision{}}}
	if cfg.Log != nil {
		w.logger = slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	w.index = hall(1+w.IntN(3), 4+w.IntN(6), w.IntN(6))
	w.ttl = time.Duration(w.seconds(5, 11))
	w.event = wire.Event{State: wire.EventOpen, Spec: wire.Spec{ID: eventID, Name: "Demo", Currency: "EUR",
		Levels:      []wire.Level{{ID: "a", Categories: []string{"front"}}, {ID: "b", Categories: []string{"floor"}}},
		Limits:      wire.Limits{PerFan: perFan},
		Concessions: []wire.Concession{{ID: "child", Name: "Child", Off: wire.Off{PercentOff: 33_333}, PerOrder: 2}},
		Promotions:  []wire.Promotion{{ID: promotion, Seal: "s", Off: wire.Off{AmountOff: 700}, Limit: codeLimit}},
		Hold:        wire.HoldSpec{TTL: w.seconds(5, 30, 120), Checkout: w.seconds(10, 30, 180)},
		Pricing:     wire.PricingSpec{Promise: wire.PromiseJoin}}.WithDefaults()}
	for _, bucket := range []string{wire.EventsBucket, wire.PricesBucket, wire.LeasesBucket, wire.StockBucket, wire.CheckoutsBucket, wire.SeatsBucket(eventID)} {
		w.memory.Create(jetstream.StreamConfig{Name: wire.KVStream(bucket), Subjects: []string{wire.KVSubject(bucket, ">")}})
	}
	w.memory.Create(jetstream.StreamConfig{Name: wire.SaleLogStream, Subjects: []string{wire.LogAll}})
	w.memory.Create(jetstream.StreamConfig{Name: wire.OrdersStream, Subjects: []string{wire.OrdersAll}})
	w.put(wire.EventsBucket, eventID, w.event)
	w.check = newChecker(w)
	w.observer = w.check
	w.reprice("a")
	w.reprice("b")
	w.books = newBooks(time.Now)
	w.books.ended, w.books.booked = w.check.failed, w.check.booking
	w.books.blind, w.books.slack, w.books.forgetful = cfg.Bugs.NoSeatCheck, cfg.Bugs.NoVoid, cfg.Bugs.ParkNowhere
	w.provider = &provider{w: w, payments: map[string]*money{}}
	w.orders = &queue{w: w}
	return w
}

// lingering is how long code that has been killed may wait before it notices.
const lingering = 5 * time.Minute

// end lets go of everybody.
func (w *world) end() {
	for _, p := range w.processes {
		p.kill()
	}
	time.Sleep(lingering)
}

func (w *world) faulty() bool { return !w.calm.Load() }
func (w *world) isCalm() bool { return w.calm.Load() }

func (w *world) calmDown() {
	w.calm.Store(true)
	w.calmAt = time.Now()
	w.note("no more faults")
}

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

func (w *world) id(prefix string) string { return id(w.Rand, prefix) }

func (w *world) reprice(level string) {
	n := int64(len(w.prices[level]) + 1)
	p := wire.Price{Amounts: wire.NewAmounts(1000+w.Int64N(9000), 90, 30), Version: n, At: time.Now()}
	w.prices[level] = append(w.prices[level], p)
	w.repriced = p.At
	w.acts++
	act := wire.PriceAct{N: w.acts, Kind: wire.PriceActRules, At: p.At, Levels: map[string]wire.LevelPrice{}}
	for level, p := range w.shown() {
		act.Levels[level] = wire.LevelPrice{Price: p}
	}
	w.record(wire.LogSubject(eventID, wire.LogPrices), act)
	w.put(wire.PricesBucket, wire.PriceKey(eventID, level), p)
}

// shown is what the levels cost.
func (w *world) shown() map[string]wire.Price {
	now := map[string]wire.Price{}
	for level, all := range w.prices {
		now[level] = all[len(all)-1]
	}
	return now
}

// put stores a record of the world's.
func (w *world) put(bucket, key string, record any) { w.record(wire.KVSubject(bucket, key), record) }

func (w *world) record(subject string, record any) {
	raw, err := json.Marshal(record)
	if err != nil {
		panic(err) // plain records
	}
	msgs := []kv.Msg{{Subject: subject, Data: raw}}
	ack, err := w.memory.Publish(context.Background(), msgs)
	if err != nil {
		panic(err) // nothing refuses it
	}
	for _, f := range w.followers {
		f.news(ack.Stream, msgs)
	}
}

// observer looks at all that goes over the wire, as it happens.
type observer interface {
	published(from *process, ack kv.Ack, msgs []kv.Msg)
	asked(m bus.Msg)
	answered(from *process, data []byte, asked kv.Revision)
	noticed(subject string, data []byte)
}

// published implements observer.
func (c *checker) published(from *process, ack kv.Ack, msgs []kv.Msg) { c.w.stored(from, ack, msgs) }

// stored looks at what a store has taken.
func (w *world) stored(from *process, ack kv.Ack, msgs []kv.Msg) {
	switch ack.Stream {
	case wire.KVStream(wire.SeatsBucket(eventID)):
		from.flushed = ack.Last
		w.check.stored(msgs, ack.Last)
	case wire.OrdersStream:
		w.check.ordered[msgs[0].Subject[strings.LastIndexByte(msgs[0].Subject, '.')+1:]] = time.Now()
		w.orders.put(kv.Entry{Key: msgs[0].Subject, Value: bytes.Clone(msgs[0].Data), Revision: ack.Last, Created: time.Now()})
	}
}

// isTransient reports whether a conflict says nothing of what is stored.
func (w *world) isTransient(err error) bool {
	var api *jetstream.APIError
	return !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence
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
