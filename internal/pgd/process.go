package pgd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is the postmaster, our child.
type process struct {
	cmd      *exec.Cmd
	stopping atomic.Bool

	done chan struct{}
	err  error // set before done is closed
}

// command returns a program of PostgreSQL to run as who, in its own process group and
// without our environment, in which PGDATA and the like would change its meaning. It is
// killed when ctx ends.
func command(ctx context.Context, path string, args []string, dir string, who *syscall.Credential) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = processAttributes()
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Credential = who
	return cmd
}

// launch starts cmd; ended runs once the process is gone, before done is closed.
func launch(cmd *exec.Cmd, logger *slog.Logger, ended func()) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	words := &lastWords{logger: logger}
	cmd.Stderr = words
	// Orphaned children of a killed postmaster hold its stderr open a moment longer.
	cmd.WaitDelay = time.Second

	started := make(chan error)
	go func() {
		// The kernel delivers the parent's death signal when the thread that
		// forked ends, so this thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		if !p.stopping.Load() {
			p.err = fmt.Errorf("postgres ended by itself: %v: %s", err, words.String())
		}
		ended()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run postgres: %w", err)
	}
	return p, nil
}

// awaitReady watches the pid file, in which the postmaster records its state. A connection
// would prove less: another server may answer on the port.
func (p *process) awaitReady(ctx context.Context, pidFile string) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		content, err := os.ReadFile(pidFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		// Line 1 is the process, line 8 its state.
		lines := strings.Split(string(content), "\n")
		if len(lines) >= 8 && lines[0] == strconv.Itoa(p.cmd.Process.Pid) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return fmt.Errorf("postgres is not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (p *process) stop() error {
	p.stopping.Store(true)
	for _, step := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{
		{syscall.SIGINT, fastLimit},
		{syscall.SIGQUIT, immediateLimit},
		{syscall.SIGKILL, immediateLimit},
	} {
		err := p.cmd.Process.Signal(step.signal)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("pgd: stop postgres: %w", err)
		}
		select {
		case <-p.done:
			if step.signal == syscall.SIGINT {
				return nil
			}
			return fmt.Errorf("pgd: postgres ended only after %s", step.signal)
		case <-time.After(step.limit):
		}
	}
	return errors.New("pgd: postgres does not end")
}

// stopOrphans ends every process that a dead owner left on the cluster in data: a
// postmaster with its children, or children whose postmaster was killed. The caller holds
// the lock, so none of them has a living owner.
func stopOrphans(ctx context.Context, data string) error {
	for _, step := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{
		// To a postmaster this is a fast shutdown. Its children get it too, where it
		// cancels a query or asks for the checkpoint that a shutdown makes anyway.
		{syscall.SIGINT, fastLimit},
		{syscall.SIGQUIT, immediateLimit},
		{syscall.SIGKILL, immediateLimit},
	} {
		gone, err := signalUntilGone(ctx, data, step.signal, step.limit)
		if err != nil {
			return err
		}
		if gone {
			return removeForeignPid(data)
		}
	}
	return fmt.Errorf("%w: the PostgreSQL left on it does not end", ErrInUse)
}

func signalUntilGone(ctx context.Context, data string, sig syscall.Signal, limit time.Duration) (bool, error) {
	for _, pid := range usersOf(data) {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			return false, fmt.Errorf("stop the PostgreSQL left on it, process %d: %w", pid, err)
		}
	}
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	end := time.After(limit)
	for len(usersOf(data)) > 0 {
		select {
		case <-tick.C:
		case <-end:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// removeForeignPid removes a pid file whose number now belongs to some other
// program (after a reboot, or in a new container), for which PostgreSQL would
// refuse to start. Otherwise the file stays: it leads PostgreSQL to the shared
// memory it has to clean up.
func removeForeignPid(data string) error {
	path := filepath.Join(data, "postmaster.pid")
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err == nil && (pid <= 0 || syscall.Kill(pid, 0) == syscall.ESRCH) {
		return nil
	}
	if !canListUsers {
		return nil // it may be PostgreSQL after all
	}
	return os.Remove(path)
}

// lastWords passes PostgreSQL's lines to the log and keeps the last few for the error about
// an unexpected end.
type lastWords struct {
	logger *slog.Logger

	mu      sync.Mutex
	partial []byte
	lines   []string
}

const (
	keptLines  = 8
	lineLength = 1 << 10
)

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		if room := lineLength - len(w.partial); room > 0 {
			w.partial = append(w.partial, line[:min(room, len(line))]...)
		}
		if rest = after; complete {
			w.take(string(w.partial))
			w.partial = w.partial[:0]
		}
	}
	return len(p), nil
}

func (w *lastWords) take(line string) {
	if line == "" {
		return
	}
	w.logger.Warn(line)
	if w.lines = append(w.lines, line); len(w.lines) > keptLines {
		w.lines = w.lines[1:]
	}
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "; ")
}
