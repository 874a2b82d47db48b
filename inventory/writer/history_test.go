package writer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/anishathalye/porcupine"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	historySeats    = 16 // few, so that everybody wants the same
	historyClients  = 8  // and few at once, so that the check ends
	historyKills    = 4
	historyQuiet    = 150 // answers between two kills
	historySales    = 5
	historyTTL      = 2 * time.Second
	historyCheckout = 5 * time.Minute // longer than the test: the ledger is not asked
	historyTimeout  = time.Second     // after which a request's outcome is unknown
)

// historyWorker and historyURL are set in a process of this test that is to be
// a worker until it is killed.
const historyWorker, historyURL = "INVENTORY_TEST_WORKER", "INVENTORY_TEST_NATS"

// Clients fight for a few seats while one writer after the other is silenced
// in the middle of its work: for good, or until somebody else has taken over. Whatever they were told must be explainable as one
// thing happening after the other, seat by seat, and the flush log must tell
// the same story.
func TestHistories(t *testing.T) {
	if name := os.Getenv(historyWorker); name != "" {
		workUntilKilled(t, name)
		return
	}
	for _, variant := range []struct {
		name  string
		start func(*fixture, string) interrupt
	}{
		{"connections cut", func(h *fixture, name string) interrupt {
			crash := h.worker(name, nil).Crash
			return func() func() { crash(); return func() {} }
		}},
		{"processes killed", func(h *fixture, name string) interrupt {
			p := h.process(name)
			return func() func() { _ = p.Kill(); return func() {} }
		}},
		{"processes suspended", func(h *fixture, name string) interrupt {
			p := h.process(name)
			return func() func() { _ = p.Signal(syscall.SIGSTOP); return func() { _ = p.Signal(syscall.SIGCONT) } }
		}},
	} {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			natstest.Each(t, func(t *testing.T, env *natstest.Env) {
				h := newFixture(t, env, seatingtest.Hall(t, historySeats, 1, 0), func(s *wire.Spec) {
					s.Hold.TTL, s.Hold.Checkout = wire.Duration(historyTTL), wire.Duration(historyCheckout)
				})
				alone := bus.New(h.NC)
				r := &recorder{fixture: h, base: time.Now(), requests: map[string][]string{},
					askers: []asking.Bus{alone, asking.New(asking.New(alone, wire.TogetherOrders), wire.TogetherFans)}}
				r.fight(variant.start)
				history := r.finish()
				checkHistory(t, history)
				r.checkDoctored(history)
				h.checkFlushes(r.requests)
				h.CheckLog()
			})
		})
	}
}

// interrupt silences a worker in the middle of its work. When another has taken
// over, resume lets it go on, if it can.
type interrupt func() (resume func())

// workUntilKilled is the other process.
func workUntilKilled(t *testing.T, name string) {
	nc, err := nats.Connect(os.Getenv(historyURL), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	must(t, err)
	js, err := jetstream.New(nc)
	must(t, err)
	h := &fixture{&inventorytest.Fixture{T: t, Index: seatingtest.Hall(t, historySeats, 1, 0)}}
	e, err := kv.Open(js, wire.EventsBucket).Get(h.Context(), "demo")
	must(t, err)
	must(t, json.Unmarshal(e.Value, &h.Event))
	run, err := contender(h.known(), on(t, nc, Config{Ledger: inventorytest.NewLedger(), Name: name}))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
		cancel()
	}()
	must(t, run(ctx))
}

// process starts a worker of its own.
func (h *fixture) process(name string) *os.Process {
	h.T.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHistories$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), historyWorker+"="+name, historyURL+"="+h.Env.URL())
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	must(h.T, err)
	must(h.T, cmd.Start())
	h.T.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process
}

// recorder notes what clients did and what they were told.
type recorder struct {
	*fixture
	base    time.Time
	askers  []asking.Bus
	answers atomic.Int64
	sales   atomic.Int64

	mu       sync.Mutex
	ops      []porcupine.Operation
	open     []porcupine.Operation // may take effect until the end
	requests map[string][]string   // by hold: the seats it asked for
}

// fight runs clients and interrupts writers until both have had enough.
func (r *recorder) fight(start func(*fixture, string) interrupt) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*inventorytest.Patience)
	defer cancel()
	clients, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	workers := map[string]interrupt{}
	for i := range 3 {
		name := fmt.Sprint("w", i)
		workers[name] = start(r.fixture, name)
	}
	for id := range historyClients {
		wg.Go(func() {
			for clients.Err() == nil {
				r.visit(clients, id)
			}
		})
	}
	for i := range historyKills {
		r.calm(ctx)
		writer := r.writerAfter(ctx, "")
		resume := workers[writer]()
		name := fmt.Sprint("w", 3+i)
		workers[name] = start(r.fixture, name)
		r.writerAfter(ctx, writer)
		resume()
	}
	r.calm(ctx)
}

