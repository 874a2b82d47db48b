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
