package natstest

import (
	"testing"

	"frontrow/internal/loopback"
)

// FreeAddrs are n different addresses that were free a moment ago.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	addrs, err := loopback.Addrs(n)
	if err != nil {
		t.Fatal(err)
	}
	return addrs
}
