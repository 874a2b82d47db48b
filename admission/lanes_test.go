package admission

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"frontrow/admission/passes"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"
)

// comes gives a new fan a place in a lane of a region, whose servers are env's.
func (w *world) comes(env *natstest.Env, lane, region string) wire.Place {
	w.t.Helper()
	fan := wire.NewFan()
	b := kv.Open(env.JetStream(w.t), wire.QueueBucket("demo", lane))
	n, err := b.Create(ctxOf(w.t), wire.PlaceKey(fan), mustRaw(wire.PlaceRecord{Fan: fan, At: time.Now()}))
	must(w.t, err)
	return wire.Place{Event: "demo", Lane: lane, Region: region, Number: uint64(n), Fan: fan}
}

func mustRaw(v any) []byte {
	raw, _ := json.Marshal(v)
	return raw
}

// heads waits for a board on which the lines are called so far, by lane and region.
func (w *world) heads(what string, want map[passes.Line]uint64) wire.Board {
	w.t.Helper()
	return w.board(what, func(b wire.Board) bool {
		for l, n := range want {
			if b.Lanes[l.Lane].Regions[l.Region].Head != n {
				return false
			}
		}
		return true
	})
}

// real makes the world's clock that of its servers.
func (w *world) real() { w.clock.ns.Store(time.Now().UnixNano()) }

func TestLanesAreServedInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	opens := w.clock.now().Add(time.Hour)
	w.event(demo(func(e *wire.Event) {
		e.Spec.OpensAt, e.Spec.Admission.Ceiling = opens, 6
		e.Spec.Admission.Window, e.Spec.Admission.PassTTL = wire.Duration(time.Minute), wire.Duration(time.Minute)
	}))
	w.stock(300, 0, 0)
	var places []wire.Place
	for _, lane := range []string{wire.LaneSlow, wire.LaneSlow, wire.LaneGeneral, wire.LaneGeneral, wire.LaneGeneral, wire.LaneGeneral, wire.LanePriority, wire.LanePriority, wire.LanePriority} {
		places = append(places, w.comes(w.env, lane, "home"))
	}
	w.start("one")
	b := w.board("all in the queue", func(b wire.Board) bool { return b.Lanes[wire.LaneGeneral].Waiting == 4 })
	if b.Lanes[wire.LanePriority].Waiting != 3 || b.Lanes[wire.LaneSlow].Waiting != 2 {
		t.Fatalf("%+v", b)
	}
	w.clock.pass(time.Hour)
	w.heads("priority, then general", map[passes.Line]uint64{{Lane: wire.LanePriority, Region: "home"}: 3, {Lane: wire.LaneGeneral, Region: "home"}: 3, {Lane: wire.LaneSlow, Region: "home"}: 0})
	for i, p := range places {
		r := w.redeem(p)
		if called := i >= 2 && i != 5; (r.Problem == nil) != called {
			t.Errorf("%s place %d: %v", p.Lane, p.Number, r.Problem)
		}
	}
	w.clock.pass(time.Minute)
	w.heads("then the others", map[passes.Line]uint64{{Lane: wire.LaneGeneral, Region: "home"}: 4, {Lane: wire.LaneSlow, Region: "home"}: 2})
}

// The draw: a commitment before anybody joins, the secret at the opening, ranks
// that everybody can compute, the same ones after a crash; who came later follows.
func TestDraw(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.real()
		event := demo(func(e *wire.Event) {
			e.Spec.OpensAt, e.Spec.Admission.Lottery, e.Spec.Admission.Ceiling = time.Now().Add(time.Hour), true, 10
		})
		w.event(event)
		w.stock(300, 0, 0)
		first := w.start("one")
		b := w.board("a commitment", func(b wire.Board) bool { return b.Draw != nil })
		commitment := b.Draw.Commitment
		if b.Draw.Secret != "" || b.State != wire.SaleScheduled {
			t.Fatalf("%+v", b.Draw)
		}
		w.join(40)
		event.Spec.OpensAt = time.Now()
		w.put(wire.EventsBucket, "demo", event)
		w.join(5) // late
		first.crash()
		w.real()
		w.start("two")

		b = w.board("ten called", func(b wire.Board) bool { return b.Lanes[wire.LaneGeneral].Called == 10 })
		d, ok := b.DrawOf(wire.LaneGeneral)
		if !ok || wire.Commit("demo", d.Secret) != commitment || b.Draw.Commitment != commitment || d.Total() != 40 {
			t.Fatalf("%+v of %+v", b.Draw, b.Lanes)
		}
		if raw, err := base64.RawURLEncoding.DecodeString(b.Draw.Secret); err != nil || len(raw) != 32 {
			t.Errorf("secret %q", b.Draw.Secret)
		}
		if b.Lanes[wire.LaneGeneral].Waiting != 35 {
			t.Errorf("%d wait, want 35", b.Lanes[wire.LaneGeneral].Waiting)
		}
		for _, p := range w.fans {
			ahead, called, known := b.Turn(p.Lane, p.Region, p.Number)
			r := w.redeem(p)
			if (r.Problem == nil) != called || !known {
				t.Errorf("place %d of rank %d, called %v: %v", p.Number, d.Rank("home", p.Number), called, r.Problem)
			}
			if late := p.Number > 40; late && ahead != 30+p.Number-41 {
				t.Errorf("place %d came late and has %d ahead", p.Number, ahead)
			}
		}
		// Nobody else comes; windows and passes end, and the others are called.
		later := func(done func(wire.Board) bool) func(wire.Board) bool {
			return func(b wire.Board) bool { w.clock.pass(time.Hour); return done(b) }
		}
		w.board("those of the draw first", later(func(b wire.Board) bool {
			if lane := b.Lanes[wire.LaneGeneral]; lane.Called < 40 && headOf(b) > 40 {
				t.Errorf("late fans are called before the draw is through: %+v", lane)
			}
			return b.Lanes[wire.LaneGeneral].Called == 40
		}))
		w.board("then who came late", later(func(b wire.Board) bool { return headOf(b) == 45 }))
	})
}

