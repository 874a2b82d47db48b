//go:build linux

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/rehearse"
	"frontrow/wire"
)

func TestBalancer(t *testing.T) {
	t.Parallel()
	serve := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, name+" "+string(body))
		}))
		t.Cleanup(s.Close)
		return s
	}
	one, two := serve("one"), serve("two")
	b, err := newBalancer(one.Listener.Addr().String(), two.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); b.run(ctx) }()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := func() map[string]int {
		got := map[string]int{}
		for range 10 {
			resp, err := fresh.Post(b.url(), "text/plain", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			got[string(body)]++
		}
		return got
	}
	if got := answers(); got["one hello"] != 5 || got["two hello"] != 5 {
		t.Errorf("of two gateways: %v", got)
	}
	one.Close()
	gone(t, one.Listener.Addr())
	if got := answers(); got["two hello"] != 10 {
		t.Errorf("with one of them dead: %v", got)
	}
	two.Close()
	gone(t, two.Listener.Addr())
	if _, err := fresh.Get(b.url()); err == nil {
		t.Error("an answer of nobody")
	}
	cancel()
	<-ended
	gone(t, b.listener.Addr())
}

// gone waits until nobody listens: the kernel hears of a Close a moment later.
func gone(t *testing.T, a net.Addr) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", a.String())
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(limit) {
			t.Fatalf("%s: somebody listens", a)
		}
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	line := newTimeline(&out, 1000)
	second := 0
	tick := func(joined, trying, free int) {
		second++
		line.progress(rehearse.Progress{At: time.Duration(second) * time.Second, Joined: joined, TryingTo: map[string]int{"join": trying}, Free: free})
	}
	for i := range 5 {
		tick(10*i, 0, 1000)
	}
	line.happens("kill a")
	for range 4 { // nothing goes on, and somebody tries
		tick(40, 3, 900)
	}
	tick(60, 0, 900)
	line.happens("kill b")
	for i := range 10 { // nobody tries
		tick(60+i/5*100, 0, 500)
	}
	line.happens("kill c")
	for range 5 { // the last few seats
		tick(160, 1, 10)
	}
	line.summary()
	if line.worst["join"].length() != 4*time.Second || line.worst["hold"].length() != 0 { // the last five seconds, less the first, when nobody had tried before
		t.Errorf("silence %v", line.worst)
	}
	for _, want := range []string{"faults: 3", "least between two faults: 4.0 acknowledgements a second in 5 s, after: kill a", "kill b", "joined 20,"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-seats", "800", "-only", "nats,postgres"})
	if err != nil || o.rate != 100 || len(o.kinds) != 2 || o.disk != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse([]string{"-postgres-full", "10s"}); err != nil || o.disk == 0 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-only", "everything"}, {"-fans", "many"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// frontrow knows every flag that its services are started with here.
func TestArguments(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "frontrow")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "frontrow/cmd/frontrow").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, kind := range []string{wire.Pricing, wire.Admission, wire.Inventory, wire.Gateway} {
		cmd := exec.CommandContext(t.Context(), binary, append(arguments(kind, "127.0.0.1:0", "127.0.0.1:0"), "--help")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			said, _, _ := strings.Cut(string(out), "\n")
			t.Errorf("%s: %v: %s", kind, err, said)
		}
	}
}
