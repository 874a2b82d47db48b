package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/client"
	"frontrow/gateway/events"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	show      = "show"
	waitLimit = 20 * time.Second

	fanCookie    = wire.FanCookie
	deviceCookie = wire.DeviceCookie
	placeCookie  = wire.PlaceCookie + show
)

// shop is a gateway over a real server, with an event on sale. The services
// behind it are small responders of the test.
type shop struct {
	*Gateway
	t     testing.TB
	js    jetstream.JetStream
	nc    *nats.Conn    // the test's own
	near  *natstest.Env // the gateway's servers
	url   string
	plan  *plan.Plan
	index *plan.Index
	seats *kv.Bucket
	stop  func() error // ends Run and returns its error

	mu    sync.Mutex
	asked map[string]int // by subject
	board uint64         // number of the last one
}

func testPages() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"templates/index.html":   file(`{{range .Events}}<a href="/e/{{.ID}}">{{.Name}}</a>{{end}}<script src="{{index .Assets "app.js"}}"></script>`),
		"templates/event.html":   file(`<h1>{{.Event.Name}}</h1>{{range .Event.Levels}}<p>{{.Name}} {{.Price}}</p>{{end}}{{.Event.Status}}`),
		"templates/ticket.html":  file(`<p data-ticket="{{.Ticket}}">`),
		"templates/orders.html":  file(`{{range .Orders.List}}<p>{{.Name}} {{.Status}} {{with .Total}}{{.Plain}}{{end}} {{with .Refunded}}{{.Plain}}{{end}}{{range .Seats}} {{.Label}}={{.Ticket}}{{end}}</p>{{end}}{{.Orders.Older}}`),
		"templates/carry.html":   file(`{{with .Carry}}<form method="post">{{.Event}} {{.Number}} this={{.ThisFan}} other={{.OtherFan}} {{.Wrong}}</form>{{end}}`),
		"templates/draw.html":    file(`{{with .Draw}}{{.Origin}} {{.Commitment}} held={{.Held}} {{.Secret}}{{range .Lanes}} {{.Lane}}{{range .Regions}} {{.Region}}={{.Fans}}{{end}}{{end}}{{end}}`),
		"templates/prices.html":  file(`{{with .Prices}}{{range .Comparable}}like {{.Event}} of {{.Places}} {{end}}{{range .Levels}}{{.Name}} {{.Now.Reading}}{{if .Frozen}} frozen{{end}}{{with .Proposed}} proposed {{.Reading}}{{end}} of {{.Floor.Reading}} to {{.Ceiling.Reading}}{{with .Step}} step {{.Reading}}{{end}} {{.CoolDown}}{{with .Chart}} {{.Path}}{{end}}{{range .History}} {{.Price.Reading}} {{.Why}}{{end}}{{end}}{{end}}`),
		"templates/pay.html":     file(`<body data-order="{{.Pay.Order}}" data-key="{{.Pay.Key}}">`),
		"templates/problem.html": file(`<h1>{{.Problem.Title}}</h1>{{.Problem.Detail}}`),
		"dist/app.js":            file(strings.Repeat("console.log(1);", 200)),
	}
}

func spec() wire.Spec {
	return wire.Spec{ID: show, Name: "The <Band>", Venue: "Hall", Currency: "EUR",
		Levels: []wire.Level{{ID: "standard", Name: "Standard", Base: 5000, ServiceFee: 400, FacilityFee: 50}},
		Limits: wire.Limits{PerFan: 4}}.WithDefaults()
}

// open starts a shop with the given number of seats and 100 standing places.
func open(t testing.TB, change ...func(*Config)) *shop {
	t.Helper()
	return openAt(t, natstest.Run(t), change...)
}

