package seating

import (
	"strings"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// TestShortSeatsFitAMessage: a flush full of holds of one seat that a deadline ends, their
// ids as long as those of short seats may be, fits a message.
func TestShortSeatsFitAMessage(t *testing.T) {
	const message = 1 << 20 // bytes: what NATS servers carry by default
	seats := shortSeats * MaxFlush
	e := onSale(t, seatingtest.Hall(t, 40, 50, 0))
	at := start.Add(123456789 * time.Nanosecond)
	for i := range seats {
		r := wire.HoldRequest{Hold: wire.NewHold(), Claims: claims(wire.NewFan()), Seats: []string{e.index.ID(i)}}
		r.Claims.Net = strings.Repeat("n", 22)
		if reply := e.Hold(r, at); reply.Problem != nil {
			t.Fatal(reply.Problem)
		}
	}
	e.Take()
	due, _ := e.Due()
	e.Expire(due, MaxFlush)
	taken, acts := e.Take()
	if len(taken) <= seats-shortSeats {
		t.Fatalf("%d seats in a flush, want %d or hardly fewer", len(taken), seats)
	}
	size := len((&wire.Flush{V: wire.RecordVersion, N: 1 << 40, Term: 1 << 40, At: at, Acts: acts, Seats: e.Changes(taken)}).AppendJSON(nil))
	for _, i := range taken {
		size += 2 * (shortID - len(e.index.ID(i))) // in its act and in its change
	}
	if size > message*9/10 {
		t.Errorf("%d bytes", size)
	}
	t.Logf("%d bytes a seat", size/seats)
}
