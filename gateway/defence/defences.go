package defence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"frontrow/gateway/challenge"
	"frontrow/gateway/client"
	"frontrow/gateway/evidence"
	"frontrow/gateway/ja4"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
	"frontrow/gateway/recent"
	"frontrow/gateway/risk"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	forwardedFor = "X-Forwarded-For"

	// maxHolds bounds each generation of the holds that are remembered with whom
	// they were granted to.
	maxHolds = 65536
)

// Env is where defences work. What is not optional is required.
type Env struct {
	Region     string // its gateways count together
	NATS       *nats.Conn
	JetStream  jetstream.JetStream
	Keys       *wire.Keyring
	Fans       Fans
	Places     func(event string) int // how many an event has; nil: not known
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time
}

// Fans tells whose cookie a request has.
type Fans interface {
	// Presented is the fan; an error, and nobody, without a good cookie.
	Presented(*http.Request) (fan string, err error)
	// Face is what the cookie says; an error without one of ours.
	Face(*http.Request) (wire.Face, error)
}

// Defences is the part of a gateway that looks at who asks.
type Defences struct {
	cfg      Config
	env      Env
	name     string // of this gateway, among the region's
	metrics  *metrics
	store    *limit.Store
	gossip   *limit.Gossip
	limits   *limit.Limits
	seats    limit.Seats
	returns  *limit.Limits // holds that ended unbought: every gateway is told of all of them, so none tells another
	table    risk.Table
	spent    *challenge.Spent
	desk     *challenge.Desk
	evidence *evidence.Log
	holders  *recent.Memory[string, holder] // by hold
	verdicts [challenge.Verdicts]atomic.Int64
}

// New is what cfg says, which has been validated.
func New(cfg Config, env Env) *Defences {
	d := &Defences{cfg: cfg, env: env, name: nuid.Next(), metrics: newMetrics(env.Registerer), table: risk.Weights(),
		holders: recent.New[string, holder](maxHolds), store: limit.NewStore(cfg.MaxKeys, env.Now), spent: challenge.NewSpent(env.JetStream, env.Registerer),
		evidence: evidence.New(env.NATS, env.Logger, env.Registerer)}
	budgets := limit.Defaults().With(cfg.Budgets)
	d.limits, d.seats = limit.New(budgets, d.store, env.Now), limit.NewSeats(d.store)
	d.returns = limit.New(limit.Budgets{limit.Spin: budgets[limit.Spin]}, limit.NewStore(cfg.MaxKeys, env.Now), env.Now)
	d.gossip = limit.NewGossip(d.store, limit.GossipConfig{NATS: env.NATS, Subject: wire.LimitsSubject(env.Region), Name: d.name, Now: env.Now,
		Logger: env.Logger, Registerer: env.Registerer})
	var widget challenge.Verifier
	if cfg.Widget != nil {
		widget = cfg.Widget
	}
	d.desk = challenge.NewDesk(env.Keys, d.spent, widget, env.Now)
	return d
}

// Run works in the background until ctx ends.
func (d *Defences) Run(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return d.gossip.Run(ctx) })
	tasks.Go(func() error { return d.spent.Run(ctx) })
	tasks.Go(func() error { return d.evidence.Run(ctx) })
	return tasks.Wait()
}

// connKey is the context key of a request's *listener.Conn.
type connKey struct{}

// WithConn is for http.Server.ConnContext: a request then knows its connection's
// fingerprint.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if own := listener.Of(c); own != nil {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// caller is who sent a request.
type caller struct {
	client.Client
	who    limit.Who // without the fan
	exempt bool
	ja4    string
	secure bool // it came over HTTPS
}

func (d *Defences) caller(r *http.Request) caller {
	cfg := &d.cfg
	c := caller{Client: client.Of(r.RemoteAddr, r.Header[forwardedFor], cfg.Proxies), secure: client.Secure(r, cfg.Proxies)}
	c.who = limit.Who{Address: c.Host(), Network: c.Network()}
	c.exempt = !c.Garbled && cfg.Exempt.Contain(c.Addr)
	if c.Trusted {
		if print := r.Header.Get(cfg.JA4Header); cfg.JA4Header != "" && ja4.Valid(print) {
			c.ja4 = print
		}
	} else if conn, ok := r.Context().Value(connKey{}).(*listener.Conn); ok {
		c.ja4 = conn.JA4()
	}
	return c
}

