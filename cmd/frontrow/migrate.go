package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"frontrow/internal/streams"
	"frontrow/inventory/ledger"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// migrateWithin bounds the changes of the PostgreSQL schema by default.
const migrateWithin = 6 * time.Hour

type migrateCmd struct {
	natsFlags
	postgresFlags
	Replicas      int           `default:"3" placeholder:"N" help:"Replicas of each stream; a stream that has more keeps them."`
	LowerReplicas bool          `help:"Remove replicas from streams that have more than --replicas."`
	Within        time.Duration `default:"${migrate_within}" placeholder:"TIME" help:"Time for the PostgreSQL schema: a ledger of millions of orders takes minutes, and longer if others read it."`
}

func (*migrateCmd) Help() string {
	return `It says what it changes in streams that exist. Run it before the services of a new version. It works beside services,
waits for readers, and continues where it stopped if interrupted.`
}

func (m *migrateCmd) Run(ctx context.Context, c terminal) error {
	if err := m.needsPostgres(); err != nil {
		return err
	}
	nc, err := m.connect("frontrow-migrate")
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := c.migrateStreams(ctx, nc, m.Replicas, m.LowerReplicas); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.Within)
	defer cancel()
	if err := migrateLedger(ctx, m.Postgres, slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{ReplaceAttr: redactErrors}))); err != nil {
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
func (c terminal) migrateStreams(ctx context.Context, nc *nats.Conn, replicas int, lower bool) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := c.sayWhatIsLost(ctx, js); err != nil {
		return err
	}
	all, err := streams.All(ctx, js, replicas)
	if err != nil {
		return err
	}
	changes, err := streams.Drift(ctx, js, all...)
	if err != nil {
		return err // before anything is changed
	}
	for _, change := range changes {
		fmt.Fprintln(c.stderr, change)
	}
	if err := streams.CreateCore(ctx, js, replicas); err != nil {
		return err
	}
	if err := streams.Create(ctx, js, all[len(streams.Core(replicas)):]...); err != nil { // of events
		return err
	}
	if !lower {
		return nil
	}
	changes, err = streams.LowerReplicas(ctx, js, replicas)
	for _, change := range changes {
		fmt.Fprintln(c.stderr, change)
	}
	return err
}

// sayWhatIsLost names the streams that are missing although others are there: they
// are made anew, empty.
func (c terminal) sayWhatIsLost(ctx context.Context, js jetstream.JetStream) error {
	missing, err := streams.Missing(ctx, js)
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
