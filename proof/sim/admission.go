package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"frontrow/admission/admitter"
	places "frontrow/admission/queue"
	"frontrow/admission/sale"
	"frontrow/internal/leader"
	"frontrow/internal/records"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/kv/memory"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// AdmissionConfig of one run of a queue. Equal configs give equal runs.
type AdmissionConfig struct {
	Config
	Broken AdmissionBugs
}

// AdmissionCounts say what happened in a run.
type AdmissionCounts struct {
	Joins, Called, Passes, Again, Waits, Full, JoinedAgain, Gone, Revoked int
	Boards, Logged, Terms, Kills, Suspended, Cut, Away, SoldOut, Back     int
}

// AdmissionResult of a run without a violation.
type AdmissionResult struct {
	Hash      uint64 // of the trace
	Events    int
	Simulated time.Duration
	Counts    AdmissionCounts
}

// regions of the queues, home first.
func regionNames() []string { return []string{"home", "eu"} }

// oddly is a beat that is no part of a tick: of two timers of one instant either may be first.
const oddly = time.Second + 7*time.Nanosecond

// patient is a region wait that no outage outlasts.
const patient = 24 * time.Hour

// admission is the world of a queue: production's admitters, who call the fans of two
// regions and give out their passes, on leases, among faults. What is sold is made up.
type admission struct {
	*world
	broken AdmissionBugs
	counts AdmissionCounts
	keys   *keyring.Keyring

	regions map[string]*memory.Store // by name; home is the world's
	away    time.Time                // until then the other region does not answer
	hosts   []*process               // that contend for the event
	visits  int                      // fans who have not had their pass yet
	stock   wire.Count

	seen *admissionCheck
}

// RunAdmission plays one seed, in a bubble of its own. A *Violation is what it looks for.
func RunAdmission(t *testing.T, cfg AdmissionConfig) (r AdmissionResult, err error) {
	synctest.Test(t, func(*testing.T) { r, err = runAdmission(cfg) })
	return r, err
}

func runAdmission(cfg AdmissionConfig) (AdmissionResult, error) {
	a := newAdmission(cfg)
	defer a.end()
	start := time.Now()
	for range 2 {
		a.host()
	}
	for range 10 + a.IntN(30) {
		a.visitor()
	}
	a.trouble()
	for a.world.broken == nil && a.done < cfg.Steps && a.step() {
	}
	a.calmDown()
	a.welcome()
	for a.world.broken == nil && a.visits > 0 && a.step() {
		if a.done > cfg.Steps+maxTail || time.Since(a.calmAt) > drained {
			a.violate("liveness", "%d fans still wait", a.visits)
		}
	}
	for quiet := time.Now().Add(time.Minute); a.world.broken == nil && time.Now().Before(quiet) && a.step(); {
	}
	a.seen.atRest()
	r := AdmissionResult{Hash: a.hash, Events: a.done, Simulated: time.Since(start), Counts: a.counts}
	if a.world.broken != nil {
		return r, a.world.broken
	}
	return r, nil
}

// welcome makes room for everybody who waits.
func (a *admission) welcome() {
	s := &a.event.Spec.Admission
	s.Ceiling, s.RatePerMinute = 1000, 0
	a.put(wire.EventsBucket, eventID, a.event)
	a.setStock(wire.Count{Free: 10_000})
	none := 0
	a.operate(wire.MeterRequest{Act: admitter.ActRate, RatePerMinute: &none}, 2*maxLate)
	a.operate(wire.MeterRequest{Act: admitter.ActResume}, 2*maxLate)
}

func newAdmission(cfg AdmissionConfig) *admission {
	w := newWorld(cfg.Config)
	a := &admission{world: w, broken: cfg.Broken, keys: keyring.New(), regions: map[string]*memory.Store{}}
	a.seen = newAdmissionCheck(a)
	w.observer = a.seen
	s := &w.event.Spec
	s.Admission.Tick, s.Admission.Ceiling = w.seconds(1, 2, 5), 3+w.IntN(12)
	s.Admission.PassTTL, s.Admission.Window = w.seconds(20, 60, 180), w.seconds(5, 20, 60)
	s.Admission.RegionWait = wire.Duration(patient)
	if w.chance(0.3) {
		s.Admission.RegionWait = w.seconds(2, 10)
	}
	if w.chance(0.3) {
		s.Admission.RatePerMinute = 5 + w.IntN(60)
	}
	for i, region := range regionNames() {
		m := w.memory
		if i > 0 {
			m = memory.New(time.Now)
		}
		a.regions[region] = m
		for _, lane := range wire.Lanes() {
			bucket := wire.QueueBucket(eventID, lane)
			m.Create(jetstream.StreamConfig{Name: wire.KVStream(bucket), Subjects: []string{wire.KVSubject(bucket, ">")}})
		}
	}
	for _, bucket := range []string{wire.BoardBucket, wire.PassesBucket(eventID), wire.RevokedBucket} {
		w.memory.Create(jetstream.StreamConfig{Name: wire.KVStream(bucket), Subjects: []string{wire.KVSubject(bucket, ">")}})
	}
	w.memory.Create(jetstream.StreamConfig{Name: wire.SaleLogStream, Subjects: []string{wire.LogSubject("*", ">")}})
	w.put(wire.EventsBucket, eventID, w.event)
	a.setStock(wire.Count{Free: 5 + w.IntN(40)})
	return a
}

