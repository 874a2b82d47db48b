package abuse

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// shed is how many acts were dropped.
func shed(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

func TestActsAreLogged(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		if err := streams.CreateCore(t.Context(), js, env.Replicas); err != nil {
			t.Fatal(err)
		}
		reg := prometheus.NewRegistry()
		l := newEvidence(env.Connect(t), slog.New(slog.DiscardHandler), reg)
		const acts = 3 * actsBatch / 2
		for i := range acts {
			l.add("demo", wire.RiskAct{Fan: fmt.Sprint("f_", i), Score: 60, Reasons: []string{"rotation"}, Outcome: "challenged", At: time.Now()})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		ran := make(chan error, 1)
		go func() { ran <- l.run(ctx) }()
		c, err := js.OrderedConsumer(ctx, wire.SaleLogStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{wire.LogSubject("demo", wire.LogRisk)}})
		if err != nil {
			t.Fatal(err)
		}
		messages, err := c.Messages()
		if err != nil {
			t.Fatal(err)
		}
		defer messages.Stop()
		for i := range acts {
			m, err := messages.Next(jetstream.NextContext(ctx))
			if err != nil {
				t.Fatalf("after %d: %v", i, err)
			}
			var act wire.RiskAct
			if err := json.Unmarshal(m.Data(), &act); err != nil || act.Fan != fmt.Sprint("f_", i) || act.Score != 60 {
				t.Fatalf("%d: %s %v", i, m.Data(), err)
			}
		}
		cancel()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		if n := shed(t, reg); n != 0 {
			t.Errorf("%v shed", n)
		}
	})
}

// Without anybody to take them, acts are dropped and nobody waits.
func TestAddNeverWaits(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	l := newEvidence(nil, slog.New(slog.DiscardHandler), reg)
	for range maxActs + 100 {
		l.add("demo", wire.RiskAct{})
	}
	if n := shed(t, reg); n != 100 {
		t.Errorf("%v shed, want 100", n)
	}
}