// calm waits until the clients have had some more answers.
func (r *recorder) calm(ctx context.Context) {
	r.T.Helper()
	for until := r.answers.Load() + historyQuiet; r.answers.Load() < until; pause(ctx) {
		if ctx.Err() != nil {
			r.T.Fatal("the clients get no answers")
		}
	}
}

// writerAfter names who has the guard, once that is not the last one any more.
func (r *recorder) writerAfter(ctx context.Context, last string) string {
	r.T.Helper()
	for ; ctx.Err() == nil; pause(ctx) {
		var guard struct{ Holder string }
		e, err := kv.Open(r.JS, wire.SeatsBucket("demo")).Get(ctx, wire.WriterKey)
		if err == nil && json.Unmarshal(e.Value, &guard) == nil && guard.Holder != last {
			return guard.Holder
		}
	}
	r.T.Fatal("nobody became writer after ", last)
	return ""
}

// visit is a fan who comes for some seats and does one thing with them.
func (r *recorder) visit(ctx context.Context, client int) {
	v := &visitor{recorder: r, client: client, hold: wire.NewHold(), fan: wire.NewFan()}
	for _, row := range rand.Perm(historySeats)[:1+rand.IntN(3)] {
		v.seats = append(v.seats, r.Index.ID(row))
	}
	slices.Sort(v.seats)
	r.mu.Lock()
	r.requests[v.hold] = v.seats
	r.mu.Unlock()
	request := wire.HoldRequest{Hold: v.hold, Claims: inventorytest.Claims(v.fan), Seats: v.seats}
	if !v.ask(ctx, actHold, wire.ActHold, request) {
		v.read(ctx)
		return
	}
	switch n := rand.IntN(10); {
	case n < 5:
		v.ask(ctx, actRelease, wire.ActRelease, wire.ReleaseRequest{Hold: v.hold, Fan: v.fan})
	case n < 7:
		v.read(ctx) // and leaves the rest to the deadline
	case !v.ask(ctx, actCheckout, wire.ActCheckout, wire.CheckoutRequest{Hold: v.hold, Fan: v.fan, Key: "k"}):
	case n < 8 && r.sales.Add(1) <= historySales:
		v.ask(ctx, actConfirm, wire.ActConfirm, wire.ConfirmRequest{Hold: v.hold, Order: wire.OrderOfHold(v.hold), Fan: v.fan, Seats: v.quotes})
	default:
		v.ask(ctx, actFail, wire.ActGiveBack, wire.ReleaseRequest{Hold: v.hold, Order: wire.OrderOfHold(v.hold), Why: "declined"})
	}
}

type visitor struct {
	*recorder
	client    int
	hold, fan string
	seats     []string
	quotes    []wire.SeatQuote
}

// ask tries until the outcome is certain, or after an unknown one sometimes
// gives up, and reports whether it was granted.
func (v *visitor) ask(ctx context.Context, act historyAct, subject string, request any) bool {
	raw, err := json.Marshal(request)
	if err != nil {
		v.T.Error(err)
	}
	for unsure := false; ctx.Err() == nil; {
		called := time.Now()
		reply, err := v.request(subject, raw)
		switch {
		case errors.Is(err, nats.ErrNoResponders): // nobody has it
			pause(ctx)
			continue
		case err != nil, reply.Problem != nil && reply.Problem.Code == wire.CodeUnavailable:
			v.note(act, called, time.Time{}, func(string) historyOutcome { return historyOutcome{result: resultUnknown} })
			v.mayExpire(act, called.Add(historyTTL))
			unsure = true
			if rand.IntN(4) == 0 {
				return false
			}
			pause(ctx)
			continue
		}
		returned := time.Now()
		v.answers.Add(1)
		v.note(act, called, returned, func(seat string) historyOutcome {
			return historyOutcome{result: v.result(act, reply.Problem, seat, unsure)}
		})
		if reply.Problem == nil {
			v.mayExpire(act, reply.Expires)
			if act == actHold {
				v.quotes = reply.Seats
			}
		}
		return reply.Problem == nil
	}
	return false
}

// request asks as gateways and checkouts do, or as those of the version before: alone.
func (v *visitor) request(act string, raw []byte) (reply wire.HoldReply, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), historyTimeout)
	defer cancel()
	answer, err := v.askers[v.client%len(v.askers)].Request(ctx, wire.SeatsSubject("demo", act), raw)
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(answer, &reply)
}

