package main

import (
	"encoding/json"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// What is unavailable for a moment is no reason to send an operator away; what
// is refused is not asked for again.
func TestApplyIsRepeatedWhileUnavailable(t *testing.T) {
	t.Parallel()
	nc, err := natsFlags{NATS: natstest.Run(t).URL()}.connect("test")
	must(t, err)
	defer nc.Close()
	asked := make(chan struct{}, 10)
	answer := func(m *nats.Msg) {
		asked <- struct{}{}
		reply := nats.NewMsg(m.Reply)
		switch len(asked) {
		case 1, 2:
			reply.Header.Set(micro.ErrorCodeHeader, string(wire.CodeUnavailable))
		case 3:
			reply.Data, _ = json.Marshal(wire.ApplyReply{Event: wire.Event{Places: 7}})
		default:
			reply.Header.Set(micro.ErrorCodeHeader, string(wire.CodeInvalid))
		}
		must(t, m.RespondMsg(reply))
	}
	_, err = nc.Subscribe(wire.EventApplySubject, answer)
	must(t, err)
	if e, err := requestApply(deadline(t), nc, []byte("{}")); err != nil || e.Places != 7 || len(asked) != 3 {
		t.Errorf("%+v, %v, asked %d times", e, err, len(asked))
	}
	if _, err := requestApply(deadline(t), nc, []byte("{}")); err == nil || len(asked) != 4 {
		t.Errorf("a refusal: %v, asked %d times", err, len(asked))
	}
}

// An event whose record is spoiled is named, and the others are listed.
func TestEventListNamesJunk(t *testing.T) {
	for _, junk := range []string{"", "{", "[]", "x"} {
		if line := eventLine(kv.Entry{Key: "show", Value: []byte(junk)}); !strings.HasPrefix(line, "show\tunreadable\t") {
			t.Errorf("%q: %q", junk, line)
		}
	}
	if line := eventLine(kv.Entry{Key: "show", Value: []byte(`{"spec":{"id":"show","name":"Show"},"state":"open"}`)}); line != "show\topen\t0\tat once\tShow" {
		t.Errorf("%q", line)
	}
}