// openAt puts the event up where home is.
func openAt(t testing.TB, env *natstest.Env, change ...func(*Config)) *shop {
	t.Helper()
	s := &shop{t: t, js: env.JetStream(t), nc: env.Connect(t), near: env, asked: map[string]int{}}
	ctx := t.Context()
	must(t, streams.CreateCore(ctx, s.js, 1))
	must(t, streams.CreateForEvent(ctx, s.js, show, 1))
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: 500, Standing: 100})
	must(t, err)
	s.plan, s.index = p, plan.NewIndex(p)
	raw, err := plan.Encode(p)
	must(t, err)
	store, err := s.js.ObjectStore(ctx, wire.PlansObjects)
	must(t, err)
	_, err = store.PutBytes(ctx, plan.Digest(p), raw)
	must(t, err)
	s.seats = kv.Open(s.js, wire.SeatsBucket(show))
	all := make([]string, s.index.Len())
	for i := range all {
		all[i] = s.index.ID(i)
	}
	s.setSeats(wire.Available, all...)
	s.put(wire.EventsBucket, show, wire.Event{Spec: spec(), Plan: plan.Digest(p), Places: s.index.Len(), State: wire.EventOpen})
	s.setHead(0)

	cfg := Config{Addr: "127.0.0.1:0", NATS: env.Connect(t), Keys: keyring.New(), Pages: testPages(), Registerer: prometheus.NewRegistry(),
		Defences: abuse.Config{Exempt: client.Loopback()}}
	for _, c := range change {
		c(&cfg)
	}
	s.Gateway, err = New(cfg)
	must(t, err)
	s.url = "http://" + s.Addr()
	run, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { must(t, s.stop()) })
	s.until("the event is live", func() bool {
		ev, err := s.events.Find(show)
		return err == nil && s.Ready(t.Context()) == nil && ev.Hub.Snapshot() != nil && ev.Board() != nil
	})
	return s
}

// another is a second gateway over the same servers: it remembers nothing of what
// the first was asked.
func (s *shop) another() *shop {
	s.t.Helper()
	cfg := s.cfg
	cfg.Registerer, cfg.Addr = prometheus.NewRegistry(), "127.0.0.1:0"
	g, err := New(cfg)
	must(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); must(s.t, <-ended) })
	s.until("the other gateway", func() bool { return g.Ready(s.t.Context()) == nil })
	return &shop{Gateway: g, t: s.t, url: "http://" + g.Addr()}
}

// event is what the gateway knows of an event.
func (s *shop) event(id string) *events.Event {
	s.t.Helper()
	ev, err := s.events.Find(id)
	must(s.t, err)
	return ev
}