// result of an act. unsure: it was asked for before, and may have been done then.
func (v *visitor) result(act historyAct, p *wire.Problem, seat string, unsure bool) historyResult {
	switch {
	case p == nil:
		return resultOK
	case p.Code == wire.CodeTaken && act == actHold && slices.Contains(p.Seats, seat):
		return resultTaken
	case p.Code == wire.CodeTaken && act == actHold:
		return resultSpared
	case p.Code == wire.CodeHoldOver && (act == actCheckout || act == actHold && unsure):
		return resultOver
	}
	v.T.Errorf("%s of %v: %v", act, v.seats, p)
	return resultUnknown
}

// read looks at one of the records.
func (v *visitor) read(ctx context.Context) {
	seat := v.seats[rand.IntN(len(v.seats))]
	called := time.Now()
	r := v.Record(seat)
	returned := time.Now()
	if r.State == "" || ctx.Err() != nil {
		return // not opened yet
	}
	v.answers.Add(1)
	v.add(porcupine.Operation{ClientId: v.client, Input: historyOp{act: actRead, seat: seat},
		Output: historyOutcome{seen: historySeat{r.State, r.Hold, r.Order != ""}}, Call: v.at(called), Return: v.at(returned)})
}

// mayExpire notes that a plain hold may end by itself from its deadline on.
func (v *visitor) mayExpire(act historyAct, from time.Time) {
	if act == actHold {
		v.note(actLapse, from.Add(-time.Millisecond), time.Time{}, func(string) historyOutcome { return historyOutcome{result: resultUnknown} })
	}
}

// note adds an operation for each seat; one that has not returned stays open.
func (v *visitor) note(act historyAct, called, returned time.Time, outcome func(seat string) historyOutcome) {
	for _, seat := range v.seats {
		o := porcupine.Operation{ClientId: v.client, Input: historyOp{act, seat, v.hold}, Output: outcome(seat), Call: v.at(called)}
		if !returned.IsZero() {
			o.Return = v.at(returned)
		}
		v.add(o)
	}
}

func (r *recorder) add(o porcupine.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Return == 0 {
		r.open = append(r.open, o)
		return
	}
	r.ops = append(r.ops, o)
}

func (r *recorder) at(t time.Time) int64 { return t.Sub(r.base).Nanoseconds() }

// finish reads every seat once more and closes what is open. A deadline that
// nothing came after is left out, as is one that came after its hold was over
// or in checkout.
func (r *recorder) finish() []porcupine.Operation {
	ctx := r.Context()
	for seat := range r.Index.Len() {
		v := &visitor{recorder: r, seats: []string{r.Index.ID(seat)}}
		v.read(ctx)
	}
	end := r.at(time.Now())
	over := map[historyOp]int64{} // by the deadline as an operation
	for _, o := range r.ops {
		in := o.Input.(historyOp)
		if in.act == actRelease || in.act == actCheckout {
			over[historyOp{actLapse, in.seat, in.hold}] = o.Return
		}
	}
	history := slices.Clone(r.ops)
	for _, o := range r.open {
		if at, ok := over[o.Input.(historyOp)]; o.Call >= end || ok && at < o.Call {
			continue
		}
		o.Return = end
		history = append(history, o)
	}
	r.T.Logf("%d operations of %d holds, %d of them without an end", len(history), len(r.requests), len(history)-len(r.ops))
	return history
}

// checkDoctored puts a second owner into a true history, right after a hold
// was answered that was asked for once. It takes the seat with the fewest
// doubts, since every one of them has to be excluded.
func (r *recorder) checkDoctored(history []porcupine.Operation) {
	r.T.Helper()
	again, doubts := map[historyOp]bool{}, map[string]int{}
	for _, o := range r.open {
		in := o.Input.(historyOp)
		again[in] = true
		doubts[in.seat]++
	}
	var first porcupine.Operation
	least := len(r.open) + 1
	for _, o := range r.ops {
		in := o.Input.(historyOp)
		if in.act == actHold && o.Output.(historyOutcome).result == resultOK && !again[in] && doubts[in.seat] < least {
			first, least = o, doubts[in.seat]
		}
	}
	if first.Input == nil {
		r.T.Fatal("nobody inventorytest.Held anything")
	}
	seat := first.Input.(historyOp).seat
	seats := historyModel().Partition(history)
	doctored := slices.Clone(seats[slices.IndexFunc(seats, func(ops []porcupine.Operation) bool { return ops[0].Input.(historyOp).seat == seat })])
	doctored = append(doctored, porcupine.Operation{ClientId: first.ClientId, Input: historyOp{actHold, seat, wire.NewHold()},
		Output: first.Output, Call: first.Return + 1, Return: first.Return + 1})
	if porcupine.CheckOperationsTimeout(historyModel(), doctored, checkLimit) != porcupine.Illegal {
		r.T.Errorf("a second owner of %s was not noticed", seat)
	}
}
