package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"
)

// A plan is read by what it is, not by what it is called.
func TestPlan(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	ctx := t.Context()
	if err := streams.CreateCore(ctx, js, 1); err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, raw []byte) {
		t.Helper()
		if _, err := store.PutBytes(ctx, name, raw); err != nil {
			t.Fatal(err)
		}
	}
	encoded := func(seats int) (digest string, raw []byte) {
		t.Helper()
		p, err := plan.Generate(plan.Spec{Kind: plan.Theatre, Seats: seats})
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = plan.Encode(p); err != nil {
			t.Fatal(err)
		}
		return plan.Digest(p), raw
	}
	small, raw := encoded(200)
	other, _ := encoded(300)
	put(small, raw)
	if p, got, err := Plan(ctx, js, small); err != nil || !bytes.Equal(got, raw) || plan.Digest(p) != small {
		t.Errorf("its plan: %v", err)
	}
	var spread bytes.Buffer
	if err := json.Indent(&spread, raw, "", " "); err != nil {
		t.Fatal(err)
	}
	put(small, spread.Bytes())
	if _, _, err := Plan(ctx, js, small); err != nil {
		t.Errorf("its plan, written in another way: %v", err)
	}
	put(other, raw)
	put("junk", []byte("{"))
	for _, name := range []string{other, "junk"} {
		if _, _, err := Plan(ctx, js, name); wire.SpoiledKind(err) != wire.SpoiledOther {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "nothing"} {
		if _, _, err := Plan(ctx, js, name); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
