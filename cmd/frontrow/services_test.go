package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
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
)

// As in production: each service a process of its own, two of each, on a
// cluster of three NATS servers. A process of each kind is killed while fans
// buy; nobody notices for longer than a lease.
func TestServices(t *testing.T) {
	cluster := natstest.Cluster(t)
	postgres := pgtest.Start(t)
	provider, err := sandbox.New(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = provider.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })

	keys := filepath.Join(t.TempDir(), "keys.json")
	env := append(os.Environ(), asFrontrow+"=1", "FRONTROW_NATS="+cluster.URL(), "FRONTROW_POSTGRES="+postgres.DSN(),
		"FRONTROW_KEYS="+keys, "FRONTROW_PAYMENTS="+provider.URL(), "FRONTROW_LOG_LEVEL=error")
	tool := func(args ...string) []byte {
		t.Helper()
		cmd := frontrow(args...)
		cmd.Env, cmd.Stderr = env, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("frontrow %v: %v: %s", args, err, out)
		}
		return out
	}
	tool("keys", keys)
	tool("migrate")
	services := map[string]*exec.Cmd{}
	var addrs []string
	for i := range 2 {
		for _, name := range []string{"admission", "inventory", "pricing", "gateway"} {
			args := []string{name, "--ops", freeAddr(t)}
			if name == "gateway" {
				addrs = append(addrs, freeAddr(t))
				args = append(args, "--http", addrs[i], "--secure=false")
			}
			cmd := frontrow(args...)
			cmd.Env, cmd.Stderr = env, os.Stderr
			must(t, cmd.Start())
			services[fmt.Sprint(name, i)] = cmd
			untilReady(t, args[2])
		}
	}
	t.Cleanup(func() {
		for name, cmd := range services {
			_ = cmd.Process.Signal(os.Interrupt)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s ended with %v", name, err)
			}
		}
	})
	tool("event", "apply", "-f", eventOf(t, "show", "480s"))

	const fans = 30
	buy := func(from int) {
		each(fans, func(i int) {
			f := newFan(t, "http://"+addrs[1], "show", from+i)
			if _, err := f.purchase(deadline(t), make(chan struct{}, 3)); err != nil {
				t.Errorf("fan %d: %v", from+i, err)
			}
		})
	}
	buy(0)
	redeemAtOnce(t, addrs)
	rotateWhileFansBuy(t, addrs, tool)
	for _, name := range []string{"admission0", "inventory0", "pricing0", "gateway0"} {
		cmd := services[name]
		delete(services, name)
		must(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait()
	}
	buy(fans)
	var report audit.Report
	for ctx := deadline(t); ; breathe(ctx) {
		must(t, json.Unmarshal(tool("audit", "show"), &report))
		if report.Waits == 0 || ctx.Err() != nil {
			break
		}
	}
	if !report.OK || report.Stock.Sold != 4*fans {
		t.Errorf("%+v", report)
	}
}

// freeAddr is an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

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
