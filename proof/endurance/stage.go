//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/internal/loopback"
	"frontrow/proof/harness"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	event    = "endurance"
	natsAway = 10 * time.Second // how long a killed NATS server stays away
	away     = time.Second      // how long any other does
)

// component is a process of one kind.
type component struct {
	harness.Process
	kind string
}

// stage is everything that sells tickets.
type stage struct {
	harness.Sale
	tell       func(format string, args ...any)
	env        []string
	components []*component
	postgres   *postgres
	balancer   *balancer
	nats, dsn  string
	gateways   []string
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup
	reserved   []*loopback.Reservation
}

// reserve gives addresses that are the stage's until it stops.
func (s *stage) reserve(n int) ([]string, error) {
	r, err := loopback.Reserve(n)
	if err != nil {
		return nil, err
	}
	s.reserved = append(s.reserved, r)
	return r.Addrs(), nil
}

// put puts everything up. On an error what was started is stopped.
func put(ctx context.Context, o options, tell func(string, ...any)) (s *stage, err error) {
	s = &stage{Sale: o.Sale, tell: tell}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := os.MkdirAll(filepath.Join(s.Dir, "log"), 0o755); err != nil {
		return s, err
	}
	if err := s.servers(ctx, o); err != nil {
		return s, err
	}
	if err := s.keys(ctx); err != nil {
		return s, err
	}
	if err := s.tool(ctx, "migrate"); err != nil {
		return s, err
	}
	if err := s.services(ctx); err != nil {
		return s, err
	}
	file := filepath.Join(s.Dir, "event.yaml")
	if _, err := o.WriteEvent(file, o.event); err != nil {
		return s, err
	}
	if err := s.tool(ctx, "event", "apply", "-f", file); err != nil {
		return s, err
	}
	for _, addr := range s.gateways { // they hear of the event one after the other
		if err := harness.Await(ctx, "the event", harness.Answers(addr, "/v1/events/"+event+"/board")); err != nil {
			return s, err
		}
	}
	if s.balancer, err = newBalancer(s.gateways...); err != nil {
		return s, err
	}
	s.background.Go(func() { s.balancer.run(s.life) })
	for _, c := range s.components {
		s.background.Go(func() { c.Supervise(s.life) })
	}
	return s, nil
}

// event is one with short holds, passes and windows, so that what fans abandon comes
// back; and fans are called at a rate, so that at any time some are on their way through
// every step.
func (o options) event(spec, admission map[string]any) {
	spec["id"], spec["hold"] = event, map[string]any{"ttl": "45s", "checkout": "180s"}
	spec["admission"] = map[string]any{"tick": "1s", "ceiling": 3 * o.rate, "rate_per_minute": o.rate, "pass_ttl": "60s", "window": "20s"}
}

// servers starts what frontrow stands on.
func (s *stage) servers(ctx context.Context, o options) error {
	addrs, err := s.reserve(7)
	if err != nil {
		return err
	}
	clients, routes, payments := addrs[:3], addrs[3:6], addrs[6]
	for i := range 3 {
		name := fmt.Sprint("nats", i)
		s.add("nats", name, natsAway, func() *exec.Cmd {
			return self(roleNATS, "-dir", filepath.Join(s.Dir, name), "-addr", clients[i], "-name", name,
				"-route", routes[i], "-routes", strings.Join(routes, ","))
		}, func(ctx context.Context) error { return natsReady(ctx, "nats://"+clients[i]) })
	}
	s.add("payments", "payments", away, func() *exec.Cmd {
		return self(rolePayments, "-dir", filepath.Join(s.Dir, "payments"), "-addr", payments)
	}, func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", payments)
		if err == nil {
			c.Close()
		}
		return err
	})
	s.nats = "nats://" + strings.Join(clients, ",nats://")
	if s.postgres, err = startPostgres(ctx, filepath.Join(s.Dir, "database"), o.disk, s.logFile("postgres"), s.tell); err != nil {
		return err
	}
	s.dsn = s.postgres.dsn()
	s.env = append(os.Environ(), "FRONTROW_NATS="+s.nats, "FRONTROW_POSTGRES="+s.dsn, "FRONTROW_PAYMENTS=http://"+payments, "FRONTROW_LOG_LEVEL=warn")
	return s.startAll(ctx)
}

