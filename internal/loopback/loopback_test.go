package loopback

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestAddrs(t *testing.T) {
	const n = 200
	addrs, err := Addrs(n)
	if err != nil || len(addrs) != n {
		t.Fatal(len(addrs), err)
	}
	seen := map[string]bool{}
	for _, a := range addrs {
		if seen[a] {
			t.Errorf("%s twice", a)
		}
		seen[a] = true
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Error(err)
			continue
		}
		defer l.Close()
	}
}

// The constant holds on this machine: its kernel gives none of our ports away.
func TestPortsAreNotTheKernels(t *testing.T) {
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	if from, err := strconv.Atoi(strings.Fields(string(raw))[0]); err != nil || from < kernels {
		t.Errorf("the kernel's ports begin at %d, %v; ours end at %d", from, err, kernels-1)
	}
}