// guessWait is how long a budget of guesses lasts.
const guessWait = time.Hour

// Admit counts a request, and refuses it when its budget is spent. Unless it was
// refused, back is told how the request ended, and takes the count back of one
// that we could not serve, or not yet.
func (d *Defences) Admit(route limit.Route, r *http.Request) (back func(error), p *wire.Problem) {
	c := d.caller(r)
	if c.exempt {
		return func(error) {}, nil
	}
	if route != limit.Read { // reads have no budget of a fan
		c.who.Fan, _ = d.env.Fans.Presented(r)
	}
	refused := d.limits.Take(route, c.who)
	if refused == nil || d.cfg.off(Limits) {
		return func(err error) {
			if unserved(route, err) {
				d.limits.Return(route, c.who)
			}
		}, nil
	}
	d.metrics.limited.WithLabelValues(string(refused.Route), string(refused.Kind)).Inc()
	return nil, slowDown(refused.Kind, refused.After)
}

// Guesses refuses another e-mail address for an access code of which too many were
// wrong, of this code or from this address or network, in all gateways of the region.
// It is asked before the address is looked at, so that a right one is no news then.
func (d *Defences) Guesses(r *http.Request, code string) *wire.Problem {
	c := d.caller(r)
	if c.exempt || d.cfg.off(Limits) {
		return nil
	}
	c.who.Fan = code
	for _, kind := range []limit.Kind{limit.Fan, limit.Address, limit.Network} {
		if used, of := d.limits.Used(limit.Guess, kind, c.who); of > 0 && used >= of {
			d.metrics.limited.WithLabelValues(string(limit.Guess), string(kind)).Inc()
			return &wire.Problem{Code: wire.CodeSlowDown, RetryAfterMS: guessWait.Milliseconds(),
				Detail: "Too many e-mail addresses were tried with access codes here. Wait an hour, then enter the one yours was sent to. Meanwhile you can join the queue without the code."}
		}
	}
	return nil
}

// Guessed counts an address that was wrong.
func (d *Defences) Guessed(r *http.Request, code string) {
	c := d.caller(r)
	if c.exempt {
		return
	}
	c.who.Fan = code
	d.limits.Note(limit.Guess, c.who)
}

// Try counts a try at the digits of a link, by its id, and reports whether it may be
// made: a link has so few, whoever tries, in all gateways of the region.
func (d *Defences) Try(link string) bool {
	if d.limits.Take(limit.Digits, limit.Who{Fan: link}) == nil {
		return true
	}
	d.metrics.limited.WithLabelValues(string(limit.Digits), string(limit.Fan)).Inc()
	return false
}

// Once reports whether something of a fan's is used for the first time, by its id;
// what was used is remembered for an hour.
func (d *Defences) Once(ctx context.Context, event, id, act, fan string) (bool, error) {
	return d.spent.Spend(ctx, event, id, challenge.Use{Fan: fan, Act: act, At: d.env.Now().UTC()})
}

func unserved(route limit.Route, err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && (p.Code == wire.CodeUnavailable || p.Code == wire.CodeWait && route == limit.Redeem)
}

func slowDown(kind limit.Kind, after time.Duration) *wire.Problem {
	seconds := int((after + time.Second - 1) / time.Second)
	detail := fmt.Sprintf("You ask too often. Wait %d seconds and try again: nothing that you have is lost.", seconds)
	if kind != limit.Fan {
		detail = fmt.Sprintf("Too many requests come from your network. Wait %d seconds and try again, or use another connection, such as mobile data: nothing that you have is lost.", seconds)
	}
	return &wire.Problem{Code: wire.CodeSlowDown, Detail: detail, RetryAfterMS: after.Milliseconds()}
}

