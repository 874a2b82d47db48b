package writer

import (
	"encoding/json"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// silent is a bus on which nobody listens.
type silent struct{ Bus }

func (silent) Publish(string, []byte) error { return nil }

// BenchmarkHold is the writer's own part of a hold of two and of its release:
// decoding, deciding, encoding the flush and the answer, 64 of them at once.
func BenchmarkHold(b *testing.B) {
	const together = 64
	h := newFixture(b, natstest.Run(b), seatingtest.Hall(b, 20, 100, 0), nil)
	t := h.term(1)
	t.cfg.Bus = silent{t.cfg.Bus}
	last := kv.Revision(10_000)
	send := func(act string, requests []any) {
		for _, r := range requests {
			raw, err := json.Marshal(r)
			must(b, err)
			t.receive(bus.Msg{Subject: wire.SeatsSubject("demo", act), Reply: "_INBOX.x", Data: raw})
		}
		t.drain()
		done := t.deciding
		t.prepare(done)
		last++
		t.stored(done, last)
		t.deciding = &batch{commands: make([]command, 0, len(done.commands))}
		for i := range done.commands {
			c := &done.commands[i]
			t.complete(c)
			t.answer(*c, c.reply)
			if r, ok := c.reply.(wire.HoldReply); ok && r.Problem != nil {
				b.Fatal(r.Problem)
			}
		}
	}
	b.ReportAllocs()
	for range b.N/together + 1 {
		var holds, releases []any
		for i := range together {
			fan, hold := wire.NewFan(), wire.NewHold()
			claims := inventorytest.Claims(fan)
			claims.Expires = time.Now().Add(time.Hour)
			holds = append(holds, wire.HoldRequest{Hold: hold, Claims: claims, Seats: []string{h.Index.ID(2 * i), h.Index.ID(2*i + 1)}})
			releases = append(releases, wire.ReleaseRequest{Hold: hold, Fan: fan})
		}
		send(wire.ActHold, holds)
		send(wire.ActRelease, releases)
	}
}
