package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/pgd"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/kv"
	"frontrow/proof/bench/report"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const (
	orderCallers = 2048
	// classicConns is how many connections the baseline has, each with a
	// transaction of one order on it.
	classicConns = 32
	// orderPatience is longer than a few deliveries take.
	orderPatience = patience
)

// benchPurchase is the row "purchase": from ORDERS to paid, with a provider that
// answers at once. benchPurchasePaid is the same with payment over HTTP.
func benchPurchase(ctx context.Context, b *bench) error     { return b.purchase(ctx, false) }
func benchPurchasePaid(ctx context.Context, b *bench) error { return b.purchase(ctx, true) }

func (b *bench) purchase(ctx context.Context, overHTTP bool) error {
	shop, err := b.openShop(ctx, overHTTP)
	if err != nil {
		return err
	}
	classic, err := openClassic(ctx, shop)
	if err != nil {
		return err
	}
	provider := "a provider in the process"
	if overHTTP {
		provider = "the payment sandbox over HTTP"
	}
	if err := b.compare(ctx, report.Result{Unit: "orders/s", Callers: orderCallers,
		Note: fmt.Sprintf("of 2 seats held and marked for checkout before: published to ORDERS until its fan is told that it is paid, with begin, authorisation by %s, commit, confirmation of the seats and capture; the baseline inserts order, lines, bookings and tickets and updates the seats in one transaction over %d connections, without any payment", provider, classicConns)},
		side{name: "frontrow", prepare: shop.prepare}, classic.side("no payment")); err != nil {
		return err
	}
	return shop.audit(ctx)
}

// bank is a provider that says yes at once. The sandbox is measured beside it.
type bank struct{}

func (bank) Authorize(_ context.Context, r payment.AuthRequest) (payment.Auth, error) {
	return payment.Auth{Order: r.Order, Reference: r.Order, State: payment.Authorized, Amount: r.Amount, Currency: r.Currency}, nil
}
func (bank) Capture(_ context.Context, t payment.Terms) (payment.Auth, error) {
	return payment.Auth{Order: t.Order, Reference: t.Reference, State: payment.Captured, Amount: t.Amount, Currency: t.Currency}, nil
}
func (bank) Void(_ context.Context, t payment.Terms) (payment.Auth, error) {
	return payment.Auth{Order: t.Order, Reference: t.Reference, State: payment.Voided, Amount: t.Amount, Currency: t.Currency}, nil
}
func (bank) Refund(context.Context, payment.RefundRequest) (payment.Auth, error) {
	return payment.Auth{}, payment.ErrPermanent
}
func (bank) Get(context.Context, string) (payment.Auth, error) {
	return payment.Auth{}, payment.ErrNotFound
}

// shop is everything an order passes through.
type shop struct {
	region *region
	dsn    string
	ledger *ledger.Ledger
	orders *kv.Committer
	nc     *nats.Conn // the buyers'
	asks   asker      // the gateway's
	pairs  [][2]string
	event  string // of the last round
	close  func() // has the worker hand its events over
}

func (b *bench) openShop(ctx context.Context, overHTTP bool) (*shop, error) {
	pg, err := pgd.Start(ctx, pgd.Config{Dir: filepath.Join(b.dir, "postgres"), NoSyncInit: true})
	if err != nil {
		return nil, err
	}
	b.end(func() { _ = pg.Stop() }) // its directory goes next
	r, err := b.startRegion(ctx, b.seats)
	if err != nil {
		return nil, err
	}
	s := &shop{region: r, dsn: pg.DSN(), pairs: r.pairs()}
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: s.dsn}); err != nil {
		return nil, err
	}
	b.end(s.ledger.Close)
	if err := s.ledger.Migrate(ctx); err != nil {
		return nil, err
	}
	r.background("ledger", s.ledger.Run)
	var provider payment.Provider = bank{}
	if overHTTP {
		server, err := sandbox.New(sandbox.Config{Dir: b.dir})
		if err != nil {
			return nil, err
		}
		r.background("payments", server.Run)
		provider = sandbox.NewClient(server.URL(), 0)
	}
	if s.close, err = r.sell(s.ledger); err != nil {
		return nil, err
	}
	// The checkout is another process; so are the gateways who publish orders.
	worker, err := r.jetStream()
	if err != nil {
		return nil, err
	}
	c, err := checkout.New(checkout.Config{Bus: asking.New(bus.New(worker.Conn()), wire.TogetherOrders), Store: kv.JetStream(worker), Orders: checkout.OrdersIn(worker), Ledger: s.ledger, Outbox: s.ledger, Parking: s.ledger, Provider: provider})
	if err != nil {
		return nil, err
	}
	r.background("checkout", c.Run)
	gateway, err := r.jetStream()
	if err != nil {
		return nil, err
	}
	s.nc, s.asks = gateway.Conn(), asGateway(gateway.Conn())
	s.orders = kv.NewCommitter(kv.CommitterConfig{Stream: kv.OpenStream(gateway, wire.OrdersStream)})
	r.background("committer", s.orders.Run)
	return s, nil
}

