//go:build linux

package main

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
	readyLimit = 2 * time.Minute
	readyPoll  = 50 * time.Millisecond
	stopLimit  = 40 * time.Second
	// restartPause is how long a supervisor waits before it starts again what has
	// ended by itself.
	restartPause = time.Second
)

// component is one process of the region, started again whenever it has ended.
//
//	start ──► running ──kill──► away ──after back──► running
//	             └──ends by itself: told, and started again ──┘
type component struct {
	kind, name string
	command    func() *exec.Cmd
	ready      func(context.Context) error // nil when it is
	back       time.Duration               // how long it stays away when it is killed
	log        *os.File
	tell       func(format string, args ...any)

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has
	stopped bool          // for good
}

// start starts it and waits until it is ready.
func (c *component) start(ctx context.Context) error {
	c.mu.Lock()
	err := c.launch()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.awaitReady(ctx)
}

// launch starts the process. Its caller holds mu. The kernel kills the process
// when the thread that started it ends, so that thread waits for it.
func (c *component) launch() error {
	cmd := c.command()
	cmd.Stderr = c.log
	if cmd.Stdout == nil {
		cmd.Stdout = c.log
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
			fmt.Fprintf(c.log, "-- %s ended: %v\n", c.name, err)
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	c.cmd, c.ended = cmd, ended
	return nil
}

func (c *component) awaitReady(ctx context.Context) error { return await(ctx, c.name, c.ready) }

// supervise starts the process again whenever it ends, until ctx does.
func (c *component) supervise(ctx context.Context) {
	for {
		c.mu.Lock()
		ended := c.ended
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		c.mu.Lock()
		away := c.back
		killed := c.cmd == nil
		c.mu.Unlock()
		if !killed {
			away = restartPause
			c.tell("%s ENDED BY ITSELF", c.name)
		}
		gone := time.Now()
		if !pause(ctx, away) {
			return
		}
		c.mu.Lock()
		err := c.launch()
		c.mu.Unlock()
		if err == nil {
			err = c.awaitReady(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.tell("%v", err)
		default:
			c.tell("%s is back after %.1f s", c.name, time.Since(gone).Seconds())
		}
	}
}

// kill ends the process as a power cut does; supervise brings it back. It is
// false when there is none.
func (c *component) kill() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil || c.stopped {
		return false
	}
	err := c.cmd.Process.Signal(syscall.SIGKILL)
	c.cmd = nil // "was killed", for supervise
	return err == nil
}

func (c *component) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return 0
	}
	return c.cmd.Process.Pid
}

// stop ends the process gracefully, and for good.
func (c *component) stop() {
	c.mu.Lock()
	cmd, ended := c.cmd, c.ended
	c.stopped = true
	c.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// await waits until ready is nil.
func await(ctx context.Context, name string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", name, errors.Join(err, ctx.Err()))
		case <-time.After(readyPoll):
		}
	}
}

// answers is nil once a GET is answered with 200.
func answers(addr, path string) func(context.Context) error {
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

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
