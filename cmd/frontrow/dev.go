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

// devCmd is every service in one process, with the servers that production runs
// beside them:
//
//	           ┌────────────── frontrow dev ──────────────┐
//	fans ─────►│ gateway   admission   inventory  pricing │
//	           │     └─────────┴──────────┴────────┘      │
//	nats CLI ─►│        nats-server (embedded)   payments │──► postgres (child process)
//	           └──────────────────────────────────────────┘
//
// Everything that must outlive it is in its data directory.
type devCmd struct {
	Data string `default:".data" placeholder:"DIR" help:"Directory for all persistent data."`
	NATS string `name:"nats" default:"127.0.0.1:4222" placeholder:"ADDR" help:"Address of the embedded NATS, for the nats CLI."`
	HTTP string `name:"http" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address for fans."`
	Ops  string `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Address for /livez, /readyz, /metrics, /version and /debug/pprof."`
	postgresFlags
	LogLevel slog.Level   `default:"warn" placeholder:"LEVEL" help:"Log level: debug, info, warn or error."`
	Defence  defenceFlags `embed:"" group:"Defences:"`
	Event    []string     `sep:"none" placeholder:"FILE" help:"Event file to apply (may be repeated)."`
}

func (*devCmd) Help() string {
	return `Ctrl-C ends it; what was sold stays in the data directory. Without --postgres, a PostgreSQL is started in the data directory.`
}

func (d *devCmd) Run(ctx context.Context, c terminal) error {
	events := make([]*eventRead, len(d.Event)) // before anything is started
	for i, name := range d.Event {
		f, err := c.readEvent(name)
		if err != nil {
			return err
		}
		events[i] = f
	}
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // PostgreSQL's own user must reach it
		return err
	}
	keys := filepath.Join(dir, "keys.json")
	if err := makeKeyring(keys); err != nil {
		return err
	}
	p := c.newProcess(serviceFlags{Ops: d.Ops, LogLevel: d.LogLevel})
	defer p.close()
	if err := d.servers(ctx, p, dir); err != nil {
		return err
	}
	return d.services(ctx, c, p, dir, keys, events)
}

// servers starts what production runs beside frontrow.
func (d *devCmd) servers(ctx context.Context, p *process, dir string) error {
	n, err := natsd.Start(ctx, natsd.Config{Dir: filepath.Join(dir, "nats"), Addr: d.NATS, Name: "frontrow-dev", Logger: p.log("nats-server")})
	if err != nil {
		return err
	}
	p.closes = append(p.closes, n.Shutdown)
	p.NATS = n.URL()
	if d.Postgres == "" {
		pg, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(dir, "postgres"), Logger: p.log("postgres")})
		if err != nil {
			return err
		}
		p.closes = append(p.closes, func() {
			if err := pg.Stop(); err != nil {
				p.logger.Warn("stop PostgreSQL", "err", err)
			}
		})
		if d.Postgres, err = pg.PassfileDSN(); err != nil {
			return err
		}
		p.add("postgres", func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return nil
			case <-pg.Done():
				return pg.Err()
			}
		})
	}
	return nil
}

// services builds them by the constructors of production, and runs them.
func (d *devCmd) services(ctx context.Context, c terminal, p *process, dir, keys string, events []*eventRead) error {
	secret := []byte(rand.Text())
	payments, err := sandbox.New(sandbox.Config{Dir: filepath.Join(dir, "payments"), Secret: secret, Logger: p.log("payments")})
	if err != nil {
		return err
	}
	p.sandbox = payments
	p.add("payments", payments.Run)
	admin, err := p.connect("dev")
	if err != nil {
		return err
	}
	admissions := admissionCmd{Keys: keys, Replicas: 1}
	if err := c.migrateStreams(ctx, admin, admissions.Replicas, false); err != nil {
		return err
	}
	if err := migrateLedger(ctx, d.Postgres, p.log("migrate")); err != nil {
		return err
	}
	// A request that this machine sends for itself is the developer's; with
	// X-Forwarded-For it is that of a fan with an address of their own.
	edge := gatewayCmd{HTTP: d.HTTP, Keys: keys, Region: homeRegion, Defence: d.Defence, Edge: edgeFlags{TrustForwarded: true, Exempt: []string{"127.0.0.0/8", "::1"}}}
	g, err := edge.start(p)
	if err != nil {
		return err
	}
	if err := admissions.start(p); err != nil {
		return err
	}
	if err := new(pricingCmd).start(p); err != nil {
		return err
	}
	stock := inventoryCmd{postgresFlags: d.postgresFlags, Keys: keys, paymentFlags: paymentFlags{Webhooks: "127.0.0.1:0"}}
	if err := stock.start(ctx, p, sandboxTill(payments.URL(), secret)); err != nil {
		return err
	}
	return p.run(ctx, func(ctx context.Context, opsAddr string) error {
		ctx, cancel := context.WithTimeout(ctx, devReady)
		defer cancel()
		for i, f := range events {
			if err := whenServed(ctx, admin); err != nil {
				return err
			}
			if _, err := apply(ctx, admin, f.Spec, f.plan); err != nil {
				return fmt.Errorf("%s: %w", d.Event[i], err)
			}
			if err := onSale(ctx, admin, f.Spec.ID); err != nil {
				return fmt.Errorf("%s: %w", d.Event[i], err)
			}
		}
		env := fmt.Sprintf("FRONTROW_NATS=%s\nFRONTROW_POSTGRES='%s'\nNATS_URL=%s\n", p.NATS, d.Postgres, p.NATS)
		if err := writePrivate(filepath.Join(dir, "env"), env); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "ready http=http://%s ops=http://%s nats=%s postgres=%s\n", g.Addr(), opsAddr, p.NATS, withoutPassword(d.Postgres))
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
