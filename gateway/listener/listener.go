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

// Defaults of Config, where the process may open files enough. An office behind one
// address opens a handful of connections for each of its fans.
const (
	DefaultMaxConns             = 180_000
	DefaultMaxHalfOpen          = 8192
	DefaultMaxPerAddress        = 16_384
	DefaultMaxPerNetwork        = 65_536
	DefaultMaxHalfOpenOfAddress = 1024
)

// Where it may not, the defaults are shares of what it may: of the files, a part is
// kept for what is no client's connection; of the connections, an address has a
// quarter at most, its network and the half-open ones a half, and those of an
// address an eighth of that.
const (
	reservedShare = 16
	minReserved   = 256

	shareOfAddress  = 4
	shareOfNetwork  = 2
	shareOfHalfOpen = 2
	shareHalfOpenOf = 8
)

// Reasons for which a connection is closed unasked; they are metric labels.
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
	MaxConns             int // and no more than the process may open files
	MaxHalfOpen          int
	MaxPerAddress        int
	MaxPerNetwork        int
	MaxHalfOpenOfAddress int
	// Proxies and Exempt addresses have no bounds of their own.
	Proxies, Exempt *client.Networks
	// Admit reports whether an address may open one more now; nil: always.
	Admit func(client.Client) bool
	// Refused is told of each connection that is closed unasked, and why; nil: nobody.
	Refused func(reason string)
}

// fill sets what was left out, for a process that may open so many files.
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

// Listener is a net.Listener that keeps count. Its ConnState must be the server's.
type Listener struct {
	net.Listener
	cfg Config

	mu        sync.Mutex
	all       crowd
	networks  map[netip.Prefix]*crowd // by /24 or /48; of those without bounds, by none
	addresses map[netip.Prefix]*crowd // by /32 or /64
	half      *list.List              // of *Conn, the oldest first
	refused   int64
}

// Conn is a connection that was accepted.
type Conn struct {
	net.Conn
	listener *Listener

	// Guarded by listener.mu.
	of      *crowd        // its address's; nil once it has left
	waiting *list.Element // in listener.half; nil once it has asked
	idle    *list.Element // in of.rest; nil while it asks

	mu  sync.Mutex
	ja4 string
}

// New bounds what inner accepts.
func New(inner net.Listener, cfg Config) *Listener {
	cfg.fill(maxFiles())
	return &Listener{Listener: inner, cfg: cfg, half: list.New(), all: crowd{most: cfg.MaxConns, why: ReasonFull},
		networks: map[netip.Prefix]*crowd{}, addresses: map[netip.Prefix]*crowd{}}
}

// Accept is the next connection that is not refused. When the process is out of
// files after all, the longest idle connection gives its own back, and the server
// tries again.
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

// abort closes without waiting for anything that is still to be sent: the many
// that are refused must not stay with the system either.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// admit takes a connection in, or says why not; left has made room for it.
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

// crowd is that of an address. One without bounds is part of a network without.
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

// tidy forgets a crowd that is empty.
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

// room makes room for the one that a crowd has just been given, or says why there is
// none. Where it is short, the narrowest crowd that is too large makes it: who is
// idle goes, who is being served stays.
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

// leave gives back what the connection had. Called with the listener's lock held.
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

// asked ends the time of being half-open, busy that of being idle. Called with the
// listener's lock held.
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

// Close gives back what the connection had.
func (c *Conn) Close() error {
	c.listener.mu.Lock()
	c.leave()
	c.listener.mu.Unlock()
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

// ConnState is for http.Server: a connection is active when the header of a request
// was read, and idle when it was answered and no other has come.
func (l *Listener) ConnState(c net.Conn, s http.ConnState) {
	own := Of(c)
	if own == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case own.of == nil: // it has made room
	case s == http.StateActive:
		own.asked()
		own.busy()
	case s == http.StateIdle && own.idle == nil:
		own.asked()
		own.idle = own.of.rest.PushBack(own)
		own.of.addIdle(1)
	}
}

// Stats is how many connections there are.
type Stats struct {
	Conns     int   `json:"connections"`
	HalfOpen  int   `json:"half_open"`
	Idle      int   `json:"idle"`
	Addresses int   `json:"addresses"`           // that have some
	Refused   int64 `json:"connections_refused"` // since the start, and those that made room
}

// Stats counts.
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
