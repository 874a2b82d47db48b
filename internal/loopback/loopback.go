// Package loopback reserves ports on this machine for servers whose address must be known
// before they run: to their peers, or to clients that find them again after they were
// stopped or killed.
//
// # Invariants
//
//  1. A reserved port is given to no other user of this package, in any process, until the
//     reservation is closed or its process ends.
//  2. Nor does Linux give it to a program that asks for any port: it lies below those (from
//     32768 on, see ip_local_port_range in ip(7)).
//
// So while a server is down no stranger gets its port: its clients find nobody there, and
// the port is free when the server comes back.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

const lowest, kernels = 10_000, 32_768

// maxTries bounds the ports tried for each one wanted.
const maxTries = 1000

// Reservation reserves some ports of 127.0.0.1; nil reserves none.
type Reservation struct {
	ports []int
	// A socket in Linux's abstract namespace for each port, named after it: only one
	// process can have it, and it ends with the process (unix(7)).
	marks []net.Listener
}

// Reserve chooses n ports on which nobody listens now.
func Reserve(n int) (*Reservation, error) {
	r := &Reservation{}
	for tries := 0; len(r.ports) < n; tries++ {
		err := r.try(lowest + rand.IntN(kernels-lowest))
		if err != nil && (!errors.Is(err, syscall.EADDRINUSE) || tries >= n*maxTries) {
			r.Close()
			return nil, fmt.Errorf("reserve a port: %w", err)
		}
	}
	return r, nil
}

func (r *Reservation) try(port int) error {
	mark, err := net.Listen("unix", fmt.Sprint("@frontrow-port-", port))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr(port))
	if err != nil {
		mark.Close()
		return err
	}
	l.Close()
	r.ports, r.marks = append(r.ports, port), append(r.marks, mark)
	return nil
}

// Ports returns the reserved ports.
func (r *Reservation) Ports() []int { return r.ports }

// Addrs returns the addresses of Ports, "127.0.0.1:<port>".
func (r *Reservation) Addrs() []string {
	addrs := make([]string, len(r.ports))
	for i, p := range r.ports {
		addrs[i] = addr(p)
	}
	return addrs
}

// Close gives the ports back.
func (r *Reservation) Close() {
	if r == nil {
		return
	}
	for _, m := range r.marks {
		m.Close()
	}
	r.marks = nil
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