// opens reports whether an address may open one more connection.
func (d *Defences) opens(c client.Client) bool {
	return d.cfg.Exempt.Contain(c.Addr) || d.limits.Take(limit.Connect, limit.Who{Address: c.Host(), Network: c.Network()}) == nil
}

// Edge is how connections are bounded.
func (d *Defences) Edge() listener.Config {
	cfg := d.cfg.Edge
	cfg.Refused = func(reason string) { d.metrics.refusedConns.WithLabelValues(reason).Inc() }
	cfg.Proxies, cfg.Exempt = d.cfg.Proxies, d.cfg.Exempt
	if d.cfg.off(Edge) {
		const unbounded = 1 << 30
		cfg.MaxHalfOpen, cfg.MaxPerAddress, cfg.MaxPerNetwork, cfg.MaxHalfOpenOfAddress = unbounded, unbounded, unbounded, unbounded
	} else {
		cfg.Admit = d.opens
	}
	return cfg
}

// newcomer is an age at which a cookie may have been had in place of opening the
// page: with the challenge that was asked for, for one.
const newcomer = time.Minute

// assess scores a request of a fan for an act at an event. What they owe is due before
// they hold seats: whoever comes so far has paid it.
func (d *Defences) assess(r *http.Request, c caller, p challenge.Purpose) risk.Assessment {
	if c.exempt || d.cfg.off(Risk) {
		return risk.Assessment{}
	}
	who := c.who
	who.Fan = p.Fan
	house := d.house(p.Event)
	share := func(route limit.Route, kind limit.Kind) float64 {
		used, of := d.limits.Used(route, kind, who)
		return float64(used) / float64(max(of, 1))
	}
	s := risk.Signals{Headers: risk.HeadersOf(r.Header), JA4: c.ja4, Secure: c.secure, Datacenter: d.cfg.Datacenters.Contain(c.Addr),
		AddressJoins: share(limit.Join, limit.Address), NetworkJoins: share(limit.Join, limit.Network),
		NetworkStrangers: share(limit.Stranger, limit.Network), Rotation: share(limit.Rotation, limit.Network),
		FanHolds: share(limit.Held, limit.Fan), AddressHolds: share(limit.Held, limit.Address),
		AddressSeats: d.seats.Share(house, limit.Address, who), NetworkSeats: d.seats.Share(house, limit.Network, who)}
	back := limit.Who{Fan: p.Fan, Tag: d.env.Keys.NetTag(house.Event, c.who.Network)}
	s.FanSpins, s.NetworkSpins = spins(d.returns, limit.Fan, back), spins(d.returns, limit.Network, back)
	if face, err := d.env.Fans.Face(r); err == nil {
		s.FanKnown, s.FanAge, s.FanOwes = true, d.age(face), face.Owes && p.Act != ActHold
		s.FanEarned = face.Used && s.FanAge >= newcomer && d.env.Keys.IsNetTag(face.Net, "", c.who.Network)
	}
	return d.table.Score(s)
}

func spins(l *limit.Limits, kind limit.Kind, who limit.Who) float64 {
	used, of := l.Used(limit.Spin, kind, who)
	return float64(used) / float64(max(of, 1))
}

// age of a cookie, at least a nanosecond; 0 if it was never noted.
func (d *Defences) age(f wire.Face) time.Duration {
	if f.At.IsZero() {
		return 0
	}
	return max(d.env.Now().Sub(f.At), 1)
}

// Named notes that a request is given a new fan's cookie, and says for it in which
// network, and whether that has had as many as it may have for nothing.
func (d *Defences) Named(r *http.Request) (net string, owes bool) {
	c := d.caller(r)
	if c.exempt {
		return "", false
	}
	return d.env.Keys.NetTag("", c.who.Network), !d.limits.Note(limit.NewFan, c.who)
}