// prepare makes an event with as many checkouts begun as a round can do.
func (s *shop) prepare(ctx context.Context, round int) (operation, int, error) {
	event := fmt.Sprint("orders-", round)
	if err := s.open(ctx, event); err != nil {
		return nil, 0, err
	}
	n := min(len(s.pairs), int(maxOrders*s.region.bench.limit.Seconds()))
	orders, err := s.beginAll(ctx, event, n)
	if err != nil {
		return nil, 0, err
	}
	settled, err := s.listen(event)
	return func(ctx context.Context, i int) error { return s.buy(ctx, orders[i], settled.of(orders[i].Order)) }, n, err
}

// beginAll begins the checkouts of the first n pairs.
func (s *shop) beginAll(ctx context.Context, event string, n int) ([]wire.OrderMessage, error) {
	orders := make([]wire.OrderMessage, n)
	_, err := s.region.bench.drive(ctx, load{callers: holdCallers, ops: n}, func(ctx context.Context, i int) (err error) {
		orders[i], err = s.begin(ctx, event, s.pairs[i])
		return err
	})
	return orders, err
}

// open puts an event on sale that the ledger knows.
func (s *shop) open(ctx context.Context, event string) error {
	if err := s.region.stage(ctx, event); err != nil {
		return err
	}
	seats := make([]string, s.region.index.Len())
	for i := range seats {
		seats[i] = s.region.index.ID(i)
	}
	// On a busy machine that may take longer than the ledger waits; the writer, too, asks again.
	if err := s.region.until(ctx, func() error { return s.ledger.PutEvent(ctx, s.region.event(event), seats) }); err != nil {
		return err
	}
	s.event = event
	return s.region.opened(ctx, s.asks, event)
}

// maxOrders bounds the orders prepared for each second of a round: one that has
// sold them all ends sooner.
const maxOrders = 3000

// begin is what a fan and their gateway do before ORDERS.
func (s *shop) begin(ctx context.Context, event string, pair [2]string) (wire.OrderMessage, error) {
	id, fan := wire.NewHold(), wire.NewFan()
	if err := hold(ctx, s.asks, event, id, fan, pair); err != nil {
		return wire.OrderMessage{}, err
	}
	in, err := ask[wire.HoldReply](ctx, s.asks, wire.SeatsSubject(event, wire.ActCheckout),
		wire.CheckoutRequest{Hold: id, Fan: fan, Key: wire.Hash([]byte(id)), Body: "body"})
	if err == nil && in.Problem != nil {
		err = fmt.Errorf("checkout: %w", in.Problem)
	}
	return wire.OrderMessage{Order: wire.OrderOfHold(id), Hold: id, Event: event, Fan: fan, Seats: in.Seats,
		Total: in.Total, Currency: in.Currency, Payment: wire.Payment{Method: "tok_visa"},
		Buyer: wire.Buyer{Name: "Ann Example", Email: "ann@example.com"}, At: time.Now().UTC()}, err
}

// settlements are those who wait for their orders.
type settlements struct {
	mu      sync.Mutex
	waiting map[string]chan *wire.Notice
}

// of is where the news of an order arrives.
func (s *settlements) of(order string) <-chan *wire.Notice { return s.channel(order) }

func (s *settlements) channel(order string) chan *wire.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[order] == nil {
		s.waiting[order] = make(chan *wire.Notice, 8)
	}
	return s.waiting[order]
}

// listen routes the notices of an event to those who wait for them.
func (s *shop) listen(event string) (*settlements, error) {
	settled := &settlements{waiting: map[string]chan *wire.Notice{}}
	_, err := s.nc.Subscribe(wire.NoticeAll(event), func(m *nats.Msg) {
		var n wire.Notice
		if wire.Unmarshal(m.Data, &n) == nil && n.Order != "" {
			select {
			case settled.channel(n.Order) <- &n:
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
func (s *shop) buy(ctx context.Context, o wire.OrderMessage, settled <-chan *wire.Notice) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := s.orders.Do(ctx, kv.Write{Key: wire.OrderSubject(o.Event, o.Order), Value: raw, Expect: kv.Absent()}); err != nil {
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