// inRegion lets a service call the fans of another region too.
func inRegion(t *testing.T, name string) func(*Service) {
	return func(s *Service) {
		r := Region{Name: name, Domain: name}
		s.cfg.Regions, s.cfg.Domain = append(s.cfg.Regions, r), natstest.Home
		must(t, s.addRegion(r))
	}
}

// Fans of two regions are called by the instant of their arrival. One that is
// silent is waited for, so that nobody overtakes its fans; then it is gone on
// without, and when it is back its fans come first.
func TestRegions(t *testing.T) {
	world := natstest.Regions(t, "eu")
	home, eu := world.Home, world.Regions["eu"]
	w := newWorld(t, home)
	w.real()
	event := demo(func(e *wire.Event) {
		e.Spec.Admission.Ceiling, e.Spec.Admission.RegionWait = 4, wire.Duration(time.Minute)
		e.Spec.Admission.Window = wire.Duration(time.Hour)
	})
	w.event(event)
	must(t, streams.CreateInRegion(ctxOf(t), eu.JetStream(t), "demo", natstest.Home, 1))
	var order []wire.Place
	for _, r := range []string{"eu", "home", "home", "eu", "home", "eu", "eu", "home"} {
		env := home
		if r == "eu" {
			env = eu
		}
		order = append(order, w.comes(env, wire.LaneGeneral, r))
	}
	at := func(homeHead, euHead uint64) map[passes.Line]uint64 {
		return map[passes.Line]uint64{{Lane: wire.LaneGeneral, Region: "home"}: homeHead, {Lane: wire.LaneGeneral, Region: "eu"}: euHead}
	}
	w.start("one", inRegion(t, "eu"))
	w.stock(300, 0, 0)
	w.heads("the four earliest", at(2, 2))
	for i, p := range order {
		if r := w.redeem(p); (r.Problem == nil) != (i < 4) {
			t.Errorf("arrival %d, place %d of %s: %v", i+1, p.Number, p.Region, r.Problem)
		}
	}
	w.real()
	b := w.board("a board", func(wire.Board) bool { return true })
	w.board("eu heard after the arrivals", func(n wire.Board) bool { return n.Seq > b.Seq+2 })
	world.Cut("eu")
	w.comes(eu, wire.LaneGeneral, "eu") // fifth of eu, before the next at home
	late := w.comes(home, wire.LaneGeneral, "home")
	event.Spec.Admission.Ceiling = 7
	w.real()
	w.put(wire.EventsBucket, "demo", event)
	// The region is silent: only who came while it was heard is called.
	b = w.heads("nobody overtakes", at(4, 2))
	w.board("some ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+3 })
	if p := w.refused(w.redeem(late), wire.CodeWait); p.Ahead != 0 {
		t.Errorf("%+v", p)
	}
	w.clock.pass(2 * time.Minute)
	w.heads("the sale goes on without it", at(5, 2))
	world.Heal("eu")
	event.Spec.Admission.Ceiling = 9
	w.put(wire.EventsBucket, "demo", event)
	w.heads("its fans come first when it is back", at(5, 4))
}

func TestTicketsComeBackInTheOrderOfTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 1000 }))
	w.join(100)
	w.stock(20, 0, 280)
	w.start("one")
	w.board("ten called for twenty seats", head(10))
	w.verify(w.redeem(w.fans[0]), w.fans[0])
	w.stock(0, 0, 300)
	w.board("sold out", func(b wire.Board) bool {
		return b.State == wire.SaleSoldOut && headOf(b) == 0 && b.Lanes[wire.LaneGeneral].Regions["home"].Upto >= 10
	})
	w.refused(w.redeem(w.fans[5]), wire.CodeGone)
	w.verify(w.redeem(w.fans[0]), w.fans[0]) // they have their pass
	w.stock(6, 0, 294)
	b := w.board("called again", func(b wire.Board) bool { return headOf(b) > 0 })
	if n := headOf(b); n < 3 || n > 5 || b.State != wire.SaleOpen {
		t.Errorf("%d called for six seats, %s", n, b.State)
	}
	w.verify(w.redeem(w.fans[1]), w.fans[1])
	if p := w.refused(w.redeem(w.fans[8]), wire.CodeWait); p.Ahead == 0 {
		t.Errorf("%+v", p)
	}
	w.callsAreGapless(10)
}

func TestOperatorsDrainAndTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 5 }))
	w.join(20)
	w.stock(300, 0, 0)
	w.start("one")
	w.board("five called", head(5))
	w.meter("message", `{"message":"The band is late","by":"ops"}`)
	w.board("told", func(b wire.Board) bool { return b.Message == "The band is late" && b.State == wire.SaleOpen })
	w.meter("drain", `{"by":"ops"}`)
	w.board("draining", state(wire.SaleDraining))
	w.verify(w.redeem(w.fans[0]), w.fans[0])
	w.clock.pass(time.Hour)
	b := w.board("a tick", func(b wire.Board) bool { return b.State == wire.SaleDraining })
	if b = w.board("some ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+3 }); headOf(b) != 5 {
		t.Errorf("%d called while draining", headOf(b))
	}
	w.meter("resume", `{"message":"","by":"ops"}`)
	w.board("going on", func(b wire.Board) bool { return b.State == wire.SaleOpen && headOf(b) > 5 && b.Message == "" })
}
