package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/gateway/client"
	"frontrow/gateway/live"
	"frontrow/wire"

	"github.com/coder/websocket"
)

// raw is a connection that speaks as a test likes.
type raw struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

// connect opens a connection from an address of this machine.
func (s *shop) connect(from string) *raw {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: waitLimit}
	c, err := d.Dial("tcp", s.Addr())
	must(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return &raw{c, s.t, bufio.NewReader(c)}
}

func (r *raw) say(text string) error {
	_ = r.SetWriteDeadline(time.Now().Add(waitLimit))
	_, err := io.WriteString(r, text)
	return err
}

// answer is the status of the next answer, 0 if the connection ends without one.
func (r *raw) answer() int {
	r.t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(waitLimit))
	res, err := http.ReadResponse(r.r, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Fatal("neither an answer nor an end")
	}
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// ends waits until the peer has closed.
func (r *raw) ends() {
	r.t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(waitLimit))
	if _, err := io.Copy(io.Discard, r.r); errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Error("the connection stayed open")
	}
}

func get(host string) string { return "GET /v1/events HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }

// TestSlowClients: headers and bodies that trickle are cut off in the time that
// was set, whatever arrives meanwhile, and nobody else waits for them.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	for name, begin := range map[string]string{
		"header": "GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"body": "POST /v1/events/show/places HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nCookie: " + fanCookie + "=" + f.cookie +
			"\r\nContent-Length: 60000\r\n\r\n{",
		"nothing at all": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.connect("127.0.0.1")
			must(t, c.say(begin))
			started := time.Now()
			trickle := time.NewTicker(200 * time.Millisecond)
			defer trickle.Stop()
			ended := make(chan struct{})
			go func() { c.ends(); close(ended) }()
			for {
				select {
				case <-ended:
					if took := time.Since(started); took > readTimeout+5*time.Second {
						t.Errorf("cut off after %v", took)
					}
					return
				case <-trickle.C:
					if begin != "" {
						_ = c.say("a")
					}
					if got := s.send("GET", "/v1/events", ""); got.StatusCode != http.StatusOK {
						t.Fatalf("somebody else waits: %d", got.StatusCode)
					}
				}
			}
		})
	}
}

func TestOversizedRequests(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := s.connect("127.0.0.1")
	must(t, c.say("GET / HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("a", maxHeaderBytes+8192)+"\r\n\r\n"))
	if got := c.answer(); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers: %d", got)
	}
	c = s.connect("127.0.0.1")
	for range 10_000 { // headers without end
		if c.say("X-A: b\r\n") != nil {
			break
		}
	}
	if got := c.answer(); got != http.StatusRequestHeaderFieldsTooLarge && got != http.StatusBadRequest && got != 0 {
		t.Errorf("endless headers: %d", got)
	}
	c = s.connect("127.0.0.1")
	must(t, c.say("POST /v1/events/show/places HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"))
	for range 2 * maxBody / 1024 { // a body without end
		if c.say("400\r\n"+strings.Repeat(" ", 1024)+"\r\n") != nil {
			break
		}
	}
	if got := c.answer(); got != http.StatusRequestEntityTooLarge && got != 0 {
		t.Errorf("endless body: %d", got)
	}
	for _, smuggled := range []string{
		"POST /v1/events/show/places HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"POST /v1/events/show/places HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS where there is none
	} {
		c := s.connect("127.0.0.1")
		must(t, c.say(smuggled+"\r\n\r\n"))
		if got := c.answer(); got != http.StatusBadRequest && got != 0 {
			t.Errorf("%.30q: %d", smuggled, got)
		}
	}
}

// TestConnectionsOfAnAddress: one address can't take what all need.
func TestConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) {
		c.Defences.Exempt = nil
		c.Defences.Edge.MaxPerAddress, c.Defences.Edge.MaxHalfOpenOfAddress, c.Defences.Edge.MaxHalfOpen = 20, 10, 15
	})
	half := func(from string) (open int) {
		for range 30 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: waitLimit}
			c, err := d.Dial("tcp", s.Addr())
			if err != nil {
				continue
			}
			t.Cleanup(func() { _ = c.Close() })
			if _, err := io.WriteString(c, "GET / HTT"); err == nil {
				open++
			}
		}
		return open
	}
	half("127.0.0.2")
	s.until("its share is taken", func() bool { return s.listener.Stats().HalfOpen == 10 })
	half("127.0.0.3")
	s.until("all are taken", func() bool { return s.listener.Stats().HalfOpen >= 14 })
	for i := range 40 { // the honest are served while the slow hold on
		c := s.connect(fmt.Sprint("127.0.0.", 10+i%5))
		must(t, c.say(get("x")))
		if got := c.answer(); got != http.StatusOK {
			t.Fatalf("honest client %d: %d", i, got)
		}
		_ = c.Close()
	}
	if st := s.listener.Stats(); st.HalfOpen > 15 || st.Refused == 0 {
		t.Errorf("%+v", st)
	}
}

