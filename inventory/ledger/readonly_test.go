package ledger

import (
	"errors"
	"testing"
)

// A primary that becomes a standby keeps its connections open and refuses every
// write on them. The ledger drops them at the first refusal, and the pool checks
// new ones before it uses them.
func TestReadOnlyConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	l, ctx := opened(t, 1), bounded(t)
	demote := func() {
		t.Helper()
		if _, err := l.pool.Exec(ctx, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		for _, c := range l.pool.AcquireAllIdle(ctx) {
			if _, err := c.Exec(ctx, "SET default_transaction_read_only = on"); err != nil {
				t.Error(err)
			}
			c.Release()
		}
	}
	demote()
	if err := l.Ping(ctx); !errors.Is(err, ErrReadOnly) {
		t.Errorf("ready: %v", err)
	}
	if err := l.Ping(ctx); err != nil {
		t.Errorf("after the connections were given up: %v", err)
	}
	demote()
	if o, err := l.Begin(ctx, order(0)); err != nil {
		t.Errorf("an order: %+v, %v", o, err)
	}
}
