package listener

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"frontrow/gateway/client"
	"frontrow/gateway/client/ja4"
)

const waitLimit = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// server is a bounded HTTP server whose handler says the client's fingerprint.
type server struct {
	*Listener
	addr string

	mu      sync.Mutex
	refused map[string]int
}

func serve(t *testing.T, cfg Config, cert *Certificate) *server {
	t.Helper()
	return serveWith(t, cfg, cert, nil)
}

// printKey is the context key of a request's *Conn.
type printKey struct{}

func serveWith(t *testing.T, cfg Config, cert *Certificate, handler http.HandlerFunc) *server {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &server{addr: inner.Addr().String(), refused: map[string]int{}}
	cfg.Refused = func(reason string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused[reason]++
	}
	s.Listener = New(inner, cfg)
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Context().Value(printKey{}).(*Conn).JA4())
		}
	}
	h := &http.Server{ConnState: s.ConnState, ReadHeaderTimeout: waitLimit,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, printKey{}, Of(c))
		},
		Handler: handler}
	if cert != nil {
		h.TLSConfig = cert.Config()
		go h.ServeTLS(s, "", "") //nolint:errcheck // ends with the test
	} else {
		go h.Serve(s) //nolint:errcheck // ends with the test
	}
	t.Cleanup(func() { _ = h.Close() })
	return s
}

func (s *server) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.After(waitLimit)
	for !done() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-limit:
			t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

func (s *server) times(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[reason]
}

// dialer opens connections from an address of this machine.
func dialer(from string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: waitLimit}
}

func dial(t *testing.T, to, from string) net.Conn {
	t.Helper()
	c, err := dialer(from).Dial("tcp", to)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// served reports whether the server answers on c.
func served(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(waitLimit))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

func gone(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(waitLimit))
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// refused reports whether a connection is closed unasked, which may show as early as
// when it is opened.
func refused(to, from string) bool {
	c, err := dialer(from).Dial("tcp", to)
	if err != nil {
		return true
	}
	defer c.Close()
	return gone(c)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{MaxConns: 6, MaxPerAddress: 3, MaxPerNetwork: 6, MaxHalfOpen: 4, MaxHalfOpenOfAddress: 2}, nil)
	a1, a2 := dial(t, s.addr, "127.0.0.1"), dial(t, s.addr, "127.0.0.1")
	if !refused(s.addr, "127.0.0.1") {
		t.Error("a third half-open connection of one address")
	}
	if !served(a1) || !served(a2) {
		t.Fatal("the first two are not served")
	}
	a3 := dial(t, s.addr, "127.0.0.1")
	if !served(a3) || !served(a1) {
		t.Error("a connection within its share is not served")
	}
	s.idle(t, 3)
	if !served(dial(t, s.addr, "127.0.0.1")) || !gone(a2) {
		t.Error("a fourth connection of one address has not taken the room of the one that was idle longest")
	}
	for i := range 3 {
		if !served(dial(t, s.addr, fmt.Sprint("127.0.0.", 2+i))) {
			t.Error("another address is not served")
		}
	}
	s.idle(t, 6)
	if !served(dial(t, s.addr, "127.0.0.9")) || !gone(a3) {
		t.Error("a seventh connection in all has not taken the room of the most crowded address")
	}
	s.idle(t, 6)
	if got := s.Stats(); got != (Stats{Conns: 6, Idle: 6, Addresses: 5, Refused: 3}) {
		t.Errorf("%+v", got)
	}
	if !served(a1) {
		t.Error("one that was used since made room")
	}
	for reason, want := range map[string]int{ReasonHalfOpen: 1, ReasonAddress: 0, ReasonFull: 0, ReasonMadeRoom: 2} {
		if got := s.times(reason); got != want {
			t.Errorf("%s: %d times, want %d", reason, got, want)
		}
	}
}

// idle waits until so many connections are idle: the server says so after its answer.
func (s *server) idle(t *testing.T, n int) {
	t.Helper()
	s.until(t, "the answered are idle", func() bool { return s.Stats().Idle == n })
}

// TestServedStay: connections being served are not closed for others, which are refused
// when nobody is idle; with room again they are served.
func TestServedStay(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	s := serveWith(t, Config{MaxConns: 4, MaxPerAddress: 2, MaxPerNetwork: 3}, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			w.(http.Flusher).Flush()
			<-finish
		}
	})
	long := func(from string) net.Conn {
		c := dial(t, s.addr, from)
		_, err := io.WriteString(c, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
		must(t, err)
		_, err = io.ReadFull(c, make([]byte, 12)) // it is being answered
		must(t, err)
		return c
	}
	long("127.0.0.1")
	long("127.0.0.1")
	if !refused(s.addr, "127.0.0.1") {
		t.Error("a third of one address")
	}
	last := long("127.0.0.2")
	if !refused(s.addr, "127.0.0.3") {
		t.Error("a fourth of one network")
	}
	idle := dial(t, s.addr, "127.0.1.1")
	if !served(idle) {
		t.Error("another network is not served")
	}
	s.idle(t, 1)
	if !served(dial(t, s.addr, "127.0.2.1")) || !gone(idle) {
		t.Error("the idle one has not made room")
	}
	s.idle(t, 1)
	close(finish)
	if raw, err := io.ReadAll(io.LimitReader(last, 40)); err != nil || len(raw) != 40 {
		t.Errorf("one that was being served was cut off: %q, %v", raw, err)
	}
	for reason, want := range map[string]int{ReasonAddress: 1, ReasonNetwork: 1, ReasonFull: 0, ReasonMadeRoom: 1} {
		if got := s.times(reason); got != want {
			t.Errorf("%s: %d times, want %d", reason, got, want)
		}
	}
}

