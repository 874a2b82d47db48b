package ledger

import (
	"context"
	"fmt"

	"frontrow/internal/group"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// Begin records an order as pending and returns it. An order already known is
// returned as it stands: pending, paid, failed or refunded. The error is
// ErrUnknownEvent if the event is not in the ledger yet.
func (l *Ledger) Begin(ctx context.Context, m wire.OrderMessage) (Order, error) {
	return l.begins.Do(ctx, m)
}

func (l *Ledger) begin(ctx context.Context, tx pgx.Tx, items []wire.OrderMessage, results []group.Result[Order], _ bool) error {
	messages, index := distinct(items, func(m wire.OrderMessage) string { return m.Order })
	placed, err := l.place(ctx, tx, messages)
	if err != nil {
		return err
	}
	var known []string
	for _, m := range messages {
		if !placed[m.Order] {
			known = append(known, m.Order)
		}
	}
	found, err := load(ctx, tx, known)
	if err != nil {
		return err
	}
	for i, m := range items {
		m = messages[index[i]]
		o, ok := found[m.Order]
		switch {
		case ok:
			results[i].Value = o
		case placed[m.Order]:
			results[i].Value = Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending,
				Seats: m.Seats, Total: m.Total, Currency: m.Currency}
		default:
			results[i].Err = fmt.Errorf("order %s: event %s: %w", m.Order, m.Event, ErrUnknownEvent)
		}
	}
	return nil
}

// place inserts the orders that are missing and returns which those were. It
// inserts them in the order of their ids, so that two workers never deadlock.
func (l *Ledger) place(ctx context.Context, tx pgx.Tx, messages []wire.OrderMessage) (map[string]bool, error) {
	var order, hold, event, fan, currency, name, email []string
	var total []int64
	for _, m := range messages {
		order, hold, event, fan = append(order, m.Order), append(hold, m.Hold), append(event, m.Event), append(fan, m.Fan)
		total, currency = append(total, m.Total), append(currency, m.Currency)
		name, email = append(name, m.Buyer.Name), append(email, m.Buyer.Email)
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO orders (order_id, hold_id, event_id, fan_id, state, total, currency, buyer_name, buyer_email, created_at, updated_at)
		SELECT m.order_id, m.hold_id, m.event_id, m.fan_id, 'pending', m.total, m.currency, m.name, m.email, $9, $9
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
			AS m (order_id, hold_id, event_id, fan_id, total, currency, name, email)
		WHERE EXISTS (SELECT FROM events e WHERE e.event_id = m.event_id)
		ORDER BY m.order_id
		ON CONFLICT DO NOTHING
		RETURNING order_id`,
		order, hold, event, fan, total, currency, name, email, l.cfg.Now())
	if err != nil {
		return nil, err
	}
	placed := make(map[string]bool, len(messages))
	var id string
	if _, err = pgx.ForEachRow(rows, []any{&id}, func() error { placed[id] = true; return nil }); err != nil {
		return nil, err
	}
	var n lineColumns
	for _, m := range messages {
		if placed[m.Order] {
			n.add(m.Order, m.Seats)
		}
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO order_lines (order_id, seat_id, label, level, base, service_fee, facility_fee, total, price_version, tax, concession, promotion, list)
		SELECT n.order_id, n.seat_id, n.label, n.level, n.base, n.service_fee, n.facility_fee, n.total, n.price_version, n.tax, n.concession, n.promotion, n.list
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
			$10::bigint[], $11::text[], $12::text[], $13::bigint[])
			AS n (order_id, seat_id, label, level, base, service_fee, facility_fee, total, price_version, tax, concession, promotion, list)`,
		n.order, n.seat, n.label, n.level, n.base, n.service, n.facility, n.total, n.version, n.tax, n.concession, n.promotion, n.list)
	return placed, err
}

// lineColumns are order lines turned into arrays for unnest.
type lineColumns struct {
	order, seat, label, level               []string
	base, service, facility, total, version []int64
	concession, promotion                   []string
	tax, list                               []int64
}

func (c *lineColumns) add(order string, seats []wire.SeatQuote) {
	for _, q := range seats {
		c.order, c.seat = append(c.order, order), append(c.seat, q.ID)
		c.label, c.level = append(c.label, q.Label), append(c.level, q.Level)
		c.base, c.service = append(c.base, q.Price.Base), append(c.service, q.Price.ServiceFee)
		c.facility, c.total = append(c.facility, q.Price.FacilityFee), append(c.total, q.Price.Total)
		c.version, c.tax = append(c.version, q.Version), append(c.tax, q.Price.Tax)
		c.concession, c.promotion, c.list = append(c.concession, q.Concession), append(c.promotion, q.Promotion), append(c.list, q.List)
	}
}
