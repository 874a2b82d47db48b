package ops

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// heapGrowth is by how many percent the heap may outgrow what lives before it is
	// collected. Most of what lives in a service lives long (seats, places, passes), and a
	// collection walks all of it.
	heapGrowth = 400
	// heapShare is the share of the memory, of the cgroup or the machine, beyond which the
	// heap is collected all the same: the rest is for others and for what isn't heap.
	heapShare = 0.5
)

// GrowHeap lets the process trade memory for time, unless GOGC or GOMEMLIMIT say how much.
func GrowHeap() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	_, err := memlimit.Set(memlimit.WithRatio(heapShare), memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	return err
}
