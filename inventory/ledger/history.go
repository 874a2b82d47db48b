package ledger

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds of reading histories.
const (
	maxHistory    = 100                    // orders of one page
	replicaLimit  = 500 * time.Millisecond // for the replica's answer, before the primary is asked
	replicaResume = 5 * time.Second        // after a failure, before the replica is asked again
)

// HistoryQuery asks for a fan's orders.
type HistoryQuery struct {
	Fan    string
	Event  string // if not empty, only orders of this event
	Before Cursor // History.Next of the page before; zero for the first page
	Limit  int    // of orders; 0 or more than 100 means 100
}

// Cursor is a position in a history.
type Cursor struct {
	At    time.Time
	Order string
}

// Past is an order in a history.
type Past struct {
	Order
	At      time.Time // when it was begun
	Revised time.Time // when its state last changed
}

// History is a page of a fan's orders, the newest first.
type History struct {
	Orders []Past
	Next   Cursor // of the next page; zero if this is the last one
	// AsOf says how old the page may be: it holds everything committed until
	// then, by the primary's clock. While nothing is sold a replica has nothing
	// to date itself by, so AsOf grows old although nothing is missing. Zero
	// means the age is unknown.
	AsOf    time.Time
	Replica bool // it was read from the replica
}

// replica is the standby that answers histories.
type replica struct {
	pool   *pgxpool.Pool
	resume atomic.Int64 // not asked before this instant, in Unix nanoseconds
}

// History reads a page of a fan's orders, from the replica if there is one and
// it answers, else from the primary. It is for display: nothing may be decided
// from it.
func (l *Ledger) History(ctx context.Context, q HistoryQuery) (History, error) {
	if q.Limit <= 0 || q.Limit > maxHistory {
		q.Limit = maxHistory
	}
	if r := l.replica; r != nil && l.cfg.Now().UnixNano() >= r.resume.Load() {
		h, err := readHistory(ctx, r.pool, q, replicaLimit)
		if err == nil {
			h.Replica = true
			l.metrics.reads.WithLabelValues("replica").Inc()
			return h, nil
		}
		if ctx.Err() != nil {
			return History{}, fmt.Errorf("ledger: history: %w", err)
		}
		r.resume.Store(l.cfg.Now().Add(replicaResume).UnixNano())
		l.cfg.Logger.Warn("the replica does not answer, reading from the primary", "err", err, "pause", replicaResume)
	}
	h, err := readHistory(ctx, l.pool, q, l.cfg.FlushTimeout)
	if err != nil {
		return History{}, fmt.Errorf("ledger: history: %w", err)
	}
	l.metrics.reads.WithLabelValues("primary").Inc()
	return h, nil
}

func readHistory(ctx context.Context, pool *pgxpool.Pool, q HistoryQuery, limit time.Duration) (h History, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		h = History{}
		// Read first, so that the rest is no older.
		var asOf *time.Time
		err := tx.QueryRow(ctx, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE now() END").Scan(&asOf)
		if err != nil {
			return err
		}
		if asOf != nil {
			h.AsOf = *asOf
		}
		return h.read(ctx, tx, q)
	})
	return h, err
}

func (h *History) read(ctx context.Context, tx pgx.Tx, q HistoryQuery) error {
	var before *time.Time
	if !q.Before.At.IsZero() {
		before = &q.Before.At
	}
	rows, err := tx.Query(ctx, `
		SELECT order_id, created_at, updated_at FROM orders
		WHERE fan_id = $1 AND ($2 = '' OR event_id = $2) AND ($3::timestamptz IS NULL OR (created_at, order_id) < ($3, $4))
		ORDER BY created_at DESC, order_id DESC LIMIT $5`, q.Fan, q.Event, before, q.Before.Order, q.Limit+1)
	if err != nil {
		return err
	}
	h.Orders, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Past, err error) {
		err = row.Scan(&p.ID, &p.At, &p.Revised)
		return p, err
	})
	if err != nil {
		return err
	}
	if len(h.Orders) > q.Limit {
		last := h.Orders[q.Limit-1]
		h.Orders, h.Next = h.Orders[:q.Limit], Cursor{last.At, last.ID}
	}
	ids := make([]string, len(h.Orders))
	for i, p := range h.Orders {
		ids[i] = p.ID
	}
	found, err := load(ctx, tx, ids)
	for i, p := range h.Orders {
		h.Orders[i].Order = found[p.ID]
	}
	return err
}
