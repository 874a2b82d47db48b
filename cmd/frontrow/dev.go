package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"frontrow/internal/natsd"
	"frontrow/internal/pgd"
	"frontrow/inventory/payment/sandbox"
)

// devReady bounds the start of dev after its servers are up.
const devReady = 60 * time.Second

// dev is every service in one process, with the servers that production runs
// beside them:
//
//	           ┌────────────── frontrow dev ──────────────┐
//	fans ─────►│ gateway   admission   inventory  pricing │
//	           │     └─────────┴──────────┴────────┘      │
//	nats CLI ─►│        nats-server (embedded)   payments │──► postgres (child process)
//	           └──────────────────────────────────────────┘
//
// Everything that must outlive it is in its data directory.
func (c command) dev(ctx context.Context, args []string) error {
	f := c.flags("dev", "", "Runs all services in one process, with an embedded NATS and a local PostgreSQL. Ctrl-C ends it; what was sold stays in the data directory.")
	// A request that this machine sends for itself is the developer's; with
	// X-Forwarded-For it is that of a fan with an address of their own.
	o := options{region: "home", replicas: 1, defences: defences{loopback: true, exempt: []string{"127.0.0.0/8", "::1"}}}
	var events list
	data := f.String("data", ".data", "`directory` for everything that must be kept")
	natsAddr := f.String("nats", "127.0.0.1:4222", "`address` of the embedded NATS, for the nats CLI")
	f.StringVar(&o.http, "http", "127.0.0.1:8080", "`address` for fans")
	f.StringVar(&o.ops, "ops", "127.0.0.1:8081", "`address` of /livez /readyz /metrics /version /debug/pprof")
	f.secret(&o.postgres, "postgres", "", "`DSN` of a PostgreSQL to use; without it, one is started in the data directory")
	f.TextVar(&o.logLevel, "log-level", slog.LevelWarn, "debug, info, warn or error")
	o.defences.flags(f)
	f.Var(&events, "event", "YAML `file` of an event to put up (may be repeated)")
	if err := f.parse(args); err != nil {
		return err
	}
	dir, err := filepath.Abs(*data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // PostgreSQL's own user must reach it
		return err
	}
	o.keys = filepath.Join(dir, "keys.json")
	if err := makeKeyring(o.keys); err != nil {
		return err
	}
	h := newHouse(o, c.stderr)
	defer h.close()
	if err := h.servers(ctx, dir, *natsAddr); err != nil {
		return err
	}
	return c.devServices(ctx, h, dir, events)
}

// servers starts what production runs beside frontrow.
func (h *house) servers(ctx context.Context, dir, natsAddr string) error {
	n, err := natsd.Start(ctx, natsd.Config{Dir: filepath.Join(dir, "nats"), Addr: natsAddr, Name: "frontrow-dev", Logger: h.log("nats-server")})
	if err != nil {
		return err
	}
	h.closes = append(h.closes, n.Shutdown)
	h.nats = n.URL()
	if h.postgres == "" {
		p, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(dir, "postgres"), Logger: h.log("postgres")})
		if err != nil {
			return err
		}
		h.closes = append(h.closes, func() {
			if err := p.Stop(); err != nil {
				h.logger.Warn("stop PostgreSQL", "err", err)
			}
		})
		if h.postgres, err = p.PassfileDSN(); err != nil {
			return err
		}
		h.add("postgres", func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return nil
			case <-p.Done():
				return p.Err()
			}
		})
	}
	h.secret, h.webhooks = []byte(rand.Text()), "127.0.0.1:0"
	s, err := sandbox.New(sandbox.Config{Dir: filepath.Join(dir, "payments"), Secret: h.secret, Logger: h.log("payments")})
	if err != nil {
		return err
	}
	h.sandbox, h.payments = s, s.URL()
	h.add("payments", s.Run)
	return nil
}

func (c command) devServices(ctx context.Context, h *house, dir string, events []string) error {
	admin, err := h.connect("dev")
	if err != nil {
		return err
	}
	if err := c.migrateStreams(ctx, admin, h.replicas, false); err != nil {
		return err
	}
	if err := migrateLedger(ctx, h.postgres, h.log("migrate")); err != nil {
		return err
	}
	g, err := h.gateway()
	if err != nil {
		return err
	}
	for _, build := range []func() error{h.admission, h.pricing, func() error { return h.inventory(ctx) }} {
		if err := build(); err != nil {
			return err
		}
	}
	return h.run(ctx, func(ctx context.Context, opsAddr string) error {
		ctx, cancel := context.WithTimeout(ctx, devReady)
		defer cancel()
		for _, file := range events {
			spec, p, err := c.readEvent(file)
			if err != nil {
				return err
			}
			if err := whenServed(ctx, admin); err != nil {
				return err
			}
			if _, err := apply(ctx, admin, spec, p); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := onSale(ctx, admin, spec.ID); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		env := fmt.Sprintf("FRONTROW_NATS=%s\nFRONTROW_POSTGRES='%s'\nNATS_URL=%s\n", h.nats, h.postgres, h.nats)
		if err := writePrivate(filepath.Join(dir, "env"), env); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "ready http=http://%s ops=http://%s nats=%s postgres=%s\n", g.Addr(), opsAddr, h.nats, withoutPassword(h.postgres))
		return nil
	})
}

// writePrivate writes a file anew that its owner alone may read.
func writePrivate(path, text string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
