package operator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const answerTime = 15 * time.Second

// serve serves one endpoint, "act", until the test ends.
func serve(t *testing.T, nc *nats.Conn, e Endpoint) (subject string) {
	t.Helper()
	e.Name, e.Subject = "act", wire.OperatorSubject("test", "act", "*")
	stop, err := Serve(t.Context(), Config{NATS: nc, Name: "test", Version: "0.0.0", Logger: slog.New(slog.DiscardHandler)}, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return wire.OperatorSubject("test", "act", "demo")
}

// ask returns the answer, and the code of a refusal.
func ask(t *testing.T, nc *nats.Conn, subject, payload string) (body, code string) {
	t.Helper()
	m, err := nc.Request(subject, []byte(payload), answerTime)
	if err != nil {
		t.Fatal(err)
	}
	if code = m.Header.Get(micro.ErrorCodeHeader); code != "" {
		var p wire.Problem
		if err := json.Unmarshal(m.Data, &p); err != nil || string(p.Code) != code || p.Detail != m.Header.Get(micro.ErrorHeader) {
			t.Errorf("refused with %q, but the body is %s", code, m.Data)
		}
	}
	return string(m.Data), code
}

// The same handler answers in the same form, one after the other or beside each other.
func TestAnswers(t *testing.T) {
	t.Parallel()
	nc := natstest.Run(t).Connect(t)
	for _, atOnce := range []int{0, 2} {
		served := nc
		if atOnce > 0 {
			served = natstest.Run(t).Connect(t)
		}
		subject := serve(t, served, Endpoint{AtOnce: atOnce, Do: func(ctx context.Context, r Request) (any, error) {
			var req struct{ Say string }
			if err := r.Decode(&req); err != nil {
				return nil, err
			}
			switch req.Say {
			case "refuse":
				return nil, wire.Refuse(wire.CodeInvalid, "It makes no sense.")
			case "fail":
				return nil, errors.New("no idea")
			case "unencodable":
				return func() {}, nil
			}
			return map[string]string{r.Event: req.Say}, nil
		}})
		for payload, want := range map[string]struct{ body, code string }{
			`{"say":"yes"}`:         {`{"demo":"yes"}`, ""},
			``:                      {`{"demo":""}`, ""},
			`{"sya":"yes"}`:         {"", string(wire.CodeBadRequest)},
			`{"say":"yes"} {}`:      {"", string(wire.CodeBadRequest)},
			`{"say":"refuse"}`:      {"", string(wire.CodeInvalid)},
			`{"say":"fail"}`:        {"", string(wire.CodeUnavailable)},
			`{"say":"unencodable"}`: {"", string(wire.CodeUnavailable)},
		} {
			body, code := ask(t, served, subject, payload)
			if code != want.code || code == "" && body != want.body {
				t.Errorf("%d at once, %s: %q, %s", atOnce, payload, code, body)
			}
		}
	}
}

// What a stream feeds back, or nobody waits for, is not done.
func TestOnlyRequestsAreDone(t *testing.T) {
	t.Parallel()
	nc := natstest.Run(t).Connect(t)
	done := make(chan string, 3)
	subject := serve(t, nc, Endpoint{Do: func(_ context.Context, r Request) (any, error) {
		done <- string(r.Data)
		return nil, nil
	}})
	for _, reply := range []string{"", "frontrow.somewhere"} {
		if err := nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: []byte("unasked")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, code := ask(t, nc, subject, "asked"); code != "" {
		t.Fatal(code)
	}
	if first := <-done; first != "asked" {
		t.Errorf("done: %s", first)
	}
}

// Requests beside each other are bounded, and stop waits for them.
func TestRoom(t *testing.T) {
	t.Parallel()
	nc := natstest.Run(t).Connect(t)
	began, end := make(chan struct{}), make(chan struct{})
	stop, err := Serve(t.Context(), Config{NATS: nc, Name: "test", Version: "0.0.0", Logger: slog.New(slog.DiscardHandler)}, Endpoint{
		Name: "act", Subject: wire.OperatorSubject("test", "act", "*"), AtOnce: 1, Do: func(context.Context, Request) (any, error) {
			close(began)
			<-end
			return "done", nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	subject := wire.OperatorSubject("test", "act", "demo")
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest(subject, inbox, nil); err != nil {
		t.Fatal(err)
	}
	<-began
	if _, code := ask(t, nc, subject, ""); code != string(wire.CodeUnavailable) {
		t.Errorf("a request beyond the bound: %q", code)
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped while a request was under way")
	default:
	}
	close(end)
	<-stopped
	if m, err := answers.NextMsg(answerTime); err != nil || string(m.Data) != `"done"` {
		t.Errorf("%v, %v", m, err)
	}
}

// There is no act without its record.
func TestLog(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	js := env.JetStream(t)
	act := wire.OperatorAct{Act: "pause", By: "me", At: time.Unix(1_900_000_000, 0).UTC()}
	sales := kv.OpenStream(js, wire.SaleLogStream)
	var p *wire.Problem
	ctx, cancel := context.WithTimeout(t.Context(), answerTime)
	defer cancel()
	if err := Log(ctx, sales, "demo", act); !errors.As(err, &p) || p.Code != wire.CodeUnavailable {
		t.Errorf("logged without a log: %v", err)
	}
	if err := streams.CreateCore(ctx, js, 1); err != nil {
		t.Fatal(err)
	}
	if err := Log(ctx, sales, "demo", act); err != nil {
		t.Fatal(err)
	}
	log, err := js.Stream(ctx, wire.SaleLogStream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := log.GetLastMsgForSubject(ctx, wire.LogSubject("demo", wire.LogOperator))
	if err != nil {
		t.Fatal(err)
	}
	var got wire.OperatorAct
	if err := json.Unmarshal(m.Data, &got); err != nil || got != act {
		t.Errorf("%s, %v", m.Data, err)
	}
}
