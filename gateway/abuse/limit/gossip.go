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

// When counts are sent.
const (
	tick     = 250 * time.Millisecond
	earlyGap = 20 * time.Millisecond // least time between two sends

	worthShare = 16 // a count below limit/16 is not sent
	earlyShare = 8  // growth by limit/8 is sent at once
)

// Bounds of gossip.
const (
	maxCounts   = 256 // of a message, which keeps it below 32 KiB
	maxMessages = 16  // at a time; the rest is sent with the next tick
	maxKey      = 128 // bytes
	maxPeriod   = 24 * time.Hour
	maxPending  = 1024 // unread messages; more are dropped, which is harmless
	quiet       = 10 * time.Second
)

// Message is what gateways send each other: how much From has let through.
type Message struct {
	From   string  `json:"from"`
	Counts []Count `json:"counts"`
}

// Count is how much of a key was let through in a window.
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

// peer is another gateway that was heard from.
type peer struct {
	id uint16
	at time.Time
}

// GossipConfig configures a Gossip. All but Registerer and Logger are required.
type GossipConfig struct {
	NATS    *nats.Conn
	Subject string // of the region
	Name    string // of this gateway: no two have the same
	Now     func() time.Time

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// NewGossip returns a Gossip that shares s once Run is called.
func NewGossip(s *Store, cfg GossipConfig) *Gossip {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Gossip{store: s, cfg: cfg, peers: map[string]*peer{},
		messages: promauto.With(cfg.Registerer).NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_limit_gossip_total",
			Help: "Messages of counts between gateways, by what became of them."}, []string{"message"})}
}

// Run sends and receives until ctx ends.
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
			outcome = "unsent" // counts that grow further are sent then
		}
		g.messages.WithLabelValues(outcome).Inc()
	}
}

// hear takes another gateway's message.
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

// peer returns a gateway's number. Beyond maxGateways, a new gateway gets the number of the
// one that has been silent longest. The old one's counts then pass for the new one's, which
// makes counts smaller, never greater.
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

// Peers returns the number of other gateways heard from lately.
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

// changes takes up to most counts that are due to be sent.
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

// changes returns the counts of e to send, and notes that they were sent.
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

// heard takes another gateway's count. A count of a window other than the present and the
// previous one is dropped: it is too late, or comes from a clock that is ahead and will be
// sent again.
func (s *Store) heard(gateway uint16, c Count, now time.Time) {
	period := time.Duration(c.Period) * time.Second
	window := now.UnixNano() / int64(period)
	if c.Window != window && c.Window != window-1 {
		return
	}
	key := []byte(c.Key)
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.entry(sh, key, period, window)
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
