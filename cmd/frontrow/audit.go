package main

import (
	"context"
	"errors"
	"time"

	"frontrow/inventory/audit"
	"frontrow/inventory/ledger"
	"frontrow/pricing"
)

const auditTimeout = 5 * time.Minute

// errBroken: an invariant is.
var errBroken = errors.New("an invariant is broken")

type auditCmd struct {
	natsFlags
	postgresFlags
	Event string `arg:"" help:"Event id."`
}

func (a *auditCmd) Run(ctx context.Context, c terminal) error {
	if err := a.needsPostgres(); err != nil {
		return err
	}
	report, err := auditEvent(ctx, a.natsFlags, a.Postgres, a.Event)
	if err != nil {
		return err
	}
	if err := c.report(report); err != nil {
		return err
	}
	if !report.OK {
		return errBroken
	}
	return nil
}

func auditEvent(ctx context.Context, at natsFlags, dsn, event string) (audit.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	js, err := at.jetStream("frontrow-audit")
	if err != nil {
		return audit.Report{}, err
	}
	defer js.Conn().Close()
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
	if err != nil {
		return audit.Report{}, err
	}
	defer l.Close()
	report, err := audit.Run(ctx, js, l, event, time.Now())
	if err != nil {
		return report, err
	}
	prices, err := pricing.Recompute(ctx, js, event)
	if err != nil {
		return report, err
	}
	report.Checks = append(report.Checks, audit.Check{Invariant: "I13", Rule: "every price is inside of its rails, and is computed again from the log to the minor unit",
		Looked: int(prices.Acts), Broken: len(prices.Wrong), Samples: prices.Wrong})
	report.OK = report.OK && len(prices.Wrong) == 0
	return report, nil
}
