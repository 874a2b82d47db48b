package natstest

import (
	"testing"

	"frontrow/internal/loopback"
)

// FreeAddrs returns n different addresses, reserved until the test ends.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	r, err := loopback.Reserve(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r.Addrs()
}
