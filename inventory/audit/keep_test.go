package audit

import (
	"testing"
	"time"

	"frontrow/wire"
)

func TestKeepsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	held := func(order string, since, last, until time.Duration) record {
		at := now.Add(until)
		return record{Seat: wire.Seat{State: wire.Held, Order: order, Until: &at, Kept: &wire.Kept{Since: now.Add(since), Until: now.Add(last)}}}
	}
	const m = time.Minute
	a := &audit{now: now, waiting: map[string]bool{"o_waits": true}, records: map[string]record{
		"chosen":      held("", -m, 10*m, 7*m),
		"paying":      held("o_1", -9*m, 2*m, 2*m),
		"just over":   held("o_2", -11*m, 0, 0),
		"our fault":   held("o_3", -20*m, 2*m, 2*m),
		"waits":       held("o_waits", -20*m, -5*m, -5*m),
		"came back":   {Seat: wire.Seat{State: wire.Available, Kept: &wire.Kept{Since: now.Add(-20 * m), Until: now.Add(-10 * m)}}},
		"old version": {Seat: wire.Seat{State: wire.Held}},
	}}
	if c := a.keepsAreBounded(); c.Broken != 0 || c.Looked != 4 {
		t.Errorf("%+v", c)
	}
	for name, r := range map[string]record{"beyond its last": held("", -m, 7*m, 8*m), "not come back": held("o_4", -20*m, -5*m, -5*m), "granted too long": held("", 0, 12*m, 7*m)} {
		a.records = map[string]record{name: r}
		if c := a.keepsAreBounded(); c.Broken != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
