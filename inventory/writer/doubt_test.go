package writer

import (
	"bytes"
	"encoding/json"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// A record that changed without the writer's doing changes nothing: the log says what the
// seat is, and the record is written again, at once or with the seat's next change.
func TestRecordsChangedBeside(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 1, 0), nil)
		h.worker("one", nil)
		ask[wire.Stock](h, wire.ActStatus, nil)
		bucket := kv.Open(h.JS, wire.SeatsBucket("demo"))
		rewrite := func(seat string, change func(*wire.Seat)) {
			e, err := bucket.Get(h.Context(), wire.SeatKey(seat))
			must(t, err)
			var r wire.Seat
			must(t, json.Unmarshal(e.Value, &r))
			change(&r)
			raw, err := json.Marshal(r)
			must(t, err)
			_, err = bucket.Update(h.Context(), wire.SeatKey(seat), raw, e.Revision)
			must(t, err)
		}
		hold := func(seat string) wire.HoldReply {
			return ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{seat}})
		}
		read := func(seat string, is func(wire.Seat) bool) {
			h.Written(seat, func(raw []byte) bool {
				var r wire.Seat
				return json.Unmarshal(raw, &r) == nil && is(r)
			})
		}
		free := func(r wire.Seat) bool { return r.State == wire.Available }
		read("B-1", free)
		read("A-1", free)
		rewrite("B-1", func(r *wire.Seat) { r.At = r.At.Add(time.Second) })
		forged := wire.NewHold()
		rewrite("A-1", func(r *wire.Seat) {
			r.State, r.Hold, r.Fan, r.Order, r.Quote = wire.Sold, forged, wire.NewFan(), wire.OrderOfHold(forged), &wire.SeatQuote{ID: "A-1"}
		})
		for _, seat := range []string{"B-1", "A-1"} {
			r := hold(seat)
			if r.Problem != nil {
				t.Fatalf("seat %s is free: %+v", seat, r.Problem)
			}
			read(seat, func(s wire.Seat) bool { return s.Hold == r.Hold })
			if s := h.Record(seat); s.Hold != r.Hold {
				t.Fatalf("told %+v, the log says %+v", r, s)
			}
		}
	})
}

// The connection breaks in the middle of a flush. What the fan is told is what
// is stored, whichever way that went.
func TestFlushInDoubt(t *testing.T) {
	for _, lost := range []string{"record", "answer"} {
		t.Run(lost+" lost", func(t *testing.T) {
			natstest.Each(t, func(t *testing.T, env *natstest.Env) {
				h := newFixture(t, env, seatingtest.Hall(t, 4, 1, 0), nil)
				line := &line{}
				nc := env.Connect(t, nats.SetCustomDialer(line))
				run, err := contender(h.known(), on(t, nc, Config{Ledger: h.Ledger, Name: "one"}))
				must(t, err)
				h.Run(run)
				ask[wire.Stock](h, wire.ActStatus, nil)

				request := wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1"}}
				raw, err := json.Marshal(request)
				must(t, err)
				line.loses.Store(lost)
				m, err := h.NC.Request(wire.SeatsSubject("demo", wire.ActHold), raw, inventorytest.Patience)
				must(t, err)
				if line.loses.Load() != "" {
					t.Fatal("nothing was lost")
				}
				var reply wire.HoldReply
				must(t, json.Unmarshal(m.Data, &reply))
				r := h.Record("A-1")
				stored := r.State == wire.Held && r.Hold == request.Hold
				if told := reply.Problem == nil; told != stored || lost == "answer" && !stored {
					t.Errorf("told %+v, stored %+v", reply, r)
				}
				if !stored && inventorytest.Code(reply.Problem) != wire.CodeUnavailable {
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

// The vouch for a refusal is lost, and one of before is there: the fan does not hear the
// refusal, unless a vouch that came after they asked is stored.
func TestVouchInDoubt(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 1, 0), nil)
		line := &line{}
		run, err := contender(h.known(), on(t, env.Connect(t, nats.SetCustomDialer(line)), Config{Ledger: h.Ledger, Name: "one"}))
		must(t, err)
		h.Run(run)
		hold := func() *wire.Problem {
			return ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1"}}).Problem
		}
		if p := hold(); p != nil {
			t.Fatal(p)
		}
		vouched := func() kv.Revision {
			e, err := kv.Open(h.JS, wire.SeatsBucket("demo")).Get(h.Context(), wire.VouchKey)
			must(t, err)
			return e.Revision
		}
		if p := hold(); inventorytest.Code(p) != wire.CodeTaken {
			t.Fatalf("%+v", p)
		}
		before := vouched()
		line.loses.Store("request")
		p := hold()
		if line.loses.Load() != "" {
			t.Fatal("nothing was lost")
		}
		if code := inventorytest.Code(p); code != wire.CodeUnavailable && (code != wire.CodeTaken || vouched() == before) {
			t.Errorf("told %+v without a vouch", p)
		}
	})
}

// line is how a worker reaches its server; it breaks once at a log record, or at its
// acknowledgement.
type line struct {
	loses atomic.Value // "record", "answer", "request" of a vouch, or "" when it has
	sent  atomic.Bool  // a log record, while an answer is to be lost
}

func (l *line) Dial(network, address string) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, inventorytest.Patience)
	return &lineConn{Conn: c, line: l}, err
}

type lineConn struct {
	net.Conn
	line *line
	tail []byte // of what was read: an answer may come in pieces
}

func (c *lineConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("."+wire.LogPrefix)) {
		if c.line.loses.CompareAndSwap("record", "") {
			return 0, c.broken()
		}
		c.line.sent.Store(c.line.loses.Load() == "answer")
	}
	if bytes.Contains(b, []byte("."+wire.VouchKey+" ")) && c.line.loses.CompareAndSwap("request", "") {
		return 0, c.broken()
	}
	return c.Conn.Write(b)
}

func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	const ack = `{"stream":`
	c.tail = append(c.tail, b[:n]...)
	found := bytes.Contains(c.tail, []byte(ack))
	c.tail = c.tail[max(0, len(c.tail)-len(ack)+1):]
	if found && c.line.sent.Load() && c.line.loses.CompareAndSwap("answer", "") {
		return 0, c.broken()
	}
	return n, err
}

func (c *lineConn) broken() error {
	_ = c.Conn.Close()
	return net.ErrClosed
}
