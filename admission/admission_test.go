package admission

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"frontrow/admission/admitter"
	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

func TestFansAreCalledInOrder(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		opens := w.clock.now().Add(time.Hour)
		w.event(demo(func(e *wire.Event) {
			e.Spec.OpensAt, e.Spec.Admission.Ceiling = opens, 10
			e.Spec.Admission.Window = wire.Duration(time.Minute)
		}))
		w.stock(300, 0, 0)
		w.join(30)
		w.start("one")

		// Before the on-sale there is a queue, and nobody is called.
		b := w.board("30 in the queue", func(b wire.Board) bool { return b.Lanes[wire.LaneGeneral].Waiting == 30 })
		if b.State != wire.SaleScheduled || headOf(b) != 0 {
			t.Fatalf("%+v", b)
		}
		if p := w.refused(w.redeem(w.fans[0]), wire.CodeWait); p.Ahead != 0 || p.RetryAfterMS != (2*time.Minute).Milliseconds() {
			t.Errorf("%+v", p)
		}

		w.clock.pass(time.Hour)
		b = w.board("ten called", head(10))
		if headOf(b) != 10 || b.State != wire.SaleOpen || b.Rate != 40 { // in its first quarter of a minute
			t.Errorf("%+v", b)
		}
		first := w.verify(w.redeem(w.fans[9]), w.fans[9])
		if p := w.refused(w.redeem(w.fans[11]), wire.CodeWait); p.Ahead != 1 || p.RetryAfterMS <= 0 {
			t.Errorf("%+v", p)
		}

		// Nine don't come: when their window has passed, others are called, and
		// rather more than nine, since it is known now that not all come.
		w.clock.pass(time.Minute)
		b = w.board("more are called", head(19))
		last := int(headOf(b))
		if last < 22 || last > 28 {
			t.Errorf("head %d", last)
		}
		// A late fan keeps their place, but doesn't take the room of those called in time.
		w.refused(w.redeem(w.fans[0]), wire.CodeWait)
		for i := 10; i < 19; i++ {
			w.verify(w.redeem(w.fans[i]), w.fans[i])
		}
		w.refused(w.redeem(w.fans[0]), wire.CodeWait)
		if p := w.refused(w.redeem(w.fans[19]), wire.CodeWait); p.Ahead != 0 {
			t.Errorf("a called fan who finds no room heard %+v", p)
		}
		if again := w.verify(w.redeem(w.fans[9]), w.fans[9]); again.ID != first.ID || first.Limit != 6 {
			t.Errorf("%+v, then %+v", first, again)
		}
		// Their turn is over, and so there is room for others.
		w.clock.pass(14 * time.Minute)
		w.refused(w.redeem(w.fans[9]), wire.CodeJoinAgain)
		w.board("one more called", head(uint64(last)+1))
	})
}

func TestBoardShowsStockAndPrices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Tick = wire.Duration(time.Hour) }))
	w.start("one")
	b := w.board("the first board", func(wire.Board) bool { return true })
	want := wire.LevelBoard{ID: "a", Name: "A", From: 5600, To: 5600}
	if b.Event != "demo" || b.Currency != "EUR" || b.State != wire.SaleOpen || len(b.Levels) != 1 || b.Levels[0] != want {
		t.Fatalf("%+v", b)
	}
	w.stock(200, 50, 50)
	w.put(wire.PricesBucket, wire.PriceKey("demo", "a"), wire.Price{Amounts: wire.NewAmounts(6000, 600, 0), Version: 2})
	next := w.board("stock and price", func(b wire.Board) bool { return b.Levels[0].Free == 200 && b.Levels[0].From == 6600 })
	if next.Seq <= b.Seq || next.Levels[0].Total != 300 {
		t.Errorf("%+v", next)
	}
	w.stock(0, 0, 300)
	w.board("sold out", state(wire.SaleSoldOut))
	w.join(1)
	w.refused(w.redeem(w.fans[0]), wire.CodeGone)
	w.stock(1, 0, 299)
	w.board("one came back", state(wire.SaleOpen))
}

// Between ticks there is a board only if it says something new, and its number
// is the next one.
func TestBoardsBetweenTicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(nil))
	w.stock(0, 300, 0)
	s := w.watching("one")
	s.term.Beat = 0
	a := admitter.New(s.term, "demo", 1)
	ctx, cancel := context.WithCancel(ctxOf(t))
	defer cancel()
	must(t, a.TakeOver(ctx))
	boards := func(due bool, want uint64) {
		t.Helper()
		must(t, a.Tick(ctx, due))
		if b := w.board("a board", func(wire.Board) bool { return true }); b.Seq != want {
			t.Fatalf("board %d, want %d", b.Seq, want)
		}
	}
	boards(true, 1)
	w.join(5)
	boards(false, 1)
	boards(false, 1)
	w.put(wire.StockBucket, "demo", wire.Stock{Event: "demo", All: wire.Count{Held: 300}, Levels: map[string]wire.Count{"a": {Free: 7, Held: 293}}})
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for s.view.Snapshot("demo", w.clock.now()).Stock.Levels["a"].Free != 7 {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal("the stock was not seen")
		}
	}
	boards(false, 2)
	boards(false, 2)
	boards(true, 3)
}

func TestNobodyIsCalledWithoutSeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(nil))
	w.join(100)
	w.start("one")
	w.board("a board without stock", func(b wire.Board) bool {
		return b.Seq > 3 && b.Lanes[wire.LaneGeneral].Waiting == 100 && headOf(b) == 0
	})
	w.stock(0, 10, 290)
	b := w.board("nothing free, some held", func(b wire.Board) bool { return b.Levels[0].Total == 300 })
	if b = w.board("some ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+5 }); headOf(b) != 0 || b.State != wire.SaleOpen {
		t.Fatalf("%+v", b)
	}
	w.stock(4, 6, 290)
	b = w.board("two called for four seats", head(1))
	if b = w.board("some ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+5 }); headOf(b) != 2 {
		t.Fatalf("%d called for four seats", headOf(b))
	}
}

func TestOnePlaceOnePass(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 2 }))
		w.stock(100, 0, 0)
		w.join(2)
		w.start("one")
		w.board("called", head(2))
		tokens := make([]string, 1000)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() {
				r, err := w.tryRedeem(w.fans[0])
				if err != nil || r.Problem != nil {
					t.Errorf("%v %v", err, r.Problem)
				}
				tokens[i] = r.Pass
			})
		}
		wg.Wait()
		for _, token := range tokens {
			if token != tokens[0] {
				t.Fatal("two passes for one place")
			}
		}
		if n := len(w.passes()); n != 1 {
			t.Errorf("%d passes stored", n)
		}
	})
}

// Five hundred fans at a time storm a small ceiling, over and over, while
// passes expire and windows pass.
func TestStormNeverExceedsTheCeiling(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		const ceiling, fans = 37, 500
		w := newWorld(t, env)
		w.event(demo(func(e *wire.Event) {
			e.Spec.Admission.Ceiling = ceiling
			e.Spec.Admission.PassTTL, e.Spec.Admission.Window = wire.Duration(20*time.Second), wire.Duration(15*time.Second)
		}))
		w.stock(100_000, 0, 0)
		w.join(fans)
		w.start("one")
		w.board("first called", head(ceiling))
		for range 6 {
			var wg sync.WaitGroup
			for i := range w.fans {
				wg.Go(func() {
					if r, err := w.tryRedeem(w.fans[i]); err != nil || r.Problem != nil && r.Problem.Code != wire.CodeWait && r.Problem.Code != wire.CodeJoinAgain {
						t.Errorf("%v %v", err, r.Problem)
					}
				})
			}
			wg.Go(func() { w.clock.pass(7 * time.Second) })
			wg.Wait()
			before := w.meter("status", "")
			w.clock.pass(4 * time.Second)
			w.board("another tick", func(b wire.Board) bool { return b.At.After(before.At) })
		}
		// Alive at any instant: sweep over the records' beginnings and ends.
		passes := w.passes()
		if len(passes) < 2*ceiling {
			t.Errorf("only %d passes: the storm shows nothing", len(passes))
		}
		for _, p := range passes {
			alive := 0
			for _, q := range passes {
				// A record's begin is cut to the second, so what began within it may have begun after an end.
				if !q.At.Add(time.Second).After(p.At) && q.Expires.After(p.At) || q.Fan == p.Fan {
					alive++
				}
			}
			if alive > ceiling {
				t.Fatalf("%d passes alive at %s, ceiling %d", alive, p.At, ceiling)
			}
		}
	})
}

func TestCrashOfTheAdmitter(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 20 }))
		w.stock(1000, 0, 0)
		w.join(100)
		one := w.start("one")
		w.board("twenty called", head(20))
		before := map[int]string{}
		for i := range 10 {
			before[i] = w.verify(w.redeem(w.fans[i]), w.fans[i]).ID
		}
		if r := w.meter("pause", `{"message":"one moment","by":"ops"}`); !r.State.Paused || r.Admitter != "one" {
			t.Fatalf("%+v", r)
		}
		last := w.board("paused", state(wire.SalePaused))
		w.start("two")
		one.crash()

		b := w.board("a board of the next admitter", func(b wire.Board) bool { return b.Seq > last.Seq+3 })
		if headOf(b) != 20 || b.State != wire.SalePaused || b.Message != "one moment" {
			t.Fatalf("%+v", b)
		}
		var r wire.MeterReply
		for r = w.meter("status", ""); r.Admitter != "two"; r = w.meter("status", "") {
		}
		if r.Alive != 10 || r.Coming != 10 || r.State.Lines[0].Head != 20 || r.Term < 2 {
			t.Errorf("%+v", r)
		}
		for i := range 20 {
			if pass := w.verify(w.redeem(w.fans[i]), w.fans[i]); before[i] != "" && before[i] != pass.ID {
				t.Errorf("fan %d has another pass", i+1)
			}
		}
		w.refused(w.redeem(w.fans[20]), wire.CodeWait)
		w.meter("resume", `{"message":""}`)
		w.clock.pass(15 * time.Minute)
		if b = w.board("the next twenty", head(40)); headOf(b) != 40 || b.Message != "" {
			t.Errorf("%+v", b)
		}
		w.callsAreGapless(40)
	})
}

