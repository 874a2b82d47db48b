package natstest_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"frontrow/internal/natstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return c
}

// eventually repeats do, each time with its own short limit, until it succeeds.
func eventually(t *testing.T, do func(context.Context) error) {
	t.Helper()
	all := ctx(t)
	for {
		one, cancel := context.WithTimeout(all, time.Second)
		err := do(one)
		cancel()
		if err == nil {
			return
		}
		if all.Err() != nil {
			t.Fatal(err)
		}
	}
}

func createStream(t *testing.T, env *natstest.Env, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	st, err := js.CreateStream(ctx(t), jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s.>"}, Replicas: env.Replicas, AllowAtomicPublish: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestStreamOutlivesARestart(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		st := createStream(t, env, js)
		if got := st.CachedInfo().Config.Replicas; got != env.Replicas {
			t.Fatalf("stream has %d replicas, want %d", got, env.Replicas)
		}
		if _, err := js.Publish(ctx(t), "s.a", []byte("kept")); err != nil {
			t.Fatal(err)
		}
		env.Restart()
		var m *jetstream.RawStreamMsg
		eventually(t, func(ctx context.Context) (err error) { // the client reconnects by itself
			m, err = st.GetMsg(ctx, 1)
			return err
		})
		if string(m.Data) != "kept" {
			t.Fatalf("message after the restart: %q", m.Data)
		}
	})
}

func TestStepDownMovesTheLeader(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		createStream(t, env, js)
		before := env.Leader("S")
		env.StepDown("S")
		if after := env.Leader("S"); after < 0 || env.Replicas == 3 && after == before {
			t.Errorf("leader was %d, is %d", before, after)
		}
		if _, err := js.Publish(ctx(t), "s.a", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestClusterLivesWithoutOneServer(t *testing.T) {
	t.Parallel()
	env := natstest.Cluster(t)
	js := env.JetStream(t)
	createStream(t, env, js)
	leader := env.Leader("S")
	env.StopServer(leader)
	if env.Server(leader) != nil {
		t.Fatal("server still there")
	}
	eventually(t, func(ctx context.Context) error {
		_, err := js.Publish(ctx, "s.a", nil)
		return err
	})
	env.StartServer(leader)
	eventually(t, func(ctx context.Context) error { // healthy is what makes progress
		if !env.Server(leader).Native().JetStreamIsStreamCurrent("$G", "S") {
			<-ctx.Done()
			return errors.New("the restarted server has not caught up")
		}
		return nil
	})
}

func TestDataGoesWithTheTest(t *testing.T) {
	var dir string
	t.Run("inner", func(t *testing.T) {
		env := natstest.Run(t)
		dir = env.Server(0).Native().StoreDir()
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat %s: %v, want it gone", dir, err)
	}
}

func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		env := natstest.Run(b)
		env.StopServer(0)
	}
}

// Each region stores by itself, also while it is cut off; what is plain
// messages crosses the link.
func TestRegions(t *testing.T) {
	w := natstest.Regions(t, "eu")
	eu := w.Regions["eu"]
	ctx := ctx(t)
	stream := jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}
	for _, env := range []*natstest.Env{w.Home, eu} {
		if _, err := env.JetStream(t).CreateStream(ctx, stream); err != nil {
			t.Fatal(err)
		}
	}
	far, err := jetstream.NewWithDomain(w.Home.Connect(t), "eu")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Stream(ctx, "S"); err != nil {
		t.Errorf("home doesn't reach the stream in eu: %v", err)
	}
	asked := w.Home.Connect(t)
	if _, err := asked.Subscribe("hello", func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	nc := eu.Connect(t)
	answered := func(ctx context.Context) error { _, err := nc.RequestWithContext(ctx, "hello", nil); return err }
	eventually(t, answered)
	w.Cut("eu")
	if _, err := eu.JetStream(t).Publish(ctx, "s.1", nil); err != nil {
		t.Errorf("cut off, eu doesn't store: %v", err)
	}
	if _, err := nc.Request("hello", nil, 100*time.Millisecond); err == nil {
		t.Error("an answer although the link is cut")
	}
	w.Heal("eu")
	eventually(t, answered)
}
