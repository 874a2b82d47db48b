package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"frontrow/gateway/challenge"
	"frontrow/gateway/challenge/siteverify"
	"frontrow/gateway/client"
	"frontrow/gateway/evidence"
	"frontrow/gateway/ja4"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
	"frontrow/gateway/risk"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"golang.org/x/sync/errgroup"
)

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"

	// maxHolds bounds each generation of the holds that are remembered with whom
	// they were granted to.
	maxHolds = 65536

	// DefaultMaxSocketsOfFan and DefaultMaxSocketsOfAddress bound live sockets of one
	// fan, who may have many tabs, and of one address, which may be an office.
	DefaultMaxSocketsOfFan     = 16
	DefaultMaxSocketsOfAddress = 8192
)

// A Defence can be switched off, so that a rehearsal can show what it is worth.
type Defence string

// The defences.
const (
	DefenceLimits     Defence = "limits"     // off: nobody is refused for doing too much; it is counted all the same
	DefenceRisk       Defence = "risk"       // off: every score is 0
	DefenceChallenges Defence = "challenges" // off: scores are noted, and nobody is asked to prove anything
	DefenceEdge       Defence = "edge"       // off: connections and sockets have no bounds but that in all
)

// AllDefences lists them.
func AllDefences() []Defence {
	return []Defence{DefenceLimits, DefenceRisk, DefenceChallenges, DefenceEdge}
}

// Defences configures what stands between strangers and the sale. The zero value
// is all of it with its defaults, for a gateway that is reached directly.
type Defences struct {
	// Off are switched off.
	Off []Defence
	// Proxies are trusted: their X-Forwarded-For, X-Forwarded-Proto and JA4Header count.
	Proxies *client.Networks
	// JA4Header is where proxies that end TLS write the client's JA4; empty: nowhere.
	JA4Header string
	// Exempt addresses are neither limited nor scored: monitoring, load tests.
	Exempt *client.Networks
	// Datacenters are addresses that people seldom have.
	Datacenters *client.Networks
	// Budgets replace those of limit.Defaults that they name.
	Budgets limit.Budgets
	// MaxKeys bounds what is counted; 0 means limit.DefaultMaxKeys.
	MaxKeys int
	// Thresholds of the score; zero means challenge.DefaultThresholds.
	Thresholds challenge.Thresholds
	// Widget, if any, is shown beside the proof of work.
	Widget *siteverify.Client
	// Edge bounds connections; zero values mean package listener's defaults.
	// Its Proxies, Admit and Refused are set by the gateway.
	Edge listener.Config
	// MaxSocketsOfFan and MaxSocketsOfAddress: 0 means the defaults above.
	MaxSocketsOfFan, MaxSocketsOfAddress int
}

func (d *Defences) validate() error {
	for _, off := range d.Off {
		if !slices.Contains(AllDefences(), off) {
			return fmt.Errorf("there is no defence %q", off)
		}
	}
	if d.Thresholds == (challenge.Thresholds{}) {
		d.Thresholds = challenge.DefaultThresholds()
	}
	if d.MaxSocketsOfFan == 0 {
		d.MaxSocketsOfFan = DefaultMaxSocketsOfFan
	}
	if d.MaxSocketsOfAddress == 0 {
		d.MaxSocketsOfAddress = DefaultMaxSocketsOfAddress
	}
	return d.Thresholds.Validate()
}

// widgetOrigins is what pages must be allowed to load from.
func (d *Defences) widgetOrigins() []string {
	if d.Widget == nil {
		return nil
	}
	return d.Widget.Origins()
}

func (d *Defences) off(which Defence) bool { return slices.Contains(d.Off, which) }

// defences is the part of a Gateway that looks at who asks.
type defences struct {
	cfg      *Config
	name     string // of this gateway, among the region's
	identity *identity
	metrics  *metrics
	store    *limit.Store
	gossip   *limit.Gossip
	limits   *limit.Limits
	table    risk.Table
	spent    *challenge.Spent
	desk     *challenge.Desk
	evidence *evidence.Log
	holders  *recent[string, limit.Who] // by hold; nobody of one that has ended
	verdicts [challenge.Verdicts]atomic.Int64
}