// TestHalfOpenHandshakes: TLS handshakes that are begun and left make room too.
func TestHalfOpenHandshakes(t *testing.T) {
	t.Parallel()
	cert, roots := selfSigned(t)
	s := open(t, func(c *Config) {
		c.Certificate = cert
		c.Defences.Edge.MaxHalfOpen, c.Defences.Edge.MaxHalfOpenOfAddress = 30, 100
	})
	for range 100 {
		c := s.connect("127.0.0.2")
		must(t, c.say("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
	}
	for range 10 {
		c, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}})
		must(t, err)
		r := &raw{c, t, bufio.NewReader(c)}
		must(t, r.say(get("x")))
		if got := r.answer(); got != http.StatusOK {
			t.Fatalf("an honest client: %d", got)
		}
		_ = c.Close()
	}
	if n := s.listener.Stats().HalfOpen; n > 30 {
		t.Errorf("%d half-open", n)
	}
}

// TestConnectBudget: one address opens connections only so fast.
func TestConnectBudget(t *testing.T) {
	t.Parallel()
	s := open(t, budgets(t, "connect.address=10-H"), func(c *Config) { c.Defences.Exempt = nil })
	served := func(from string) (n int) {
		for range 15 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: waitLimit}
			c, err := d.Dial("tcp", s.Addr())
			if err != nil {
				continue
			}
			r := &raw{c, t, bufio.NewReader(c)}
			if r.say(get("x")) == nil && r.answer() == http.StatusOK {
				n++
			}
			_ = c.Close()
		}
		return n
	}
	if a, b := served("127.0.0.2"), served("127.0.0.3"); a != 10 || b != 10 {
		t.Errorf("%d and %d of 15 connections were served, want 10 each", a, b)
	}
}

func TestSocketsOfAFanAndAnAddress(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(c *Config) { c.Defences.MaxSocketsOfFan, c.Defences.MaxSocketsOfAddress = 2, 4 })
	f := s.fan()
	mine := []string{"Cookie", fanCookie + "=" + f.cookie, "Origin", s.url, "X-Forwarded-For", "192.0.2.1"}
	first := s.view(mine...)
	s.view(mine...)
	_, res, err := s.dial(mine...)
	if err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Fatalf("the third of a fan: %v", err)
	}
	s.view("X-Forwarded-For", "192.0.2.1")
	s.view("X-Forwarded-For", "192.0.2.1")
	if _, res, err := s.dial("X-Forwarded-For", "192.0.2.1"); err == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("the fifth of an address: %v", err)
	}
	s.view("X-Forwarded-For", "192.0.2.2")
	must(t, first.Close(websocket.StatusNormalClosure, ""))
	s.until("room again", func() bool { _, _, err := s.dial(mine...); return err == nil })
}

// frame is a masked WebSocket frame (RFC 6455, 5.2).
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...) // a mask of zeros
}

