package listener

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"frontrow/gateway/client"
)

// Defaults of Config, where the process may open enough files. An office behind one address
// opens a handful of connections for each of its fans.
const (
	DefaultMaxConns             = 180_000
	DefaultMaxHalfOpen          = 8192
	DefaultMaxPerAddress        = 16_384
	DefaultMaxPerNetwork        = 65_536
	DefaultMaxHalfOpenOfAddress = 1024
)

// Where it may not, the defaults are shares of what it may open: some files are reserved
// for other uses than clients' connections; of the connections, an address gets at most a
// quarter, its network half; half of all may be half-open, an eighth of those from one
// address.
const (
	reservedShare = 16
	minReserved   = 256

	shareOfAddress  = 4
	shareOfNetwork  = 2
	shareOfHalfOpen = 2
	shareHalfOpenOf = 8
)

// Reasons for closing a connection on our own; they are metric labels.
const (
	ReasonFull     = "full"
	ReasonAddress  = "address"
	ReasonNetwork  = "network"
	ReasonHalfOpen = "half-open"
	ReasonTooFast  = "too-fast"
	ReasonMadeRoom = "made-room"
)

// Config configures a Listener. Zero values mean the defaults.
type Config struct {
	MaxConns             int // also bounded by the files that the process may open
	MaxHalfOpen          int
	MaxPerAddress        int
	MaxPerNetwork        int
	MaxHalfOpenOfAddress int
	// Proxies and Exempt addresses have no bounds of their own.
	Proxies, Exempt *client.Networks
	// Admit reports whether an address may open one more connection now; nil: always.
	Admit func(client.Client) bool
	// Refused, if not nil, is called with the reason for each connection that is closed on
	// our own.
	Refused func(reason string)
}

// fill sets the defaults, for a process that may open so many files.
func (c *Config) fill(files int) {
	set := func(n *int, most, share int) {
		if *n == 0 {
			*n = max(min(most, share), 1)
		}
	}
	reserved := min(max(files/reservedShare, minReserved), files/2)
	set(&c.MaxConns, DefaultMaxConns, files-reserved)
	c.MaxConns = max(min(c.MaxConns, files-reserved), 1)
	set(&c.MaxHalfOpen, DefaultMaxHalfOpen, c.MaxConns/shareOfHalfOpen)
	set(&c.MaxPerAddress, DefaultMaxPerAddress, c.MaxConns/shareOfAddress)
	set(&c.MaxPerNetwork, DefaultMaxPerNetwork, c.MaxConns/shareOfNetwork)
	set(&c.MaxHalfOpenOfAddress, DefaultMaxHalfOpenOfAddress, c.MaxHalfOpen/shareHalfOpenOf)
	if c.Refused == nil {
		c.Refused = func(string) {}
	}
}

// Listener is a net.Listener that counts connections. Its ConnState must be the server's.
type Listener struct {
	net.Listener
	cfg Config

	mu        sync.Mutex
	all       crowd
	networks  map[netip.Prefix]*crowd // by /24 or /48; those without bounds have the zero prefix
	addresses map[netip.Prefix]*crowd // by /32 or /64
	half      *list.List              // of *Conn, the oldest first
	refused   int64
}

// Conn is an accepted connection.
type Conn struct {
	net.Conn
	listener *Listener

	// Guarded by listener.mu.
	of      *crowd        // its address's; nil once the connection has left
	waiting *list.Element // in listener.half; nil once it has made a request
	idle    *list.Element // in of.rest; nil while it is being served

	mu  sync.Mutex
	ja4 string
}

// New returns a Listener that bounds what inner accepts.
func New(inner net.Listener, cfg Config) *Listener {
	cfg.fill(maxFiles())
	return &Listener{Listener: inner, cfg: cfg, half: list.New(), all: crowd{most: cfg.MaxConns, why: ReasonFull},
		networks: map[netip.Prefix]*crowd{}, addresses: map[netip.Prefix]*crowd{}}
}

// Accept returns the next connection that is not refused. If the process runs out of files
// after all, the longest idle connection is closed, and the server tries again.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.makeRoom()
		}
		if err != nil {
			return nil, err
		}
		admitted, left, why := l.admit(c)
		l.part(left...)
		if admitted != nil {
			return admitted, nil
		}
		l.count(why)
		abort(c)
	}
}

func (l *Listener) makeRoom() {
	l.mu.Lock()
	left := l.all.longest()
	if left != nil {
		left.leave()
	}
	l.mu.Unlock()
	if left != nil {
		l.part(left)
	}
}

// part closes connections that have left to make room. Their own goroutines notice.
func (l *Listener) part(left ...*Conn) {
	for _, c := range left {
		l.count(ReasonMadeRoom)
		abort(c.Conn)
	}
}

