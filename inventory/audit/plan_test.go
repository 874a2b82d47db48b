package audit

import (
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/wire"
)

// A damaged or missing plan is named, and every other rule is still checked.
func TestDamagedPlan(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(t.Context(), wire.PlansObjects)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutBytes(t.Context(), "junk", []byte("{")); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{"junk", "gone"} {
		a := sound(t)
		a.index, a.event.Plan, a.spoiled = nil, digest, map[string]string{}
		a.bookings = nil // a fault unrelated to the plan
		if err := a.readPlan(t.Context(), js); err != nil {
			t.Fatalf("%s: %v", digest, err)
		}
		named, found := false, false
		for _, c := range a.checks() {
			switch {
			case strings.HasPrefix(c.Rule, "every record of the event"):
				named = c.Broken == 1 && strings.HasPrefix(c.Samples[0], "PLANS "+digest+": ")
			case strings.HasPrefix(c.Rule, "a sold seat has"):
				found = c.Broken == 1
			case c.Broken > 0:
				t.Errorf("%s: %+v", digest, c)
			}
		}
		if !named || !found {
			t.Errorf("%s: the plan named: %v, the other fault found: %v", digest, named, found)
		}
	}
}
