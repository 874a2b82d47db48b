package wire_test

import (
	"reflect"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Making the streams again, as each start of dev and each frontrow migrate
// does, changes none of them, whatever events there are.
func TestStreamsAreMadeAgain(t *testing.T) {
	js := natstest.Run(t).JetStream(t)
	configs := func() map[string]jetstream.StreamConfig {
		all := map[string]jetstream.StreamConfig{}
		list := js.ListStreams(t.Context())
		for info := range list.Info() {
			all[info.Config.Name] = info.Config
		}
		if list.Err() != nil {
			t.Fatal(list.Err())
		}
		return all
	}
	if err := wire.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	if err := wire.CreateForEvent(t.Context(), js, "show", 1); err != nil {
		t.Fatal(err)
	}
	before := configs()
	if err := wire.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	if err := wire.CreateForEvent(t.Context(), js, "show", 1); err != nil {
		t.Fatal(err)
	}
	for name, after := range configs() {
		if !reflect.DeepEqual(after, before[name]) {
			t.Errorf("%s was %+v, is %+v", name, before[name], after)
		}
	}
}

// A replica may lag, and on a busy machine does: who has just put a plan would
// be told that there is none. So plans are read from their stream's leader.
func TestPlansAreReadFromTheLeader(t *testing.T) {
	js := natstest.Run(t).JetStream(t)
	if err := wire.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	store, err := js.ObjectStore(t.Context(), wire.PlansObjects)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutBytes(t.Context(), "digest", []byte("plan")); err != nil {
		t.Fatal(err)
	}
	if plan, err := store.GetBytes(t.Context(), "digest"); err != nil || string(plan) != "plan" {
		t.Errorf("%q, %v", plan, err)
	}
	s, err := js.Stream(t.Context(), "OBJ_"+wire.PlansObjects)
	if err != nil {
		t.Fatal(err)
	}
	if s.CachedInfo().Config.AllowDirect {
		t.Error("any replica may answer for a plan")
	}
}
