package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Farewell sends closeWave sockets away every wavePause.
const (
	closeWave = 1000
	wavePause = 50 * time.Millisecond
)

// Config bounds the live sockets of a process.
type Config struct {
	Max       int // in all
	OfAddress int
	OfFan     int
	// Code is the close code of an ending (RFC 6455, 7.4).
	Code       func(Ending) websocket.StatusCode
	Registerer prometheus.Registerer // nil: no metrics
}

// Owner is who a live socket is counted for. What is empty is not counted.
type Owner struct {
	Address string
	Fan     string
}

// Reasons why there is no room for a socket.
const (
	socketsFull    = "full"
	socketsAddress = "address"
	socketsFan     = "fan"
)

// Sockets are the live sockets of the process, counted in all, by address and by fan,
// whatever event they view.
type Sockets struct {
	max, ofAddress, ofFan int
	code                  func(Ending) websocket.StatusCode

	gauge  prometheus.Gauge
	closes *prometheus.CounterVec
	frames prometheus.Counter

	mu        sync.Mutex
	n         int
	addresses map[string]int
	fans      map[string]int
	hubs      []*Hub
	closed    bool
	gone      chan struct{} // closed when closed and n is 0
}

// NewSockets returns a Sockets without any.
func NewSockets(cfg Config) *Sockets {
	f := promauto.With(cfg.Registerer)
	return &Sockets{max: cfg.Max, ofAddress: cfg.OfAddress, ofFan: cfg.OfFan, code: cfg.Code,
		gauge: f.NewGauge(prometheus.GaugeOpts{Name: "frontrow_gateway_sockets", Help: "Live sockets that are open."}),
		closes: f.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_socket_closes_total",
			Help: "Live sockets closed from here, by reason."}, []string{"reason"}),
		frames:    f.NewCounter(prometheus.CounterOpts{Name: "frontrow_gateway_frames_total", Help: "Frames written to live sockets."}),
		addresses: map[string]int{}, fans: map[string]int{}, gone: make(chan struct{})}
}

// enter takes room for a socket; full says why there is none, and is otherwise empty.
func (s *Sockets) enter(o Owner) (full string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.n >= s.max:
		return socketsFull
	case o.Address != "" && s.addresses[o.Address] >= s.ofAddress:
		return socketsAddress
	case o.Fan != "" && s.fans[o.Fan] >= s.ofFan:
		return socketsFan
	}
	s.n++
	if o.Address != "" {
		s.addresses[o.Address]++
	}
	if o.Fan != "" {
		s.fans[o.Fan]++
	}
	s.gauge.Inc()
	return ""
}

func (s *Sockets) leave(o Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
	if s.addresses[o.Address]--; s.addresses[o.Address] <= 0 {
		delete(s.addresses, o.Address)
	}
	if s.fans[o.Fan]--; s.fans[o.Fan] <= 0 {
		delete(s.fans, o.Fan)
	}
	s.gauge.Dec()
	if s.closed && s.n == 0 {
		close(s.gone)
	}
}

// close admits no more sockets; the channel is closed when all have left.
func (s *Sockets) close() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		if s.closed = true; s.n == 0 {
			close(s.gone)
		}
	}
	return s.gone
}

// add makes the viewers of h known.
func (s *Sockets) add(h *Hub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hubs = append(s.hubs, h)
}

// list returns the present viewers of all hubs.
func (s *Sockets) list() (all []*conn) {
	s.mu.Lock()
	hubs := slices.Clone(s.hubs)
	s.mu.Unlock()
	for _, h := range hubs {
		all = append(all, h.list()...)
	}
	return all
}

// ComeBack sends a fan's sockets away, to reconnect with their present cookies.
func (s *Sockets) ComeBack(fan string) {
	s.mu.Lock()
	hubs := slices.Clone(s.hubs)
	s.mu.Unlock()
	for _, h := range hubs {
		for _, c := range h.of(fan) {
			go c.close(Life, "who you are has changed, come back")
		}
	}
}

// Open returns the number of sockets.
func (s *Sockets) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Farewell admits no more sockets and closes those there are wave by wave, so that they
// don't all reach the other gateways at the same moment. It returns when all have left;
// when ctx ends it cuts off the rest.
func (s *Sockets) Farewell(ctx context.Context) {
	gone := s.close()
	for i, c := range s.list() {
		go c.close(Deploy, "restarting, come back")
		if (i+1)%closeWave == 0 {
			select {
			case <-time.After(wavePause):
			case <-ctx.Done():
			}
		}
	}
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	for _, c := range s.list() {
		go c.ws.CloseNow() //nolint:errcheck // nothing to do about it
	}
}
