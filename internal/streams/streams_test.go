package streams_test

import (
	"reflect"
	"slices"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
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
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	if err := streams.CreateForEvent(t.Context(), js, "show", 1); err != nil {
		t.Fatal(err)
	}
	before := configs()
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	if err := streams.CreateForEvent(t.Context(), js, "show", 1); err != nil {
		t.Fatal(err)
	}
	for name, after := range configs() {
		if !reflect.DeepEqual(after, before[name]) {
			t.Errorf("%s was %+v, is %+v", name, before[name], after)
		}
	}
}

// A source of SALELOG that was lost, as to somebody else who changed the list at the
// same time, is put back; and replicas are never taken away.
func TestStreamsAreMended(t *testing.T) {
	js := natstest.Run(t).JetStream(t)
	for _, event := range []string{"one", "two"} {
		if err := streams.CreateCore(t.Context(), js, 1); err != nil {
			t.Fatal(err)
		}
		if err := streams.CreateForEvent(t.Context(), js, event, 1); err != nil {
			t.Fatal(err)
		}
	}
	sources := func() (names []string) {
		s, err := js.Stream(t.Context(), wire.SaleLogStream)
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range s.CachedInfo().Config.Sources {
			names = append(names, source.Name)
		}
		slices.Sort(names)
		return names
	}
	if err := js.DeleteStream(t.Context(), wire.KVStream(wire.LeasesBucket)); err != nil {
		t.Fatal(err)
	}
	if names, err := streams.Missing(t.Context(), js); err != nil || !slices.Equal(names, []string{wire.KVStream(wire.LeasesBucket)}) {
		t.Errorf("missing %v, %v", names, err)
	}
	want := sources()
	s, err := js.Stream(t.Context(), wire.SaleLogStream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.Sources = c.Sources[:1]
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	if got := sources(); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("sources %v, want %v", got, want)
	}
}

func TestReplicasAreKept(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		for _, replicas := range []int{env.Replicas, 1} {
			if err := streams.CreateCore(t.Context(), js, replicas); err != nil {
				t.Fatal(err)
			}
		}
		s, err := js.Stream(t.Context(), wire.KVStream(wire.LeasesBucket))
		if err != nil {
			t.Fatal(err)
		}
		if n := s.CachedInfo().Config.Replicas; n != env.Replicas {
			t.Errorf("%d replicas, had %d", n, env.Replicas)
		}
	})
}

// A replica may lag, and on a busy machine does: whoever has just put a plan would
// be told that there is none. So plans are read from their stream's leader.
func TestPlansAreReadFromTheLeader(t *testing.T) {
	js := natstest.Run(t).JetStream(t)
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
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
