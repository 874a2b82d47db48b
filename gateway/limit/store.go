package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
)

// DefaultMaxKeys is how many keys a Store remembers: at some 300 bytes each,
// about 40 MB when full.
const DefaultMaxKeys = 1 << 17

// shardCount spreads the lock; a power of two.
const shardCount = 64

// maxActs bounds a limit, and what is counted of one key in a window: more count
// as so many. Times the microseconds of the longest period, and twice, they are
// whole numbers of 63 bits.
const maxActs = 1 << 25

// maxGateways bounds the others that are counted with, so that a key's size is
// bounded too. Those beyond are not heard.
const maxGateways = 64

// Store is a limiter.Store that counts in memory and shares what it counts by
// gossip. Its methods return no errors and never wait for the network.
type Store struct {
	now    func() time.Time
	size   int // of a shard's generation
	seed   maphash.Seed
	shards [shardCount]shard

	early chan struct{} // has one when a count has grown by so much that others should know at once
}

var _ limiter.Store = (*Store)(nil)

// shard is a part of the keys, in two generations: a key that is used moves to
// the younger; when that is full, the older is forgotten.
type shard struct {
	mu             sync.Mutex
	younger, older map[string]*entry
	changed        []*entry // to be told
}

// entry is what is known of one key in the present window and the one before.
type entry struct {
	key    string
	period time.Duration
	limit  int64
	window int64 // number of the present one: Unix time / period
	counts [2]count
	listed bool // in shard.changed
}

// count is what was let through in one window.
type count struct {
	own    int64
	others []other
	told   int64 // own, as it was told last
	again  bool  // tell it once more
}

// other is the count of another gateway.
type other struct {
	gateway uint16
	n       int64
}

func (c *count) all() int64 {
	n := c.own
	for _, o := range c.others {
		n += o.n
	}
	return min(n, maxActs)
}

// NewStore makes a store of at most maxKeys keys; 0 means DefaultMaxKeys.
func NewStore(maxKeys int, now func() time.Time) *Store {
	if maxKeys <= 0 {
		maxKeys = DefaultMaxKeys
	}
	s := &Store{now: now, size: max(1, maxKeys/shardCount/2), seed: maphash.MakeSeed(), early: make(chan struct{}, 1)}
	for i := range s.shards {
		s.shards[i].younger = map[string]*entry{}
	}
	return s
}

func (s *Store) shard(key string) *shard {
	return &s.shards[maphash.String(s.seed, key)%shardCount]
}

// entry is the entry of a key, rolled on to the given window. Called with the
// shard's lock held.
func (s *Store) entry(sh *shard, key string, period time.Duration, window int64) *entry {
	e, young := sh.younger[key]
	if !young {
		e = sh.older[key]
	}
	if e == nil || e.period != period {
		e, young = &entry{key: key, period: period, window: window}, false
	}
	if !young {
		delete(sh.older, key)
		if len(sh.younger) >= s.size {
			sh.older, sh.younger = sh.younger, make(map[string]*entry, s.size)
		}
		sh.younger[key] = e
	}
	switch on := window - e.window; {
	case on == 1:
		e.counts[1], e.counts[0], e.window = e.counts[0], count{}, window
	case on > 1:
		e.counts, e.window = [2]count{}, window
	} // below 0 our clock went back: the window that is known stays the present one
	return e
}

// used estimates what was let through in the period that ends now: the present
// window, and of the former as much as the period still covers. It is counted in
// acts times the period's microseconds, all whole numbers: in floats, an act
// would be refused at the very instant that room gave.
func (e *entry) used(now time.Time) int64 {
	period := e.period.Microseconds()
	return e.counts[0].all()*period + e.counts[1].all()*(period-now.UnixMicro()%period)
}

// fits reports whether n more than were used are within the limit.
func (e *entry) fits(now time.Time, n int64) bool {
	return e.used(now) <= (e.limit-n)*e.period.Microseconds()
}

// room is the earliest instant at which n more fit.
func (e *entry) room(n int64) time.Time {
	start := time.Unix(0, e.window*int64(e.period))
	left, present, former := e.limit-n, e.counts[0].all(), e.counts[1].all()
	switch {
	case left < 0:
		return start.Add(2 * e.period) // never; but nothing lasts longer
	case present > left: // it fades in the next window
		return start.Add(e.period + e.fade(present, left))
	case present+former > left: // the former fades in this one
		return start.Add(e.fade(former, left-present))
	}
	return start
}

// fade is how far into the next window a count has faded to what it may be.
func (e *entry) fade(from, to int64) time.Duration {
	return time.Duration((e.period.Microseconds()*(from-to)+from-1)/from) * time.Microsecond // rounded up
}

// state is what a limiter.Limiter is told. Reset is when n more fit, in whole
// seconds, rounded up.
func (e *entry) state(now time.Time, n int64, reached bool) limiter.Context {
	period := e.period.Microseconds()
	return limiter.Context{Limit: e.limit, Remaining: max(0, (e.limit*period-e.used(now))/period),
		Reset: e.room(n).Add(time.Second - 1).Unix(), Reached: reached}
}

// Get counts one act if it fits. Reset is when there is room for one more.
func (s *Store) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts n acts if all of them fit; else none, and Reached says so.
func (s *Store) Increment(_ context.Context, key string, n int64, rate limiter.Rate) (limiter.Context, error) {
	now := s.now()
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	if !e.fits(now, n) {
		return e.state(now, n, true), nil
	}
	e.counts[0].own += n
	s.tell(sh, e)
	return e.state(now, 1, false), nil
}

// Return takes back n acts of this window that came to nothing through our own
// fault. Others who were told of them keep counting them.
func (s *Store) Return(key string, n int64) {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.younger[key]; e != nil { // it was used a moment ago
		e.counts[0].own = max(0, e.counts[0].own-n)
	}
}

// Peek tells the state without changing it. Unlike with Get, Reached says that
// more was let through than the limit.
func (s *Store) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	now := s.now()
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.younger[key] == nil && sh.older[key] == nil { // what was never counted needs no memory
		return limiter.Context{Limit: rate.Limit, Remaining: rate.Limit, Reset: now.Unix()}, nil
	}
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	return e.state(now, 1, !e.fits(now, 0)), nil
}

// Reset forgets what this gateway counted; what others did, and were told, stays.
func (s *Store) Reset(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	now := s.now()
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	for i := range e.counts {
		e.counts[i].own, e.counts[i].told, e.counts[i].again = 0, 0, false
	}
	return e.state(now, 1, false), nil
}

// MaxKeys is how many keys can be remembered.
func (s *Store) MaxKeys() int { return 2 * s.size * shardCount }

// Keys is how many keys are remembered.
func (s *Store) Keys() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += len(sh.younger) + len(sh.older)
		sh.mu.Unlock()
	}
	return n
}
