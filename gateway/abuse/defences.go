package abuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/abuse/risk"
	"frontrow/gateway/client"
	"frontrow/gateway/listener"
	"frontrow/gateway/visitor"
	"frontrow/keyring"
	"frontrow/wire"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// maxHolds bounds the holds whose holders are remembered.
const maxHolds = 1 << 17

// Env is what Defences work with. All but Registerer and what says so is required.
type Env struct {
	Region     string // its gateways count together
	NATS       *nats.Conn
	JetStream  jetstream.JetStream
	Keys       *keyring.Keyring
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time
}

// Defences is the part of a gateway that looks at who is asking.
type Defences struct {
	cfg        Config
	env        Env
	name       string // of this gateway, among the region's
	metrics    *metrics
	store      *limit.Store
	gossip     *limit.Gossip
	limits     *limit.Limits
	seats      limit.Seats
	returns    *limit.Limits // holds that ended unbought: every gateway hears of all of them, so they aren't gossiped
	table      risk.Table
	spent      *challenge.Spent
	challenges *challenge.Challenger
	evidence   *evidence
	holders    *lru.Cache[string, holder] // by hold
	verdicts   [challenge.Verdicts]atomic.Int64
}

// New returns the Defences that cfg, already validated, describes.
func New(cfg Config, env Env) *Defences {
	holders, _ := lru.New[string, holder](maxHolds) // fails only on a size below 1
	table := risk.Weights()
	d := &Defences{cfg: cfg, env: env, name: nuid.Next(), metrics: newMetrics(env.Registerer, table), table: table,
		holders: holders, store: limit.NewStore(cfg.MaxKeys, env.Now), spent: challenge.NewSpent(env.JetStream, env.Registerer),
		evidence: newEvidence(env.NATS, env.Logger, env.Registerer)}
	budgets := limit.Defaults().With(cfg.Budgets)
	d.limits, d.seats = limit.New(budgets, d.store, env.Now), limit.NewSeats(d.store)
	d.returns = limit.New(limit.Budgets{limit.Spin: budgets[limit.Spin]}, limit.NewStore(cfg.MaxKeys, env.Now), env.Now)
	d.gossip = limit.NewGossip(d.store, limit.GossipConfig{NATS: env.NATS, Subject: wire.LimitsSubject(env.Region), Name: d.name, Now: env.Now,
		Logger: env.Logger, Registerer: env.Registerer})
	var widget challenge.Verifier
	if cfg.Widget != nil {
		widget = cfg.Widget
	}
	d.challenges = challenge.NewChallenger(env.Keys, d.spent, widget, env.Now)
	return d
}

// Run does the background work until ctx ends.
func (d *Defences) Run(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return d.gossip.Run(ctx) })
	tasks.Go(func() error { return d.spent.Run(ctx) })
	tasks.Go(func() error { return d.evidence.run(ctx) })
	return tasks.Wait()
}

// who returns who a visitor's acts are counted for, leaving out the fan.
func who(v *visitor.Visitor) limit.Who { return limit.Who{Address: v.Address, Network: v.Network} }

// whoWith is who with a fan, or with whatever takes the fan's place in a budget.
func whoWith(v *visitor.Visitor, fan string) limit.Who {
	w := who(v)
	w.Fan = fan
	return w
}

// guessWait is how long guesses count.
const guessWait = time.Hour

// Admit counts a request, and refuses it if its budget is spent. Otherwise back must be
// called with the request's outcome: it undoes the count of a request that we could not
// serve, or not yet.
func (d *Defences) Admit(route limit.Route, v *visitor.Visitor) (back func(error), p *wire.Problem) {
	if v.Exempt {
		return func(error) {}, nil
	}
	w := who(v)
	if route != limit.Read { // reads have no budget of a fan
		w.Fan = v.Fan()
	}
	refused := d.limits.Take(route, w)
	if refused == nil || d.cfg.off(Limits) {
		return func(err error) {
			if unserved(route, err) {
				d.limits.Return(route, w)
			}
		}, nil
	}
	d.metrics.limited.WithLabelValues(string(refused.Route), string(refused.Kind)).Inc()
	return nil, slowDown(refused.Kind, refused.After)
}

// Guesses refuses another e-mail address for an access code after too many wrong ones, for
// that code, from there.
func (d *Defences) Guesses(v *visitor.Visitor, code string) *wire.Problem {
	return d.guesses(limit.Guess, v, code, "Too many e-mail addresses were tried with access codes here. Wait an hour, then enter the one yours was sent to. Meanwhile you can join the queue without the code.")
}

