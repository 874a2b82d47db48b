package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"

	"github.com/nats-io/nats.go"
)

func TestBus(t *testing.T) {
	b := bus.New(natstest.Run(t).JetStream(t).Conn())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.Request(ctx, "ask.a", nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatalf("nobody listens: %v", err)
	}
	heard := make(chan bus.Msg, 2)
	stop, err := b.Subscribe("ask.*", func(m bus.Msg) {
		if m.Reply != "" {
			_ = b.Publish(m.Reply, append([]byte("re: "), m.Data...))
		}
		heard <- m
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Request(ctx, "ask.a", []byte("1")); err != nil || string(got) != "re: 1" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := b.Publish("ask.b", []byte("2")); err != nil {
		t.Fatal(err)
	}
	if m := <-heard; m.Subject != "ask.a" || m.Reply == "" {
		t.Errorf("first: %+v", m)
	}
	if m := <-heard; m.Subject != "ask.b" || m.Reply != "" || string(m.Data) != "2" {
		t.Errorf("second: %+v", m)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Request(ctx, "ask.a", nil); err == nil {
		t.Error("answered after the end")
	}
}
