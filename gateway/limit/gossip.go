package limit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// When counts are told.
const (
	tick     = 250 * time.Millisecond
	earlyGap = 20 * time.Millisecond // least time between two tellings

	worthShare = 16 // a count below limit/16 is not told
	earlyShare = 8  // growth by limit/8 is told at once
)

// Bounds of gossip.
const (
	maxCounts   = 256 // of a message, which is below 32 KiB then
	maxMessages = 16  // of a telling; the rest is told with the next
	maxKey      = 128 // bytes
	maxPeriod   = 24 * time.Hour
	maxPending  = 1024 // messages that wait to be read; more are lost, which is harmless
	quiet       = 10 * time.Second
)

// Message is what gateways tell each other: how much From has let through.
type Message struct {
	From   string  `json:"from"`
	Counts []Count `json:"counts"`
}

// Count is what was let through of a key in a window.
type Count struct {
	Key    string `json:"k"`
	Period int64  `json:"p"` // seconds
	Window int64  `json:"w"` // Unix time / Period
	N      int64  `json:"n"`
}

// Gossip shares the counts of a Store with the other gateways of the region.
type Gossip struct {
	store *Store
	cfg   GossipConfig

	mu    sync.Mutex
	peers map[string]*peer

	messages *prometheus.CounterVec
}

// peer is another gateway that was heard.
type peer struct {
	id uint16
	at time.Time
}

// GossipConfig configures a Gossip. All but Registerer and Logger is required.
type GossipConfig struct {
	NATS    *nats.Conn
	Subject string // of the region
	Name    string // of this gateway: no two have the same
	Now     func() time.Time

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// NewGossip shares s as cfg says, once Run is called.
func NewGossip(s *Store, cfg GossipConfig) *Gossip {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Gossip{store: s, cfg: cfg, peers: map[string]*peer{},
		messages: promauto.With(cfg.Registerer).NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_limit_gossip_total",
			Help: "Messages of counts between gateways, by what became of them."}, []string{"message"})}
}

// Run tells and hears until ctx ends.
func (g *Gossip) Run(ctx context.Context) error {
	sub, err := g.cfg.NATS.Subscribe(g.cfg.Subject, func(m *nats.Msg) {
		if err := g.hear(m.Data); err != nil {
			g.messages.WithLabelValues("malformed").Inc()
			g.cfg.Logger.Warn("counts of another gateway were not understood", "err", err)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", g.cfg.Subject, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection ends with us
	if err := sub.SetPendingLimits(maxPending, -1); err != nil {
		return fmt.Errorf("bound %s: %w", g.cfg.Subject, err)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-g.store.early:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(earlyGap):
			}
		}
		g.tell()
	}
}

// tell publishes what has changed.
func (g *Gossip) tell() {
	for counts := range slices.Chunk(g.store.changes(maxMessages*maxCounts), maxCounts) {
		raw, _ := json.Marshal(Message{From: g.cfg.Name, Counts: counts}) // strings and numbers: can't fail
		outcome := "sent"
		if g.cfg.NATS.Publish(g.cfg.Subject, raw) != nil {
			outcome = "unsent" // what grows on is told then
		}
		g.messages.WithLabelValues(outcome).Inc()
	}
}

// hear takes a message of another gateway.
func (g *Gossip) hear(raw []byte) error {
	var m Message
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	if m.From == "" || len(m.From) > maxKey || len(m.Counts) > maxCounts {
		return fmt.Errorf("%d counts from %.20q", len(m.Counts), m.From)
	}
	if m.From == g.cfg.Name {
		return nil
	}
	now := g.cfg.Now()
	id := g.peer(m.From, now)
	for _, c := range m.Counts {
		if c.Period < 1 || c.Period > int64(maxPeriod/time.Second) || c.N < 1 || c.Key == "" || len(c.Key) > maxKey {
			return fmt.Errorf("count %d in %d s of %.20q", c.N, c.Period, c.Key)
		}
		g.store.heard(id, c, now)
	}
	g.messages.WithLabelValues("heard").Inc()
	return nil
}

// peer is the number of a gateway. When there are more than maxGateways, the
// number of the one that was silent longest is given on. What it had counted
// then passes for the new one's, which makes counts smaller, never greater.
func (g *Gossip) peer(name string, now time.Time) uint16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.peers[name]
	if p == nil {
		p = &peer{id: uint16(len(g.peers))}
		if len(g.peers) == maxGateways {
			var silent string
			for n, q := range g.peers {
				if silent == "" || q.at.Before(g.peers[silent].at) {
					silent = n
				}
			}
			p.id = g.peers[silent].id
			delete(g.peers, silent)
		}
		g.peers[name] = p
	}
	p.at = now
	return p.id
}

// Peers is how many other gateways have told something lately.
func (g *Gossip) Peers() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.cfg.Now()
	for _, p := range g.peers {
		if now.Sub(p.at) < quiet {
			n++
		}
	}
	return n
}

// tell notes that e has changed. Called with the shard's lock held.
func (s *Store) tell(sh *shard, e *entry) {
	c := &e.counts[0]
	if c.own < max(1, e.limit/worthShare) {
		return
	}
	if !e.listed && len(sh.changed) < s.size {
		e.listed = true
		sh.changed = append(sh.changed, e)
	}
	if c.own-c.told >= max(1, e.limit/earlyShare) {
		select {
		case s.early <- struct{}{}:
		default:
		}
	}
}

// changes takes up to most counts that are to be told.
func (s *Store) changes(most int) (counts []Count) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		var rest []*entry
		for _, e := range sh.changed {
			if len(counts)+len(e.counts) > most {
				rest = append(rest, e)
				continue
			}
			counts = append(counts, e.changes()...)
			if e.listed = e.counts[0].again || e.counts[1].again; e.listed {
				rest = append(rest, e)
			}
		}
		sh.changed = rest
		sh.mu.Unlock()
	}
	return counts
}

// changes is what others should know of e, and notes that they do.
func (e *entry) changes() (counts []Count) {
	for i := range e.counts {
		c := &e.counts[i]
		grown := c.own > c.told
		if grown || c.again {
			counts = append(counts, Count{Key: e.key, Period: int64(e.period / time.Second), Window: e.window - int64(i), N: c.own})
		}
		c.told, c.again = c.own, grown
	}
	return counts
}

// heard takes the count of another gateway. Those of other windows than the
// present and the former are too late, or come from a clock that is ahead, and
// are told again.
func (s *Store) heard(gateway uint16, c Count, now time.Time) {
	period := time.Duration(c.Period) * time.Second
	window := now.UnixNano() / int64(period)
	if c.Window != window && c.Window != window-1 {
		return
	}
	sh := s.shard(c.Key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.entry(sh, c.Key, period, window)
	i := e.window - c.Window
	if i < 0 || i > 1 {
		return
	}
	at, n := &e.counts[i], min(c.N, maxActs)
	for k := range at.others {
		if o := &at.others[k]; o.gateway == gateway {
			o.n = max(o.n, n)
			return
		}
	}
	at.others = append(at.others, other{gateway, n})
}