// Guessed counts a wrong e-mail address.
func (d *Defences) Guessed(v *visitor.Visitor, code string) { d.guessed(limit.Guess, v, code) }

// TriesCode refuses another code of a promotion after too many wrong ones, by the fan, from
// there.
func (d *Defences) TriesCode(v *visitor.Visitor) *wire.Problem {
	return d.guesses(limit.Promo, v, v.Fan(), "Too many wrong codes were tried here. Wait an hour before you try another. Meanwhile you can buy the tickets without one.")
}

// TriedCode counts a wrong code of a promotion.
func (d *Defences) TriedCode(v *visitor.Visitor) { d.guessed(limit.Promo, v, v.Fan()) }

func (d *Defences) guesses(route limit.Route, v *visitor.Visitor, of, detail string) *wire.Problem {
	if v.Exempt || d.cfg.off(Limits) {
		return nil
	}
	w := whoWith(v, of)
	for _, kind := range []limit.Kind{limit.Fan, limit.Address, limit.Network} {
		if used, most := d.limits.Used(route, kind, w); most > 0 && used >= most {
			d.metrics.limited.WithLabelValues(string(route), string(kind)).Inc()
			return &wire.Problem{Code: wire.CodeSlowDown, RetryAfterMS: guessWait.Milliseconds(), Detail: detail}
		}
	}
	return nil
}

func (d *Defences) guessed(route limit.Route, v *visitor.Visitor, of string) {
	if !v.Exempt {
		d.limits.Note(route, whoWith(v, of))
	}
}

// Try counts a try at the digits of a link, by its id, and reports whether it is allowed. A
// link has few tries in all, at all gateways of the region.
func (d *Defences) Try(link string) bool {
	if d.limits.Take(limit.Digits, limit.Who{Fan: link}) == nil {
		return true
	}
	d.metrics.limited.WithLabelValues(string(limit.Digits), string(limit.Fan)).Inc()
	return false
}

// Once reports whether a fan uses the thing with this id for the first time. Uses are
// remembered for an hour.
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
	return d.cfg.Exempt.Contain(c.Addr) || d.limits.Take(limit.Connect, limit.Who{Address: c.Host().String(), Network: c.Network().String()}) == nil
}

// Edge returns the bounds on connections.
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

// newcomer is the age below which a cookie may have been obtained without opening the page,
// by asking for a challenge for example.
const newcomer = time.Minute

// assess scores a visitor's request for an act at an event. What they owe is due before
// they hold seats, so anyone who gets that far has paid it.
func (d *Defences) assess(v *visitor.Visitor, ev Event, act string) risk.Assessment {
	if v.Exempt || d.cfg.off(Risk) {
		return risk.Assessment{}
	}
	w, of := whoWith(v, v.Fan()), limit.Event{ID: ev.ID(), Places: ev.Places()}
	used := func(route limit.Route, kind limit.Kind) float64 { return share(d.limits, route, kind, w) }
	s := risk.Signals{Headers: risk.HeadersOf(v.Header), JA4: v.JA4, Secure: v.Secure, Datacenter: d.cfg.Datacenters.Contain(v.Addr),
		AddressJoins: used(limit.Join, limit.Address), NetworkJoins: used(limit.Join, limit.Network),
		NetworkStrangers: used(limit.Stranger, limit.Network), Rotation: used(limit.Rotation, limit.Network),
		FanHolds: used(limit.Held, limit.Fan), AddressHolds: used(limit.Held, limit.Address),
		AddressSeats: d.seats.Share(of, limit.Address, w), NetworkSeats: d.seats.Share(of, limit.Network, w)}
	back := limit.Who{Fan: v.Fan(), Tag: v.NetTag}
	s.FanSpins, s.NetworkSpins = share(d.returns, limit.Spin, limit.Fan, back), share(d.returns, limit.Spin, limit.Network, back)
	if known(v) {
		s.FanKnown, s.FanAge, s.FanOwes = true, d.age(v.Face), v.Face.Owes && act != ActHold
		s.FanEarned = v.Face.Used && s.FanAge >= newcomer && d.env.Keys.IsNetTag(v.Face.Net, "", v.Client.Network())
	}
	return d.table.Score(s)
}

// known reports whether a visitor came with a cookie of ours.
func known(v *visitor.Visitor) bool { return v.Fan() != "" && !v.New }

// share returns the used share of a budget.
func share(l *limit.Limits, route limit.Route, kind limit.Kind, who limit.Who) float64 {
	used, of := l.Used(route, kind, who)
	return float64(used) / float64(max(of, 1))
}

