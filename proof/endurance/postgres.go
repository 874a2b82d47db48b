//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"frontrow/proof/harness"
)

const (
	capSysAdmin = 21    // CAP_SYS_ADMIN, linux/capability.h: to mount a disk
	nobody      = 65534 // a user who is in every passwd file
)

// postgres is the process that runs PostgreSQL.
type postgres struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan string // what was done
	up   chan struct{}
	tell func(string, ...any)

	mu   sync.Mutex
	pid  int
	url  string
	gone time.Time
}

func startPostgres(ctx context.Context, dir string, disk int, log *os.File, tell func(string, ...any)) (*postgres, error) {
	p := &postgres{cmd: self(rolePostgres, "-dir", dir, "-disk", strconv.Itoa(disk)), done: make(chan string, 1), up: make(chan struct{}), tell: tell}
	if disk > 0 {
		// In namespaces of its own it may mount, and is not root, as which PostgreSQL
		// does not run.
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER, AmbientCaps: []uintptr{capSysAdmin},
			UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}}
	}
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	p.cmd.SysProcAttr.Setpgid = true
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil { // when we die, it reads the end and stops
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	first := p.up
	go p.listen(out)
	select {
	case <-first:
		return p, nil
	case <-time.After(harness.ReadyLimit):
	case <-ctx.Done():
	}
	p.close()
	return nil, errors.New("postgres is not ready; see its log")
}

func (p *postgres) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		p.mu.Lock()
		switch what {
		case saysUp:
			pid, dsn, _ := strings.Cut(rest, " ")
			p.pid, _ = strconv.Atoi(pid)
			if p.url = dsn; !p.gone.IsZero() {
				p.tell("postgres is back after %.1f s", time.Since(p.gone).Seconds())
			}
			p.gone = time.Time{}
			close(p.up)
		case saysDown:
			if p.gone.IsZero() { // nobody's doing
				p.leave()
				p.tell("postgres ENDED BY ITSELF: %.200s", rest)
			}
		case saysDone:
			p.done <- rest
		}
		p.mu.Unlock()
	}
}

// leave notes that PostgreSQL is away. Its caller holds mu.
func (p *postgres) leave() { p.pid, p.gone, p.up = 0, time.Now(), make(chan struct{}) }

func (p *postgres) dsn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// kill ends PostgreSQL as a crash does; its process starts it again.
func (p *postgres) kill() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 || syscall.Kill(p.pid, syscall.SIGKILL) != nil {
		return false
	}
	p.leave()
	return true
}

// say tells the process to do something, and waits until it is done.
func (p *postgres) say(what string) error {
	if what == sayStop {
		p.mu.Lock()
		p.leave()
		p.mu.Unlock()
	}
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		return err
	}
	if what == sayStart {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(harness.ReadyLimit):
		return fmt.Errorf("postgres does not %s", what)
	}
}

func (p *postgres) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
