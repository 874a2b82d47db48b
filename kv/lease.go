package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrLeaseLost is the cause with which a held lease's context ends when the lease can no
// longer be trusted.
var ErrLeaseLost = errors.New("lease lost")

// Defaults of LeasesConfig.
const (
	DefaultTTL = 4 * time.Second

	renewals       = 3 // in one TTL
	marginPart     = 8 // the margin is this part of the TTL
	releaseTimeout = time.Second
	releaseTries   = 3
)

// LeasesConfig configures Leases. Bucket and Holder are required.
type LeasesConfig struct {
	// Bucket keeps the lease records. Its stream must allow atomic batches.
	Bucket *Bucket
	// Holder names this process, unlike any other.
	Holder string
	// TTL is how long a lease outlives its last renewal; 0 means DefaultTTL.
	TTL time.Duration
	// Margin is how much earlier the holder's trust ends: it must exceed the drift between
	// two machines' clocks over one TTL. 0 means an eighth of the TTL.
	Margin time.Duration
	// Logger gets the acquisitions and losses of leases; nil discards them.
	Logger *slog.Logger
	// Registerer for the metrics; nil for none.
	Registerer prometheus.Registerer
	// Now is a monotonic clock; nil means time.Now.
	Now func() time.Time
}

// Leases are this process's claims among others': at any time at most one process trusts
// that it holds a key. One watch and one Committer serve all keys.
type Leases struct {
	cfg     LeasesConfig
	writes  *Committer
	metrics *metrics

	mu   sync.Mutex
	seen map[string]sighting
	gone bool // whether the bucket is gone, as far as is known
}

// Lease is the record of a lease, readable with `nats kv get`. Its times are for people;
// nothing decides by them.
type Lease struct {
	Holder   string    `json:"holder"`
	Term     uint64    `json:"term"` // greater than every earlier holder's, with gaps; of a released lease, the next is greater
	Released bool      `json:"released,omitempty"`
	TTL      string    `json:"ttl"`
	Since    time.Time `json:"since"`
	Renewed  time.Time `json:"renewed"`
	Write    string    `json:"write"` // differs at every write
}

// NewLeases returns Leases that can be held once Run is called.
func NewLeases(cfg LeasesConfig) (*Leases, error) {
	if cfg.Bucket == nil || cfg.Holder == "" {
		return nil, errors.New("leases: want a bucket and a holder")
	}
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.Margin == 0 {
		cfg.Margin = cfg.TTL / marginPart
	}
	if cfg.Margin < 0 || cfg.Margin >= cfg.TTL-cfg.TTL/renewals {
		return nil, fmt.Errorf("leases: margin %s leaves no time to renew in %s", cfg.Margin, cfg.TTL)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Leases{
		cfg:     cfg,
		writes:  NewCommitter(CommitterConfig{Stream: &cfg.Bucket.Stream, Patience: cfg.TTL / renewals, Registerer: cfg.Registerer}),
		metrics: newMetrics(cfg.Registerer),
		seen:    map[string]sighting{},
	}, nil
}

// Run watches the bucket and writes the records until ctx ends; it then returns
// nil. An error means that the bucket does not exist.
func (l *Leases) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = l.writes.Run(ctx) })
	err := l.cfg.Bucket.Watch(ctx, ">", Watcher{Entry: func(e Entry) { l.sight(e) }})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Hold waits for the lease of key and runs f while it is held, again and again until ctx
// ends; it returns ctx's error. f's context ends, with the cause ErrLeaseLost, as soon as
// the lease can't be trusted. f must then return: the key is not claimed again before. When
// f returns, the lease is released, so that another process can take it at once; an error
// of f is logged, and this process then stands back for a while. term grows from holder to
// holder: f should Seize a guard with it, since a suspended process learns too late that
// its lease is over. If f returns ErrFenced while the lease is held, the guard has seen
// later terms than the bucket, which was lost; the next term is then above the guard's.
func (l *Leases) Hold(ctx context.Context, key string, f func(ctx context.Context, term uint64) error) error {
	for {
		h, err := l.acquire(ctx, key)
		if err != nil {
			return err
		}
		log := l.cfg.Logger.With("lease", key, "term", h.lease.Term)
		log.Info("lease taken")
		raised, err := h.run(ctx, f)
		switch {
		case raised:
			log.Warn("the guard knows later terms than the lease: the next is above them", "err", err)
			continue
		case err != nil && ctx.Err() == nil:
			log.Error("lease holder failed", "err", err)
		default:
			log.Info("lease over")
		}
		if err := pause(ctx, l.cfg.TTL/renewals); err != nil {
			return err
		}
	}
}

// acquire waits until this process has taken key, or ctx ends.
func (l *Leases) acquire(ctx context.Context, key string) (*held, error) {
	h := &held{Leases: l, key: key}
	for {
		s := l.look(key)
		wait := s.free(l.cfg.Now(), l.cfg.TTL)
		if wait == 0 {
			h.revision = s.revision
			// Taking a term above the revision makes terms grow even past a spoiled record.
			h.lease = Lease{Holder: l.cfg.Holder, Term: s.term + 1, Since: l.cfg.Now().UTC()}
			if h.write(ctx) == nil || h.recover(ctx) {
				return h, nil
			}
			if l.look(key).revision != s.revision {
				continue
			}
			wait = l.cfg.TTL / renewals // no answer, or no change seen yet
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-s.changed:
			t.Stop()
		case <-t.C:
		}
	}
}

