//go:build linux

package harness

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestProcess kills a process and sees it come back, and one that ends by itself.
func TestProcess(t *testing.T) {
	t.Parallel()
	var starts atomic.Int32
	told := make(chan string, 10)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := &Process{Name: "sleeper", Log: log, Back: time.Millisecond, Ready: func(context.Context) error { return nil },
		Tell: func(format string, _ ...any) { told <- format },
		Command: func() *exec.Cmd {
			if starts.Add(1) == 2 {
				return exec.Command("true")
			}
			return exec.Command("sleep", "600")
		}}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Supervise(ctx) }()
	first := c.Pid()
	if !c.Kill() || c.Kill() {
		t.Error("it is killed once")
	}
	for _, want := range []string{"is back", "ENDED BY ITSELF", "is back"} {
		if got := <-told; !strings.Contains(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	if now := c.Pid(); now == 0 || now == first || starts.Load() != 3 {
		t.Errorf("pid %d, then %d; %d starts", first, now, starts.Load())
	}
	cancel()
	<-ended
	_ = c.Stop()
	if c.Kill() {
		t.Error("killed after it was stopped")
	}
}

// What ends before it is ready is not waited for; what is told to stop may say how it went.
func TestEnds(t *testing.T) {
	t.Parallel()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	script := func(script string) *Process {
		return &Process{Name: "script", Log: log, Command: func() *exec.Cmd { return exec.Command("sh", "-c", script) }, Ready: func(context.Context) error {
			raw, err := os.ReadFile(log.Name())
			if !strings.Contains(string(raw), "ready") {
				return errors.New("not ready")
			}
			return err
		}}
	}
	began := time.Now()
	if err := script("exit 3").Start(t.Context()); err == nil || time.Since(began) > ReadyLimit/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	for status, clean := range map[string]bool{"0": true, "4": false} {
		p := script("trap 'exit " + status + "' INT; echo ready; sleep 60 & wait")
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(); (err == nil) != clean {
			t.Errorf("status %s: %v", status, err)
		}
		if err := log.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
}