// openInRegion is a shop whose gateway is in another region.
func openInRegion(t *testing.T) *shop {
	t.Helper()
	world := natstest.Regions(t, "west")
	west := world.Regions["west"]
	s := openAt(t, world.Home, func(c *Config) {
		must(t, streams.CreateInRegion(t.Context(), west.JetStream(t), show, natstest.Home, 1))
		c.NATS, c.Region, c.HomeDomain = west.Connect(t), "west", natstest.Home
	})
	s.near = west
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until asks often: what it waits for has no signal outside of the gateway.
func (s *shop) until(what string, done func() bool) {
	s.t.Helper()
	limit := time.After(waitLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

func (s *shop) put(bucket, key string, v any) {
	s.t.Helper()
	raw, err := json.Marshal(v)
	must(s.t, err)
	_, err = kv.Publish(s.t.Context(), s.nc, []kv.Msg{{Subject: wire.KVSubject(bucket, key), Data: raw}})
	must(s.t, err)
}

func (s *shop) setSeats(state wire.State, ids ...string) (last kv.Revision) {
	s.t.Helper()
	raw, err := json.Marshal(wire.Seat{State: state, At: time.Now()})
	must(s.t, err)
	for len(ids) > 0 {
		n := min(len(ids), kv.MaxBatch)
		var msgs []kv.Msg
		for _, id := range ids[:n] {
			msgs = append(msgs, kv.Msg{Subject: s.seats.Subject(wire.SeatKey(id)), Data: raw})
		}
		ack, err := kv.Publish(s.t.Context(), s.nc, msgs)
		must(s.t, err)
		ids, last = ids[n:], ack.Last
	}
	return last
}

func (s *shop) setHead(head uint64) {
	s.board++
	s.put(wire.BoardBucket, show, wire.Board{Event: show, Seq: s.board, State: wire.SaleOpen, Currency: "EUR",
		Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Regions: map[string]wire.Head{"home": {Head: head}}}}})
	if s.Gateway == nil {
		return
	}
	s.until("the board is here", func() bool {
		b := s.event(show).Board()
		return b != nil && b.Lanes[wire.LaneGeneral].Regions["home"].Head == head
	})
}

// answer makes reply the service behind subject. Commands to a writer come together.
func (s *shop) answer(subject string, reply func(*nats.Msg) any) {
	s.t.Helper()
	counted := func(m *nats.Msg) []byte {
		s.mu.Lock()
		s.asked[m.Subject]++
		s.mu.Unlock()
		if v := reply(m); v != nil {
			raw, _ := json.Marshal(v)
			return raw
		}
		return nil
	}
	together := wire.SeatsSubject(show, wire.TogetherFans)
	subjects := []string{subject}
	if strings.HasPrefix(subject, wire.SeatsSubject(show, "")) && subject != wire.SeatsAll(show) {
		subjects = append(subjects, together)
	}
	for _, listen := range subjects {
		sub, err := s.nc.Subscribe(listen, func(m *nats.Msg) {
			raw := []byte(nil)
			if m.Subject == together {
				raw = answerTogether(m.Data, subject, counted)
			} else {
				raw = counted(m)
			}
			if raw != nil {
				_ = m.Respond(raw)
			}
		})
		must(s.t, err)
		s.t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
	must(s.t, s.nc.Flush())
	for _, listen := range subjects {
		s.near.WaitRouted(listen)
	}
}

// answerTogether answers each command of a message, if all of them are for subject and
// have an answer.
func answerTogether(message []byte, subject string, answer func(*nats.Msg) []byte) []byte {
	_, lines, _ := wire.LinesTogether(message)
	var answers [][]byte
	for _, line := range lines {
		c, _ := wire.ReadTogether(line)
		m := &nats.Msg{Subject: wire.SeatsSubject(show, c.Act), Data: c.Request}
		if subject != wire.SeatsAll(show) && subject != m.Subject {
			return nil
		}
		a := answer(m)
		if a == nil {
			return nil
		}
		answers = append(answers, a)
	}
	return wire.AppendAnswers(nil, answers)
}

func (s *shop) times(subject string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[subject]
}

// written is the last sequence of every stream that fans' requests reach.
func (s *shop) written() (n uint64) {
	s.t.Helper()
	for _, name := range []string{wire.OrdersStream, wire.KVStream(wire.QueueBucket(show, wire.LaneGeneral)), wire.KVStream(wire.SeatsBucket(show))} {
		st, err := s.js.Stream(s.t.Context(), name)
		must(s.t, err)
		n += st.CachedInfo().State.LastSeq
	}
	return n
}

// fan is a client with a cookie and a pass of its own.
type fan struct {
	*shop
	id, cookie, pass, device string
}

func (s *shop) fan() *fan {
	f := &fan{shop: s, id: wire.NewFan()}
	f.cookie, f.pass = s.cfg.Keys.SignFan(f.id, time.Now().Add(-time.Hour)), s.passFor(show, f.id, time.Now().Add(time.Minute))
	return f
}

// device is the cookie of a device of an id.
func (s *shop) device(id string) string { return s.cfg.Keys.SignDevice(id) }

// hashOf is what a pass says of the device of a cookie.
func (s *shop) hashOf(cookie string) string {
	s.t.Helper()
	id, err := s.cfg.Keys.VerifyDevice(cookie)
	must(s.t, err)
	return wire.Hash([]byte(id))
}

func (s *shop) passFor(event, fan string, expires time.Time) string {
	s.t.Helper()
	token, err := s.cfg.Keys.SignPass(keyring.NewPass(event, wire.PassRecord{ID: "p1", Fan: fan, Lane: wire.LaneGeneral, Limit: 4,
		At: expires.Add(-time.Hour), Expires: expires}))
	must(s.t, err)
	return token
}

// answered is a response that has been read.
type answered struct {
	*http.Response
	body []byte
}

func (a answered) problem(t testing.TB) problemBody {
	t.Helper()
	var p problemBody
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("status %d, Content-Type %q, body %.200s", a.StatusCode, ct, a.body)
	}
	must(t, json.Unmarshal(a.body, &p))
	if p.Status != a.StatusCode || p.Detail == "" || p.Title == "" || !strings.HasPrefix(p.Type, "/problems/") {
		t.Fatalf("problem %+v with status %d", p, a.StatusCode)
	}
	return p
}

func into[T any](t testing.TB, a answered, status int) (v T) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	must(t, json.Unmarshal(a.body, &v))
	return v
}

// plain shows answers as they were sent.
var plain = &http.Transport{DisableCompression: true}

func (s *shop) send(method, path, body string, header ...string) answered {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := plain.RoundTrip(req)
	must(s.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(s.t, err)
	return answered{res, raw}
}

// at is the fan at another gateway.
func (f *fan) at(s *shop) *fan {
	there := *f
	there.shop = s
	return &there
}

// send sends as the fan; header overrides.
func (f *fan) send(method, path, body string, header ...string) answered {
	f.t.Helper()
	all := []string{}
	if f.cookie != "" {
		secure := strings.HasPrefix(f.cfg.PublicURL, "https://")
		cookies := wire.CookieName(fanCookie, secure) + "=" + f.cookie
		if f.device != "" {
			cookies += "; " + wire.CookieName(deviceCookie, secure) + "=" + f.device
		}
		all = append(all, "Cookie", cookies)
	}
	if f.pass != "" {
		all = append(all, "Authorization", "Bearer "+f.pass)
	}
	return f.shop.send(method, path, body, append(all, header...)...)
}
