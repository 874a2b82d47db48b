package sim

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// queueShare is of how many seeds one is played as a queue too.
const queueShare = 3

// TestQueues plays whole queues with faults of all kinds. Everything that can happen does.
func TestQueues(t *testing.T) {
	if *seed != 0 {
		r, err := RunAdmission(t, AdmissionConfig{Config: Config{Seed: *seed, Steps: *steps, Log: t.Output()}})
		t.Logf("%+v", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	var next atomic.Uint64
	next.Store((*from - 1) / queueShare)
	var mu sync.Mutex
	happened := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for range min(runtime.GOMAXPROCS(0), maxAtOnce) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for n := next.Add(1); n <= (*from-1+*seeds)/queueShare && !t.Failed(); n = next.Add(1) {
					counts := reflect.ValueOf(playQueue(t, n))
					mu.Lock()
					for i := range counts.NumField() {
						happened[counts.Type().Field(i).Name] += int(counts.Field(i).Int())
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d seeds: %v", *seeds/queueShare, happened)
	for what, n := range happened {
		if n == 0 && *seeds >= 300 {
			t.Errorf("%s never happened", what)
		}
	}
}

func playQueue(t *testing.T, n uint64) AdmissionCounts {
	r, err := RunAdmission(t, AdmissionConfig{Config: Config{Seed: n, Steps: *steps}})
	if err != nil {
		var trace bytes.Buffer
		_, _ = RunAdmission(t, AdmissionConfig{Config: Config{Seed: n, Steps: *steps, Log: &trace}})
		lines := bytes.SplitAfter(trace.Bytes(), []byte("\n"))
		t.Errorf("%s\nreplay: go test ./proof/sim -run TestQueues -v -seed=%d -steps=%d\n\n%v",
			bytes.Join(lines[max(0, len(lines)-tail):], nil), n, *steps, err)
	}
	return r.Counts
}

// TestQueuesReplay: a seed says everything.
func TestQueuesReplay(t *testing.T) {
	for n := range uint64(8) {
		cfg := AdmissionConfig{Config: Config{Seed: n + 1, Steps: *steps}}
		first, err := RunAdmission(t, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !again(t, first, func() (AdmissionResult, error) { return RunAdmission(t, cfg) }) {
			t.Errorf("seed %d never has the trace again", n+1)
		}
	}
}

// TestQueuesFinds: each rule is needed, and the simulation notices when it is broken.
func TestQueuesFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		bugs   AdmissionBugs
		within uint64
		want   []string // any of them
	}{
		{"records without a fence", AdmissionBugs{NoFence: true}, 100, []string{"I5", "head", "fence"}},
		{"passes given out before they are stored", AdmissionBugs{AnswerEarly: true}, 50, []string{"I5", "board", "I10"}},
		{"queues asked of a replica", AdmissionBugs{StaleQueues: true}, 50, []string{"I6"}},
		{"boards without a look at the guard", AdmissionBugs{BlindBoards: true}, 200, []string{"board"}},
		{"calls logged blindly", AdmissionBugs{LogBlindly: true}, 100, []string{"I10"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := range c.within {
				_, err := RunAdmission(t, AdmissionConfig{Config: Config{Seed: n + 1, Steps: *steps}, Broken: c.bugs})
				if v := new(Violation); errors.As(err, &v) {
					t.Logf("seed %d: %v", n+1, v)
					if !slices.Contains(c.want, v.Invariant) {
						t.Errorf("want a violation of %v", c.want)
					}
					return
				}
			}
			t.Errorf("not found in %d seeds", c.within)
		})
	}
}
