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
)

const (
	// auditSettle is how long after a rehearsal orders may still wait.
	auditSettle = 2 * time.Minute
	auditEvery  = time.Second
)

const aboutRehearse = `Plays a whole on-sale with synthetic fans and bots against a running frontrow, over its public API
alone, and checks what they were told. Exit status 1: an invariant is broken.

The gateways must trust X-Forwarded-For from this machine ("frontrow dev" does, "frontrow gateway"
with --trust-forwarded), so that fans have addresses of their own.

Shares of the fans who do something; change one with --share NAME=SHARE (may be repeated):
`

func (c command) rehearse(ctx context.Context, args []string) error {
	cfg := rehearse.Config{Shares: rehearse.DefaultShares()}
	f := c.flags("rehearse", "", aboutRehearse+cfg.Shares.String())
	f.StringVar(&cfg.URL, "url", "http://127.0.0.1:8080", "`URL` of the gateways")
	f.StringVar(&cfg.Event, "event", "", "`id` of the event")
	f.IntVar(&cfg.Fans, "fans", 1000, "who want tickets")
	f.Float64Var(&cfg.Bots, "bots", 0, "bots for each fan, beside them; each is one person with up to 20 places")
	f.Float64Var(&cfg.BotPlaces, "bot-places", 0, "instead of --bots, the `share` of all places that bots want: --fans 70000 --bot-places 0.3 is 100,000 visitors, 30 % of them bots")
	f.IntVar(&cfg.Solvers, "solvers", 0, "proofs worked out at a time, for fans and as many for bots; 0: half of the processors")
	f.DurationVar(&cfg.Ramp, "ramp", time.Minute, "within which all arrive: half of them at the beginning, then ever fewer")
	f.Uint64Var(&cfg.Seed, "seed", 1, "of everybody's decisions")
	f.DurationVar(&cfg.Think, "think", 5*time.Second, "mean time to think about the seats; being late is in proportion to it")
	f.IntVar(&cfg.Connections, "connections", 512, "of all fans together; they are kept open")
	f.DurationVar(&cfg.Patience, "patience", 30*time.Minute, "how long a fan queues, and waits for a server that is away")
	f.Func("sockets", "the same as --share sockets=`SHARE`", func(v string) error { return cfg.Shares.Set("sockets=" + v) })
	f.Func("share", "`NAME=SHARE`, see above", cfg.Shares.Set)
	limit := f.Duration("for", 0, "end after this, sold out or not; 0: when the last fan has left")
	file := f.String("report", "", "`FILE` for the report in JSON")
	audited := f.Bool("audit", false, "run the audit at the end, with --nats and --postgres")
	url, creds := natsFlags(f)
	dsn := new(string)
	f.secret(dsn, "postgres", "", "PostgreSQL `DSN`, for the audit")
	if err := f.parse(args); err != nil {
		return err
	}
	if cfg.Event == "" || *audited && *dsn == "" || f.NArg() > 0 {
		f.Usage()
		return errUsage
	}
	cfg.Progress = func(p rehearse.Progress) { fmt.Fprintln(c.stdout, p) }
	playing := ctx
	if *limit > 0 {
		var cancel context.CancelFunc
		playing, cancel = context.WithTimeout(ctx, *limit)
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
	if *audited {
		found, err := settledAudit(ctx, *url, *creds, *dsn, cfg.Event)
		if err != nil {
			return errors.Join(broken, err)
		}
		if report.Audit = found; !found.OK {
			broken = errBroken
		}
		fmt.Fprintf(c.stdout, "\naudit: ok %v, %d seats sold, %d held, %d free\n", found.OK, found.Stock.Sold, found.Stock.Held, found.Stock.Free)
	}
	if *file != "" {
		raw, err := json.MarshalIndent(report, "", "  ")
		if err == nil {
			err = os.WriteFile(*file, append(raw, '\n'), 0o644)
		}
		if err != nil {
			return errors.Join(broken, err)
		}
	}
	return broken
}

// settledAudit audits an event when no order waits any more, or auditSettle has passed.
func settledAudit(ctx context.Context, url, creds, dsn, event string) (audit.Report, error) {
	for end := time.Now().Add(auditSettle); ; {
		r, err := auditEvent(ctx, url, creds, dsn, event)
		if err != nil || r.Waits == 0 && r.Ledger.Undone == 0 || time.Now().After(end) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(auditEvery):
		}
	}
}