// upgrade opens a live socket by hand.
func (s *shop) upgrade() *raw {
	s.t.Helper()
	c := s.connect("127.0.0.1")
	must(s.t, c.say("GET /v1/events/show/live HTTP/1.1\r\nHost: "+s.Addr()+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"))
	res, err := http.ReadResponse(c.r, nil)
	must(s.t, err)
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Extensions") != "" {
		s.t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return c
}

// TestSocketFloods: whatever a client floods their socket with, it ends, and their
// neighbour's doesn't.
func TestSocketFloods(t *testing.T) {
	t.Parallel()
	s := open(t)
	neighbour := s.view()
	const fin, text, ping, pong, cont, rsv1 = 0x80, 1, 9, 10, 0, 0x40
	begin := frame(text, []byte(`{"watch":[`))
	floods := map[string]struct{ once, flood []byte }{
		"tiny messages":         {nil, frame(fin|text, []byte(`{}`))},
		"empty messages":        {nil, frame(fin|text, nil)},
		"pings":                 {nil, frame(fin|ping, nil)},
		"full pings":            {nil, frame(fin|ping, make([]byte, 125))},
		"pongs":                 {nil, frame(fin|pong, nil)},
		"endless fragments":     {begin, frame(cont, []byte(" "))},
		"empty fragments":       {begin, frame(cont, nil)},
		"fragments of nothing":  {nil, frame(cont, nil)},
		"pings among fragments": {begin, append(frame(fin|ping, nil), frame(cont, nil)...)},
		"a compressed bomb":     {nil, frame(fin|text|rsv1, bytes.Repeat([]byte{0}, 4000))},
		"an oversized message":  {nil, frame(fin|text, bytes.Repeat([]byte(" "), live.MaxClientFrame+1))},
		"a huge length":         {nil, append([]byte{fin | text, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 'x')},
		"an oversized ping":     {nil, frame(fin|ping, make([]byte, 200))},
		"a fragmented ping":     {nil, frame(ping, nil)},
		"an unknown opcode":     {nil, frame(fin|5, nil)},
		"unmasked":              {nil, []byte{fin | text, 2, '{', '}'}},
		"binary":                {nil, frame(fin|2, []byte{1, 2, 3})},
		"not UTF-8":             {nil, frame(fin|text, []byte{'"', 0xff, '"'})},
		"garbage":               {nil, []byte("\xffGET / HTTP/1.1\r\n\r\n")},
	}
	var all sync.WaitGroup
	for name, c := range floods {
		r := s.upgrade()
		all.Go(func() {
			ended := make(chan struct{})
			go func() { // reads, so that it is not its own slowness that ends it
				_ = r.SetReadDeadline(time.Now().Add(waitLimit))
				if _, err := io.Copy(io.Discard, r.r); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s: the socket stayed open", name)
				}
				close(ended)
			}()
			_ = r.SetWriteDeadline(time.Now().Add(waitLimit))
			_, err := r.Write(c.once)
			for sent := 0; err == nil && sent < 64<<20; { // far beyond what any buffer on the way takes
				n := 0
				n, err = r.Write(c.flood)
				sent += n
			}
			<-ended
		})
	}
	all.Wait()
	neighbour.watch("*")
	neighbour.next(wire.FrameSeats)
}

// TestFewPingsAreAnswered: a client may see whether we are there.
func TestFewPingsAreAnswered(t *testing.T) {
	t.Parallel()
	s := open(t)
	v := s.view()
	go func() {
		for {
			if _, _, err := v.Read(t.Context()); err != nil {
				return
			}
		}
	}()
	for range 5 {
		must(t, v.Ping(t.Context()))
	}
}

// TestProxyIsNobody: what a trusted proxy sends has no share of its own, however
// many fans are behind it.
func TestProxyIsNobody(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) {
		c.Defences.Exempt, c.Defences.Proxies = nil, client.Loopback()
		c.Defences.Edge.MaxPerAddress, c.Defences.Edge.MaxHalfOpenOfAddress = 2, 1
	})
	for i := range 10 {
		c := s.connect("127.0.0.1")
		must(t, c.say("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2."+fmt.Sprint(i)+"\r\n\r\n"))
		if got := c.answer(); got != http.StatusOK {
			t.Fatalf("%d", got)
		}
	}
}
