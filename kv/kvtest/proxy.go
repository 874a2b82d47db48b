package kvtest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

// proxy stands between a client and a server and breaks their connections.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns []net.Conn
	deaf  bool // what the server sends is discarded
}

func newProxy(t testing.TB, url string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(url, ",")
	p := &proxy{listener: l, target: strings.TrimPrefix(first, "nats://")}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.join(c)
		}
	}()
	return p
}

// through returns the options of a client that connects only through p.
func (p *proxy) through() []nats.Option {
	return []nats.Option{
		nats.IgnoreDiscoveredServers(),
		nats.SetCustomDialer(p),
	}
}

// Dial makes every connection of the client go through p.
func (p *proxy) Dial(network, _ string) (net.Conn, error) {
	return net.Dial(network, p.listener.Addr().String())
}

func (p *proxy) join(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns, p.deaf = append(p.conns, client, server), false
	p.mu.Unlock()
	go func() { _, _ = io.Copy(server, client); server.Close() }()
	go func() {
		defer client.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			p.mu.Lock()
			deaf := p.deaf
			p.mu.Unlock()
			if deaf {
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
}

// deafen drops every answer until the next cut.
func (p *proxy) deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
}

// cut breaks all connections; clients may reconnect at once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// close breaks all connections and refuses new ones.
func (p *proxy) close() {
	p.listener.Close()
	p.cut()
}
