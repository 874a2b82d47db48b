package loopback

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func reserve(t *testing.T, n int) *Reservation {
	t.Helper()
	r, err := Reserve(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Many who reserve at once never get the same.
func TestReserve(t *testing.T) {
	var all sync.Map
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, a := range reserve(t, 100).Addrs() {
				if _, twice := all.LoadOrStore(a, true); twice {
					t.Errorf("%s twice", a)
				}
				l, err := net.Listen("tcp", a)
				if err != nil {
					t.Error(err)
					continue
				}
				l.Close()
			}
		})
	}
	wg.Wait()
}

// Who never got any has nothing to give back.
func TestNoneIsClosed(t *testing.T) {
	var none *Reservation
	none.Close()
}

// child is what the test below runs in another process: its argument is a port.
const child = "LOOPBACK_TEST_PORT"

func TestReservedInAnotherProcess(t *testing.T) {
	if port := os.Getenv(child); port != "" {
		p, _ := strconv.Atoi(port)
		if err := new(Reservation).try(p); !errors.Is(err, syscall.EADDRINUSE) {
			t.Error(err)
		}
		return
	}
	r := reserve(t, 1)
	look := func() error {
		cmd := exec.Command(os.Args[0], "-test.run=TestReservedInAnotherProcess")
		cmd.Env = append(os.Environ(), child+"="+strconv.Itoa(r.Ports()[0]))
		return cmd.Run()
	}
	if err := look(); err != nil {
		t.Errorf("another process got a reserved port: %v", err)
	}
	r.Close()
	if look() == nil {
		t.Error("a port given back stays reserved")
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
