package gateway

import (
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// socketOwner is who has a live socket. What is empty is not counted.
type socketOwner struct {
	address netip.Prefix
	fan     string
}

// Reasons for which there is no room for a socket.
const (
	socketsFull    = "full"
	socketsAddress = "address"
	socketsFan     = "fan"
)

// sockets counts the live sockets of the process, of each address and of each fan.
type sockets struct {
	max, ofAddress, ofFan int
	gauge                 prometheus.Gauge

	mu        sync.Mutex
	n         int
	addresses map[netip.Prefix]int
	fans      map[string]int
	closed    bool
	gone      chan struct{} // closed when closed and n is 0
}

func newSockets(cfg *Config, gauge prometheus.Gauge) *sockets {
	return &sockets{max: cfg.MaxSockets, ofAddress: cfg.Defences.MaxSocketsOfAddress, ofFan: cfg.Defences.MaxSocketsOfFan, gauge: gauge,
		addresses: map[netip.Prefix]int{}, fans: map[string]int{}, gone: make(chan struct{})}
}

// enter takes a socket's room; full says why there is none, or is empty.
func (s *sockets) enter(o socketOwner) (full string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.n >= s.max:
		return socketsFull
	case o.address.IsValid() && s.addresses[o.address] >= s.ofAddress:
		return socketsAddress
	case o.fan != "" && s.fans[o.fan] >= s.ofFan:
		return socketsFan
	}
	s.n++
	if o.address.IsValid() {
		s.addresses[o.address]++
	}
	if o.fan != "" {
		s.fans[o.fan]++
	}
	s.gauge.Inc()
	return ""
}

func (s *sockets) leave(o socketOwner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
	if s.addresses[o.address]--; s.addresses[o.address] <= 0 {
		delete(s.addresses, o.address)
	}
	if s.fans[o.fan]--; s.fans[o.fan] <= 0 {
		delete(s.fans, o.fan)
	}
	s.gauge.Dec()
	if s.closed && s.n == 0 {
		close(s.gone)
	}
}

// close lets nobody in any more; the channel ends when all have left.
func (s *sockets) close() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		if s.closed = true; s.n == 0 {
			close(s.gone)
		}
	}
	return s.gone
}

func (s *sockets) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}
