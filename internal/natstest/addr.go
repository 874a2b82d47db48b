package natstest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
)

// Ports of servers that end and come back: below those the kernel gives to
// whoever asks for any (ip_local_port_range).
const lowestPort, kernelsPorts = 10_000, 32_768

// FreeAddrs are n different addresses that were free a moment ago. While the
// server of one is stopped or killed, no stranger's comes to answer there.
func FreeAddrs(t testing.TB, n int) (addrs []string) {
	t.Helper()
	for len(addrs) < n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(kernelsPorts-lowestPort)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // not before all are chosen, so that they differ
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}
