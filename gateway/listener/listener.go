package listener

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"frontrow/gateway/client"
)

// Defaults of Config. An office behind one address opens a handful of connections
// for each of its fans; a gateway's share of files is what the system allows.
const (
	DefaultMaxConns             = 180_000
	DefaultMaxHalfOpen          = 8192
	DefaultMaxPerAddress        = 16_384
	DefaultMaxHalfOpenOfAddress = 1024

	// reservedFiles are for what is not a client's connection.
	reservedFiles = 128
)

// Reasons for which a connection is closed unasked; they are metric labels.
const (
	ReasonFull     = "full"
	ReasonAddress  = "address"
	ReasonHalfOpen = "half-open"
	ReasonTooFast  = "too-fast"
	ReasonMadeRoom = "made-room"
)

// Config configures a Listener. Zero values mean the defaults.
type Config struct {
	MaxConns             int // and no more than the process may open files
	MaxHalfOpen          int
	MaxPerAddress        int
	MaxHalfOpenOfAddress int
	// Proxies have no share of their own.
	Proxies *client.Networks
	// Admit says whether an address may open one more now; nil: always.
	Admit func(client.Client) bool
	// Refused is told of each connection that is closed unasked, and why; nil: nobody.
	Refused func(reason string)
}

// Listener is a net.Listener that keeps count. Its ConnState must be the server's.
type Listener struct {
	net.Listener
	cfg Config

	mu        sync.Mutex
	conns     int
	refused   int64
	half      *list.List // of *Conn, the oldest first
	addresses map[netip.Prefix]*share
}

// share is what one address has.
type share struct{ conns, half int }

// Conn is a connection that was accepted.
type Conn struct {
	net.Conn
	listener *Listener
	host     netip.Prefix  // invalid: it has no share
	waiting  *list.Element // in half; nil once it has asked; guarded by listener.mu
	once     sync.Once

	mu  sync.Mutex
	ja4 string
}

// New bounds what inner accepts.
func New(inner net.Listener, cfg Config) *Listener {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&cfg.MaxConns, DefaultMaxConns)
	cfg.MaxConns = min(cfg.MaxConns, max(maxFiles()-reservedFiles, 1))
	set(&cfg.MaxHalfOpen, DefaultMaxHalfOpen)
	set(&cfg.MaxPerAddress, DefaultMaxPerAddress)
	cfg.MaxConns = min(cfg.MaxConns, max(maxFiles()-reservedFiles, 1))
	set(&cfg.MaxHalfOpenOfAddress, DefaultMaxHalfOpenOfAddress)
	if cfg.Refused == nil {
		cfg.Refused = func(string) {}
	}
	return &Listener{Listener: inner, cfg: cfg, half: list.New(), addresses: map[netip.Prefix]*share{}}
}

// Accept is the next connection that is not refused.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		admitted, oldest, why := l.admit(c)
		if oldest != nil {
			l.count(ReasonMadeRoom)
			abort(oldest.Conn) // its own goroutine notices and does the rest
		}
		if admitted != nil {
			return admitted, nil
		}
		l.count(why)
		abort(c)
	}
}

// abort closes without waiting for anything that is still to be sent: the many
// that are refused must not stay with the system either.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// admit takes a connection in, or says why not; oldest has to make room for it.
func (l *Listener) admit(raw net.Conn) (admitted, oldest *Conn, why string) {
	who := client.Of(raw.RemoteAddr().String(), nil, nil)
	c := &Conn{Conn: raw, listener: l}
	if !l.cfg.Proxies.Contain(who.Addr) {
		c.host = who.Host()
		if l.cfg.Admit != nil && !l.cfg.Admit(who) {
			return nil, nil, ReasonTooFast
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.addresses[c.host] // nil of a proxy
	switch {
	case l.conns >= l.cfg.MaxConns:
		return nil, nil, ReasonFull
	case s != nil && s.conns >= l.cfg.MaxPerAddress:
		return nil, nil, ReasonAddress
	case s != nil && s.half >= l.cfg.MaxHalfOpenOfAddress:
		return nil, nil, ReasonHalfOpen
	}
	if l.half.Len() >= l.cfg.MaxHalfOpen {
		oldest = l.half.Front().Value.(*Conn)
		oldest.asked()
	}
	l.conns++
	if c.host.IsValid() {
		if s == nil {
			s = &share{}
			l.addresses[c.host] = s
		}
		s.conns++
		s.half++
	}
	c.waiting = l.half.PushBack(c)
	return c, oldest, ""
}

// asked ends the time of being half-open. Called with the listener's lock held.
func (c *Conn) asked() {
	if c.waiting == nil {
		return
	}
	c.listener.half.Remove(c.waiting)
	c.waiting = nil
	if c.host.IsValid() {
		c.listener.addresses[c.host].half--
	}
}

// Close gives back what the connection had.
func (c *Conn) Close() error {
	c.once.Do(func() {
		l := c.listener
		l.mu.Lock()
		defer l.mu.Unlock()
		c.asked()
		l.conns--
		if c.host.IsValid() {
			if s := l.addresses[c.host]; s.conns == 1 {
				delete(l.addresses, c.host)
			} else {
				s.conns--
			}
		}
	})
	return c.Conn.Close()
}

// JA4 is the client's TLS fingerprint; empty before the handshake and without TLS.
func (c *Conn) JA4() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ja4
}

// Of is the Conn that a server's connection stands on; nil of one that no Listener
// has accepted.
func Of(c net.Conn) *Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	own, _ := c.(*Conn)
	return own
}

// ConnState is for http.Server: a connection is active when the header of its
// first request was read.
func (l *Listener) ConnState(c net.Conn, s http.ConnState) {
	own := Of(c)
	if own == nil || s != http.StateActive {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	own.asked()
}

// Stats is how many connections there are.
type Stats struct {
	Conns     int   `json:"connections"`
	HalfOpen  int   `json:"half_open"`
	Addresses int   `json:"addresses"`           // that have some, proxies left out
	Refused   int64 `json:"connections_refused"` // since the start, and those that made room
}

// Stats counts.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{l.conns, l.half.Len(), len(l.addresses), l.refused}
}

func (l *Listener) count(reason string) {
	l.mu.Lock()
	l.refused++
	l.mu.Unlock()
	l.cfg.Refused(reason)
}

// Meter bounds what is read of a connection in a span of time: the frames, pings
// and fragments of a live socket, however they are cut. Beyond it reading fails.
type Meter struct {
	net.Conn
	Most int
	Span time.Duration

	since time.Time
	read  int
}

// Read counts. It is called by one goroutine at a time, as of any net.Conn.
func (m *Meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if now := time.Now(); now.Sub(m.since) > m.Span {
		m.since, m.read = now, 0
	}
	if m.read += n; m.read > m.Most {
		return 0, errFlood
	}
	return n, err
}
