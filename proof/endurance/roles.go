//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"frontrow/internal/natsd"
	"frontrow/internal/pgd"
	"frontrow/inventory/payment/sandbox"
	"frontrow/proof/harness"
)

// What this program is when it is started with one of these words.
const (
	roleNATS     = "nats-server"
	rolePostgres = "postgres"
	rolePayments = "payments"
)

// What is said to the process of PostgreSQL, a line each, and what it says.
const (
	sayStop  = "stop"  // shut PostgreSQL down
	sayStart = "start" // and run it again
	sayFill  = "fill"  // leave no room on its disk
	sayFree  = "free"  // make room again
	saysUp   = "up"    // + pid and DSN
	saysDown = "down"  // + why
	saysDone = "done"  // filled, or freed
)

func role(ctx context.Context, name string, args []string) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	dir := f.String("dir", "", "directory")
	addr := f.String("addr", "", "address")
	server := f.String("name", "", "of the NATS server")
	route := f.String("route", "", "address of the NATS server for the others")
	routes := f.String("routes", "", "of all NATS servers")
	port := f.Int("port", 0, "of PostgreSQL")
	disk := f.Int("disk", 0, "size of PostgreSQL's disk, MB; 0: that of the machine")
	if err := f.Parse(args); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	switch name {
	case roleNATS:
		return runNATS(ctx, natsd.Config{Dir: *dir, Addr: *addr, Name: *server, Logger: log,
			Cluster: natsd.Cluster{Name: "endurance", Addr: *route, Routes: strings.Split(*routes, ",")}})
	case rolePostgres:
		return runPostgres(ctx, pgd.Config{Dir: *dir, Port: *port, Logger: log}, *disk)
	case rolePayments:
		s, err := sandbox.New(sandbox.Config{Dir: *dir, Addr: *addr, Logger: log})
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}
	return fmt.Errorf("there is no role %q", name)
}

func runNATS(ctx context.Context, c natsd.Config) error {
	s, err := natsd.Start(ctx, c)
	if err != nil {
		return err
	}
	<-ctx.Done()
	s.Shutdown()
	return nil
}

// database is PostgreSQL and what is done to it. Whenever PostgreSQL has ended
// it is started again, but after sayStop.
type database struct {
	config  pgd.Config
	filler  string // on its disk
	live    *pgd.Server
	stopped bool
}

// runPostgres obeys standard input until that ends. With a disk it must be in a
// mount namespace of its own.
func runPostgres(ctx context.Context, c pgd.Config, disk int) error {
	if disk > 0 {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", c.Dir, "tmpfs", 0, fmt.Sprintf("size=%dm", disk)); err != nil {
			return fmt.Errorf("a disk of its own: %w", err)
		}
	}
	d := &database{config: c, filler: filepath.Join(c.Dir, "filler")}
	d.config.Dir = filepath.Join(c.Dir, "postgres")
	defer d.stop()
	told := make(chan string)
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			told <- lines.Text()
		}
	}()
	again := time.NewTicker(harness.RestartPause)
	defer again.Stop()
	for first := true; ; first = false {
		if d.live == nil && !d.stopped {
			if err := d.start(ctx); err != nil && first {
				return err
			}
		}
		var ended <-chan struct{}
		if d.live != nil {
			ended = d.live.Done()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			fmt.Println(saysDown, d.live.Err())
			d.live = nil
		case <-again.C:
		case what, open := <-told:
			if !open {
				return nil
			}
			if err := d.obey(what); err != nil {
				return err
			}
		}
	}
}

func (d *database) start(ctx context.Context) error {
	s, err := pgd.Start(ctx, d.config)
	if err != nil {
		fmt.Println(saysDown, err)
		return err
	}
	d.live, d.config.Port = s, s.Port()
	fmt.Println(saysUp, s.Pid(), s.DSN())
	return nil
}

func (d *database) stop() {
	if d.live != nil {
		_ = d.live.Stop() // it took force, which loses nothing
		d.live = nil
	}
}

func (d *database) obey(what string) error {
	switch what {
	case sayStop:
		d.stopped = true
		d.stop()
	case sayStart:
		d.stopped = false
		return nil
	case sayFill:
		if err := fill(d.filler); err != nil {
			return err
		}
	case sayFree:
		if err := os.Remove(d.filler); err != nil {
			return err
		}
	default:
		return fmt.Errorf("told to %q", what)
	}
	fmt.Println(saysDone, what)
	return nil
}

// fill writes until there is no room for another byte.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
