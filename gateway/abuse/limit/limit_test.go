package limit

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
	"pgregory.net/rapid"
)

// clock is an instant that the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_800_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func rate(t testing.TB, formatted string) limiter.Rate {
	t.Helper()
	r, err := limiter.NewRateFromFormatted(formatted)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// take lets n acts try and returns how many were let through.
func (s *Store) take(key string, r limiter.Rate, n int) (through int) {
	for range n {
		if c, _ := s.Get(context.Background(), key, r); !c.Reached {
			through++
		}
	}
	return through
}

func TestWindowEdges(t *testing.T) {
	t.Parallel()
	clk := newClock() // at the beginning of a minute
	s := NewStore(0, clk.now)
	ten := rate(t, "10-M")
	clk.move(59 * time.Second)
	if n := s.take("k", ten, 30); n != 10 {
		t.Fatalf("%d let through, want 10", n)
	}
	clk.move(time.Second) // the window's end gives nothing: it ended a moment ago
	if n := s.take("k", ten, 30); n != 0 {
		t.Fatalf("%d let through just after the edge", n)
	}
	clk.move(30 * time.Second) // half of what was before has faded
	if n := s.take("k", ten, 30); n != 5 {
		t.Fatalf("%d let through half a window later, want 5", n)
	}
	clk.move(10 * time.Minute)
	if n := s.take("k", ten, 30); n != 10 {
		t.Fatalf("%d let through after a pause, want 10", n)
	}
	clk.move(-time.Hour) // our own clock is put back: what is counted stays
	if n := s.take("k", ten, 30); n != 0 {
		t.Fatalf("%d let through by a clock that went back", n)
	}
}

// Whoever waits as long as they were told is let in, and not before.
func TestResetIsWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clk := newClock()
		s := NewStore(0, clk.now)
		r := limiter.Rate{Period: time.Minute, Limit: rapid.Int64Range(1, 50).Draw(t, "limit")}
		for range rapid.IntRange(1, 8).Draw(t, "bursts") {
			clk.move(time.Duration(rapid.IntRange(0, 70_000).Draw(t, "pause")) * time.Millisecond)
			s.take("k", r, rapid.IntRange(1, 60).Draw(t, "burst"))
		}
		s.take("k", r, int(r.Limit))
		c, _ := s.Get(context.Background(), "k", r)
		if !c.Reached || c.Remaining != 0 {
			t.Fatalf("after %d more than fit: %+v", r.Limit, c)
		}
		wait := time.Unix(c.Reset, 0).Sub(clk.now())
		if wait <= 0 || wait > 2*r.Period+time.Second {
			t.Fatalf("told to wait %v", wait)
		}
		early := wait - 1100*time.Millisecond // Reset is in whole seconds, rounded up
		if early > 0 {
			clk.move(early)
			if s.take("k", r, 1) != 0 {
				t.Fatalf("let in after %v of %v", early, wait)
			}
			wait -= early
		}
		clk.move(wait)
		if s.take("k", r, 1) != 1 {
			t.Fatal("refused after the wait that was told")
		}
	})
}

// At the very instant that was told there is room, whatever the numbers.
func TestResetHoldsToTheInstant(t *testing.T) {
	t.Parallel()
	for limit := range int64(60) {
		r := limiter.Rate{Period: time.Minute, Limit: limit + 1}
		clk := newClock()
		s := NewStore(0, clk.now)
		s.take("k", r, int(r.Limit))
		clk.move(r.Period)
		for range r.Limit { // one after the other, each as soon as it is said to fit
			c, _ := s.Get(t.Context(), "k", r)
			clk.move(time.Unix(c.Reset, 0).Sub(clk.now()))
			if !c.Reached || s.take("k", r, 1) != 1 {
				t.Errorf("limit %d: refused at the instant that was told: %+v", r.Limit, c)
			}
			s.take("k", r, int(r.Limit)) // what fits beside, since instants are told in whole seconds
		}
	}
}

