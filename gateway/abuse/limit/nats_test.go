package limit

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/ulule/limiter/v3"
)

const (
	subject   = "gateway.home.limits"
	waitLimit = 20 * time.Second
)

// region starts n gateways' stores that gossip over a real server.
func region(t testing.TB, env *natstest.Env, n int) (stores []*Store, gossips []*Gossip) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i := range n {
		s := NewStore(0, time.Now)
		g := NewGossip(s, GossipConfig{NATS: env.Connect(t), Subject: subject, Name: fmt.Sprint("g", i), Now: time.Now, Registerer: prometheus.NewRegistry()})
		running.Go(func() {
			if err := g.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		stores, gossips = append(stores, s), append(gossips, g)
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	return stores, gossips
}

// until asks often: gossip has no signal of its arrival.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	limit := time.After(waitLimit)
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

// TestGatewaysCountTogether: an attacker who spreads over two and over three
// gateways gets little more than at one.
func TestGatewaysCountTogether(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		for n := 2; n <= 3; n++ {
			stores, gossips := region(t, env, n)
			key := fmt.Sprint("join.address.192.0.2.", n)
			hour := limiter.Rate{Period: time.Hour, Limit: 800}
			stores[0].take(key, hour, 100)
			until(t, "the others have heard", func() bool {
				for i, s := range stores {
					if c, _ := s.Peek(t.Context(), key, hour); c.Remaining != 700 || i > 0 && gossips[i].Peers() < 1 {
						return false
					}
				}
				return true
			})
			total := 100
			untold := int64(n-1) * 100 // an eighth of the limit each
			for refused := 0; refused < n; {
				refused = 0
				for _, s := range stores {
					through := s.take(key, hour, 20)
					if total += through; through == 0 {
						refused++
					}
					until(t, "gossip", func() bool {
						for _, s := range stores {
							if c, _ := s.Peek(t.Context(), key, hour); c.Remaining > max(0, 800-int64(total)+untold) {
								return false
							}
						}
						return true
					})
				}
			}
			if most := 800 + (n-1)*100; total > most || total < 800 {
				t.Errorf("%d gateways let %d through, between 800 and %d are allowed", n, total, most)
			}
		}
	})
}

// TestGossipAfterAnOutage: while the servers are away each gateway counts
// alone; when they are back, all agree.
func TestGossipAfterAnOutage(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	stores, _ := region(t, env, 2)
	hour := limiter.Rate{Period: time.Hour, Limit: 1600}
	env.StopServer(0)
	if n := stores[0].take("k", hour, 400); n != 400 {
		t.Fatalf("%d let through without servers", n)
	}
	env.StartServer(0)
	until(t, "the count is heard", func() bool {
		stores[0].take("k", hour, 1) // what was lost is told when it grows
		mine, _ := stores[0].Peek(t.Context(), "k", hour)
		theirs, _ := stores[1].Peek(t.Context(), "k", hour)
		return theirs.Remaining < 1200 && mine.Remaining <= theirs.Remaining
	})
}

// TestForeignMessages: whatever is published on the subject, gateways go on.
func TestForeignMessages(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	stores, _ := region(t, env, 2)
	nc := env.Connect(t)
	for _, raw := range []string{"", "null", "[]", "{", `{"from":"x","counts":[{"k":"a","p":-1}]}`, string(make([]byte, 900_000))} {
		if err := nc.PublishMsg(&nats.Msg{Subject: subject, Data: []byte(raw)}); err != nil {
			t.Fatal(err)
		}
	}
	hour := limiter.Rate{Period: time.Hour, Limit: 8}
	stores[0].take("k", hour, 8)
	until(t, "the count is heard", func() bool { c, _ := stores[1].Peek(t.Context(), "k", hour); return c.Remaining == 0 })
	if stores[1].take("k", hour, 1) != 0 {
		t.Error("let through what the other gateway had spent")
	}
}

// BenchmarkOverAdmission measures what docs/adr/0002 states: how much several
// gateways let through together when they are attacked at once, at a rate.
func BenchmarkOverAdmission(b *testing.B) {
	for _, perSecond := range []int{1000, 10_000, 100_000} {
		for n := 1; n <= 4; n++ {
			b.Run(fmt.Sprintf("%d-per-second/%d-gateways", perSecond, n), func(b *testing.B) {
				env := natstest.Run(b)
				stores, _ := region(b, env, n)
				hour := limiter.Rate{Period: time.Hour, Limit: 3000}
				total, rounds := 0, 0
				for b.Loop() {
					key := fmt.Sprint("attack.", rounds)
					rounds++
					through := make([]int, n)
					var all sync.WaitGroup
					for i, s := range stores {
						all.Go(func() { through[i] = attack(s, key, hour, perSecond/n) })
					}
					all.Wait()
					for _, k := range through {
						total += k
					}
				}
				b.ReportMetric(float64(total)/float64(rounds)/3000, "x-limit")
			})
		}
	}
}

// attack knocks at one gateway until it was refused for a while.
func attack(s *Store, key string, r limiter.Rate, perSecond int) (through int) {
	every := time.NewTicker(time.Millisecond)
	defer every.Stop()
	owed := 0.0
	last := time.Now()
	for refused := 0; refused < 50; {
		<-every.C
		owed += time.Since(last).Seconds() * float64(perSecond)
		last = time.Now()
		n := int(owed)
		owed -= float64(n)
		got := s.take(key, r, n)
		if through += got; n > 0 && got == 0 {
			refused++
		}
	}
	return through
}
