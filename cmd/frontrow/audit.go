package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"frontrow/inventory/audit"
	"frontrow/inventory/ledger"

	"github.com/nats-io/nats.go/jetstream"
)

const auditTimeout = 5 * time.Minute

// errBroken: an invariant is.
var errBroken = errors.New("an invariant is broken")

func (c command) audit(ctx context.Context, args []string) error {
	f := c.flags("audit", "EVENT", "Checks every invariant of an event that can be checked at rest and prints a report in JSON. Exit status 1: one is broken.")
	url, creds := natsFlags(f)
	dsn := new(string)
	f.secret(dsn, "postgres", "", "PostgreSQL `DSN`")
	var event string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' { // the event may come before the flags
		event, args = args[0], args[1:]
	}
	if err := f.parse(args); err != nil {
		return err
	}
	if event == "" {
		event = f.Arg(0)
	}
	if event == "" || *dsn == "" {
		f.Usage()
		return errUsage
	}
	report, err := auditEvent(ctx, *url, *creds, *dsn, event)
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(report); err != nil {
		return err
	}
	if !report.OK {
		return errBroken
	}
	return nil
}

func auditEvent(ctx context.Context, url, creds, dsn, event string) (audit.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	nc, err := connect(url, creds, "frontrow-audit")
	if err != nil {
		return audit.Report{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return audit.Report{}, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
	if err != nil {
		return audit.Report{}, err
	}
	defer l.Close()
	return audit.Run(ctx, js, l, event, time.Now())
}
