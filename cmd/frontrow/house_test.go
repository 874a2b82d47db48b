package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/inventory/audit"

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
	os.Exit(pgtest.Main(m))
}

func frontrow(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(environ(), asFrontrow+"=1")
	return cmd
}

// environ is what frontrow may know of our environment: not what is for tests.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "FRONTROW_PICTURES=") || strings.HasPrefix(pair, smallDisk+"=")
	})
}

// running is a frontrow dev in a process of its own.
type running struct {
	t                         *testing.T
	program                   string // that has dev; empty: this test as frontrow
	dsn                       string // of a PostgreSQL that is there; empty: one of dev's own
	data, event               string
	stderr                    io.Writer
	extra                     []string // arguments of dev
	cmd                       *exec.Cmd
	ended                     <-chan error // what Wait says
	http, ops, nats, postgres string
}

// start runs frontrow dev on free ports and waits for its ready line.
func start(t *testing.T, data, event string, extra ...string) *running {
	t.Helper()
	r := &running{t: t, data: data, event: event, extra: extra, stderr: os.Stderr}
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
	line, err := r.launch()
	must(r.t, err)
	must(r.t, r.ready(line))
}

// launch begins a process, with variables beside those of the environment, and
// gives its first line: nothing if it ends before.
func (r *running) launch(env ...string) (line <-chan string, err error) {
	r.cmd = frontrow("dev", "--data", r.data, "--http", freeAddr(r.t), "--ops", freeAddr(r.t), "--nats", freeAddr(r.t), "--event", r.event)
	r.cmd.Args = append(r.cmd.Args, r.extra...)
	if r.program != "" {
		r.cmd.Path = r.program
	}
	if r.dsn != "" {
		r.cmd.Args = append(r.cmd.Args, "--postgres", r.dsn)
	}
	r.cmd.Env = append(r.cmd.Env, env...)
	r.cmd.Stderr = r.stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	first, ended := make(chan string, 1), make(chan error, 1)
	r.ended = ended
	go func(cmd *exec.Cmd) {
		s, _ := bufio.NewReader(out).ReadString('\n')
		first <- s
		ended <- cmd.Wait()
		close(ended) // who asks again need not wait
	}(r.cmd)
	return first, nil
}

// ready waits for the line that says where dev listens.
func (r *running) ready(line <-chan string) error {
	var s string
	select {
	case s = <-line:
	case <-time.After(patience):
		_ = r.cmd.Process.Kill()
		return errors.New("frontrow dev is not ready")
	}
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
	if r.dsn != "" {
		r.postgres = r.dsn // the line leaves the password out
	}
	if !strings.HasPrefix(s, "ready ") || r.http == "" || r.postgres == "" {
		return fmt.Errorf("frontrow dev said %q", s)
	}
	return nil
}

// stop ends dev as Ctrl-C does.
func (r *running) stop() {
	r.t.Helper()
	must(r.t, r.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-r.ended:
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
	<-r.ended
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

// A thousand fans come in at once somewhere, and about as many in all else: the
// meter calls nobody for whom those before them may leave no seat.
const theatreSeats, theatreStanding = 4000, 200

// theatre is an event that is called every second.
const theatre = `
id: %s
name: A night out
venue: Test Theatre
currency: EUR
generate: {kind: theatre, seats: %d, standing: %d}
levels:
  - {id: all, name: All seats, categories: [%s], base: 5000, service_fee: 500, facility_fee: 100}
hold: {ttl: %s}
admission: {tick: 1s, ceiling: 3000}
`

// drawAfter is how long fans have to come to a draw: dev starts, ends and
// starts again in it.
const drawAfter = 30 * time.Second

// withDraw is an event that is opened at a time, with a draw.
func withDraw(event string, opens time.Time) string {
	event = strings.Replace(event, "admission: {", "admission: {lottery: true, ", 1)
	return event + "opens_at: " + opens.UTC().Format(time.RFC3339) + "\n"
}

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
