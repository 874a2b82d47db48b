package asking

import (
	"context"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/wire"
)

// BenchmarkRequest is a request by one of many callers at once, and its answer by a writer
// that does nothing: the client, the server and the other client.
func BenchmarkRequest(b *testing.B) {
	env := natstest.Run(b)
	writer := bus.New(env.Connect(b))
	request := []byte(`{"hold":"h_0123456789abcdefghijk","claims":{"pass":"p","fan":"f_0123456789abcdefghijk","limit":6,"expires":"2027-06-19T18:00:00Z"},"seats":["101-A-1","101-A-2"]}`)
	stop, err := writer.Subscribe(wire.SeatsAll("demo"), func(m bus.Msg) {
		answer := m.Data
		if m.Subject == wire.SeatsSubject("demo", wire.TogetherFans) {
			_, lines, _ := wire.LinesTogether(m.Data)
			var answers [][]byte
			for _, line := range lines {
				c, _ := wire.ReadTogether(line)
				answers = append(answers, c.Request)
			}
			answer = wire.AppendAnswers(nil, answers)
		}
		_ = writer.Publish(m.Reply, answer)
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stop() })
	alone := bus.New(env.Connect(b))
	for name, asks := range map[string]Bus{"alone": alone, "together": New(alone, wire.TogetherFans)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(128)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					if _, err := asks.Request(ctx, wire.SeatsSubject("demo", wire.ActHold), request); err != nil {
						b.Error(err)
					}
					cancel()
				}
			})
		})
	}
}
