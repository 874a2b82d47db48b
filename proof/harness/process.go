//go:build linux

package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// ReadyLimit bounds the wait for what is started.
	ReadyLimit = 2 * time.Minute
	stopLimit  = 40 * time.Second
	// RestartPause is how long a supervisor waits before it starts again what has
	// ended by itself.
	RestartPause = time.Second
	// ReadyPoll is how long to wait before looking again at what is not ready.
	ReadyPoll = 50 * time.Millisecond
)

// Process is a child of this program, which may be started again whenever it ends.
//
//	Start ──► running ──Kill──► away ──after Back──► running
//	             └──ends by itself: told, and started again ──┘
type Process struct {
	Name    string
	Command func() *exec.Cmd
	Ready   func(context.Context) error // nil when it is
	Back    time.Duration               // how long it stays away when it is killed
	Log     *os.File
	Tell    func(format string, args ...any) // needed by Supervise alone

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has
	stopped bool          // for good
}

// Start starts it and waits until it is ready.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	err := p.launch()
	ended := p.ended
	p.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ended:
			cancel(errors.New("it has ended: its log says why"))
		case <-ctx.Done():
		}
	}()
	return p.AwaitReady(ctx)
}

// launch starts the process. Its caller holds mu. The kernel kills the process
// when the thread that started it ends, so that thread waits for it.
func (p *Process) launch() error {
	cmd := p.Command()
	cmd.Stderr = p.Log
	if cmd.Stdout == nil {
		cmd.Stdout = p.Log
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true // a terminal's Ctrl-C is for us
	ended, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
			fmt.Fprintf(p.Log, "-- %s ended: %v\n", p.Name, err)
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.cmd, p.ended = cmd, ended
	return nil
}

// AwaitReady waits until it is ready, again.
func (p *Process) AwaitReady(ctx context.Context) error { return Await(ctx, p.Name, p.Ready) }

// Supervise starts the process again whenever it ends, until ctx does.
func (p *Process) Supervise(ctx context.Context) {
	for {
		p.mu.Lock()
		ended := p.ended
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		p.mu.Lock()
		away := p.Back
		killed := p.cmd == nil
		p.mu.Unlock()
		if !killed {
			away = RestartPause
			p.Tell("%s ENDED BY ITSELF", p.Name)
		}
		gone := time.Now()
		if !Pause(ctx, away) {
			return
		}
		p.mu.Lock()
		err := p.launch()
		p.mu.Unlock()
		if err == nil {
			err = p.AwaitReady(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.Tell("%v", err)
		default:
			p.Tell("%s is back after %.1f s", p.Name, time.Since(gone).Seconds())
		}
	}
}

// Kill ends the process as a power cut does; Supervise brings it back. It reports
// whether there was one.
func (p *Process) Kill() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.stopped {
		return false
	}
	err := p.cmd.Process.Signal(syscall.SIGKILL)
	p.cmd = nil // "was killed", for Supervise
	return err == nil
}

// Pid is 0 while there is no process.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Stop ends the process gracefully, and for good. Its error is that of the process.
func (p *Process) Stop() error {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.stopped = true
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-ended
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s", p.Name, cmd.ProcessState)
	}
	return nil
}

// Await waits until ready returns nil, for no longer than ReadyLimit.
func Await(ctx context.Context, name string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, ReadyLimit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", name, errors.Join(err, context.Cause(ctx)))
		case <-time.After(ReadyPoll):
		}
	}
}

// Answers returns nil once a GET is answered with 200.
func Answers(addr, path string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
}

// Pause waits for d, and reports whether ctx let it.
func Pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
