package main

import (
	"bufio"
	"context"
	"encoding/json"
	"frontrow/inventory/audit"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// patience bounds every wait of the tests.
const patience = 90 * time.Second

// asFrontrow makes the test binary run as frontrow itself, so that tests can
// start, stop and kill the real program.
const asFrontrow = "TEST_AS_FRONTROW"

func TestMain(m *testing.M) {
	if os.Getenv(asFrontrow) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func frontrow(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asFrontrow+"=1")
	return cmd
}

// running is a frontrow dev in a process of its own.
type running struct {
	t                         *testing.T
	data, event               string
	extra                     []string // arguments of dev
	cmd                       *exec.Cmd
	http, ops, nats, postgres string
}

// start runs frontrow dev on free ports and waits for its ready line.
func start(t *testing.T, data, event string, extra ...string) *running {
	t.Helper()
	r := &running{t: t, data: data, event: event, extra: extra}
	r.start()
	t.Cleanup(func() {
		if r.cmd != nil {
			r.stop()
		}
	})
	return r
}

func (r *running) start() {
	r.t.Helper()
	r.cmd = frontrow(append([]string{"dev", "--data", r.data, "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--nats", "127.0.0.1:0",
		"--event", r.event}, r.extra...)...)
	r.cmd.Stderr = os.Stderr
	out, err := r.cmd.StdoutPipe()
	must(r.t, err)
	must(r.t, r.cmd.Start())
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(out).ReadString('\n')
		line <- s
	}()
	select {
	case s := <-line:
		for _, field := range strings.Fields(s) {
			name, value, _ := strings.Cut(field, "=")
			switch name {
			case "http":
				r.http = value
			case "ops":
				r.ops = value
			case "nats":
				r.nats = value
			case "postgres":
				r.postgres = value
			}
		}
		if !strings.HasPrefix(s, "ready ") || r.http == "" || r.postgres == "" {
			r.t.Fatalf("frontrow dev said %q", s)
		}
	case <-time.After(patience):
		_ = r.cmd.Process.Kill()
		r.t.Fatal("frontrow dev is not ready")
	}
}

// stop ends dev as Ctrl-C does.
func (r *running) stop() {
	r.t.Helper()
	must(r.t, r.cmd.Process.Signal(os.Interrupt))
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			r.t.Errorf("frontrow dev ended with %v", err)
		}
	case <-time.After(patience):
		_ = r.cmd.Process.Kill()
		r.t.Error("frontrow dev does not stop")
	}
	r.cmd = nil
}

// kill ends dev as a power cut of the process does.
func (r *running) kill() {
	r.t.Helper()
	must(r.t, r.cmd.Process.Signal(syscall.SIGKILL))
	_ = r.cmd.Wait()
	r.cmd = nil
}

// audit runs frontrow audit until no order waits any more, and fails the test
// unless it is clean.
func (r *running) audit(event string) audit.Report {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		cmd := frontrow("audit", event, "--nats", r.nats, "--postgres", r.postgres)
		out, err := cmd.Output()
		var report audit.Report
		if jsonErr := json.Unmarshal(out, &report); jsonErr != nil {
			r.t.Fatalf("audit: %v, %v: %s", err, jsonErr, out)
		}
		settled := report.Waits == 0 && report.Ledger.Undone == 0
		if settled && err == nil {
			return report
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("audit: %v: %s", err, out)
		}
		breathe(context.Background())
	}
}

func (r *running) connect() *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(r.nats)
	must(r.t, err)
	r.t.Cleanup(nc.Close)
	return nc
}

// breathe spaces the tries of a poll whose end is a condition, not a time.
func breathe(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(30 * time.Millisecond):
	}
}

// dataDir is a directory that PostgreSQL's own user can reach.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "frontrow-test-*")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("clean up: %v", err)
		}
	})
	return dir
}

// theatre is an event of 2,000 seats, 200 of them standing, called every second.
const theatre = `
id: %s
name: A night out
venue: Test Theatre
currency: EUR
generate: {kind: theatre, seats: 2000, standing: 200}
levels:
  - {id: all, name: All seats, categories: [%s], base: 5000, service_fee: 500, facility_fee: 100}
hold: {ttl: %s}
admission: {tick: 1s, ceiling: 3000}
`

func eventFileOf(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "event.yaml")
	must(t, os.WriteFile(file, []byte(content), 0o644))
	return file
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
