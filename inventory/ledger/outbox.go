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
	KindVoid    = "void"    // void any authorisation under a failed or refunded order
	KindRefund  = "refund"  // return Amount of what was captured
)

// Task is something the payment provider must still be asked to do. Reference
// is empty if the order failed before its authorisation was known here.
type Task struct {
	ID        int64
	Kind      string
	Order     string
	Key       string // idempotency key of a refund, unique to it and never changed; else empty
	Reference string
	Amount    int64
	Currency  string
	Attempts  int // including this one; identifies the claim
}

type taskPayload struct {
	Reference string `json:"reference,omitempty"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
}

// Claim takes up to n due tasks for the time of lease: a task not finished by
// then is due again. No two workers hold the same claim. A refund is not due
// until its order's capture is done.
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

// End says what became of a claimed task. It is done unless one of the fields says
// otherwise.
type End struct {
	Task
	Again   time.Time // when it is due again
	Refused string    // why the provider refuses a capture for good, however often it is asked
}

// Finish settles claimed tasks. One whose claim has passed to another worker is left
// alone. A capture that is done is forgotten: its payment says so. One that is refused
// waits for an operator (Refused).
func (l *Ledger) Finish(ctx context.Context, ends []End) error {
	var others, again claims
	captures := map[int][]int64{} // by attempts, which is mostly the first
	var at []time.Time
	var refused []End
	for _, e := range ends {
		switch {
		case e.Refused != "":
			refused = append(refused, e)
		case !e.Again.IsZero():
			again.add(e.Task)
			at = append(at, e.Again)
		case e.Kind == KindCapture:
			captures[e.Attempts] = append(captures[e.Attempts], e.ID)
		default:
			others.add(e.Task)
		}
	}
	err := l.transact(ctx, "finish", func(ctx context.Context, tx pgx.Tx) error {
		now := l.cfg.Now()
		var b pgx.Batch
		for attempts, ids := range captures {
			b.Queue(endCaptures, ids, attempts, now)
		}
		if len(others.id) > 0 {
			b.Queue(endOthers, others.id, others.attempts, now)
		}
		if len(at) > 0 {
			b.Queue(retryLater, again.id, again.attempts, at)
		}
		return run(ctx, tx, &b)
	})
	if err == nil && len(refused) > 0 {
		err = l.transact(ctx, "refuse", func(ctx context.Context, tx pgx.Tx) error { return l.refuse(ctx, tx, refused) })
	}
	if err != nil {
		return fmt.Errorf("ledger: finish: %w", err)
	}
	return nil
}

// claims are the columns that say whose a task is.
type claims struct{ id, attempts []int64 }

func (c *claims) add(t Task) {
	c.id, c.attempts = append(c.id, t.ID), append(c.attempts, int64(t.Attempts))
}

// How tasks end, at $3, or when they are due again: those of which the claims
// v(id, attempts) are still whose they were. Every paid order has a capture to end:
// coalesce keeps endCaptures from reading all of outbox_due, whose dead entries a sale
// leaves behind by the ten thousand.
const (
	still       = "o.id = v.id AND o.attempts = v.attempts AND o.done_at IS NULL"
	endCaptures = `
		WITH done AS (
			DELETE FROM outbox
			WHERE id = ANY ($1::bigint[]) AND attempts = $2 AND coalesce(done_at, 'infinity') = 'infinity'
			RETURNING order_id)
		UPDATE payments SET state = 'captured', updated_at = $3
		WHERE order_id = ANY (ARRAY (SELECT order_id FROM done)) AND state = 'authorized'`
	retryLater = `
		UPDATE outbox o SET next_at = v.next_at FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS v (id, attempts, next_at)
		WHERE ` + still
	endOthers = `
		WITH done AS (
			UPDATE outbox o SET done_at = $3 FROM unnest($1::bigint[], $2::bigint[]) AS v (id, attempts)
			WHERE ` + still + `
			RETURNING o.order_id, o.kind, o.refund_no),
		returned AS (
			UPDATE refunds r SET done_at = $3 FROM done d
			WHERE d.kind = 'refund' AND r.order_id = d.order_id AND r.refund_no = d.refund_no)
		UPDATE payments p SET state = 'voided', updated_at = $3
		FROM done d WHERE d.kind = 'void' AND p.order_id = d.order_id AND p.state = 'authorized'`
)