// held is a lease that this process holds or is taking.
type held struct {
	*Leases
	key      string
	lease    Lease
	revision Revision
	trusted  time.Time        // until then
	tries    map[string]tried // writes without a clear outcome
}

type tried struct {
	start time.Time
	term  uint64
}

// write stores the lease again, at the known revision, and on success trusts it from the
// moment the attempt began.
func (h *held) write(ctx context.Context) error {
	start := h.cfg.Now()
	ctx, cancel := context.WithTimeout(ctx, h.cfg.TTL/renewals)
	defer cancel()
	h.stamp(start)
	revision, err := h.writes.Do(ctx, Write{Key: h.key, Value: h.encode(), Expect: At(h.revision)})
	if err == nil {
		h.adopt(revision, start)
		return nil
	}
	if errors.Is(err, ErrUnknown) {
		if h.tries == nil {
			h.tries = map[string]tried{}
		}
		h.tries[h.lease.Write] = tried{start, h.lease.Term}
	}
	return err
}

func (h *held) stamp(now time.Time) {
	h.lease.TTL, h.lease.Renewed, h.lease.Write = h.cfg.TTL.String(), now.UTC(), nuid.Next()
}

func (h *held) encode() []byte {
	value, err := json.Marshal(h.lease)
	if err != nil {
		panic(err) // strings, numbers and times of this century
	}
	return value
}

func (h *held) adopt(r Revision, start time.Time) {
	h.revision, h.trusted, h.tries = r, start.Add(h.cfg.TTL-h.cfg.Margin), nil
	h.raise(h.key, h.lease.Term)
}

// recover reads the record after a failed write, and reports whether it shows one of our
// own writes whose answer was lost. The next write expects what it found: the record of our
// own term, by whichever write, or none.
func (h *held) recover(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.TTL/renewals)
	defer cancel()
	e, err := h.cfg.Bucket.Get(ctx, h.key)
	if errors.Is(err, ErrNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		h.lose(h.key, err)
		h.revision = 0
	}
	if err != nil {
		return false
	}
	s := h.sight(e)
	t, mine := h.tries[s.lease.Write]
	switch {
	case s.lease.Holder != h.cfg.Holder:
		return false
	case mine && s.lease.Term == t.term:
		h.lease = s.lease
		h.adopt(e.Revision, t.start)
		return true
	case s.lease.Term == h.lease.Term:
		h.revision = e.Revision
	}
	return false
}

// run runs f while the lease is trusted, and releases it. It reports whether the
// next term was raised above that of a guard which refused this one.
func (h *held) run(ctx context.Context, f func(context.Context, uint64) error) (raised bool, err error) {
	h.metrics.held.Inc()
	defer h.metrics.held.Dec()
	term := h.lease.Term
	trust, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(h.trusted.Sub(h.cfg.Now()), func() { end(ErrLeaseLost) })
	var wg sync.WaitGroup
	wg.Go(func() { h.keep(trust, end, timer) })
	err = f(trust, term)
	timer.Stop()
	if errors.Is(context.Cause(trust), ErrLeaseLost) {
		h.metrics.lost.Inc()
	}
	end(nil)
	wg.Wait()
	var by *fencedBy
	if !errors.As(err, &by) {
		h.release(ctx, term)
		return false, err
	}
	return h.release(ctx, max(term, by.term)), err
}

// keep renews the lease until trust ends.
func (h *held) keep(trust context.Context, end context.CancelCauseFunc, timer *time.Timer) {
	for wait := h.cfg.TTL / renewals; pause(trust, wait) == nil; {
		wait = h.cfg.TTL / renewals
		at := h.revision
		if h.write(trust) != nil && !h.recover(trust) {
			if s := h.look(h.key); s.lease.Term > h.lease.Term || s.revision > at && s.lease.Term != h.lease.Term {
				end(ErrLeaseLost) // another process has it
				return
			}
			wait /= renewals
			continue
		}
		if !timer.Reset(h.trusted.Sub(h.cfg.Now())) {
			end(ErrLeaseLost) // the time ran out meanwhile
			return
		}
	}
}

// release gives the lease back if it is still ours, even after ctx has ended, so that the
// next term is above the given one. It reports whether that is stored.
func (h *held) release(ctx context.Context, above uint64) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	for range releaseTries {
		lease := h.lease
		h.lease.Released, h.lease.Term = true, above
		h.stamp(h.cfg.Now())
		revision, err := h.cfg.Bucket.Update(ctx, h.key, h.encode(), h.revision)
		if err == nil {
			h.sight(Entry{Key: h.key, Value: h.encode(), Revision: revision})
			return true
		}
		if !passing(err) {
			return false
		}
		// A last renewal may have been stored in between, or be about to.
		h.lease = lease
		if !h.recover(ctx) && h.look(h.key).revision != h.revision || pause(ctx, minPause) != nil {
			return false
		}
	}
	return false
}