// keys makes the part of a keyring that each kind of service needs: none has more.
func (s *stage) keys(ctx context.Context) error {
	whole := filepath.Join(s.Dir, "keys.json")
	if err := s.tool(ctx, "keys", whole); err != nil {
		return err
	}
	for _, kind := range []string{wire.Gateway, wire.Admission, wire.Inventory} {
		if err := s.tool(ctx, "keys", "split", "--keys", whole, "--role", kind, "--out", s.keysOf(kind)); err != nil {
			return err
		}
	}
	return nil
}

// keysOf is where the keys of a kind of service are, if it is given any.
func (s *stage) keysOf(kind string) string { return filepath.Join(s.Dir, kind+"-keys.json") }

func (s *stage) services(ctx context.Context) error {
	addrs, err := s.reserve(9)
	if err != nil {
		return err
	}
	s.gateways = addrs[7:]
	for _, name := range []string{"pricing0", "admission0", "admission1", "inventory0", "inventory1", "gateway0", "gateway1"} {
		ops, kind := addrs[0], strings.TrimRight(name, "01")
		addrs = addrs[1:]
		args := arguments(kind, ops, s.gateways[int(name[len(name)-1]-'0')])
		s.add(kind, name, away, func() *exec.Cmd {
			cmd := exec.Command(s.Binary, args...)
			cmd.Env = append(slices.Clone(s.env), "FRONTROW_KEYS="+s.keysOf(kind))
			return cmd
		}, harness.Answers(ops, "/readyz"))
	}
	return s.startAll(ctx)
}

// arguments of a service that answers its probes at ops and, if it is a gateway, fans at http.
func arguments(kind, ops, http string) []string {
	args := []string{kind, "--ops", ops}
	if kind == wire.Gateway {
		args = append(args, "--http", http, "--trust-forwarded")
	}
	return args
}

func (s *stage) add(kind, name string, back time.Duration, command func() *exec.Cmd, ready func(context.Context) error) {
	s.components = append(s.components, &component{kind: kind, Process: harness.Process{Name: name, Command: command, Ready: ready, Back: back, Log: s.logFile(name), Tell: s.tell}})
}

// startAll starts what is not running yet: all at once, since NATS servers wait
// for each other.
func (s *stage) startAll(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.components))
	for i, c := range s.components {
		if c.Pid() == 0 {
			wg.Go(func() { errs[i] = c.Start(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// logFile is where a component's words go.
func (s *stage) logFile(name string) *os.File {
	f, err := os.OpenFile(filepath.Join(s.Dir, "log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return os.Stderr
	}
	return f
}

// tool runs a subcommand of frontrow to its end.
func (s *stage) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.Binary, args...)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("frontrow %v: %w: %s", args, err, out)
	}
	return nil
}

// allReady waits until everything is up again.
func (s *stage) allReady(ctx context.Context) error {
	for _, c := range s.components {
		if err := c.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything, services before what they stand on.
func (s *stage) stop() {
	s.end()
	for i := len(s.components) - 1; i >= 0; i-- {
		_ = s.components[i].Stop()
	}
	if s.postgres != nil {
		s.postgres.close()
	}
	s.background.Wait()
	for _, r := range s.reserved {
		r.Close()
	}
}

// self is this program in another role.
func self(args ...string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		panic(err) // Linux always knows
	}
	return exec.Command(path, args...)
}

// natsReady is nil once a server knows the leader of its JetStream.
func natsReady(ctx context.Context, url string) error {
	nc, err := nats.Connect(url, nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = js.AccountInfo(ctx)
	return err
}