// The slow make room for the quick: the oldest half-open connection goes.
func TestHalfOpenMakeRoom(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{MaxHalfOpen: 4}, nil)
	var slow []net.Conn
	for i := range 4 {
		c := dial(t, s.addr, fmt.Sprint("127.0.0.", 1+i))
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX-Slow: ")
		slow = append(slow, c)
		s.until(t, "it is counted", func() bool { return s.Stats().HalfOpen == i+1 })
	}
	if !served(dial(t, s.addr, "127.0.0.9")) {
		t.Fatal("an honest client is not served")
	}
	if !gone(slow[0]) || s.times(ReasonMadeRoom) != 1 {
		t.Error("the oldest has not made room")
	}
	s.until(t, "the rest stays", func() bool { return s.Stats().HalfOpen == 3 && s.Stats().Conns == 4 })
}

func TestProxiesHaveNoShare(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{MaxPerAddress: 1, MaxHalfOpenOfAddress: 1, Proxies: client.Loopback(), Admit: func(client.Client) bool { return false }}, nil)
	for range 5 {
		if !served(dial(t, s.addr, "127.0.0.1")) {
			t.Fatal("a proxy is refused")
		}
	}
	s = serve(t, Config{Admit: func(c client.Client) bool { return c.Addr.String() != "127.0.0.2" }}, nil)
	if !served(dial(t, s.addr, "127.0.0.1")) || !refused(s.addr, "127.0.0.2") || s.times(ReasonTooFast) != 1 {
		t.Error("the address that is too fast was let in, or the other wasn't")
	}
}

// certificate writes a fresh one for 127.0.0.1.
func certificate(t *testing.T, dir string, serial int64) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return cert, key, roots
}

func get(addr string, cfg *tls.Config) (body, proto string, err error) {
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: waitLimit}).Get("https://" + addr)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return string(raw), res.Proto, err
}

func TestFingerprintAndReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, roots := certificate(t, dir, 1)
	cert, err := LoadCertificate(certFile, keyFile)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() { followed <- cert.follow(ctx, time.Millisecond, slog.New(slog.DiscardHandler)) }()
	defer func() { cancel(); must(t, <-followed) }()
	s := serve(t, Config{}, cert)

	print, proto, err := get(s.addr, &tls.Config{RootCAs: roots})
	must(t, err)
	if !ja4.Valid(print) || print[:4] != "t13i" || print[8:10] != "h2" || proto != "HTTP/2.0" {
		t.Errorf("fingerprint %q over %s", print, proto)
	}
	if old, _, err := get(s.addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}); err != nil || old[:4] != "t12i" {
		t.Errorf("TLS 1.2: %q, %v", old, err)
	}
	if _, _, err := get(s.addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was taken")
	}

	before := cert.current.Load()
	must(t, os.WriteFile(keyFile, []byte("half a file"), 0o600)) // as while it is being replaced
	for range 5 {
		if changed, err := cert.reload(); changed || err == nil {
			t.Fatal("garbage was taken for a key")
		}
	}
	if _, _, err := get(s.addr, &tls.Config{RootCAs: roots}); err != nil {
		t.Errorf("the certificate before is not in use any more: %v", err)
	}
	_, _, renewed := certificate(t, dir, 2)
	s.until(t, "the new certificate", func() bool { return cert.current.Load() != before })
	if _, _, err := get(s.addr, &tls.Config{RootCAs: renewed}); err != nil {
		t.Error(err)
	}
	if _, err := LoadCertificate(filepath.Join(dir, "none"), keyFile); err == nil {
		t.Error("a file that isn't there was read")
	}
}

func TestMeter(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		for i := range 100 {
			if _, err := far.Write([]byte{byte(i)}); err != nil {
				return
			}
		}
	}()
	m := &Meter{Conn: near, Most: 50, Span: time.Hour}
	read := 0
	for {
		n, err := m.Read(make([]byte, 1))
		if err != nil {
			break
		}
		read += n
	}
	_ = far.Close()
	if read != 50 {
		t.Errorf("%d bytes were read, want 50", read)
	}
}
