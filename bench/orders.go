package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"frontrow/internal/pgd"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment/sandbox"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
)

const (
	orderCallers = 2048
	// classicConns is how many connections the baseline has, each with a
	// transaction of one order on it.
	classicConns = 32
	// orderPatience is within a delivery's second attempt.
	orderPatience = 60 * time.Second
)

// benchOrders is the row "orders".
func benchOrders(ctx context.Context, b *bench) error {
	pg, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(b.dir, "postgres"), NoSyncInit: true})
	if err != nil {
		return err
	}
	defer pg.Stop() //nolint:errcheck // its directory goes next
	region, err := startRegion(ctx, b.dir, b.seats)
	if err != nil {
		return err
	}
	defer region.close()
	shop, err := openShop(ctx, b, region, pg.DSN())
	if err != nil {
		return err
	}
	defer shop.close()
	classic, err := openClassic(ctx, pg.DSN(), region)
	if err != nil {
		return err
	}
	defer classic.pool.Close()
	figures, err := b.alternate(ctx, orderCallers, side{"frontrow", shop.prepare}, side{"postgresql", classic.prepare})
	if err != nil {
		return err
	}
	if err := shop.audit(ctx); err != nil {
		return err
	}
	b.report(result{Row: "orders", Mode: "R1", Unit: "orders/s", Callers: orderCallers,
		Note: fmt.Sprintf("of 2 seats held and marked for checkout before: published to ORDERS until its fan is told that it is paid, with begin, authorisation by the payment sandbox over HTTP, commit, confirmation of the seats and capture; the baseline inserts order, lines, bookings and tickets and updates the seats in one transaction over %d connections, without any payment", classicConns)},
		figures[0], figures[1], "PostgreSQL, one transaction an order, no payment")
	return nil
}

// shop is everything an order passes through.
type shop struct {
	bench  *bench
	region *region
	ledger *ledger.Ledger
	orders *kv.Committer
	nc     *nats.Conn // the buyers'
	pairs  [][2]string
	event  string // of the last round
	ends   []func()
}

func openShop(ctx context.Context, b *bench, r *region, dsn string) (*shop, error) {
	s := &shop{bench: b, region: r, pairs: r.pairs()}
	var err error
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: dsn}); err != nil {
		return nil, err
	}
	s.ends = append(s.ends, s.ledger.Close)
	if err := s.ledger.Migrate(ctx); err != nil {
		return s, err
	}
	s.ends = append(s.ends, r.background("ledger", s.ledger.Run))
	provider, err := sandbox.New(sandbox.Config{Dir: b.dir})
	if err != nil {
		return s, err
	}
	s.ends = append(s.ends, r.background("payments", provider.Run))
	stop, err := r.sell(s.ledger)
	if err != nil {
		return s, err
	}
	s.ends = append(s.ends, stop)
	// The checkout is another process; so are the gateways who publish orders.
	worker, err := r.jetStream()
	if err != nil {
		return s, err
	}
	c, err := checkout.New(checkout.Config{NATS: worker.Conn(), JetStream: worker, Ledger: s.ledger, Outbox: s.ledger, Provider: sandbox.NewClient(provider.URL(), 0)})
	if err != nil {
		return s, err
	}
	s.ends = append(s.ends, worker.Conn().Close, r.background("checkout", c.Run))
	gateway, err := r.jetStream()
	if err != nil {
		return s, err
	}
	s.nc = gateway.Conn()
	s.orders = kv.NewCommitter(kv.CommitterConfig{Stream: kv.OpenStream(gateway, wire.OrdersStream)})
	s.ends = append(s.ends, s.nc.Close, r.background("committer", s.orders.Run))
	return s, nil
}

func (s *shop) close() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
}