// abort closes without waiting for unsent data: the many refused connections must not
// linger in the kernel either.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// admit takes a connection in, or says why not. left are those that made room for it.
func (l *Listener) admit(raw net.Conn) (admitted *Conn, left []*Conn, why string) {
	who := client.Of(raw.RemoteAddr().String(), nil, nil)
	bounded := !l.cfg.Proxies.Contain(who.Addr)
	if bounded && l.cfg.Admit != nil && !l.cfg.Admit(who) {
		return nil, nil, ReasonTooFast
	}
	bounded = bounded && !l.cfg.Exempt.Contain(who.Addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.crowd(who, bounded)
	of.add(1)
	if left, why = l.room(of, bounded); why != "" {
		of.add(-1)
		l.tidy(of)
		return nil, left, why
	}
	c := &Conn{Conn: raw, listener: l, of: of}
	of.addHalf(1)
	c.waiting = l.half.PushBack(c)
	return c, left, ""
}

// crowd returns the crowd of an address. An address without bounds is part of a network
// without.
func (l *Listener) crowd(who client.Client, bounded bool) *crowd {
	network, ofNetwork, ofAddress := who.Network(), l.cfg.MaxPerNetwork, l.cfg.MaxPerAddress
	if !bounded {
		network, ofNetwork, ofAddress = netip.Prefix{}, l.cfg.MaxConns, l.cfg.MaxConns
	}
	of := l.all.part(l.networks, network, ofNetwork, ReasonNetwork).part(l.addresses, who.Host(), ofAddress, ReasonAddress)
	if of.rest == nil {
		of.rest = list.New()
	}
	return of
}

// tidy removes a crowd that is empty.
func (l *Listener) tidy(of *crowd) {
	if of.conns > 0 {
		return
	}
	network := of.wider
	of.leave(l.addresses)
	if network.conns == 0 {
		network.leave(l.networks)
	}
}

// room makes room for the connection just added to a crowd, or says why there is none. The
// narrowest crowd that is too large gives up an idle connection, or if all are too many a
// half-open one, but never one that is being served.
func (l *Listener) room(of *crowd, bounded bool) (left []*Conn, why string) {
	goes := func(c *Conn) {
		c.leave()
		left = append(left, c)
	}
	if bounded && of.half >= l.cfg.MaxHalfOpenOfAddress {
		return nil, ReasonHalfOpen
	}
	if l.all.half >= l.cfg.MaxHalfOpen {
		goes(l.half.Front().Value.(*Conn))
	}
	for p := of; p != nil; p = p.wider {
		if p.conns <= p.most {
			continue
		}
		switch longest := p.longest(); {
		case longest != nil:
			goes(longest)
		case p == &l.all && l.half.Len() > 0:
			goes(l.half.Front().Value.(*Conn))
		default:
			return left, p.why
		}
	}
	return left, ""
}

// leave gives back the connection's room. Its caller holds the listener's lock.
func (c *Conn) leave() {
	if c.of == nil {
		return
	}
	c.asked()
	c.busy()
	of := c.of
	c.of = nil
	of.add(-1)
	c.listener.tidy(of)
}

// asked ends the half-open state, busy the idle one. Their caller holds the listener's
// lock.
func (c *Conn) asked() {
	if c.waiting != nil {
		c.listener.half.Remove(c.waiting)
		c.waiting = nil
		c.of.addHalf(-1)
	}
}

func (c *Conn) busy() {
	if c.idle != nil {
		c.of.rest.Remove(c.idle)
		c.idle = nil
		c.of.addIdle(-1)
	}
}

// Close closes the connection and gives back its room.
func (c *Conn) Close() error {
	c.listener.mu.Lock()
	c.leave()
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// JA4 returns the client's TLS fingerprint; empty before the handshake and without TLS.
func (c *Conn) JA4() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ja4
}

// Of returns the Conn beneath a server's connection; nil if no Listener has accepted it.
func Of(c net.Conn) *Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	own, _ := c.(*Conn)
	return own
}

// ConnState is for http.Server: a connection is active once the header of a request has
// been read, and idle once that is answered and no other has come.
func (l *Listener) ConnState(c net.Conn, s http.ConnState) {
	own := Of(c)
	if own == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case own.of == nil: // it has been closed to make room
	case s == http.StateActive:
		own.asked()
		own.busy()
	case s == http.StateIdle && own.idle == nil:
		own.asked()
		own.idle = own.of.rest.PushBack(own)
		own.of.addIdle(1)
	}
}

// Stats counts connections.
type Stats struct {
	Conns     int   `json:"connections"`
	HalfOpen  int   `json:"half_open"`
	Idle      int   `json:"idle"`
	Addresses int   `json:"addresses"`           // with connections
	Refused   int64 `json:"connections_refused"` // since the start, those closed to make room included
}

// Stats returns the present counts.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{l.all.conns, l.half.Len(), l.all.idle, len(l.addresses), l.refused}
}

func (l *Listener) count(reason string) {
	l.mu.Lock()
	l.refused++
	l.mu.Unlock()
	l.cfg.Refused(reason)
}

// Meter bounds the bytes read from a connection in a span of time: the frames, pings and
// fragments of a live socket, however they are cut. Beyond the bound, Read fails.
type Meter struct {
	net.Conn
	Most int
	Span time.Duration

	since time.Time
	read  int
}

// Read reads and counts. One goroutine at a time may call it.
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