func newDefences(cfg *Config, js jetstream.JetStream, id *identity, m *metrics) *defences {
	d := &defences{cfg: cfg, name: nuid.Next(), identity: id, metrics: m, table: risk.Weights(), holders: newRecent[string, limit.Who](maxHolds),
		store: limit.NewStore(cfg.Defences.MaxKeys, cfg.Now), spent: challenge.NewSpent(js, cfg.Registerer),
		evidence: evidence.New(cfg.NATS, cfg.Logger, cfg.Registerer)}
	d.limits = limit.New(limit.Defaults().With(cfg.Defences.Budgets), d.store, cfg.Now)
	d.gossip = limit.NewGossip(d.store, limit.GossipConfig{NATS: cfg.NATS, Subject: wire.LimitsSubject(cfg.Region), Name: d.name, Now: cfg.Now,
		Logger: cfg.Logger, Registerer: cfg.Registerer})
	var widget challenge.Verifier
	if cfg.Defences.Widget != nil {
		widget = cfg.Defences.Widget
	}
	d.desk = challenge.NewDesk(cfg.Keys, d.spent, widget, cfg.Now)
	id.named = func(r *http.Request) {
		if c := d.caller(r); !c.exempt {
			d.limits.Note(limit.NewFan, c.who)
		}
	}
	return d
}

// run starts what works in the background.
func (d *defences) run(ctx context.Context, tasks *errgroup.Group) {
	tasks.Go(func() error { return d.gossip.Run(ctx) })
	tasks.Go(func() error { return d.spent.Run(ctx) })
	tasks.Go(func() error { return d.evidence.Run(ctx) })
}

// connKey is the context key of a request's *listener.Conn.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
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

func (d *defences) caller(r *http.Request) caller {
	cfg := &d.cfg.Defences
	c := caller{Client: client.Of(r.RemoteAddr, r.Header[forwardedFor], cfg.Proxies), secure: r.TLS != nil}
	c.who = limit.Who{Address: c.Host(), Network: c.Network()}
	c.exempt = !c.Garbled && cfg.Exempt.Contain(c.Addr)
	if c.Trusted {
		c.secure = c.secure || strings.EqualFold(r.Header.Get(forwardedProto), "https")
		if print := r.Header.Get(cfg.JA4Header); cfg.JA4Header != "" && ja4.Valid(print) {
			c.ja4 = print
		}
	} else if conn, ok := r.Context().Value(connKey{}).(*listener.Conn); ok {
		c.ja4 = conn.JA4()
	}
	return c
}

// admit counts a request, and refuses it when its budget is spent. Unless it was
// refused, back is told how the request ended, and takes the count back of one
// that we could not serve, or not yet.
func (d *defences) admit(route limit.Route, r *http.Request) (back func(error), p *wire.Problem) {
	c := d.caller(r)
	if c.exempt {
		return func(error) {}, nil
	}
	if route != limit.Read { // reads have no budget of a fan
		c.who.Fan, _ = d.identity.presented(r)
	}
	refused := d.limits.Take(route, c.who)
	if refused == nil || d.cfg.Defences.off(DefenceLimits) {
		return func(err error) {
			if unserved(route, err) {
				d.limits.Return(route, c.who)
			}
		}, nil
	}
	d.metrics.limited.WithLabelValues(string(refused.Route), string(refused.Kind)).Inc()
	return nil, slowDown(refused.Kind, refused.After)
}

func unserved(route limit.Route, err error) bool {
	if err == nil {
		return false
	}
	code := problemOf(err).Code
	return code == wire.CodeUnavailable || code == wire.CodeWait && route == limit.Redeem
}

func slowDown(kind limit.Kind, after time.Duration) *wire.Problem {
	seconds := int((after + time.Second - 1) / time.Second)
	detail := fmt.Sprintf("You ask too often. Wait %d seconds and try again: nothing that you have is lost.", seconds)
	if kind != limit.Fan {
		detail = fmt.Sprintf("Too many requests come from your network. Wait %d seconds and try again, or use another connection, such as mobile data: nothing that you have is lost.", seconds)
	}
	return &wire.Problem{Code: wire.CodeSlowDown, Detail: detail, RetryAfterMS: after.Milliseconds()}
}

// opens says whether an address may open one more connection.
func (d *defences) opens(c client.Client) bool {
	return d.cfg.Defences.Exempt.Contain(c.Addr) || d.limits.Take(limit.Connect, limit.Who{Address: c.Host(), Network: c.Network()}) == nil
}

// edge is how connections are bounded.
func (d *defences) edge() listener.Config {
	cfg := d.cfg.Defences.Edge
	cfg.Refused = func(reason string) { d.metrics.refusedConns.WithLabelValues(reason).Inc() }
	cfg.Proxies = d.cfg.Defences.Proxies
	if d.cfg.Defences.off(DefenceEdge) {
		const unbounded = 1 << 30
		cfg.MaxHalfOpen, cfg.MaxPerAddress, cfg.MaxHalfOpenOfAddress = unbounded, unbounded, unbounded
	} else {
		cfg.Admit = d.opens
	}
	return cfg
}

