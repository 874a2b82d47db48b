package sim

import (
	"bytes"
	"errors"
	"flag"
	"reflect"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "play this seed alone and print its trace; 0: as many as -seeds says, from 1 on")
	seeds = flag.Uint64("seeds", 300, "how many seeds to play")
	steps = flag.Int("steps", 1500, "events with faults in each; what follows without them comes on top")
)

// tail is how many lines of the trace of a seed that failed are printed.
const tail = 80

// TestPurchases plays whole sales with faults of all kinds. Everything that can
// happen does happen.
func TestPurchases(t *testing.T) {
	if *seed != 0 {
		r, err := Run(Config{Seed: *seed, Steps: *steps, Log: t.Output()})
		t.Logf("%+v", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	begun := time.Now()
	var events int
	var simulated time.Duration
	happened := map[string]int{}
	for n := range *seeds {
		r, err := Run(Config{Seed: n + 1, Steps: *steps})
		if err != nil {
			var trace bytes.Buffer
			_, _ = Run(Config{Seed: n + 1, Steps: *steps, Log: &trace})
			lines := bytes.SplitAfter(trace.Bytes(), []byte("\n"))
			t.Fatalf("%s\nreplay: go test ./sim -run TestPurchases -v -seed=%d -steps=%d\n\n%v",
				bytes.Join(lines[max(0, len(lines)-tail):], nil), n+1, *steps, err)
		}
		events, simulated = events+r.Events, simulated+r.Simulated
		counts := reflect.ValueOf(r.Counts)
		for i := range counts.NumField() {
			happened[counts.Type().Field(i).Name] += int(counts.Field(i).Int())
		}
	}
	took := time.Since(begun)
	t.Logf("%d seeds, %d events, %v simulated in %v: %.0f seeds/s, %.0f times as fast as life; %v",
		*seeds, events, simulated.Round(time.Minute), took.Round(time.Millisecond), float64(*seeds)/took.Seconds(), simulated.Seconds()/took.Seconds(), happened)
	for what, n := range happened {
		if n == 0 && *seeds >= 300 {
			t.Errorf("%s never happened", what)
		}
	}
}

// TestReplay: a seed says everything.
func TestReplay(t *testing.T) {
	traces := map[uint64]uint64{}
	for n := uint64(1); n <= 20; n++ {
		first, err := Run(Config{Seed: n, Steps: *steps})
		if err != nil {
			t.Fatal(err)
		}
		second, _ := Run(Config{Seed: n, Steps: *steps})
		if first != second {
			t.Errorf("seed %d: %+v, and the second time %+v", n, first, second)
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
	blind := Bugs{ExpireBlindly: true}
	for _, c := range []struct {
		name   string
		cfg    Config
		within uint64 // seeds, from cfg's on or else from 1
		want   string
	}{
		{"batches without a fence", Config{Bugs: Bugs{NoFence: true}}, 30, "I10"},
		{"an unknown outcome guessed", Config{Bugs: Bugs{GuessUnknown: true}}, 30, "I10"},
		{"answers before their flush", Config{Bugs: Bugs{AnswerEarly: true}}, 30, "I2"},
		{"checkouts expire blindly", Config{Bugs: blind}, 30, "I2"},
		{"and commit doesn't look at seats", Config{Bugs: Bugs{ExpireBlindly: true, NoSeatCheck: true}, only: "UNIQUE"}, 1500, "UNIQUE"},
		{"money before the seats", Config{Bugs: Bugs{CaptureEarly: true}}, 30, "I4"},
		{"who kept a seat is forgotten", Config{Bugs: Bugs{ForgetKept: true}}, 100, "I15"},
		{"refusals without a fence", Config{Bugs: Bugs{RefuseUnfenced: true}}, 400, "I2"},
		{"authorisations left alone", Config{Bugs: Bugs{NoVoid: true}}, 500, "I4"},

		{"late authorisations", Config{Harsh: Harsh{LateAuthorises: true}}, 500, "I4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Steps = 1500
			c.cfg.Seed = max(c.cfg.Seed, 1)
			for last := c.cfg.Seed + c.within; c.cfg.Seed < last; c.cfg.Seed++ {
				_, err := Run(c.cfg)
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
		for n := range uint64(60) {
			if _, err := Run(Config{Seed: n + 1, Steps: 1500, Bugs: blind, only: "UNIQUE"}); err != nil {
				t.Errorf("seed %d: %v", n+1, err)
			}
		}
	})
}
