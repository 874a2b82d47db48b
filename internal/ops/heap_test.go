package ops

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestGrowHeap: a service's heap grows further than Go's by default, within a bound, unless
// the operator has said how far.
func TestGrowHeap(t *testing.T) {
	for _, c := range []struct {
		name, percent, bytes string
		growth               int
		bounded              bool
	}{
		{"by itself", "", "", heapGrowth, true},
		{"growth is set", "150", "", 100, true},
		{"the limit is set", "", "1GiB", heapGrowth, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOGC", c.percent)
			if c.bytes != "" {
				t.Setenv("GOMEMLIMIT", c.bytes)
			}
			defer debug.SetGCPercent(debug.SetGCPercent(100))
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
			if err := GrowHeap(); err != nil {
				t.Fatal(err)
			}
			if got := debug.SetGCPercent(100); got != c.growth {
				t.Errorf("the heap grows by %d %%, want %d", got, c.growth)
			}
			if limit := debug.SetMemoryLimit(-1); (limit < math.MaxInt64) != c.bounded {
				t.Errorf("the limit is %d", limit)
			}
		})
	}
}
