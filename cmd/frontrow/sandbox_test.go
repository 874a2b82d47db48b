package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
)

// The sandbox as a process: what it has answered is there after kill -9, and its
// webhooks are signed.
func TestSandboxProcess(t *testing.T) {
	t.Parallel()
	hooks := make(chan error, 8)
	l := freeAddr(t)
	server := &http.Server{Addr: l, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = payment.Verify([]byte("s3cret"), r.Header.Get(payment.SignatureHeader), body, time.Now())
		}
		hooks <- err
	})}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { server.Close() })
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("s3cret\n"), 0o600))
	args := []string{"sandbox", "--http", freeAddr(t), "--data", t.TempDir(), "--webhooks", "http://" + l + "/webhooks/payments", "--webhook-secret", secret}
	start := func() (*sandbox.Client, func()) {
		cmd := frontrow(args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		must(t, err)
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "ready payments=")
		if !ok {
			t.Fatal(line)
		}
		return sandbox.NewClient(at, 0), func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	}
	c, kill := start()
	a, err := c.Authorize(t.Context(), payment.AuthRequest{Order: "o", Amount: 5400, Currency: "EUR", Method: "tok_visa"})
	must(t, err)
	must(t, <-hooks)
	kill()
	c, kill = start()
	defer kill()
	if again, err := c.Get(t.Context(), "o"); err != nil || again != a {
		t.Errorf("%+v, %v, want %+v", again, err, a)
	}
}

// The sandbox does not start where real money is taken, whoever says so.
func TestSandboxIsNeverLive(t *testing.T) {
	refused := func(t *testing.T, args ...string) {
		t.Helper()
		err := run(t.Context(), append([]string{"sandbox", "--data", t.TempDir()}, args...), io.Discard, io.Discard)
		if !errors.As(err, &usageError{}) || !strings.Contains(err.Error(), "--live is set") {
			t.Errorf("%v", err)
		}
	}
	refused(t, "--live")
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("live: true\n"), 0o600))
	refused(t, "--config", file)
	t.Setenv("FRONTROW_LIVE", "true")
	refused(t)
}

func TestSandboxFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--webhooks", "127.0.0.1:1"}, {"--webhooks", "http://127.0.0.1:1/webhooks/payments"}, {"--webhook-secret", "x"}, {"--public-url", "shop"}} {
		if err := run(t.Context(), append([]string{"sandbox", "--data", t.TempDir()}, args...), io.Discard, io.Discard); !errors.As(err, &usageError{}) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
