package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
)

// DefaultMaxKeys is how many keys a Store remembers: about 300 bytes each, 40 MB when full.
const DefaultMaxKeys = 1 << 17

// shardCount spreads the lock; a power of two.
const shardCount = 64

// maxActs bounds a limit, and the count of one key in a window, which stops growing there.
// Twice this, times the microseconds of the longest period, fits in 63 bits.
const maxActs = 1 << 25

// maxGateways bounds the other gateways whose counts are added, and so the size of a key.
// Those beyond are ignored.
const maxGateways = 64

// Store is a limiter.Store that counts in memory and shares what it counts by
// gossip. Its methods return no errors and never wait for the network.
type Store struct {
	now    func() time.Time
	size   int // of a shard's generation
	seed   maphash.Seed
	shards [shardCount]shard

	early chan struct{} // holds a token when a count has grown so much that others should know at once
}

var _ limiter.Store = (*Store)(nil)

// shard holds part of the keys, in two generations: a key that is used moves to the
// younger; when that is full, the older is dropped.
type shard struct {
	mu             sync.Mutex
	younger, older map[string]*entry
	changed        []*entry // to be sent
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
	told   int64 // own, as it was last sent
	again  bool  // send it once more
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

// Keys are bytes wherever they are only looked up: a request looks up more than a dozen,
// which its caller writes into memory of its own. Only an entry has a string.

func (s *Store) shard(key []byte) *shard {
	return &s.shards[maphash.Bytes(s.seed, key)%shardCount]
}

// known returns the entry of a key as it was left; nil if there is none. Its caller holds
// the shard's lock.
func (sh *shard) known(key []byte) (e *entry, young bool) {
	if e, young = sh.younger[string(key)]; !young {
		e = sh.older[string(key)]
	}
	return e, young
}

// entry returns the entry of a key, advanced to the given window. Its caller holds the
// shard's lock.
func (s *Store) entry(sh *shard, key []byte, period time.Duration, window int64) *entry {
	e, young := sh.known(key)
	if e == nil || e.period != period {
		e, young = &entry{key: string(key), period: period, window: window}, false
	}
	if !young {
		delete(sh.older, e.key)
		if len(sh.younger) >= s.size {
			sh.older, sh.younger = sh.younger, make(map[string]*entry, s.size)
		}
		sh.younger[e.key] = e
	}
	switch on := window - e.window; {
	case on == 1:
		e.counts[1], e.counts[0], e.window = e.counts[0], count{}, window
	case on > 1:
		e.counts, e.window = [2]count{}, window
	} // below 0: our clock went back; the known window stays the present one
	return e
}

// used estimates what was let through in the period that ends now: the present window, and
// as much of the previous one as the period still covers. The unit is acts times the
// period's microseconds, in integers: with floats an act could be refused at the very
// instant that room returned.
func (e *entry) used(now time.Time) int64 {
	period := e.period.Microseconds()
	return e.counts[0].all()*period + e.counts[1].all()*(period-now.UnixMicro()%period)
}

// fits reports whether n more acts are within the limit.
func (e *entry) fits(now time.Time, n int64) bool {
	return e.used(now) <= (e.limit-n)*e.period.Microseconds()
}

// room returns the earliest instant at which n more acts fit.
func (e *entry) room(n int64) time.Time {
	start := time.Unix(0, e.window*int64(e.period))
	left, present, former := e.limit-n, e.counts[0].all(), e.counts[1].all()
	switch {
	case left < 0:
		return start.Add(2 * e.period) // never; but nothing lasts longer
	case present > left: // it must fade in the next window
		return start.Add(e.period + e.fade(present, left))
	case present+former > left: // the previous one must fade in this one
		return start.Add(e.fade(former, left-present))
	}
	return start
}

// fade returns how far into the next window a count of from has faded to to.
func (e *entry) fade(from, to int64) time.Duration {
	return time.Duration((e.period.Microseconds()*(from-to)+from-1)/from) * time.Microsecond // rounded up
}

// remaining returns how many more acts fit.
func (e *entry) remaining(now time.Time) int64 {
	period := e.period.Microseconds()
	return max(0, (e.limit*period-e.used(now))/period)
}

// state returns what a limiter.Limiter gets. Reset is when n more acts fit, in whole
// seconds, rounded up.
func (e *entry) state(now time.Time, n int64, reached bool) limiter.Context {
	return limiter.Context{Limit: e.limit, Remaining: e.remaining(now),
		Reset: e.room(n).Add(time.Second - 1).Unix(), Reached: reached}
}

// Get counts one act if it fits. Reset is when one more fits.
func (s *Store) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts n acts if all of them fit; otherwise it counts none and sets Reached.
func (s *Store) Increment(_ context.Context, key string, n int64, rate limiter.Rate) (limiter.Context, error) {
	return s.count([]byte(key), n, rate), nil
}

// count is Increment.
func (s *Store) count(key []byte, n int64, rate limiter.Rate) limiter.Context {
	now := s.now()
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	if !e.fits(now, n) {
		return e.state(now, n, true)
	}
	e.counts[0].own += n
	s.tell(sh, e)
	return e.state(now, 1, false)
}

// used returns how many acts of a key count now, at most the limit. It changes nothing.
func (s *Store) used(key []byte, rate limiter.Rate) int64 {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e, _ := sh.known(key); e == nil { // a key never counted needs no memory, and no clock
		return 0
	}
	now := s.now()
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	return e.limit - e.remaining(now)
}

// Return takes back n acts of this window that failed through our own fault. Other gateways
// that have heard of them keep counting them.
func (s *Store) Return(key string, n int64) { s.giveBack([]byte(key), n) }

// giveBack is Return.
func (s *Store) giveBack(key []byte, n int64) {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.younger[string(key)]; e != nil { // it was used a moment ago
		e.counts[0].own = max(0, e.counts[0].own-n)
	}
}

// Peek returns the state without changing it. Unlike with Get, Reached means that more than
// the limit was let through.
func (s *Store) Peek(_ context.Context, name string, rate limiter.Rate) (limiter.Context, error) {
	now, key := s.now(), []byte(name)
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e, _ := sh.known(key); e == nil { // a key never counted needs no memory
		return limiter.Context{Limit: rate.Limit, Remaining: rate.Limit, Reset: now.Unix()}, nil
	}
	e := s.entry(sh, key, rate.Period, now.UnixNano()/int64(rate.Period))
	e.limit = rate.Limit
	return e.state(now, 1, !e.fits(now, 0)), nil
}

// Reset forgets what this gateway counted. What the others have counted, or heard from it,
// stays.
func (s *Store) Reset(_ context.Context, name string, rate limiter.Rate) (limiter.Context, error) {
	now, key := s.now(), []byte(name)
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

// MaxKeys returns the number of keys that can be remembered.
func (s *Store) MaxKeys() int { return 2 * s.size * shardCount }

// Keys returns the number of keys remembered.
func (s *Store) Keys() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += len(sh.younger) + len(sh.older)
		sh.mu.Unlock()
	}
	return n
}