// In no span does more pass than the limit and what it refills in that span.
func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clk := newClock()
		s := NewStore(0, clk.now)
		r := limiter.Rate{Period: time.Minute, Limit: rapid.Int64Range(1, 40).Draw(t, "limit")}
		var at []time.Time // of each act that was let through
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			clk.move(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "pause")) * time.Millisecond)
			for range s.take("k", r, rapid.IntRange(1, 50).Draw(t, "burst")) {
				at = append(at, clk.now())
			}
		}
		for i := range at {
			for j := i; j < len(at); j++ {
				span := float64(at[j].Sub(at[i])) / float64(r.Period)
				if most := float64(r.Limit) * (1 + span); float64(j-i+1) > most+1e-6 {
					t.Fatalf("%d let through in %.2f windows, at most %.1f", j-i+1, span, most)
				}
			}
		}
	})
}

func TestPeekChangesNothing(t *testing.T) {
	t.Parallel()
	s := NewStore(0, newClock().now)
	ten := rate(t, "10-M")
	for range 100 {
		if c, _ := s.Peek(t.Context(), "k", ten); c.Remaining != 10 || c.Reached {
			t.Fatalf("%+v", c)
		}
	}
	if s.Keys() != 0 {
		t.Error("looking at a key remembers it")
	}
	if c, _ := s.Increment(t.Context(), "k", 11, ten); !c.Reached || c.Remaining != 10 {
		t.Errorf("more at once than the limit: %+v", c)
	}
	if c, _ := s.Increment(t.Context(), "k", 7, ten); c.Reached || c.Remaining != 3 {
		t.Errorf("seven: %+v", c)
	}
	if c, _ := s.Reset(t.Context(), "k", ten); c.Remaining != 10 {
		t.Errorf("reset: %+v", c)
	}
}

// Millions of addresses grow nothing, and don't wash away one that hammers.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	clk := newClock()
	const most = 4096
	s := NewStore(most, clk.now)
	l := New(Budgets{Join: {Address: rate(t, "5-M"), Network: rate(t, "1000-H")}}, s, clk.now)
	who := func(i int) Who {
		a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 32), byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		return Who{Address: netip.PrefixFrom(a, 64).Masked().String(), Network: netip.PrefixFrom(a, 48).Masked().String()}
	}
	hammer := Who{Address: "192.0.2.7/32", Network: "192.0.2.0/24"}
	through := 0
	for i := range 1_000_000 {
		l.Take(Join, who(i<<8))
		if i%100 == 0 && l.Take(Join, hammer) == nil {
			through++
		}
	}
	if n := s.Keys(); n > most {
		t.Errorf("%d keys, at most %d", n, most)
	}
	if through != 5 {
		t.Errorf("the hammering address was let through %d times, want 5", through)
	}
}

// A /48 that rotates its /64s is one network.
func TestRotationWithinANetwork(t *testing.T) {
	t.Parallel()
	clk := newClock()
	l := New(Defaults(), NewStore(0, clk.now), clk.now)
	through := 0
	for i := range 20_000 {
		a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(i >> 8), byte(i)})
		w := Who{Address: netip.PrefixFrom(a, 64).Masked().String(), Network: netip.PrefixFrom(a, 48).Masked().String()}
		refused := l.Take(Join, w)
		if refused == nil {
			through++
		} else if refused.Kind != Network {
			t.Fatalf("refused for the sake of %s", refused.Kind)
		}
	}
	if through != 12_000 {
		t.Errorf("%d joins of one /48, its budget is 12,000", through)
	}
}

