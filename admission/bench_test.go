package admission

import (
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// BenchmarkRedeem measures places turned into stored and signed passes, from a
// gateway's request over NATS to its reply.
func BenchmarkRedeem(b *testing.B) {
	w := newWorld(b, natstest.Run(b))
	w.event(demo(func(e *wire.Event) {
		e.Spec.Admission.Ceiling, e.Spec.Admission.Tick = 1<<30, wire.Duration(time.Hour)
	}))
	w.stock(1<<40, 0, 0)
	w.join(b.N)
	raw := make([][]byte, b.N)
	for i, p := range w.fans {
		raw[i], _ = wire.Append(nil, wire.RedeemRequest{Place: p})
	}
	w.start("one")
	w.board("all called", head(uint64(b.N)))
	var next atomic.Int64
	b.SetParallelism(256)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var reply wire.RedeemReply
			m, err := w.nc.Request(wire.PassesSubject("demo", wire.ActRedeem), raw[next.Add(1)-1], limit)
			if err == nil {
				err = wire.Unmarshal(m.Data, &reply)
			}
			if err != nil || reply.Problem != nil {
				b.Errorf("%v %v", err, reply.Problem)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "passes/s")
}
