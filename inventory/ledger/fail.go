package ledger

import (
	"context"
	"fmt"
	"slices"

	"frontrow/internal/group"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// ReasonGivenUp is the reason of an order whose checkout outlived its hold.
const ReasonGivenUp = "The payment took too long, so the seats were given back. Nothing was charged."

// failure is an order to fail.
type failure struct {
	order, event, fan, reason string
	tombstone                 bool // record it even if the order was never begun
	declined                  bool // nothing stands at the provider
}

// Fail fails a pending order and returns the order as it now stands, which may
// be paid if a Commit came first. Unless the provider declined, it is later asked
// to void what it may have authorised without our knowing. The error is
// ErrNotFound if the order was never begun. reason is a sentence for the fan and
// must not be empty.
func (l *Ledger) Fail(ctx context.Context, order, reason string, declined bool) (Order, error) {
	return l.fails.Do(ctx, failure{order: order, reason: reason, declined: declined})
}

// GiveUp decides the race between an order and the deadline of its hold. A paid
// order stays paid and the reply says so: the seats are the fan's. Any other
// order is failed from now on, even one never begun: a later Begin or Commit
// finds it failed, and the seats may be freed. An error decides nothing; call
// again.
func (l *Ledger) GiveUp(ctx context.Context, order, event, fan string) (wire.OrderReply, error) {
	o, err := l.fails.Do(ctx, failure{order: order, event: event, fan: fan, reason: ReasonGivenUp, tombstone: true})
	if err != nil {
		return wire.OrderReply{}, err
	}
	return o.Reply(), nil
}

func (l *Ledger) fail(ctx context.Context, tx pgx.Tx, items []failure, results []group.Result[Order], _ bool) error {
	failures, _ := distinct(items, func(f failure) string { return f.order })
	if err := l.insertPending(ctx, tx, failures); err != nil {
		return err
	}
	failed, err := l.markFailed(ctx, tx, failures)
	if err != nil {
		return err
	}
	ids := make([]string, len(failures))
	for i, f := range failures {
		ids[i] = f.order
	}
	found, err := load(ctx, tx, ids)
	if err != nil {
		return err
	}
	var void []string
	for _, f := range failures {
		free := found[f.order].Total == 0 && found[f.order].Currency != nothingAgreed
		if failed[f.order] && !f.declined && !free {
			void = append(void, f.order)
		}
	}
	if err := l.voidLater(ctx, tx, void); err != nil {
		return err
	}
	for i, f := range items {
		o, ok := found[f.order]
		if !ok {
			results[i].Err = fmt.Errorf("order %s: %w", f.order, ErrNotFound)
		}
		results[i].Value = o
	}
	return nil
}

// voidLater adds tasks to void what the provider may have, or may yet come to
// have, under orders that have just failed.
func (l *Ledger) voidLater(ctx context.Context, tx pgx.Tx, orders []string) error {
	if len(orders) == 0 {
		return nil
	}
	payloads := slices.Repeat([]string{payload("", 0, "")}, len(orders))
	_, err := tx.Exec(ctx, putVoids, orders, payloads, l.cfg.Now().Add(l.cfg.VoidAfter))
	return err
}

// nothingAgreed is the currency of an order that was never begun: none, in ISO 4217.
const nothingAgreed = "XXX"

// insertPending inserts orders that were never begun as pending, so that markFailed
// can fail them. Nothing was agreed on, so they have no lines and no currency.
func (l *Ledger) insertPending(ctx context.Context, tx pgx.Tx, failures []failure) error {
	var order, hold, event, fan []string
	for _, f := range failures {
		if f.tombstone {
			order, hold = append(order, f.order), append(hold, wire.HoldOfOrder(f.order))
			event, fan = append(event, f.event), append(fan, f.fan)
		}
	}
	if len(order) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO orders (order_id, hold_id, event_id, fan_id, state, total, currency, buyer_name, buyer_email, created_at, updated_at)
		SELECT v.order_id, v.hold_id, v.event_id, v.fan_id, 'pending', 0, $6, '', '', $5, $5
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS v (order_id, hold_id, event_id, fan_id)
		ORDER BY v.order_id
		ON CONFLICT DO NOTHING`, order, hold, event, fan, l.cfg.Now(), nothingAgreed)
	return err
}

// markFailed fails the pending orders and returns which those were.
func (l *Ledger) markFailed(ctx context.Context, tx pgx.Tx, failures []failure) (map[string]bool, error) {
	var order, reason []string
	for _, f := range failures {
		order, reason = append(order, f.order), append(reason, f.reason)
	}
	rows, err := tx.Query(ctx, `
		UPDATE orders o SET state = 'failed', reason = v.reason, updated_at = $3
		FROM unnest($1::text[], $2::text[]) AS v (order_id, reason)
		WHERE o.order_id = v.order_id AND o.state = 'pending'
		RETURNING o.order_id`, order, reason, l.cfg.Now())
	if err != nil {
		return nil, err
	}
	failed := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { failed[id] = true; return nil })
	return failed, err
}