// age returns a cookie's age, at least a nanosecond; 0 if it was never noted.
func (d *Defences) age(f keyring.Face) time.Duration {
	if f.At.IsZero() {
		return 0
	}
	return max(d.env.Now().Sub(f.At), 1)
}

// Enrolls notes that a visitor becomes a new fan. It returns, for their cookie, the
// network, and whether that has used up its free new fans.
func (d *Defences) Enrolls(v *visitor.Visitor) (net string, owes bool) {
	if v.Exempt {
		return "", false
	}
	return d.env.Keys.NetTag("", v.Client.Network()), !d.limits.Note(limit.NewFan, who(v))
}

// Seen returns what a cookie must say from now on, when its page is seen in use: a live
// socket is opened in the network where the cookie was issued, after a person could have
// looked at the page. fresh is false if nothing has changed.
func (d *Defences) Seen(v *visitor.Visitor) (face keyring.Face, fresh bool) {
	face = v.Face
	if !known(v) || face.Used || d.age(face) < risk.Fresh || !d.env.Keys.IsNetTag(face.Net, "", v.Client.Network()) {
		return face, false
	}
	face.Used = true
	return face, true
}

// NetTag returns what stands for a visitor's network at an event; empty for one who is exempt.
func (d *Defences) NetTag(v *visitor.Visitor, event string) string {
	if v.Exempt {
		return ""
	}
	return d.env.Keys.NetTag(event, v.Client.Network())
}

// arrived notes two kinds of join that Admit has counted: by a stranger without a cookie of
// ours; and the first by an IPv6 address, a sign of rotation within its network.
func (d *Defences) arrived(v *visitor.Visitor) {
	if v.Exempt {
		return
	}
	if !known(v) {
		d.limits.Note(limit.Stranger, who(v))
	}
	if v.Addr.Is6() {
		if joins, _ := d.limits.Used(limit.Join, limit.Address, who(v)); joins <= 1 {
			d.limits.Note(limit.Rotation, who(v))
		}
	}
}

// holder is who a hold was granted to.
type holder struct {
	who   limit.Who
	event limit.Event
	seats int
}

// Held notes that a hold of this many seats was granted to a fan.
func (d *Defences) Held(v *visitor.Visitor, ev Event, hold string, seats int) {
	if _, again := d.holders.Get(hold); v.Exempt || again {
		return
	}
	h := holder{whoWith(v, v.Fan()), limit.Event{ID: ev.ID(), Places: ev.Places()}, seats}
	d.limits.Note(limit.Held, h.who)
	d.seats.Granted(h.event, h.who, seats)
	d.holders.Add(hold, h)
}

// Told takes notices about a fan's holds from the writer and the checkout. Every gateway
// hears that a hold ended unbought; the one that granted it also knows what was bought.
func (d *Defences) Told(fan string, n *wire.Notice) {
	switch {
	case n.Kind == wire.NoticeReturn:
		d.returns.Note(limit.Spin, limit.Who{Fan: fan, Tag: n.Net})
	case n.Kind == "order" && n.State == string(wire.OrderPaid):
		if h, ok := d.holders.Get(n.Hold); ok && h.seats > 0 {
			d.seats.Bought(h.event, h.who, h.seats)
			d.holders.Add(n.Hold, holder{}) // the notice may come again
		}
	}
}

// SocketOwner returns who a visitor's live socket is counted for; what is empty is not
// counted.
func (d *Defences) SocketOwner(v *visitor.Visitor) (address, fan string) {
	if v.Exempt || d.cfg.off(Edge) {
		return "", ""
	}
	return v.Address, v.Fan()
}

// Status is the state of the defences in aggregate.
type Status struct {
	Name     string `json:"name"` // as in the log of risk acts
	Off      []Part `json:"off,omitempty"`
	Keys     int    `json:"keys"` // that are counted
	MaxKeys  int    `json:"max_keys"`
	Gateways int    `json:"gateways"` // others of the region, heard from lately
	Limited  int64  `json:"limited"`  // requests refused since the start
	Asked    int64  `json:"challenged"`
	Passed   int64  `json:"passed"`
	Slow     int64  `json:"slow"`
	listener.Stats
}

// Status returns the state of the defences and of the connections, whose state edge is.
func (d *Defences) Status(edge listener.Stats) Status {
	return Status{Name: d.name, Off: d.cfg.Off, Keys: d.store.Keys(), MaxKeys: d.store.MaxKeys(), Gateways: d.gossip.Peers(),
		Limited: d.limits.Refused(), Asked: d.verdicts[challenge.Ask].Load(), Passed: d.verdicts[challenge.Enter].Load(),
		Slow: d.verdicts[challenge.Slow].Load(), Stats: edge}
}
