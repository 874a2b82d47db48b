package sim

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "play this seed alone and print its trace; 0: as many as -seeds says")
	from  = flag.Uint64("from", 1, "the first of -seeds")
	seeds = flag.Uint64("seeds", 300, "how many seeds to play")
	steps = flag.Int("steps", 1500, "events with faults in each; what follows without them comes on top")
)

// tail is how many lines of the trace of a seed that failed are printed.
const tail = 80

// TestPurchases plays whole sales with faults of all kinds, on as many processors as there
// are. Everything that can happen does happen. A seed that fails is told at once.
func TestPurchases(t *testing.T) {
	if *seed != 0 {
		r, err := Run(t, Config{Seed: *seed, Steps: *steps, Log: t.Output()})
		t.Logf("%+v", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	p := &played{begun: time.Now(), happened: map[string]int{}}
	p.next.Store(*from - 1)
	t.Run("seeds", func(t *testing.T) {
		for range min(runtime.GOMAXPROCS(0), maxAtOnce) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for n := p.next.Add(1); n < *from+*seeds && !t.Failed(); n = p.next.Add(1) {
					p.play(t, n)
				}
			})
		}
	})
	p.report()
	t.Log(p.text)
	for what, n := range p.happened {
		if n == 0 && *seeds >= 300 && what != "LateCommits" { // those are as rare as one in some hundred
			t.Errorf("%s never happened", what)
		}
	}
}

const (
	gcPercent = 800 // seeds are short and small
	maxAtOnce = 8   // seeds
	reports   = 30 * time.Second
)

// played sums up seeds.
type played struct {
	next  atomic.Uint64
	begun time.Time

	mu        sync.Mutex
	seeds     int
	events    int
	simulated time.Duration
	happened  map[string]int
	told      time.Time
	text      string
}

func (p *played) play(t *testing.T, n uint64) {
	r, err := Run(t, Config{Seed: n, Steps: *steps})
	if err != nil {
		var trace bytes.Buffer
		_, _ = Run(t, Config{Seed: n, Steps: *steps, Log: &trace})
		lines := bytes.SplitAfter(trace.Bytes(), []byte("\n"))
		fmt.Printf("seed %d: %v\nreplay: go test ./proof/sim -run TestPurchases -v -seed=%d -steps=%d\n", n, err, n, *steps)
		t.Errorf("seed %d: %v\n%s", n, err, bytes.Join(lines[max(0, len(lines)-tail):], nil))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seeds, p.events, p.simulated = p.seeds+1, p.events+r.Events, p.simulated+r.Simulated
	counts := reflect.ValueOf(r.Counts)
	for i := range counts.NumField() {
		p.happened[counts.Type().Field(i).Name] += int(counts.Field(i).Int())
	}
	if now := time.Now(); now.Sub(p.told) > reports && now.Sub(p.begun) > reports {
		p.told = now
		p.report()
		fmt.Println(p.text)
	}
}

func (p *played) report() {
	took := time.Since(p.begun)
	const year = 365 * 24 * time.Hour
	p.text = fmt.Sprintf("%d seeds, %d events, %.3f years simulated in %v: %.0f seeds/s, %.0f times as fast as life; %v",
		p.seeds, p.events, float64(p.simulated)/float64(year), took.Round(time.Millisecond), float64(p.seeds)/took.Seconds(), p.simulated.Seconds()/took.Seconds(), p.happened)
}

// replays bounds the tries at one trace: in some hundred runs two timers of production end
// at the same nanosecond, and either may be first (see Determinism in the package comment).
const replays = 4

// again reports whether one of a few more runs is like the first.
func again[R comparable](t *testing.T, first R, run func() (R, error)) bool {
	for range replays {
		next, _ := run()
		if next == first {
			return true
		}
		t.Logf("%+v, and again %+v", first, next)
	}
	return false
}

// TestReplay: a seed says everything, on however many processors.
func TestReplay(t *testing.T) {
	traces := map[uint64]uint64{}
	for n := uint64(1); n <= 8; n++ {
		first, err := Run(t, Config{Seed: n, Steps: *steps})
		if err != nil {
			t.Fatal(err)
		}
		processors := runtime.GOMAXPROCS(1 + int(n%4))
		same := again(t, first, func() (Result, error) { return Run(t, Config{Seed: n, Steps: *steps}) })
		runtime.GOMAXPROCS(processors)
		if !same {
			t.Errorf("seed %d never has the trace again", n)
		}
		if other, ok := traces[first.Hash]; ok {
			t.Errorf("seeds %d and %d have the same trace", n, other)
		}
		traces[first.Hash] = n
	}
}

// TestFinds: each rule is needed, and the simulation notices when it is broken;
// the same for what the purchase path assumes of the world.
func TestFinds(t *testing.T) {
	blind := Bugs{GiveUpBlindly: true}
	for _, c := range []struct {
		name   string
		cfg    Config
		within uint64 // seeds, from cfg's on or else from 1
		want   string
	}{
		{"batches without a fence", Config{Bugs: Bugs{NoFence: true}}, 100, "I10"},
		{"answers before their flush", Config{Bugs: Bugs{AnswerEarly: true}, only: "I2"}, 30, "I2"},
		{"checkouts expire blindly", Config{Bugs: blind}, 30, "I2"},
		{"money before the seats", Config{Bugs: Bugs{CaptureEarly: true}}, 30, "I4"},
		{"refunds under new keys", Config{Bugs: Bugs{RefundAnew: true}}, 300, "I4"},
		{"refusals without a fence", Config{Bugs: Bugs{RefuseUnfenced: true}}, 400, "I2"},
		{"orders that wait and are nowhere", Config{Bugs: Bugs{ParkNowhere: true}}, 30, "I10"},
		{"authorisations left alone", Config{Bugs: Bugs{NoVoid: true}}, 200, "I4"},

		{"late authorisations", Config{Harsh: Harsh{LateAuthorises: true}}, 60, "I4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Steps = 1500
			c.cfg.Seed = max(c.cfg.Seed, 1)
			for last := c.cfg.Seed + c.within; c.cfg.Seed < last; c.cfg.Seed++ {
				_, err := Run(t, c.cfg)
				if v := new(Violation); errors.As(err, &v) {
					t.Logf("seed %d: %v", c.cfg.Seed, v)
					if v.Invariant != c.want {
						t.Errorf("want a violation of %s", c.want)
					}
					return
				}
			}
			t.Errorf("not found in %d seeds", c.within)
		})
	}
	t.Run("the ledger's check holds alone", func(t *testing.T) {
		t.Parallel()
		for n := range uint64(20) {
			if _, err := Run(t, Config{Seed: n + 1, Steps: 1500, Bugs: blind, only: "UNIQUE"}); err != nil {
				t.Errorf("seed %d: %v", n+1, err)
			}
		}
	})
}