// prepare makes an event with as many checkouts begun as a round can do.
func (s *shop) prepare(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
	event := fmt.Sprint("orders-", round)
	if err := s.region.stage(ctx, event); err != nil {
		return nil, 0, err
	}
	seats := make([]string, s.region.index.Len())
	for i := range seats {
		seats[i] = s.region.index.ID(i)
	}
	if err := s.ledger.PutEvent(ctx, s.region.event(event), seats); err != nil {
		return nil, 0, err
	}
	if err := s.region.onSale(ctx, s.nc, event); err != nil {
		return nil, 0, err
	}
	s.event = event
	n := min(len(s.pairs), int(maxOrders*s.bench.limit.Seconds()))
	orders := make([]wire.OrderMessage, n)
	_, err := drive(ctx, load{callers: holdCallers, limit: time.Minute, ops: n}, func(ctx context.Context, i int) (err error) {
		orders[i], err = s.begin(ctx, event, s.pairs[i])
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	settled, err := s.listen(event, orders)
	return func(ctx context.Context, i int) error { return s.buy(ctx, orders[i], settled[orders[i].Order]) }, n, err
}

// maxOrders bounds the orders prepared for each second of a round: one that has
// sold them all ends sooner.
const maxOrders = 3000

// begin is what a fan and his gateway do before ORDERS.
func (s *shop) begin(ctx context.Context, event string, pair [2]string) (wire.OrderMessage, error) {
	id, fan := wire.NewHold(), wire.NewFan()
	if err := hold(ctx, s.nc, event, id, fan, pair); err != nil {
		return wire.OrderMessage{}, err
	}
	in, err := ask[wire.HoldReply](ctx, s.nc, wire.SeatsSubject(event, wire.ActCheckout),
		wire.CheckoutRequest{Hold: id, Fan: fan, Key: wire.Hash([]byte(id)), Body: "body"})
	if err == nil && in.Problem != nil {
		err = fmt.Errorf("checkout: %w", in.Problem)
	}
	return wire.OrderMessage{Order: wire.OrderOfHold(id), Hold: id, Event: event, Fan: fan, Seats: in.Seats,
		Total: in.Total, Currency: in.Currency, Payment: wire.Payment{Method: "tok_visa"},
		Buyer: wire.Buyer{Name: "Ann Example", Email: "ann@example.com"}, At: time.Now().UTC()}, err
}

// listen routes the notices of an event to those who wait for them.
func (s *shop) listen(event string, orders []wire.OrderMessage) (map[string]chan wire.Notice, error) {
	settled := make(map[string]chan wire.Notice, len(orders))
	for _, o := range orders {
		settled[o.Order] = make(chan wire.Notice, 8)
	}
	_, err := s.nc.Subscribe(wire.NoticeAll(event), func(m *nats.Msg) {
		var n wire.Notice
		if json.Unmarshal(m.Data, &n) == nil && settled[n.Order] != nil {
			select {
			case settled[n.Order] <- n:
			default: // told often enough
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return settled, s.nc.Flush()
}

// buy publishes an order as the gateway does and waits for its end.
func (s *shop) buy(ctx context.Context, o wire.OrderMessage, settled <-chan wire.Notice) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := s.orders.Do(ctx, kv.Write{Key: wire.OrderSubject(o.Event, o.Hold), Value: raw, Expect: kv.Absent()}); err != nil {
		return err
	}
	select {
	case n := <-settled:
		if n.State != string(wire.OrderPaid) {
			return fmt.Errorf("order %s is %s: %s", o.Order, n.State, n.Reason)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.region.failed.Done():
		return context.Cause(s.region.failed)
	case <-time.After(orderPatience):
		return fmt.Errorf("order %s was not settled in %v", o.Order, orderPatience)
	}
}

// audit lets the ledger check what the last round has sold.
func (s *shop) audit(ctx context.Context) error {
	a, err := s.ledger.Audit(ctx, s.event)
	if err != nil {
		return err
	}
	if len(a.Violations) > 0 || a.Orders[wire.OrderPaid] == 0 {
		return fmt.Errorf("audit of %s: %+v", s.event, a)
	}
	return nil
}

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

func openClassic(ctx context.Context, dsn string, r *region) (*classic, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = classicConns, classicConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, classicSchema)
	return &classic{pool, r.pairs()}, err
}

func (c *classic) prepare(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
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
