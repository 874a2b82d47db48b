package admission

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/micro"
)

func (w *world) ready(s *instance) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(limit); s.Ready() != nil; {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatal(s.Ready())
		}
	}
}

// acts of operators in the sale log, in order.
func (w *world) acts(n int) (acts []string) {
	w.t.Helper()
	entries, err := kv.OpenStream(w.js, wire.SaleLogStream).All(ctxOf(w.t), wire.LogSubject("demo", wire.LogOperator))
	must(w.t, err)
	if len(entries) == 0 {
		return nil
	}
	ctx := ctxOf(w.t)
	stream, err := w.js.Stream(ctx, wire.SaleLogStream)
	must(w.t, err)
	for seq := uint64(1); len(acts) < n && seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		must(w.t, err)
		if m.Subject != wire.LogSubject("demo", wire.LogOperator) {
			continue
		}
		var act wire.OperatorAct
		must(w.t, json.Unmarshal(m.Data, &act))
		acts = append(acts, act.Act+" by "+act.By)
	}
	return acts
}

func TestOperatorsPauseResumeAndRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 50 }))
	w.join(500)
	w.ready(w.start("one"))
	w.board("a board", func(wire.Board) bool { return true })
	if r := w.meter("pause", `{"message":"The doors open late.","by":"ann"}`); !r.State.Paused {
		t.Fatalf("%+v", r)
	}
	w.stock(10_000, 0, 0)
	b := w.board("paused, with stock", func(b wire.Board) bool { return b.State == wire.SalePaused && b.Levels[0].Free > 0 })
	if b = w.board("ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+4 }); headOf(b) != 0 || b.Message != "The doors open late." {
		t.Fatalf("%+v", b)
	}
	w.meter("rate", `{"rate_per_minute":7,"by":"ann"}`)
	w.meter("resume", `{"by":"bob"}`)
	b = w.board("seven called", head(7))
	if b = w.board("ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+4 }); headOf(b) != 7 || b.Message != "" {
		t.Fatalf("%+v", b)
	}
	w.clock.pass(time.Minute)
	b = w.board("seven more", head(14))
	if b = w.board("ticks later", func(n wire.Board) bool { return n.Seq > b.Seq+4 }); headOf(b) != 14 {
		t.Fatalf("%+v", b)
	}
	w.meter("rate", `{"rate_per_minute":0,"by":"ann"}`)
	w.board("as many as the ceiling lets", head(50))
	r := w.meter("status", "")
	if r.Event != "demo" || r.Joined != 500 || r.Coming != 50 || r.Free != 10_000 || r.State.Rate != 0 || r.State.Paused {
		t.Errorf("%+v", r)
	}
	if got, want := fmt.Sprint(w.acts(4)), "[pause by ann rate by ann resume by bob rate by ann]"; got != want {
		t.Errorf("acts %s, want %s", got, want)
	}
	for subject, payloads := range map[string][]string{
		"rate":   {"", "{}", `{"rate_per_minute":-1}`, `{"rate_per_minute":1.5}`, `{"rate_per_minute":99999999}`, `{"rate":1}`, "7", "{", `{"rate_per_minute":1}{}`},
		"pause":  {`{"rate_per_minute":1}`, `[]`, `{"message":1}`, `{"message":"` + string(make([]byte, 600)) + `"}`, `"x"`, "\xff"},
		"status": {"null x", `{"event":"demo"}`},
	} {
		for _, payload := range payloads {
			if code := w.ask(wire.OperatorSubject("admission", subject, "demo"), payload, nil); code != "bad-request" && code != "invalid" {
				t.Errorf("%s %q: code %q", subject, payload, code)
			}
		}
	}
	if code := w.ask(wire.OperatorSubject("admission", "status", "nosuch"), "", nil); code != "not-found" {
		t.Errorf("unknown event: %q", code)
	}
	if got := w.meter("status", "").State; got.Rate != 0 || got.Paused || len(w.acts(9)) != 4 {
		t.Error("a refused act left a trace")
	}
}

func TestServiceDescribesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.ready(w.start("one"))
	m, err := w.nc.Request("$SRV.INFO."+wire.ServiceAdmission, nil, 5*time.Second)
	must(t, err)
	var info micro.Info
	must(t, json.Unmarshal(m.Data, &info))
	if info.Version != "1.2.3" || len(info.Endpoints) != 10 || info.Description == "" {
		t.Errorf("%+v", info)
	}
	for _, e := range info.Endpoints {
		if e.Metadata["description"] == "" || e.Metadata["request"] == "" {
			t.Errorf("%s: %v", e.Subject, e.Metadata)
		}
	}
}

func TestApply(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.ready(w.start("one"))
		digest := w.plan()
		spec := func(change func(*wire.Spec)) string {
			s := demo(nil).Spec
			s.Admission.Tick = wire.Duration(time.Second)
			change(&s)
			raw, _ := json.Marshal(wire.ApplyRequest{Spec: s, Plan: digest, By: "ann"})
			return string(raw)
		}
		plain := spec(func(*wire.Spec) {})
		for name, payload := range map[string]string{
			"empty": "", "not JSON": "{", "a list": "[]", "misspelt": `{"spek":{}}`, "misspelt inside": `{"spec":{"admission":{"celing":3}}}`,
			"bad id": spec(func(s *wire.Spec) { s.ID = "a.b" }), "no level": spec(func(s *wire.Spec) { s.Levels = nil }),
			"category": spec(func(s *wire.Spec) { s.Levels[0].Categories = []string{"B"} }),
			"section":  spec(func(s *wire.Spec) { s.Levels[0].Sections = []string{"nowhere"} }),
			"currency": spec(func(s *wire.Spec) { s.Currency = "euros" }), "tick": spec(func(s *wire.Spec) { s.Admission.Tick = 1 }),
			"plan": `{"spec":{"id":"demo"},"plan":"../x"}`, "no plan": `{"spec":{"id":"demo"}}`,
		} {
			if code := w.ask(wire.EventApplySubject, payload, nil); code != "bad-request" && code != "invalid" && code != "not-found" {
				t.Errorf("%s: code %q", name, code)
			}
		}
		if _, err := w.js.Stream(ctxOf(t), wire.KVStream(wire.SeatsBucket("demo"))); err == nil {
			t.Fatal("a refused apply made streams")
		}
		var r wire.ApplyReply
		if code := w.ask(wire.EventApplySubject, plain, &r); code != "" || r.Event.Places != 300 || r.Event.State != wire.EventOpen || r.Event.Plan != digest {
			t.Fatalf("%q %+v", code, r)
		}
		w.join(3)
		w.stock(300, 0, 0)
		w.board("three called", head(3))

		dearer := spec(func(s *wire.Spec) { s.Name, s.Levels[0].Base = "Demo, late show", 9000 })
		if code := w.ask(wire.EventApplySubject, dearer, &r); code != "" || r.Event.Spec.Name != "Demo, late show" {
			t.Fatalf("%q %+v", code, r)
		}
		w.board("the new price", func(b wire.Board) bool { return b.Levels[0].From == 9600 })
		for name, payload := range map[string]string{
			"currency":   spec(func(s *wire.Spec) { s.Currency = "USD" }),
			"levels":     spec(func(s *wire.Spec) { s.Levels[0].ID = "b" }),
			"sections":   spec(func(s *wire.Spec) { s.Levels[0].Sections = []string{"floor"} }),
			"other plan": fmt.Sprintf(`{"spec":%s,"plan":%q}`, mustJSON(demo(nil).Spec), "0000"),
		} {
			if code := w.ask(wire.EventApplySubject, payload, nil); code != "invalid" && code != "not-found" {
				t.Errorf("change of %s: %q", name, code)
			}
		}
		var e wire.Event
		if code := w.ask(wire.EventCloseSubject, `{"event":"demo","by":"bob"}`, &e); code != "" || e.State != wire.EventClosed {
			t.Fatalf("%q %+v", code, e)
		}
		w.board("closed", state(wire.SaleClosed))
		w.refused(w.redeem(w.fans[0]), wire.CodeGone)
		if code := w.ask(wire.EventApplySubject, dearer, &r); code != "" || r.Event.State != wire.EventClosed {
			t.Errorf("apply opened a closed event: %q %+v", code, r.Event)
		}
		if code := w.ask(wire.EventOpenSubject, `{"event":"demo","by":"bob"}`, &e); code != "" || e.State != wire.EventOpen {
			t.Fatalf("%q %+v", code, e)
		}
		w.board("open again", state(wire.SaleOpen))
		w.verify(w.redeem(w.fans[0]), w.fans[0])
		for _, payload := range []string{"", `{"event":"nosuch"}`, `{"event":"*"}`, "x"} {
			if code := w.ask(wire.EventCloseSubject, payload, nil); code != "not-found" && code != "bad-request" {
				t.Errorf("close %q: %q", payload, code)
			}
		}
		if got, want := fmt.Sprint(w.acts(9)), "[apply by ann apply by ann close by bob apply by ann open by bob]"; got != want {
			t.Errorf("acts %s, want %s", got, want)
		}
		log, err := w.js.Stream(ctxOf(t), wire.SaleLogStream)
		must(t, err)
		if n := len(log.CachedInfo().Config.Sources); n != 1 {
			t.Errorf("sale log has %d sources", n)
		}
	})
}

