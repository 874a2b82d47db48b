package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/audit"
	"frontrow/inventory/payment/sandbox"
	"frontrow/wire"
)

// deployment is services in processes of their own, as in production.
type deployment struct {
	t        *testing.T
	env      []string
	keys     string            // the directory of the keyring, and of each role's part of it
	shipped  *natstest.Shipped // each service is its role's user of; nil: NATS has no users
	services map[string]*exec.Cmd
}

// deploy prepares what services need beside NATS: keys, PostgreSQL, a payment provider.
func deploy(t *testing.T, nats string, replicas int) *deployment {
	t.Helper()
	postgres := pgtest.Start(t)
	provider, err := sandbox.New(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = provider.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	d := &deployment{t: t, keys: dir, services: map[string]*exec.Cmd{}, env: append(environ(), asFrontrow+"=1", "FRONTROW_NATS="+nats,
		"FRONTROW_POSTGRES="+postgres.DSN(), "FRONTROW_KEYS="+keys, "FRONTROW_PAYMENTS="+provider.URL(), "FRONTROW_LOG_LEVEL=error", fmt.Sprint("FRONTROW_REPLICAS=", replicas))}
	d.tool("keys", keys)
	d.split()
	d.tool("migrate")
	t.Cleanup(d.stop)
	return d
}

// split gives each role its part of the keyring.
func (d *deployment) split() {
	d.t.Helper()
	for _, role := range []string{wire.Gateway, wire.Admission, wire.Inventory} {
		d.tool("keys", "split", "--role", role, "--out", d.part(role))
	}
}

func (d *deployment) part(role string) string { return filepath.Join(d.keys, role+".json") }

// tool runs a command of frontrow to its end.
func (d *deployment) tool(args ...string) []byte {
	d.t.Helper()
	cmd := frontrow(args...)
	cmd.Env, cmd.Stderr = d.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("frontrow %v: %v: %s", args, err, out)
	}
	return out
}

// start runs a service until it is ready and returns where its ops listener is; as
// is a name for it.
func (d *deployment) start(as, service string, args ...string) (ops string) {
	d.t.Helper()
	ops = freeAddr(d.t)
	if service != wire.Pricing {
		args = append([]string{"--keys", d.part(service)}, args...)
	}
	if d.shipped != nil {
		args = append([]string{"--nats", d.shipped.URL(natstest.Home, service)}, args...)
	}
	cmd := frontrow(append([]string{service, "--ops", ops}, args...)...)
	cmd.Env, cmd.Stderr = d.env, os.Stderr
	must(d.t, cmd.Start())
	d.services[as] = cmd
	untilReady(d.t, ops)
	return ops
}

// gateway starts one and returns where it is.
func (d *deployment) gateway(as string, args ...string) (url string) {
	d.t.Helper()
	addr := freeAddr(d.t)
	// Nobody is trusted to forward, so all fans have one address: it is exempt.
	d.start(as, "gateway", append([]string{"--http", addr, "--exempt", "127.0.0.1"}, args...)...)
	return "http://" + addr
}

func (d *deployment) kill(as string) {
	cmd := d.services[as]
	delete(d.services, as)
	must(d.t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
}

func (d *deployment) stop() {
	for name, cmd := range d.services {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("%s ended with %v", name, err)
		}
	}
}

// sold audits an event once nothing waits and wants so many seats sold.
func (d *deployment) sold(event string, want int) {
	d.t.Helper()
	var report audit.Report
	for ctx := deadline(d.t); ; breathe(ctx) {
		report = audit.Report{}
		must(d.t, json.Unmarshal(d.tool("audit", event), &report))
		if report.Waits == 0 || ctx.Err() != nil {
			break
		}
	}
	if !report.OK || report.Stock.Sold != want {
		d.t.Errorf("%+v", report)
	}
}

// Two of each service on a cluster of three NATS servers. A process of each kind
// is killed while fans buy; nobody notices for longer than a lease.
func TestServices(t *testing.T) {
	d := deploy(t, natstest.Cluster(t).URL(), 3)
	var at []string
	for i := range 2 {
		for _, name := range []string{"admission", "inventory", "pricing"} {
			d.start(fmt.Sprint(name, i), name)
		}
		at = append(at, d.gateway(fmt.Sprint("gateway", i)))
	}
	d.tool("event", "apply", "-f", eventOf(t, "show", "480s"))

	const fans = 30
	buyTwo(t, at[1], 0, fans)
	redeemAtOnce(t, at)
	rotateWhileFansBuy(t, at, d.tool, d.split)
	for _, name := range []string{"admission0", "inventory0", "pricing0", "gateway0"} {
		d.kill(name)
	}
	buyTwo(t, at[1], fans, fans)
	d.sold("show", 4*fans)
}

// buyTwo lets n fans buy two tickets each.
func buyTwo(t *testing.T, at string, from, n int) {
	t.Helper()
	each(n, func(i int) {
		f := newFan(t, at, "show", from+i)
		if _, err := f.purchase(deadline(t), make(chan struct{}, 3)); err != nil {
			t.Errorf("fan %d: %v", from+i, err)
		}
	})
}

// Two regions, each with servers of its own: fans of both buy, from the queue of
// their region to the ticket.
func TestRegions(t *testing.T) {
	world := natstest.Regions(t, "west")
	sellInTwoRegions(t, deploy(t, world.Home.URL(), 1), world.Regions["west"].URL())
}

func sellInTwoRegions(t *testing.T, d *deployment, inWest string) (west string) {
	t.Helper()
	d.start("inventory", "inventory")
	d.start("pricing", "pricing")
	d.start("admission", "admission", "--domain", natstest.Home, "--region", "west=west")
	d.tool("event", "apply", "-f", eventOf(t, "show", "480s"))
	home := d.gateway("home")
	west = d.gateway("west", "--region", "west", "--domain", natstest.Home, "--nats", inWest)
	until(t, "the event is known in the west", func() bool { // its record comes from home
		resp, err := http.Get(west + "/v1/events/show")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})

	const fans = 10
	var both sync.WaitGroup
	both.Go(func() { buyTwo(t, home, 0, fans) })
	both.Go(func() { buyTwo(t, west, fans, fans) })
	both.Wait()
	d.sold("show", 4*fans)
	return west
}

func freeAddr(t *testing.T) string { return natstest.FreeAddrs(t, 1)[0] }

func untilReady(t *testing.T, ops string) {
	t.Helper()
	for ctx := deadline(t); ; breathe(ctx) {
		resp, err := http.Get("http://" + ops + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("the service at %s is not ready: %v", ops, err)
		}
	}
}
