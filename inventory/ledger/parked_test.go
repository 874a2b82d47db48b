package ledger

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/wire"
)

// An order that waits is found when it is due, by one worker for the time of a lease, with
// its whole message, until it is forgotten.
func TestParked(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	dsn := pgtest.New(t)
	l, err := Open(t.Context(), Config{DSN: dsn, Now: func() time.Time { return now }})
	must(t, err)
	t.Cleanup(l.Close)
	worker := open(t, dsn) // runs the groups
	prepare(t, worker, 4)
	m := begun(t, worker, 0, 1)
	m.At, m.Payment.Method = now, "tok"
	p := Parked{Order: m, Since: now.Add(-time.Minute)}
	park := func(until time.Time) {
		t.Helper()
		if o, err := worker.Park(bounded(t), p, until); err != nil || o.State != wire.OrderPending || o.Total != m.Total {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	due := func(want bool) {
		t.Helper()
		got, err := l.Due(bounded(t), 10, 15*time.Second)
		must(t, err)
		if len(got) > 0 {
			got[0].Since = got[0].Since.UTC()
		}
		if want != (len(got) == 1) || want && !reflect.DeepEqual(got[0], p) {
			t.Fatalf("%+v, want %v", got, want)
		}
	}
	park(now.Add(time.Minute))
	due(false)
	park(now.Add(time.Second)) // the last instant counts
	now = now.Add(time.Second)
	due(true)
	due(false) // another's
	now = now.Add(15 * time.Second)
	due(true) // and that worker's no more
	park(now.Add(time.Minute))
	must(t, l.Hurry(bounded(t), m.Order, 5*time.Second)) // it was looked at just now
	due(false)
	now = now.Add(5 * time.Second)
	due(true)
	o, err := worker.Fail(bounded(t), m.Order, "no", true)
	must(t, err)
	if again, err := worker.Park(bounded(t), p, now); err != nil || !reflect.DeepEqual(again, o) {
		t.Errorf("%+v, %v: want what became of it: %+v", again, err, o)
	}
	now = now.Add(15 * time.Second)
	due(true) // whoever looks finds that it has failed
	must(t, l.Unpark(bounded(t), []string{m.Order}))
	if _, err := l.Parked(bounded(t), m.Order); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := worker.Park(bounded(t), Parked{Order: order(2)}, now); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	sound(t, worker)
}
