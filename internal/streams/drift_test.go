package streams

import (
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// What differs on the server is named, and put right by Create; what its operator has
// said beside us stays; a stream of a later version is refused, and left as it is.
func TestDrift(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	js := natstest.Run(t).JetStream(t)
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	drift := func() []string {
		t.Helper()
		all, err := All(ctx, js, 1)
		try(err)
		changes, err := Drift(ctx, js, all...)
		try(err)
		return changes
	}
	config := func(name string) jetstream.StreamConfig {
		t.Helper()
		s, err := js.Stream(ctx, name)
		try(err)
		return s.CachedInfo().Config
	}
	change := func(name string, f func(*jetstream.StreamConfig)) {
		t.Helper()
		c := config(name)
		f(&c)
		_, err := js.UpdateStream(ctx, c)
		try(err)
	}
	try(CreateCore(ctx, js, 1))
	try(CreateForEvent(ctx, js, "show", 1))
	if changes := drift(); len(changes) > 0 {
		t.Fatalf("what was just made differs: %q", changes)
	}
	passes, log := wire.KVStream(wire.PassesBucket("show")), wire.SaleLogStream
	change(passes, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }) // as a version before had it
	change(log, func(c *jetstream.StreamConfig) {
		c.MaxBytes, c.Description, c.Metadata = 1<<30, "ours", map[string]string{"owner": "ops"}
	})
	changes := drift()
	if got := strings.Join(changes, "\n"); len(changes) != 2 || !strings.Contains(got, "stream SALELOG: max_bytes is 1073741824, becomes -1") ||
		!strings.Contains(got, "stream KV_PASSES_show: max_msgs_per_subject is 1, becomes 4") {
		t.Errorf("%s", got)
	}
	try(CreateCore(ctx, js, 1))
	try(CreateForEvent(ctx, js, "show", 1))
	if changes := drift(); len(changes) > 0 {
		t.Errorf("not put right: %q", changes)
	}
	if c := config(log); c.Description != "ours" || c.Metadata["owner"] != "ops" || len(c.Sources) != 1 {
		t.Errorf("what its operator said: %+v", c)
	}

	change(passes, func(c *jetstream.StreamConfig) {
		c.MaxMsgsPerSubject, c.Metadata = 9, map[string]string{streamsVersionKey: "2"}
	})
	err := CreateForEvent(ctx, js, "show", 1)
	if err == nil || !strings.Contains(err.Error(), passes+" is of a later frontrow") {
		t.Errorf("a later version: %v", err)
	}
	if c := config(passes); c.MaxMsgsPerSubject != 9 {
		t.Errorf("it was changed: %+v", c)
	}
	for name, wrong := range map[string]jetstream.StreamConfig{"storage": {Storage: jetstream.MemoryStorage}, "retention": {Retention: jetstream.WorkQueuePolicy}} {
		wrong.Name = "X"
		if _, _, err := merge(wrong, jetstream.StreamConfig{Name: "X"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Replicas are taken away only on purpose.
func TestLowerReplicas(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	js := natstest.Cluster(t).JetStream(t)
	for _, replicas := range []int{3, 1} {
		if err := CreateCore(ctx, js, replicas); err != nil {
			t.Fatal(err)
		}
	}
	if err := CreateForEvent(ctx, js, "show", 3); err != nil {
		t.Fatal(err)
	}
	replicas := func() (n int) {
		all, err := All(ctx, js, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			s, err := js.Stream(ctx, c.Name)
			if err != nil {
				t.Fatal(err)
			}
			n = max(n, s.CachedInfo().Config.Replicas)
		}
		return n
	}
	if n := replicas(); n != 3 {
		t.Fatalf("%d replicas after asking for one", n)
	}
	changes, err := LowerReplicas(ctx, js, 1)
	if err != nil || len(changes) < len(Core(1)) || !strings.Contains(changes[0], "num_replicas is 3, becomes 1") {
		t.Errorf("%q, %v", changes, err)
	}
	if n := replicas(); n != 1 {
		t.Errorf("%d replicas after lowering", n)
	}
	if c, err := js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer); err != nil || c.CachedInfo().Config.Replicas != 1 {
		t.Errorf("consumer: %v, %v", c, err)
	}
}
