// Package loopback chooses addresses on this machine for servers that must be
// named before they run: by their peers, or for those who find them again after
// they were stopped or killed.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// The ports lie below those that Linux gives to whoever asks for any (from
// 32768 on, see ip_local_port_range in ip(7)). So while a server is away, no
// stranger is given its port: its clients meet nobody there, and it finds the
// port free when it comes back.
const lowest, kernels = 10_000, 32_768

// maxTries bounds the ports looked at for each that is wanted.
const maxTries = 1000

// Ports are n different ports that nobody listens on: chosen at random, since
// others choose at the same time.
func Ports(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for tries := 0; len(ports) < n; tries++ {
		l, err := net.Listen("tcp", addr(lowest+rand.IntN(kernels-lowest)))
		if errors.Is(err, syscall.EADDRINUSE) && tries < n*maxTries {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("choose a port: %w", err)
		}
		defer l.Close() // not before all are chosen, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Addrs are n such ports' addresses, "127.0.0.1:<port>".
func Addrs(n int) ([]string, error) {
	ports, err := Ports(n)
	addrs := make([]string, len(ports))
	for i, p := range ports {
		addrs[i] = addr(p)
	}
	return addrs, err
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
