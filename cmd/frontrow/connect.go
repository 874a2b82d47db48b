package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsFlags say where NATS is.
type natsFlags struct {
	NATS     string     `name:"nats" default:"nats://127.0.0.1:4222" placeholder:"URL" help:"NATS URLs, separated by commas."`
	NATSFile secretFile `name:"nats-file" placeholder:"FILE" help:"File with the value of --nats, which keeps it out of process lists."`
	Creds    string     `placeholder:"FILE" help:"NATS credentials file."`
}

// postgresFlags say where PostgreSQL is.
type postgresFlags struct {
	Postgres     string     `placeholder:"DSN" help:"PostgreSQL DSN."`
	PostgresFile secretFile `placeholder:"FILE" help:"File with the value of --postgres, which keeps it out of process lists."`
}

func (p postgresFlags) needsPostgres() error {
	if p.Postgres == "" {
		return usageError{errors.New("--postgres is needed, or --postgres-file")}
	}
	return nil
}

// connect opens a connection that comes back by itself. While it is away,
// nothing is kept to be sent late: the caller learns at once.
func (n natsFlags) connect(name string, more ...nats.Option) (*nats.Conn, error) {
	opts := append([]nats.Option{nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1)}, more...)
	if n.Creds != "" {
		if _, err := readSecret(n.Creds); err != nil {
			return nil, fmt.Errorf("--creds: %w", err)
		}
		opts = append(opts, nats.UserCredentials(n.Creds))
	}
	nc, err := nats.Connect(n.NATS, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redacted(n.NATS), err)
	}
	return nc, nil
}

// jetStream connects a tool, which closes the connection (Conn) when it is done.
func (n natsFlags) jetStream(name string) (jetstream.JetStream, error) {
	nc, err := n.connect(name)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
	}
	return js, err
}

// readyPoll spaces the questions while services come up.
const readyPoll = 50 * time.Millisecond

// whenServed waits until admission answers.
func whenServed(ctx context.Context, nc *nats.Conn) error {
	return eventually(ctx, func() error {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING."+wire.ServiceAdmission, nil)
		return err
	})
}

// onSale waits until an event has a writer and a board, so that whoever reads
// "ready" can buy.
func onSale(ctx context.Context, nc *nats.Conn, event string) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	return eventually(ctx, func() error {
		_, err := nc.RequestWithContext(ctx, wire.SeatsSubject(event, wire.ActStatus), nil)
		if err != nil {
			return err
		}
		_, err = kv.Open(js, wire.BoardBucket).Get(ctx, event)
		return err
	})
}

// eventually tries until it succeeds or ctx ends.
func eventually(ctx context.Context, try func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, try() }, every(readyPoll)...)
	return err
}

// every tries again after the same pause, for as long as the context lives.
func every(pause time.Duration) []backoff.RetryOption {
	return []backoff.RetryOption{backoff.WithBackOff(backoff.NewConstantBackOff(pause)), backoff.WithMaxElapsedTime(0)}
}