// Two instances put up events at once: SALELOG follows all of them.
func TestAppliesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.ready(w.start("one"))
	w.ready(w.start("two"))
	digest := w.plan()
	codes := make(chan error, 6)
	for i := range cap(codes) {
		go func() {
			s := demo(nil).Spec
			s.ID, s.Admission.Tick = fmt.Sprintf("demo-%d", i), wire.Duration(time.Second)
			m, err := w.nc.Request(wire.EventApplySubject, []byte(mustJSON(wire.ApplyRequest{Spec: s, Plan: digest})), limit)
			if err == nil && m.Header.Get("Nats-Service-Error") != "" {
				err = fmt.Errorf("%s", m.Data)
			}
			codes <- err
		}()
	}
	for range cap(codes) {
		must(t, <-codes)
	}
	log, err := w.js.Stream(ctxOf(t), wire.SaleLogStream)
	must(t, err)
	if n := len(log.CachedInfo().Config.Sources); n != cap(codes) {
		t.Errorf("sale log has %d sources, want %d", n, cap(codes))
	}
}

func TestRedeemRefusesWhatIsNoPlaceOfItsQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(nil))
	w.stock(100, 0, 0)
	w.join(1)
	w.start("one")
	w.board("called", head(1))
	for want, change := range map[wire.Code]func(*wire.Place){
		wire.CodeForbidden: func(p *wire.Place) { p.Event = "other" },
		wire.CodeInvalid:   func(p *wire.Place) { p.Lane = "vip" },
	} {
		p := w.fans[0]
		change(&p)
		w.refused(w.send("demo", mustJSON(wire.RedeemRequest{Place: p})), want)
	}
	for _, change := range []func(*wire.Place){
		func(p *wire.Place) { p.Region = "mars" }, func(p *wire.Place) { p.Number = 0 }, func(p *wire.Place) { p.Fan = "f_*" },
	} {
		p := w.fans[0]
		change(&p)
		w.refused(w.send("demo", mustJSON(wire.RedeemRequest{Place: p})), wire.CodeInvalid)
	}
	for _, raw := range []string{"", "{", "[]", `{"place":{"number":-1}}`} {
		w.refused(w.send("demo", raw), wire.CodeBadRequest)
	}
	if n := len(w.passes()); n != 0 {
		t.Errorf("%d passes", n)
	}
}

func (w *world) send(event, raw string) (r wire.RedeemReply) {
	w.t.Helper()
	m, err := w.nc.Request(wire.PassesSubject(event, wire.ActRedeem), []byte(raw), 5*time.Second)
	must(w.t, err)
	must(w.t, json.Unmarshal(m.Data, &r))
	return r
}

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