func TestTakeOrder(t *testing.T) {
	t.Parallel()
	clk := newClock()
	l := New(Budgets{Hold: {Address: rate(t, "10-M"), Fan: rate(t, "3-M")}}, NewStore(0, clk.now), clk.now)
	w := Who{Address: "192.0.2.7/32", Fan: "f_a"}
	for range 50 {
		l.Take(Hold, w)
	}
	if used, of := l.Used(Hold, Address, w); used != 3 || of != 10 {
		t.Errorf("a fan who is over budget used %d of %d of the office's, want 3 of 10", used, of)
	}
	r := l.Take(Hold, w)
	if r == nil || r.Kind != Fan || r.After < time.Second || r.After > 2*time.Minute || r.String() != "hold.fan" {
		t.Errorf("%+v", r)
	}
	l.Return(Hold, w) // one of the three failed through our fault
	if l.Take(Hold, w) != nil || l.Take(Hold, w) == nil {
		t.Error("what was given back can't be had once")
	}
	if l.Take(Checkout, w) != nil || l.Take(Hold, Who{}) != nil {
		t.Error("refused without a budget, or without anybody to refuse")
	}
	if used, of := l.Used(Hold, Network, w); used != 0 || of != 0 {
		t.Errorf("no budget has %d of %d", used, of)
	}
	if l.Refused() != 49 {
		t.Errorf("%d refused", l.Refused())
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	b := Defaults()
	for _, route := range []Route{Join, Redeem, Hold, Checkout, Challenge, Read, Live, Connect} {
		if a, n := b[route][Address].Limit, b[route][Network].Limit; a == 0 || n <= a {
			t.Errorf("%s: %d an address, %d a network", route, a, n)
		}
	}
	own, err := ParseBudgets("join.address=5-S, hold.fan=7-H")
	if err != nil {
		t.Fatal(err)
	}
	b = b.With(own)
	if b[Join][Address] != rate(t, "5-S") || b[Hold][Fan] != rate(t, "7-H") || b[Join][Fan].Limit != 600 {
		t.Errorf("%v", b)
	}
	if Defaults()[Join][Address].Limit != 3000 {
		t.Error("the defaults were changed")
	}
	for _, bad := range []string{"join", "join=5-M", "join.address=5", "join.address=0-M", "join.address=-1-M", "join.address=40000000-M", "join.everybody=5-M", "dance.fan=5-M", "join.address=5-Y", "join.fan=5-M join.fan=6-M"} {
		if _, err := ParseBudgets(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := ParseBudgets("join.fan=5-Y hold.fan=5-M dance"); err == nil || strings.Count(err.Error(), "limit ") != 2 {
		t.Errorf("two faults: %v", err)
	}
}

func TestConcurrentTakes(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := NewStore(0, clk.now)
	hundred := rate(t, "100-M")
	var all sync.WaitGroup
	through := make([]int, 16)
	for i := range through {
		all.Go(func() { through[i] = s.take("k", hundred, 1000) })
	}
	all.Wait()
	sum := 0
	for _, n := range through {
		sum += n
	}
	if sum != 100 {
		t.Errorf("%d let through, want 100", sum)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Defaults(), NewStore(0, time.Now), time.Now)
	w := Who{Address: "192.0.2.7/32", Network: "192.0.2.0/24", Fan: "f_aaaaaaaaaaaaaaaaaaaaaa"}
	for b.Loop() {
		l.Take(Join, w)
	}
}

// A request looks up many keys; that asks for no memory unless one is new.
func TestLookingUpNeedsNoMemory(t *testing.T) {
	b, err := ParseBudgets("join.address=1000000-M join.network=1000000-M join.fan=1000000-M")
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(0, time.Now)
	l, seats := New(b, s, time.Now), NewSeats(s)
	w, ev := Who{Address: "2001:db8:1234:5678::/64", Network: "2001:db8:1234::/48", Fan: "f_0123456789012345678901"}, Event{"show", 1000}
	seats.Granted(ev, w, 1)
	asks := func() {
		if l.Take(Join, w) != nil || !l.Note(Join, w) {
			t.Error("refused")
		}
		l.Return(Join, w)
		if used, _ := l.Used(Join, Address, w); used == 0 || seats.Share(ev, Network, w) == 0 {
			t.Error("nothing is used")
		}
	}
	asks()
	if n := testing.AllocsPerRun(100, asks); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
