package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// BenchmarkPurchase runs Begin and Commit for orders of two seats, each caller
// waiting for its own order. "single" is the classic design: one transaction
// per order, with the same effect.
func BenchmarkPurchase(b *testing.B) {
	for _, callers := range []int{64, 512} {
		b.Run(fmt.Sprintf("group/%d", callers), func(b *testing.B) {
			l := opened(b, 2*b.N)
			sell(b, callers, func(m wire.OrderMessage) error {
				if _, err := l.Begin(b.Context(), m); err != nil {
					return err
				}
				o, err := commit(b.Context(), l, purchase(m, 1))
				if err == nil && o.State != wire.OrderPaid {
					err = fmt.Errorf("%+v", o)
				}
				return err
			})
		})
		b.Run(fmt.Sprintf("single/%d", callers), func(b *testing.B) {
			l := opened(b, 2*b.N)
			sell(b, callers, func(m wire.OrderMessage) error {
				return pgx.BeginFunc(b.Context(), l.pool, func(tx pgx.Tx) error { return classic(b.Context(), tx, m) })
			})
		})
	}
}

// sell makes b.N orders from the given number of callers.
func sell(b *testing.B, callers int, do func(wire.OrderMessage) error) {
	orders := make([]wire.OrderMessage, b.N)
	for i := range orders {
		orders[i] = order(2*i, 2*i+1)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := do(orders[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkRefundEvent refunds a whole event of two-seat orders.
func BenchmarkRefundEvent(b *testing.B) {
	l := opened(b, 2*b.N)
	sell(b, 512, func(m wire.OrderMessage) error {
		_, err := l.Begin(b.Context(), m)
		if err == nil {
			_, err = commit(b.Context(), l, purchase(m, 1))
		}
		return err
	})
	b.ResetTimer()
	b.StartTimer()
	for n := 0; n < b.N; {
		done, err := l.RefundEvent(b.Context(), rain)
		if err != nil || len(done) == 0 {
			b.Fatal(n, err)
		}
		must(b, l.Told(b.Context(), done))
		n += len(done)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// classic places an order in one pipelined transaction, as a careful team would
// write it: one statement per row, one fsync per order.
func classic(ctx context.Context, tx pgx.Tx, m wire.OrderMessage) error {
	var b pgx.Batch
	b.Queue(`INSERT INTO orders (order_id, hold_id, event_id, fan_id, state, total, currency, buyer_name, buyer_email, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 'paid', $5, $6, $7, $8, now(), now())`,
		m.Order, m.Hold, m.Event, m.Fan, m.Total, m.Currency, m.Buyer.Name, m.Buyer.Email)
	for _, q := range m.Seats {
		ticket := wire.NewTicket()
		b.Queue(`INSERT INTO order_lines (order_id, seat_id, label, level, base, service_fee, facility_fee, total, price_version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			m.Order, q.ID, q.Label, q.Level, q.Price.Base, q.Price.ServiceFee, q.Price.FacilityFee, q.Price.Total, q.Version)
		exactly(b.Queue(`UPDATE seats SET status = 'SOLD', fence = 1
			WHERE event_id = $1 AND seat_id = $2 AND status = 'AVAILABLE' AND fence < 1`, m.Event, q.ID), 1)
		b.Queue(`INSERT INTO bookings (event_id, seat_id, order_id, ticket_id, hold_revision, booked_at)
			VALUES ($1, $2, $3, $4, 1, now())`, m.Event, q.ID, m.Order, ticket)
		b.Queue(`INSERT INTO tickets (ticket_id, event_id, seat_id, order_id, fan_id, label, state, generation)
			VALUES ($1, $2, $3, $4, $5, $6, 'valid', 1)`, ticket, m.Event, q.ID, m.Order, m.Fan, q.Label)
	}
	b.Queue(`INSERT INTO payments (order_id, provider, reference, state, amount, currency, created_at, updated_at)
		VALUES ($1, 'test', 'ref', 'authorized', $2, $3, now(), now())`, m.Order, m.Total, m.Currency)
	b.Queue(`INSERT INTO outbox (kind, order_id, payload, next_at) VALUES ('capture', $1, $2, now())`,
		m.Order, payload("ref", m.Total, m.Currency))
	return run(ctx, tx, &b)
}
