package natstest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Backup is a stream as an operator keeps it (nats stream backup).
type Backup struct {
	config jetstream.StreamConfig
	state  jetstream.StreamState
	chunks [][]byte
}

// TakeBackup backs up a stream, without its consumers.
func TakeBackup(t testing.TB, nc *nats.Conn, stream string) (b Backup) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	inbox := nc.NewInbox()
	chunks, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	var reply struct {
		Config jetstream.StreamConfig `json:"config"`
		State  jetstream.StreamState  `json:"state"`
	}
	api(ctx, t, nc, "$JS.API.STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": inbox, "no_consumers": true}, &reply)
	for {
		m, err := chunks.NextMsgWithContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Data) == 0 {
			return Backup{reply.Config, reply.State, b.chunks}
		}
		b.chunks = append(b.chunks, m.Data)
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Restore puts a backup back (nats stream restore), where there is no such stream.
func (b Backup) Restore(t testing.TB, nc *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	var reply struct {
		Subject string `json:"deliver_subject"`
	}
	api(ctx, t, nc, "$JS.API.STREAM.RESTORE."+b.config.Name, map[string]any{"config": b.config, "state": b.state}, &reply)
	for _, chunk := range append(b.chunks, nil) {
		m, err := nc.RequestWithContext(ctx, reply.Subject, chunk)
		if err == nil {
			err = answer(m, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// api asks JetStream.
func api(ctx context.Context, t testing.TB, nc *nats.Conn, subject string, request, into any) {
	t.Helper()
	raw, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	m, err := nc.RequestWithContext(ctx, subject, raw)
	if err == nil {
		err = answer(m, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// answer reads an answer of JetStream.
func answer(m *nats.Msg, into any) error {
	var failed struct {
		Error *jetstream.APIError `json:"error"`
	}
	if len(m.Data) > 0 {
		if err := json.Unmarshal(m.Data, &failed); err != nil {
			return err
		}
	}
	if failed.Error != nil {
		return failed.Error
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(m.Data, into)
}
