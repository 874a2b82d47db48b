package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// migrateWithin bounds the changes of the PostgreSQL schema by default.
const migrateWithin = 6 * time.Hour

func (c command) migrate(ctx context.Context, args []string) error {
	f := c.flags("migrate", "", `Creates or updates the streams and the PostgreSQL schema, and says what it changes in streams that exist. Run it before
the services of a new version. It works beside services, waits for readers, and continues where it stopped if interrupted.`)
	url, creds := natsFlags(f)
	dsn := new(string)
	f.secret(dsn, "postgres", "", "PostgreSQL `DSN`")
	replicas := f.Int("replicas", 3, "replicas of each stream; one that has more keeps them")
	lower := f.Bool("lower-replicas", false, "take replicas away from streams that have more than --replicas")
	within := f.Duration("within", migrateWithin, "`time` for the PostgreSQL schema; a ledger of millions of orders takes minutes, and waits for whoever reads it")
	if err := f.parse(args); err != nil {
		return err
	}
	if *dsn == "" {
		f.Usage()
		return errUsage
	}
	nc, err := connect(*url, *creds, "frontrow-migrate")
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := c.migrateStreams(ctx, nc, *replicas, *lower); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *within)
	defer cancel()
	if err := migrateLedger(ctx, *dsn, slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{ReplaceAttr: redactErrors}))); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w. What is done stays: run it again and it goes on", err)
		}
		return err
	}
	fmt.Fprintln(c.stdout, "streams and schema are up to date")
	return nil
}

// migrateStreams makes the streams of everything that is there as they must be, and
// says what that changes.
func (c command) migrateStreams(ctx context.Context, nc *nats.Conn, replicas int, lower bool) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := c.sayWhatIsLost(ctx, js); err != nil {
		return err
	}
	all, err := wire.AllStreams(ctx, js, replicas)
	if err != nil {
		return err
	}
	changes, err := wire.Drift(ctx, js, all...)
	if err != nil {
		return err // before anything is changed
	}
	for _, change := range changes {
		fmt.Fprintln(c.stderr, change)
	}
	if err := wire.CreateCore(ctx, js, replicas); err != nil {
		return err
	}
	if err := wire.Create(ctx, js, all[len(wire.Core(replicas)):]...); err != nil { // of events
		return err
	}
	if !lower {
		return nil
	}
	changes, err = wire.LowerReplicas(ctx, js, replicas)
	for _, change := range changes {
		fmt.Fprintln(c.stderr, change)
	}
	return err
}

// sayWhatIsLost names the streams that are missing although others are there: they
// are made anew, empty.
func (c command) sayWhatIsLost(ctx context.Context, js jetstream.JetStream) error {
	missing, err := wire.Missing(ctx, js)
	if err != nil {
		return err
	}
	for _, name := range missing {
		fmt.Fprintf(c.stderr, "stream %s is missing and is made, empty. If it was there before, what it held is lost: restore it from a copy, if there is one.\n", name)
	}
	return nil
}

func migrateLedger(ctx context.Context, dsn string, log *slog.Logger) error {
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn, Logger: log})
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Migrate(ctx)
}