// assess scores a request of a fan.
func (d *defences) assess(r *http.Request, c caller, fan string) risk.Assessment {
	if c.exempt || d.cfg.Defences.off(DefenceRisk) {
		return risk.Assessment{}
	}
	who := c.who
	who.Fan = fan
	share := func(route limit.Route, kind limit.Kind) float64 {
		used, of := d.limits.Used(route, kind, who)
		return float64(used) / float64(max(of, 1))
	}
	s := risk.Signals{Headers: risk.HeadersOf(r.Header), JA4: c.ja4, Secure: c.secure, Datacenter: d.cfg.Defences.Datacenters.Contain(c.Addr),
		AddressJoins: share(limit.Join, limit.Address), NetworkJoins: share(limit.Join, limit.Network),
		AddressNewFans: share(limit.NewFan, limit.Address), NetworkStrangers: share(limit.Stranger, limit.Network), Rotation: share(limit.Rotation, limit.Network),
		FanHolds: share(limit.Held, limit.Fan), AddressHolds: share(limit.Held, limit.Address),
		FanSpins: share(limit.Spin, limit.Fan), AddressSpins: share(limit.Spin, limit.Address)}
	s.FanAge, s.FanKnown = d.identity.age(r)
	return d.table.Score(s)
}

// arrived notes a join, which admit has counted: of a stranger, whom we have
// given no cookie; and the first of an IPv6 address, which is a sign of rotation
// within its network.
func (d *defences) arrived(c caller, known bool) {
	if !known && !c.exempt {
		d.limits.Note(limit.Stranger, c.who)
	}
	if joins, _ := d.limits.Used(limit.Join, limit.Address, c.who); joins <= 1 && c.Addr.Is6() && !c.exempt {
		d.limits.Note(limit.Rotation, c.who)
	}
}

// held notes that a hold was granted to a fan, so that its end can be put down to
// him.
func (d *defences) held(r *http.Request, fan, hold string) {
	c := d.caller(r)
	if c.exempt {
		return
	}
	c.who.Fan = fan
	d.limits.Note(limit.Held, c.who)
	d.holders.put(hold, c.who)
}

// lapsed notes that a hold ran out. The gateway that granted it knows to whom.
func (d *defences) lapsed(hold string) {
	if who, ok := d.holders.get(hold); ok {
		d.spun(hold, who)
	}
}

// gaveBack notes that a fan gave a hold back, wherever it was granted.
func (d *defences) gaveBack(r *http.Request, fan, hold string) {
	if c := d.caller(r); !c.exempt {
		c.who.Fan = fan
		d.spun(hold, c.who)
	}
}

// spun counts the end of a hold without a sale, once.
func (d *defences) spun(hold string, who limit.Who) {
	if was, ok := d.holders.get(hold); ok && was == (limit.Who{}) {
		return
	}
	d.holders.put(hold, limit.Who{})
	d.limits.Note(limit.Spin, who)
}

// socketOwner is whom a live socket is counted for.
func (d *defences) socketOwner(r *http.Request, fan string) socketOwner {
	c := d.caller(r)
	if c.exempt || d.cfg.Defences.off(DefenceEdge) {
		return socketOwner{}
	}
	return socketOwner{c.who.Address, fan}
}

// defenceStatus is the state of the defences in aggregate.
type defenceStatus struct {
	Name     string    `json:"name"` // as in the log of risk acts
	Off      []Defence `json:"off,omitempty"`
	Keys     int       `json:"keys"` // that are counted
	MaxKeys  int       `json:"max_keys"`
	Gateways int       `json:"gateways"` // others of the region that were heard lately
	Limited  int64     `json:"limited"`  // requests refused since the start
	Asked    int64     `json:"challenged"`
	Passed   int64     `json:"passed"`
	Slow     int64     `json:"slow"`
	listener.Stats
}

func (d *defences) status(l *listener.Listener) defenceStatus {
	return defenceStatus{Name: d.name, Off: d.cfg.Defences.Off, Keys: d.store.Keys(), MaxKeys: d.store.MaxKeys(), Gateways: d.gossip.Peers(),
		Limited: d.limits.Refused(), Asked: d.verdicts[challenge.Ask].Load(), Passed: d.verdicts[challenge.Enter].Load(),
		Slow: d.verdicts[challenge.Slow].Load(), Stats: l.Stats()}
}
