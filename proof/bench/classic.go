package main

import (
	"context"
	"errors"
	"fmt"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// classic is the usual shop: tables, constraints and one transaction an order.
type classic struct {
	pool  *pgxpool.Pool
	pairs [][2]string
}

// The tables are the ledger's, without what only it needs.
const classicSchema = `
CREATE SCHEMA classic;
CREATE TABLE classic.seats (event_id text, seat_id text, status text NOT NULL DEFAULT 'AVAILABLE', PRIMARY KEY (event_id, seat_id)) WITH (fillfactor = 50);
CREATE TABLE classic.orders (order_id text PRIMARY KEY, event_id text NOT NULL, fan_id text NOT NULL, state text NOT NULL, total bigint NOT NULL,
	currency text NOT NULL, buyer_name text NOT NULL, buyer_email text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE classic.order_lines (order_id text, seat_id text, label text NOT NULL, level text NOT NULL, total bigint NOT NULL, PRIMARY KEY (order_id, seat_id));
CREATE TABLE classic.bookings (event_id text, seat_id text, order_id text NOT NULL, ticket_id text NOT NULL, booked_at timestamptz NOT NULL, UNIQUE (event_id, seat_id));
CREATE TABLE classic.tickets (ticket_id text PRIMARY KEY, event_id text NOT NULL, seat_id text NOT NULL, order_id text NOT NULL, fan_id text NOT NULL, label text NOT NULL, state text NOT NULL);
CREATE INDEX ON classic.orders (event_id);
CREATE INDEX ON classic.tickets (order_id);`

// openClassic is the usual shop on the PostgreSQL of ours, until the row ends.
func openClassic(ctx context.Context, s *shop) (*classic, error) {
	cfg, err := pgxpool.ParseConfig(s.dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = classicConns, classicConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.region.bench.end(pool.Close)
	_, err = pool.Exec(ctx, classicSchema)
	return &classic{pool, s.pairs}, err
}

// side is the baseline of a row; what it lacks is part of its name.
func (c *classic) side(lacks string) side {
	return side{name: "PostgreSQL, one transaction an order, " + lacks, prepare: c.prepare}
}

func (c *classic) prepare(ctx context.Context, round int) (operation, int, error) {
	event := fmt.Sprint("orders-", round)
	var seats []string
	for _, p := range c.pairs {
		seats = append(seats, p[:]...)
	}
	_, err := c.pool.Exec(ctx, `INSERT INTO classic.seats (event_id, seat_id) SELECT $1, unnest($2::text[])`, event, seats)
	if err == nil {
		_, err = c.pool.Exec(ctx, "ANALYZE classic.seats")
	}
	return func(ctx context.Context, i int) error {
		return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { return buyClassic(ctx, tx, event, c.pairs[i]) })
	}, len(c.pairs), err
}

// buyClassic sends all statements of an order in one round trip.
func buyClassic(ctx context.Context, tx pgx.Tx, event string, pair [2]string) error {
	order, fan, t1, t2 := "o_"+wire.NewHold(), wire.NewFan(), wire.NewTicket(), wire.NewTicket()
	label := [2]string{"Block 101, Row A, Seat " + pair[0], "Block 101, Row A, Seat " + pair[1]}
	var b pgx.Batch
	b.Queue(`INSERT INTO classic.orders VALUES ($1, $2, $3, 'paid', $4, 'EUR', 'Ann Example', 'ann@example.com', now())`, order, event, fan, 21500)
	b.Queue(`INSERT INTO classic.order_lines VALUES ($1, $2, $3, 'level-1', 10750), ($1, $4, $5, 'level-1', 10750)`, order, pair[0], label[0], pair[1], label[1])
	b.Queue(`UPDATE classic.seats SET status = 'SOLD' WHERE event_id = $1 AND seat_id = ANY ($2::text[]) AND status = 'AVAILABLE'`, event, pair[:])
	b.Queue(`INSERT INTO classic.bookings VALUES ($1, $2, $3, $4, now()), ($1, $5, $3, $6, now())`, event, pair[0], order, t1, pair[1], t2)
	b.Queue(`INSERT INTO classic.tickets VALUES ($1, $2, $3, $4, $5, $6, 'valid'), ($7, $2, $8, $4, $5, $9, 'valid')`,
		t1, event, pair[0], order, fan, label[0], t2, pair[1], label[1])
	results := tx.SendBatch(ctx, &b)
	for k := range b.Len() {
		tag, err := results.Exec()
		if err == nil && k == 2 && tag.RowsAffected() != 2 {
			err = errors.New("a free seat is taken")
		}
		if err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return results.Close()
}
