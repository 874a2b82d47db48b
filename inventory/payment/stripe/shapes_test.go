package stripe

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"frontrow/inventory/payment"
)

// sent is a request that we send.
type sent struct {
	method, url, body string
	header            http.Header
}

// recorder keeps every request.
type recorder struct {
	next http.Handler
	mu   sync.Mutex
	all  []sent
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	r.all = append(r.all, sent{req.Method, req.URL.RequestURI(), string(body), req.Header})
	r.mu.Unlock()
	r.next.ServeHTTP(w, req)
}

// Every request that we send has the shape of Stripe's OpenAPI description, which
// stripe-mock checks it against.
func TestShapes(t *testing.T) {
	t.Parallel()
	at := startMock(t)
	p, _ := start(t)
	seen := &recorder{next: p.fake}
	server := httptest.NewServer(seen)
	t.Cleanup(server.Close)
	var err error
	if p.Provider, err = New(Config{Key: testKey, Shop: "https://shop.example", Orders: p.books, URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	everyStep(t, p)
	for _, s := range seen.all {
		if status, said := ask(t, at, s); status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", s.method, s.url, s.body, status, said)
		}
	}
	wrong := seen.all[0]
	wrong.body += "&not_a_parameter=1"
	if status, _ := ask(t, at, wrong); status != http.StatusBadRequest {
		t.Errorf("stripe-mock answers %d to a parameter that is none", status)
	}
}

// everyStep sends each request that there is.
func everyStep(t *testing.T, p fan) {
	t.Helper()
	a, b := p.must(t, request("o_1", "good"), payment.Authorized), p.must(t, request("o_2", "waits"), payment.RequiresAction)
	p.must(t, request("o_3", "declined"), payment.Declined)
	_, captured := p.Capture(t.Context(), termsOf(a))
	_, voided := p.Void(t.Context(), termsOf(b))
	_, refunded := p.Refund(t.Context(), payment.RefundRequest{Order: "o_1", Reference: a.Reference, Key: "o_1.1", Amount: 100})
	p.books.orders.Store("o_1", Order{Amount: 5400, Currency: "EUR"})
	_, found := p.Get(t.Context(), "o_1")
	for _, err := range []error{captured, voided, refunded, found, p.Ping(t.Context())} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ask sends a request to stripe-mock. It knows no objects, so any will do.
func ask(t *testing.T, at string, s sent) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), s.method, at+s.url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "Stripe-Version"} {
		req.Header.Set(name, s.header.Get(name))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// startMock starts stripe-mock on a free port and returns its URL.
func startMock(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../../.bin/stripe-mock")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-http-addr", "127.0.0.1:", "-https-addr", "127.0.0.1:")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%v: make stripe-mock installs it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			return "http://" + at
		}
	}
	t.Fatalf("stripe-mock does not listen: %v", lines.Err())
	return ""
}
