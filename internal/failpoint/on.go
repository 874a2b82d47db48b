//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// hits counts how often the program came to the point it is to end at.
var hits atomic.Int64

// Here ends the program if it came to p as often as the environment says.
func Here(p Point) {
	at, n, err := parse(os.Getenv(Variable))
	if err != nil {
		fmt.Fprintln(os.Stderr, "failpoint:", err)
		os.Exit(2)
	}
	if p != at || hits.Add(1) != n {
		return
	}
	fmt.Fprintln(os.Stderr, "failpoint:", p, "reached")
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // a process may always do this to itself
	select {}                                      // nothing more is done until it has come
}