// host starts a process that contends for the event, as package admission assembles it.
func (a *admission) host() {
	p := a.process("admission")
	a.hosts = append(a.hosts, p)
	spoiled := records.NewSpoiled(a.logger, nil)
	lead, err := leader.New(leader.Config{Store: storeOf{p}, Role: wire.RoleAdmitter, Holder: p.name, TTL: a.ttl, Prices: true, Spoiled: spoiled, Logger: a.logger})
	if err != nil {
		panic(err) // the config is complete
	}
	view := sale.NewView(lead, spoiled)
	var ids atomic.Uint64 // redeems run side by side
	cfg := admitter.Config{Name: p.name, Store: a.buggy(storeOf{p}), Bus: busOf{p}, View: view, Keys: a.keys, Spoiled: spoiled,
		Orders: func(context.Context) (int, error) { return 0, nil }, Beat: oddly, Slice: time.Second, Now: time.Now,
		NewID:  func() string { return fmt.Sprintf("%s-%d", p.name, ids.Add(1)) },
		Logger: a.logger, Metrics: admitter.NewMetrics(nil)}
	for _, region := range regionNames() {
		cfg.Regions = append(cfg.Regions, places.Region{Name: region, Store: regionOf{storeOf{p}, a, region}})
	}
	go func() { _ = view.Run(p.ctx, storeOf{p}) }()
	go func() {
		err := lead.Run(p.ctx, func(ctx context.Context, e *leader.Event) error {
			return lead.Lead(ctx, e.ID, func(ctx context.Context, term uint64) error {
				if err := view.Await(ctx); err != nil {
					return err
				}
				ctx, done := p.late(ctx)
				defer done()
				p.submit("admission", "begins a term", func() { a.counts.Terms++ })
				return admitter.New(cfg, e.ID, term).Run(ctx)
			})
		})
		p.submit("admission", "ends", func() { a.violate("liveness", "%s ends: %v", p.name, err) })
	}()
}

// regionOf is the store of a region's queues as one process reaches it.
type regionOf struct {
	storeOf
	a      *admission
	region string
}

// Get implements kv.Store.
func (r regionOf) Get(ctx context.Context, stream string, q kv.Query) (kv.Entry, error) {
	what, begun := fmt.Sprintf("get %s %d %d", q.Subject, q.Revision, q.Since.UnixNano()), time.Now()
	e, err := ask(ctx, r.process, storeLimit, r.region, what, func() (kv.Entry, error) {
		if r.region != regionNames()[0] && during(r.a.away) {
			return kv.Entry{}, kv.ErrBusy
		}
		m := r.a.regions[r.region]
		if r.a.broken.StaleQueues && q.Since.IsZero() && q.Revision == 0 && r.w.chance(0.3) {
			e, err := m.Get(context.Background(), stream, q)
			if err == nil && e.Revision > 1 {
				return m.Get(context.Background(), stream, kv.Query{Revision: e.Revision - 1})
			}
			return e, err
		}
		return m.Get(context.Background(), stream, q)
	})
	r.a.seen.looked(r.process, line{strings.TrimPrefix(stream, wire.KVStream(wire.QueueBucket(eventID, ""))), r.region}, q.Subject != "", begun, err)
	return e, err
}

