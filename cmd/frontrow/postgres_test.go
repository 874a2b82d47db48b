package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/rehearse"
)

// rehearsedSale is a rehearsal under way.
type rehearsedSale struct {
	t     *testing.T
	done  chan struct{}
	moved chan struct{} // holds a token after each report of progress

	mu     sync.Mutex
	now    rehearse.Progress
	report *rehearse.Report
	err    error
}

// rehearsing lets 250 fans come to a dev within 18 seconds.
func rehearsing(r *running) *rehearsedSale {
	s := &rehearsedSale{t: r.t, done: make(chan struct{}), moved: make(chan struct{}, 1)}
	c := rehearse.Config{URL: r.http, Event: "show", Fans: 250, Ramp: 18 * time.Second, Think: 500 * time.Millisecond, Shares: rehearse.DefaultShares()}
	c.Progress = func(p rehearse.Progress) {
		s.mu.Lock()
		s.now = p
		s.mu.Unlock()
		select {
		case s.moved <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	r.t.Cleanup(func() { cancel(); <-s.done })
	go func() {
		defer close(s.done)
		s.report, s.err = rehearse.Run(ctx, c)
	}()
	return s
}

// until waits for a state of the sale and returns it.
func (s *rehearsedSale) until(what string, is func(rehearse.Progress) bool) rehearse.Progress {
	s.t.Helper()
	limit := time.After(patience)
	for {
		s.mu.Lock()
		p := s.now
		s.mu.Unlock()
		if is(p) {
			return p
		}
		select {
		case <-s.moved:
		case <-s.done:
			s.t.Fatalf("%s: not before the sale ended: %v", what, p)
		case <-limit:
			s.t.Fatalf("%s: not in %v: %v", what, patience, p)
		}
	}
}

// sound waits for the end: nothing that a fan was told is untrue, every order
// that was taken is paid once, and refusals were of the kind that says "again".
func (s *rehearsedSale) sound(r *running) {
	s.t.Helper()
	<-s.done
	must(s.t, s.err)
	for _, c := range s.report.Checks {
		if c.Broken > 0 {
			s.t.Errorf("%s %s: %v", c.Invariant, c.Rule, c.Samples)
		}
	}
	for route, a := range s.report.Fans.Routes {
		for status, n := range a.Statuses {
			if status >= "500" && status != "503" && status != "none" {
				s.t.Errorf("%s was answered %d times with %s", route, n, status)
			}
		}
	}
	if found := r.audit("show"); found.Stock.Sold != s.report.Seats || s.report.Seats == 0 {
		s.t.Errorf("%d seats are sold, fans have %d", found.Stock.Sold, s.report.Seats)
	}
}

// PostgreSQL is stopped for eight seconds in the middle of a sale: holds go on,
// orders wait, and in the end each is paid once.
func TestSaleOutlivesPostgres(t *testing.T) {
	pg := pgtest.Start(t)
	r := start(t, dataDir(t), eventOf(t, "show", "480s"), "--postgres", pg.DSN())
	r.postgres = pg.DSN() // what is printed has no password
	s := rehearsing(r)
	s.until("orders are paid", func(p rehearse.Progress) bool { return p.Paid >= 10 })
	pg.Stop()
	const lasts = 8 * time.Second
	back := time.Now().Add(lasts)
	before := s.until("news from after the stop", fresh(2*time.Second))
	during := s.until("holds, and the time", func(p rehearse.Progress) bool { return p.Held >= before.Held+20 && time.Now().After(back) })
	if during.Paid != before.Paid || during.Holding <= before.Holding {
		t.Errorf("without PostgreSQL: %v, then %v", before, during)
	}
	pg.Start()
	s.until("orders are paid again", func(p rehearse.Progress) bool { return p.Paid > during.Paid })
	s.sound(r)
}

// fresh is true for what was seen a while after the call.
func fresh(after time.Duration) func(rehearse.Progress) bool {
	var first *rehearse.Progress
	return func(p rehearse.Progress) bool {
		if first == nil {
			first = &p
		}
		return p.At >= first.At+after
	}
}

// smallDisk names, in the test's own process, the directory of a small disk.
const smallDisk = "FRONTROW_TEST_DISK"

// PostgreSQL's disk is full in the middle of a sale: orders wait, nothing that was
// acknowledged is lost, and with space again they are paid.
func TestSaleOutlivesPostgresDiskFull(t *testing.T) {
	disk := os.Getenv(smallDisk)
	if disk == "" {
		inNamespace(t)
		return
	}
	must(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=128m"))
	usual := os.TempDir()
	t.Setenv("TMPDIR", disk)
	pg := pgtest.Start(t)
	t.Setenv("TMPDIR", usual)
	r := start(t, dataDir(t), eventOf(t, "show", "480s"), "--postgres", pg.DSN())
	r.postgres = pg.DSN() // what is printed has no password
	s := rehearsing(r)
	s.until("orders are paid", func(p rehearse.Progress) bool { return p.Paid >= 10 })
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	var stuck, last rehearse.Progress
	during := s.until("orders wait", func(p rehearse.Progress) bool {
		if p.Paid != last.Paid {
			stuck = p
		}
		last = p
		return p.At >= stuck.At+3*time.Second && p.Holding >= stuck.Holding+10
	})
	must(t, os.Remove(filler))
	s.until("orders are paid again", func(p rehearse.Progress) bool {
		pg.Revive() // it may have ended, since it could not write its log
		return p.Paid >= during.Paid+10
	})
	s.sound(r)
}

// inNamespace runs the test in a process that may mount a disk, and which is not
// root there, as which PostgreSQL does not run.
func inNamespace(t *testing.T) {
	t.Helper()
	const nobody, capSysAdmin = 65534, 21
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+dataDir(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER, AmbientCaps: []uintptr{capSysAdmin},
		UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	must(t, err)
}

// fill writes until there is no room for another byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else {
			must(t, err)
		}
	}
	must(t, f.Close())
}
