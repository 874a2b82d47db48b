package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kinds of task in the outbox.
const (
	KindCapture = "capture" // take the money of a paid order
	KindVoid    = "void"    // give up what may be authorised under a failed or refunded order
	KindRefund  = "refund"  // return Amount of what was captured
)

// Task is something the payment provider has still to be told. Reference is
// empty if the order failed before its authorisation was known here.
type Task struct {
	ID        int64
	Kind      string
	Order     string
	Key       string // idempotency key of a refund, unlike any other's and the same for ever; else empty
	Reference string
	Amount    int64
	Currency  string
	Attempts  int // this one included; names the claim
}

type taskPayload struct {
	Reference string `json:"reference,omitempty"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
}

// Claim takes up to n tasks that are due, for lease: a task not finished by
// then is due again. No two workers hold the same claim. A refund is not due
// before the capture of its order is done.
func (l *Ledger) Claim(ctx context.Context, n int, lease time.Duration) ([]Task, error) {
	now := l.cfg.Now()
	tasks, err := query(ctx, l, scanTask, `
		UPDATE outbox o SET attempts = o.attempts + 1, next_at = $2
		FROM (SELECT id FROM outbox x WHERE done_at IS NULL AND next_at <= $1
				AND NOT (kind = 'refund' AND EXISTS (
					SELECT FROM outbox c WHERE c.order_id = x.order_id AND c.kind = 'capture' AND c.done_at IS NULL))
			ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
		WHERE o.id = due.id
		RETURNING o.id, o.kind, o.order_id, o.refund_no, o.payload, o.attempts`, now, now.Add(lease), n)
	if err != nil {
		return nil, fmt.Errorf("ledger: claim: %w", err)
	}
	return tasks, nil
}

func scanTask(row pgx.CollectableRow) (t Task, err error) {
	var raw []byte
	var refund int
	if err := row.Scan(&t.ID, &t.Kind, &t.Order, &refund, &raw, &t.Attempts); err != nil {
		return t, err
	}
	if t.Kind == KindRefund {
		t.Key = fmt.Sprintf("%s.%d", t.Order, refund)
	}
	var p taskPayload
	err = json.Unmarshal(raw, &p)
	t.Reference, t.Amount, t.Currency = p.Reference, p.Amount, p.Currency
	return t, err
}

// Finish settles claimed tasks: done, or due again at the instant in retry.
// Claims that have passed to somebody else are left alone.
func (l *Ledger) Finish(ctx context.Context, done []Task, retry map[int64]time.Time) error {
	var ids, attempts, again []int64
	var at []time.Time
	for _, t := range done {
		ids, attempts = append(ids, t.ID), append(attempts, int64(t.Attempts))
	}
	for id, next := range retry {
		again, at = append(again, id), append(at, next)
	}
	err := l.transact(ctx, "finish", func(ctx context.Context, tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`
			WITH done AS (
				UPDATE outbox o SET done_at = $3 FROM unnest($1::bigint[], $2::bigint[]) AS v (id, attempts)
				WHERE o.id = v.id AND o.attempts = v.attempts AND o.done_at IS NULL
				RETURNING o.order_id, o.kind, o.refund_no),
			returned AS (
				UPDATE refunds r SET done_at = $3 FROM done d
				WHERE d.kind = 'refund' AND r.order_id = d.order_id AND r.refund_no = d.refund_no)
			UPDATE payments p SET state = CASE d.kind WHEN 'capture' THEN 'captured' ELSE 'voided' END, updated_at = $3
			FROM done d WHERE p.order_id = d.order_id AND p.state = 'authorized' AND d.kind <> 'refund'`, ids, attempts, l.cfg.Now())
		b.Queue(`UPDATE outbox o SET next_at = v.next_at FROM unnest($1::bigint[], $2::timestamptz[]) AS v (id, next_at)
			WHERE o.id = v.id AND o.done_at IS NULL`, again, at)
		return run(ctx, tx, &b)
	})
	if err != nil {
		return fmt.Errorf("ledger: finish: %w", err)
	}
	return nil
}