// Seen tells what a cookie must say from now on, when a page that has it is seen in
// use: its live socket is opened, in the network where it was had, after a person
// could have looked at the page. Fresh is false when nothing has changed.
func (d *Defences) Seen(r *http.Request) (face wire.Face, fresh bool) {
	face, err := d.env.Fans.Face(r)
	if err != nil || face.Used || d.age(face) < risk.Fresh || !d.env.Keys.IsNetTag(face.Net, "", d.caller(r).who.Network) {
		return face, false
	}
	face.Used = true
	return face, true
}

// Net is what stands for the network of a request at an event; empty for one that
// is exempt.
func (d *Defences) Net(r *http.Request, event string) string {
	c := d.caller(r)
	if c.exempt {
		return ""
	}
	return d.env.Keys.NetTag(event, c.who.Network)
}

// arrived notes a join, which Admit has counted: of a stranger, whom we have
// given no cookie; and the first of an IPv6 address, which is a sign of rotation
// within its network.
func (d *Defences) arrived(c caller, known bool) {
	if !known && !c.exempt {
		d.limits.Note(limit.Stranger, c.who)
	}
	if joins, _ := d.limits.Used(limit.Join, limit.Address, c.who); joins <= 1 && c.Addr.Is6() && !c.exempt {
		d.limits.Note(limit.Rotation, c.who)
	}
}

// holder is whom a hold was granted to.
type holder struct {
	who   limit.Who
	house limit.House
	seats int
}

// Held notes that a hold of so many seats was granted to a fan.
func (d *Defences) Held(r *http.Request, fan, hold string, house limit.House, seats int) {
	c := d.caller(r)
	if _, again := d.holders.Get(hold); c.exempt || again {
		return
	}
	c.who.Fan = fan
	d.limits.Note(limit.Held, c.who)
	d.seats.Granted(house, c.who, seats)
	d.holders.Put(hold, holder{c.who, house, seats})
}

// Told takes what the writer and the checkout tell of a fan's holds. All gateways
// hear that one ended unbought; the one that granted it knows what was bought.
func (d *Defences) Told(fan string, n *wire.Notice) {
	switch {
	case n.Kind == wire.NoticeReturn:
		d.returns.Note(limit.Spin, limit.Who{Fan: fan, Tag: n.Net})
	case n.Kind == "order" && n.State == string(wire.OrderPaid):
		if h, ok := d.holders.Get(n.Hold); ok && h.seats > 0 {
			d.seats.Bought(h.house, h.who, h.seats)
			d.holders.Put(n.Hold, holder{}) // it may be told again
		}
	}
}

// Address is where a request comes from.
func (d *Defences) Address(r *http.Request) netip.Addr { return d.caller(r).Addr }

// SocketOwner is whom a fan's live socket is counted for; what is empty is not counted.
func (d *Defences) SocketOwner(r *http.Request, fan string) (address netip.Prefix, of string) {
	c := d.caller(r)
	if c.exempt || d.cfg.off(Edge) {
		return netip.Prefix{}, ""
	}
	return c.who.Address, fan
}

// Status is the state of the defences in aggregate.
type Status struct {
	Name     string `json:"name"` // as in the log of risk acts
	Off      []Part `json:"off,omitempty"`
	Keys     int    `json:"keys"` // that are counted
	MaxKeys  int    `json:"max_keys"`
	Gateways int    `json:"gateways"` // others of the region that were heard lately
	Limited  int64  `json:"limited"`  // requests refused since the start
	Asked    int64  `json:"challenged"`
	Passed   int64  `json:"passed"`
	Slow     int64  `json:"slow"`
	listener.Stats
}

// Status is the state of the defences, and of the connections that edge is about.
func (d *Defences) Status(edge listener.Stats) Status {
	return Status{Name: d.name, Off: d.cfg.Off, Keys: d.store.Keys(), MaxKeys: d.store.MaxKeys(), Gateways: d.gossip.Peers(),
		Limited: d.limits.Refused(), Asked: d.verdicts[challenge.Ask].Load(), Passed: d.verdicts[challenge.Enter].Load(),
		Slow: d.verdicts[challenge.Slow].Load(), Stats: edge}
}