// callsAreGapless: the sale log has each called place once.
func (w *world) callsAreGapless(upTo uint64) {
	w.t.Helper()
	next := uint64(1)
	done := false
	ctx := ctxOf(w.t)
	cons, err := w.js.OrderedConsumer(ctx, wire.SaleLogStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{wire.LogSubject("demo", wire.LogAdmission)}})
	must(w.t, err)
	for !done {
		m, err := cons.Next()
		if err != nil && ctx.Err() == nil {
			continue // on a cluster, a consumer just made may not answer yet
		}
		if err != nil {
			w.t.Fatalf("sale log ends at place %d, want %d: %v", next-1, upTo, err)
		}
		var act wire.AdmissionAct
		must(w.t, json.Unmarshal(m.Data(), &act))
		for _, m := range act.Lines {
			if m.Lane != wire.LaneGeneral || m.Region != "home" {
				continue
			}
			if m.From != next-1 || m.To < m.From || act.Kind != "call" {
				w.t.Fatalf("%+v follows place %d", act, next-1)
			}
			next = m.To + 1
			done = m.To >= upTo
		}
	}
}

// Another admitter takes over while the first still believes in its term: from
// then on the first calls nobody and gives out nothing.
func TestTheSecondAdmitterFencesTheFirst(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.event(demo(func(e *wire.Event) {
			e.Spec.Admission.Ceiling, e.Spec.Admission.Tick = 20, wire.Duration(time.Hour)
		}))
		w.stock(1000, 0, 0)
		w.join(40)
		ctx := ctxOf(t)
		boards := uint64(0)
		run := func(a *admitter.Admitter) chan error { // until its first board
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()
			boards = w.board("a board of the next admitter", func(b wire.Board) bool { return b.Seq > boards }).Seq
			return ended
		}
		one, two := w.watching("one"), w.watching("two")
		first := admitter.New(one.term, "demo", 1)
		must(t, first.TakeOver(ctx))
		ended := run(first)

		second := admitter.New(two.term, "demo", 2)
		must(t, second.TakeOver(ctx))
		raw, _ := json.Marshal(wire.RedeemRequest{Place: w.fans[0]})
		w.refused(first.Redeem(raw), wire.CodeUnavailable)
		select {
		case err := <-ended:
			if !errors.Is(err, kv.ErrFenced) {
				t.Errorf("the first ended with: %v", err)
			}
		case <-ctx.Done():
			t.Fatal("the first goes on")
		}
		if n := len(w.passes()); n != 0 {
			t.Errorf("%d passes stored by an admitter whose time has passed", n)
		}
		if err := admitter.New(one.term, "demo", 1).TakeOver(ctx); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("an earlier term took over: %v", err)
		}

		// The second has nothing to call, and learns it from the board.
		run(second)
		w.verify(w.redeem(w.fans[0]), w.fans[0])
		third := admitter.New(w.watching("three").term, "demo", 3)
		must(t, third.TakeOver(ctx))
		run(third)
		if err := second.Tick(ctx, true); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("the second's tick: %v", err)
		}
		// The third has something to call, and learns it from the record.
		must(t, admitter.New(w.watching("four").term, "demo", 4).TakeOver(ctx))
		w.clock.pass(time.Hour)
		if err := third.Tick(ctx, true); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("the third's tick: %v", err)
		}
		if b := w.board("the last board", func(wire.Board) bool { return true }); headOf(b) != 20 {
			t.Errorf("head %d, called by an admitter whose time has passed", headOf(b))
		}
	})
}

// An admitter whose time has passed, and who doesn't know what is on the board any more,
// publishes none over the one of the admitter after it.
func TestLateAdmitterPublishesNoBoard(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.event(demo(nil))
		w.stock(0, 300, 0) // nothing to call, so that nothing but boards is written
		ctx := ctxOf(t)
		first := admitter.New(w.watching("one").term, "demo", 1)
		must(t, first.TakeOver(ctx))
		must(t, first.Tick(ctx, true))
		b := w.board("the first's", func(b wire.Board) bool { return b.Seq > 0 })
		w.put(wire.BoardBucket, "demo", b)
		must(t, first.Tick(ctx, true)) // refused: from now on it has to look

		second := admitter.New(w.watching("two").term, "demo", 2)
		must(t, second.TakeOver(ctx))
		must(t, second.Tick(ctx, true))
		before := w.board("the second's", func(next wire.Board) bool { return next.Seq > b.Seq })
		if err := first.Tick(ctx, true); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("the first's tick: %v", err)
		}
		if after := w.board("the last", func(wire.Board) bool { return true }); after.Seq != before.Seq {
			t.Errorf("board %d came after %d of the admitter after it", after.Seq, before.Seq)
		}
	})
}
