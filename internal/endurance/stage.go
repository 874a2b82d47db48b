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
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	event    = "endurance"
	natsAway = 10 * time.Second // how long a killed NATS server stays away
	away     = time.Second      // how long any other does
)

// sale is the event: holds, passes and windows are short, so that what fans
// abandon comes back, and fans are called at a rate, so that at any time some
// are on their way through every step.
const sale = `
id: ` + event + `
name: Endurance
venue: Endurance Arena
currency: EUR
generate: {kind: arena, seats: %d, standing: %d}
levels:
  - {id: standing, name: Standing, categories: [Front standing, Rear standing], base: 6500, service_fee: 650, facility_fee: 300}
  - {id: seated, name: Seated, categories: [%s], base: 10500, service_fee: 1050, facility_fee: 300}
hold: {ttl: 45s, checkout: 180s}
admission: {tick: 1s, ceiling: %d, rate_per_minute: %d, pass_ttl: 60s, window: 20s}
`

// stage is everything that sells tickets.
type stage struct {
	dir        string
	binary     string // frontrow
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
func put(ctx context.Context, o options, dir string, tell func(string, ...any)) (s *stage, err error) {
	s = &stage{dir: dir, binary: o.binary, tell: tell}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o755); err != nil {
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
	file := filepath.Join(dir, "event.yaml")
	categories := "Category 1, Category 2, Category 3, Category 4"
	if err := os.WriteFile(file, fmt.Appendf(nil, sale, o.seats, o.seats/5, categories, 3*o.rate, o.rate), 0o644); err != nil {
		return s, err
	}
	if err := s.tool(ctx, "event", "apply", "-f", file); err != nil {
		return s, err
	}
	for _, addr := range s.gateways { // they hear of the event one after the other
		if err := await(ctx, "the event", answers(addr, "/v1/events/"+event+"/board")); err != nil {
			return s, err
		}
	}
	if s.balancer, err = newBalancer(s.gateways...); err != nil {
		return s, err
	}
	s.background.Go(func() { s.balancer.run(s.life) })
	for _, c := range s.components {
		s.background.Go(func() { c.supervise(s.life) })
	}
	return s, nil
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
			return self(roleNATS, "-dir", filepath.Join(s.dir, name), "-addr", clients[i], "-name", name,
				"-route", routes[i], "-routes", strings.Join(routes, ","))
		}, func(ctx context.Context) error { return natsReady(ctx, "nats://"+clients[i]) })
	}
	s.add("payments", "payments", away, func() *exec.Cmd {
		return self(rolePayments, "-dir", filepath.Join(s.dir, "payments"), "-addr", payments)
	}, func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", payments)
		if err == nil {
			c.Close()
		}
		return err
	})
	s.nats = "nats://" + strings.Join(clients, ",nats://")
	if s.postgres, err = startPostgres(ctx, filepath.Join(s.dir, "database"), o.disk, s.logFile("postgres"), s.tell); err != nil {
		return err
	}
	s.dsn = s.postgres.dsn()
	s.env = append(os.Environ(), "FRONTROW_NATS="+s.nats, "FRONTROW_POSTGRES="+s.dsn, "FRONTROW_PAYMENTS=http://"+payments, "FRONTROW_LOG_LEVEL=warn")
	return s.startAll(ctx)
}

// keys makes the part of a keyring that each kind of service needs: none has more.
func (s *stage) keys(ctx context.Context) error {
	whole := filepath.Join(s.dir, "keys.json")
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
func (s *stage) keysOf(kind string) string { return filepath.Join(s.dir, kind+"-keys.json") }

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
			cmd := exec.Command(s.binary, args...)
			cmd.Env = append(slices.Clone(s.env), "FRONTROW_KEYS="+s.keysOf(kind))
			return cmd
		}, answers(ops, "/readyz"))
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
	s.components = append(s.components, &component{kind: kind, name: name, command: command, ready: ready, back: back, log: s.logFile(name), tell: s.tell})
}

// startAll starts what is not running yet: all at once, since NATS servers wait
// for each other.
func (s *stage) startAll(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.components))
	for i, c := range s.components {
		if c.pid() == 0 {
			wg.Go(func() { errs[i] = c.start(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// logFile is where a component's words go.
func (s *stage) logFile(name string) *os.File {
	f, err := os.OpenFile(filepath.Join(s.dir, "log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return os.Stderr
	}
	return f
}

// tool runs a subcommand of frontrow to its end.
func (s *stage) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("frontrow %v: %w: %s", args, err, out)
	}
	return nil
}

// allReady waits until everything is up again.
func (s *stage) allReady(ctx context.Context) error {
	for _, c := range s.components {
		if err := c.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything, services before what they stand on.
func (s *stage) stop() {
	s.end()
	for i := len(s.components) - 1; i >= 0; i-- {
		s.components[i].stop()
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