// trouble kills, suspends and cuts off processes, takes a region away, sells and gives back
// tickets, and has operators act, until the faults end.
func (a *admission) trouble() {
	a.after(a.between(0, 10*time.Second), "chaos", "strikes", func() {
		if !a.faulty() {
			return
		}
		a.trouble()
		until := time.Now().Add(a.between(0, 2*a.ttl))
		p := a.hosts[a.IntN(len(a.hosts))]
		if subs := a.net.listening(wire.PassesSubject(eventID, wire.ActRedeem)); len(subs) > 0 && a.chance(0.8) {
			p = subs[a.IntN(len(subs))].p
		}
		switch a.IntN(10) {
		case 0, 1:
			a.note("%s is killed", p.name)
			p.kill()
			a.hosts = slices.DeleteFunc(a.hosts, func(o *process) bool { return o == p })
			a.counts.Kills++
			a.host()
		case 2, 3:
			p.asleep = until
			a.counts.Suspended++
			a.note("%s is suspended until %v", p.name, until)
		case 4:
			p.cut = until
			a.counts.Cut++
			a.note("%s is cut off until %v", p.name, until)
		case 5:
			a.away = time.Now().Add(a.between(0, 30*time.Second))
			a.counts.Away++
		case 6:
			a.setStock(wire.Count{Sold: a.stock.Total()})
			a.counts.SoldOut++
		case 7:
			a.setStock(wire.Count{Free: 5 + a.IntN(40)})
			a.counts.Back++
		case 8:
			rate := a.IntN(100)
			acts := []wire.MeterRequest{{Act: admitter.ActPause}, {Act: admitter.ActRate, RatePerMinute: &rate}, {Act: admitter.ActDrain}, {Act: admitter.ActStatus}}
			a.operate(acts[a.IntN(len(acts))], 0)
			a.operate(wire.MeterRequest{Act: admitter.ActResume}, a.between(time.Second, 30*time.Second))
		case 9:
			if fans := slices.Sorted(maps.Keys(a.seen.passes)); len(fans) > 0 {
				a.request(wire.ActRevoke, wire.RevokeRequest{Fan: a.seen.passes[fans[a.IntN(len(fans))]].Fan, Why: "chance"}, 0)
			}
		}
	})
}

// operate has an operator ask the admitter, a while from now, again until there is an answer
// once there are no faults.
func (a *admission) operate(req wire.MeterRequest, in time.Duration) {
	a.request(wire.ActMeter, req, in)
}

func (a *admission) request(act string, req any, in time.Duration) {
	raw, _ := json.Marshal(req) // plain records: can't fail
	p := a.process("operator")
	a.after(in, p.name, act+" "+string(raw), func() {
		go func() {
			for {
				ctx, cancel := context.WithTimeout(p.ctx, askTimeout)
				_, err := busOf{p}.Request(ctx, wire.PassesSubject(eventID, act), raw)
				cancel()
				if err == nil || !a.isCalm() || p.isDead() {
					return
				}
				time.Sleep(time.Second)
			}
		}()
	})
}

func (a *admission) setStock(c wire.Count) {
	a.stock = c
	a.put(wire.StockBucket, eventID, wire.Stock{Event: eventID, All: c, Levels: map[string]wire.Count{"a": c}, Fans: c.Sold / 2})
}

// AdmissionBugs are mistakes that somebody could make, seeded at the seams.
type AdmissionBugs struct {
	NoFence     bool // the store takes an admitter's records whoever has the right
	AnswerEarly bool // writes to PASSES are acknowledged before they are stored
	StaleQueues bool // queues are asked of a replica that is behind
	BlindBoards bool // a guard is never rewritten for a term that has it
	LogBlindly  bool // calls are logged whatever was logged before
}

// buggy is the store of an admitter with the bugs of this run.
func (a *admission) buggy(s storeOf) kv.Store {
	if a.broken == (AdmissionBugs{}) {
		return s
	}
	return buggyAdmission{s, a}
}

type buggyAdmission struct {
	storeOf
	a *admission
}

// Publish implements kv.Store, badly.
func (s buggyAdmission) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	stream := wire.KVStream(wire.PassesBucket(eventID))
	fence := wire.KVSubject(wire.PassesBucket(eventID), wire.FenceKey)
	bugs, own := s.a.broken, slices.Clone(msgs)
	at := slices.IndexFunc(own, func(m kv.Msg) bool { return m.Subject == fence })
	switch {
	case bugs.NoFence && at >= 0 && len(own) > 1:
		for i, m := range own {
			if m.Subject == fence || strings.HasSuffix(m.Subject, "."+wire.AdmitterKey) {
				own[i].Expect = kv.Expect{}
			}
		}
	case bugs.LogBlindly && own[0].Subject == wire.LogSubject(eventID, wire.LogAdmission):
		own[0].Expect = kv.Expect{}
	case bugs.BlindBoards && at == 0 && len(own) == 1:
		var next struct{ Term uint64 }
		_, at, _ := own[0].Condition()
		if json.Unmarshal(own[0].Data, &next) == nil && s.a.seen.termOf(s.process) == next.Term {
			return kv.Ack{Stream: stream, Last: at, Count: 1}, nil
		}
	case bugs.AnswerEarly && at >= 0 && len(own) > 1:
		for i := range own {
			own[i].Data = bytes.Clone(own[i].Data)
		}
		last := s.w.memory.Last(stream) + kv.Revision(len(own))
		s.tell("store", own[len(own)-1].Subject, func() { _, _ = s.w.publish(s.process, own) })
		return kv.Ack{Stream: stream, Last: last, Count: len(own)}, nil
	}
	return s.storeOf.Publish(ctx, own)
}
