package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// A record that changed without the writer's doing is never overwritten by
// what the writer believed, nor is that belief told to anybody.
func TestRecordsChangedBeside(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 1, 0), nil)
		h.worker("one", nil)
		ask[wire.Stock](h, wire.ActStatus, nil)
		bucket := kv.Open(h.js, wire.SeatsBucket("demo"))
		rewrite := func(seat string, change func(*wire.Seat)) {
			e, err := bucket.Get(h.context(), wire.SeatKey(seat))
			must(t, err)
			var r wire.Seat
			must(t, json.Unmarshal(e.Value, &r))
			change(&r)
			raw, err := json.Marshal(r)
			must(t, err)
			_, err = bucket.Update(h.context(), wire.SeatKey(seat), raw, e.Revision)
			must(t, err)
		}
		hold := func(seat string) wire.HoldReply {
			return ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{seat}})
		}
		rewrite("B-1", func(r *wire.Seat) { r.At = r.At.Add(time.Second) })
		r := hold("B-1")
		if r.Problem != nil {
			t.Fatalf("a refused flush was taken for a seat taken: %+v", r.Problem)
		}
		if stored := h.record("B-1"); stored.Hold != r.Hold {
			t.Fatalf("told %+v, stored %+v", r, stored)
		}
		sold := wire.NewHold()
		rewrite("A-1", func(r *wire.Seat) {
			r.State, r.Hold, r.Fan, r.Order, r.Quote = wire.Sold, sold, wire.NewFan(), wire.OrderOfHold(sold), &wire.SeatQuote{ID: "A-1"}
		})
		if r := hold("A-1"); code(r.Problem) != wire.CodeTaken {
			t.Fatalf("a seat sold beside the writer: %+v", r)
		}
		if r := h.record("A-1"); r.State != wire.Sold || r.Hold != sold {
			t.Errorf("the sale was overwritten: %+v", r)
		}
	})
}

// The connection breaks in the middle of a flush. What the fan is told is what
// is stored, whichever way that went.
func TestFlushInDoubt(t *testing.T) {
	for _, lost := range []string{"batch", "answer"} {
		t.Run(lost+" lost", func(t *testing.T) {
			natstest.Each(t, func(t *testing.T, env *natstest.Env) {
				h := newHouse(t, env, seatingtest.Hall(t, 4, 1, 0), nil)
				line := &line{}
				s, err := New(Config{NATS: env.Connect(t, nats.SetCustomDialer(line)), Ledger: h.ledger, Refunds: h.ledger, Name: "one"})
				must(t, err)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				t.Cleanup(func() { cancel(); must(t, <-done) })
				ask[wire.Stock](h, wire.ActStatus, nil)

				request := wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-1"}}
				raw, err := json.Marshal(request)
				must(t, err)
				line.loses.Store(lost)
				m, err := h.nc.Request(wire.SeatsSubject("demo", wire.ActHold), raw, patience)
				must(t, err)
				if line.loses.Load() != "" {
					t.Fatal("nothing was lost")
				}
				var reply wire.HoldReply
				must(t, json.Unmarshal(m.Data, &reply))
				r := h.record("A-1")
				stored := r.State == wire.Held && r.Hold == request.Hold
				if told := reply.Problem == nil; told != stored || lost == "answer" && !stored {
					t.Errorf("told %+v, stored %+v", reply, r)
				}
				if !stored && code(reply.Problem) != wire.CodeUnavailable {
					t.Errorf("%+v", reply)
				}
				if again := ask[wire.HoldReply](h, wire.ActHold, request); again.Problem != nil {
					t.Errorf("sent again: %+v", again.Problem)
				}
				h.checkFlushes(map[string][]string{request.Hold: request.Seats})
			})
		})
	}
}

// line is how a worker reaches its server; it breaks once at the end of a
// batch, or at its acknowledgement.
type line struct{ loses atomic.Value } // "batch", "answer", or "" when it has

func (l *line) Dial(network, address string) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, patience)
	return &lineConn{Conn: c, line: l}, err
}

type lineConn struct {
	net.Conn
	line *line
	tail []byte // of what was read: an answer may come in pieces
}

func (c *lineConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("Nats-Batch-Commit")) && c.line.loses.CompareAndSwap("batch", "") {
		return 0, c.broken()
	}
	return c.Conn.Write(b)
}

func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	const ack = `"batch":`
	c.tail = append(c.tail, b[:n]...)
	found := bytes.Contains(c.tail, []byte(ack))
	c.tail = c.tail[max(0, len(c.tail)-len(ack)+1):]
	if found && c.line.loses.CompareAndSwap("answer", "") {
		return 0, c.broken()
	}
	return n, err
}

func (c *lineConn) broken() error {
	_ = c.Conn.Close()
	return net.ErrClosed
}
