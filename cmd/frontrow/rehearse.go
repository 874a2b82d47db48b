package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"frontrow/inventory/audit"
	"frontrow/rehearse"

	"github.com/cenkalti/backoff/v5"
)

const (
	// auditSettle is how long after a rehearsal orders may still wait.
	auditSettle = 2 * time.Minute
	auditEvery  = time.Second
)

type rehearseCmd struct {
	natsFlags
	postgresFlags
	URL         string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"URLs of the gateways."`
	Event       string        `required:"" placeholder:"ID" help:"Event id."`
	Fans        int           `default:"1000" placeholder:"N" help:"Number of fans who want tickets."`
	Bots        float64       `placeholder:"N" help:"Bots per fan, in addition to the fans; each is one person with up to 20 places."`
	BotPlaces   float64       `placeholder:"SHARE" help:"Share of all places that bots want, instead of --bots: --fans 70000 --bot-places 0.3 is 100,000 visitors, 30 % of them bots."`
	Solvers     int           `placeholder:"N" help:"Proofs computed at a time for fans, and as many for bots; 0: half of the CPUs."`
	Ramp        time.Duration `default:"1m" placeholder:"TIME" help:"Time within which all arrive: half of them at the beginning, then fewer and fewer."`
	Seed        uint64        `default:"1" placeholder:"N" help:"Seed of everybody's decisions."`
	Think       time.Duration `default:"5s" placeholder:"TIME" help:"Mean time that fans think about seats; how late they are is in proportion to it."`
	Connections int           `default:"512" placeholder:"N" help:"HTTP connections of all fans together; they are kept open."`
	Patience    time.Duration `default:"30m" placeholder:"TIME" help:"How long a fan queues, and waits for a server that is down."`
	Share       []string      `placeholder:"NAME=SHARE" help:"Share of the fans who do something, see above (may be repeated)."`
	Sockets     string        `placeholder:"SHARE" help:"The same as --share sockets=SHARE."`
	For         time.Duration `placeholder:"TIME" help:"End after this, sold out or not; 0: when the last fan has left."`
	Report      string        `placeholder:"FILE" help:"File for the report in JSON."`
	Audit       bool          `help:"Run the audit at the end, with --nats and --postgres."`
}

func (*rehearseCmd) Help() string {
	shares := rehearse.DefaultShares()
	return `It plays over the public API alone, against a running frontrow, and checks what fans and bots were told.

The gateways must trust X-Forwarded-For from this machine ("frontrow dev" does, "frontrow gateway" with --trust-forwarded),
so that fans have addresses of their own.

Shares of the fans who do something; change one with --share NAME=SHARE:

` + shares.String()
}

// config returns what to rehearse.
func (r *rehearseCmd) config() (rehearse.Config, error) {
	cfg := rehearse.Config{URL: r.URL, Event: r.Event, Fans: r.Fans, Bots: r.Bots, BotPlaces: r.BotPlaces, Solvers: r.Solvers, Ramp: r.Ramp, Seed: r.Seed,
		Think: r.Think, Connections: r.Connections, Patience: r.Patience, Shares: rehearse.DefaultShares()}
	if r.Sockets != "" {
		r.Share = append(r.Share, "sockets="+r.Sockets)
	}
	for _, share := range r.Share {
		if err := cfg.Shares.Set(share); err != nil {
			return cfg, usageError{err}
		}
	}
	return cfg, nil
}

func (r *rehearseCmd) Run(ctx context.Context, c terminal) error {
	cfg, err := r.config()
	if err != nil {
		return err
	}
	if r.Audit {
		if err := r.needsPostgres(); err != nil {
			return err
		}
	}
	cfg.Progress = func(p rehearse.Progress) { fmt.Fprintln(c.stdout, p) }
	playing := ctx
	if r.For > 0 {
		var cancel context.CancelFunc
		playing, cancel = context.WithTimeout(ctx, r.For)
		defer cancel()
	}
	report, err := rehearse.Run(playing, cfg)
	if err != nil {
		return err
	}
	report.Write(c.stdout)
	var broken error
	if !report.OK {
		broken = errBroken
	}
	if r.Audit {
		found, err := settledAudit(ctx, r.natsFlags, r.Postgres, cfg.Event)
		if err != nil {
			return errors.Join(broken, err)
		}
		if report.Audit = found; !found.OK {
			broken = errBroken
		}
		fmt.Fprintf(c.stdout, "\naudit: ok %v, %d seats sold, %d held, %d free\n", found.OK, found.Stock.Sold, found.Stock.Held, found.Stock.Free)
	}
	if r.Report != "" {
		raw, err := json.MarshalIndent(report, "", "  ")
		if err == nil {
			err = os.WriteFile(r.Report, append(raw, '\n'), 0o644)
		}
		if err != nil {
			return errors.Join(broken, err)
		}
	}
	return broken
}

// errWaits: an order does.
var errWaits = errors.New("an order waits")

// settledAudit audits an event when no order waits any more, or auditSettle has passed.
func settledAudit(ctx context.Context, at natsFlags, dsn, event string) (audit.Report, error) {
	r, err := backoff.Retry(ctx, func() (audit.Report, error) {
		r, err := auditEvent(ctx, at, dsn, event)
		if err != nil {
			return r, backoff.Permanent(err)
		}
		if r.Waits > 0 || r.Ledger.Undone > 0 {
			err = errWaits
		}
		return r, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(auditEvery)), backoff.WithMaxElapsedTime(auditSettle))
	if errors.Is(err, errWaits) {
		return r, nil
	}
	return r, err
}
