package main

import (
	"context"
	"fmt"

	"frontrow/inventory/ledger"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (c command) migrate(ctx context.Context, args []string) error {
	f := c.flags("migrate", "", "Creates or updates the streams and the PostgreSQL schema. Run it before the services of a new version.")
	url, creds := natsFlags(f)
	dsn := new(string)
	f.secret(dsn, "postgres", "", "PostgreSQL `DSN`")
	replicas := f.Int("replicas", 3, "of each stream; one that has more keeps them")
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
	if err := c.sayWhatIsLost(ctx, nc); err != nil {
		return err
	}
	if err := migrate(ctx, nc, *dsn, *replicas); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "streams and schema are up to date")
	return nil
}

// sayWhatIsLost names the streams that are missing although others are there: they
// are made anew, empty.
func (c command) sayWhatIsLost(ctx context.Context, nc *nats.Conn) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	missing, err := wire.Missing(ctx, js)
	if err != nil {
		return err
	}
	for _, name := range missing {
		fmt.Fprintf(c.stderr, "stream %s is missing and is made anew, empty: what it held is lost. Restore it from a copy instead, if there is one.\n", name)
	}
	return nil
}

func migrate(ctx context.Context, nc *nats.Conn, dsn string, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := wire.CreateCore(ctx, js, replicas); err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Migrate(ctx)
}
