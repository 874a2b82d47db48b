package writer

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"frontrow/internal/bus"
	"frontrow/inventory/seating"
	"frontrow/wire"
)

// command is one act on its way from a request through the decision and a flush
// to the answer. It is a value: what an engine that was given the same commands
// at the same instants replies is the same.
type command struct {
	act     string
	request any       // of act: a pointer to a type of package wire, or to one of those below; never changed
	at      time.Time // when it was decided
	reply   any       // what the decision was: a type of package wire, or one of those below; nil if there is nothing to say

	weight int        // records it may change
	to     string     // where the answer is awaited; empty: nowhere
	among  *message   // likewise, with those of the commands that it came with
	line   int        // of among
	done   chan<- any // likewise, by a goroutine of the writer
}

// Acts of the writer itself.
const (
	actFacts    = "facts"    // *facts → nothing
	actExpire   = "expire"   // *expiry → expired
	actPostpone = "postpone" // *postponed → nothing
	actVerdict  = "verdict"  // *verdict → wire.Reply
	actSold     = "sold"     // *soldSeats → []seating.Sale
	actSpoiled  = "spoiled"  // *spoiledSeats → []string
	actBook     = "book"     // *booked → wire.Reply
	actRepair   = "repair"   // *repaired → wire.Reply
	actPrices   = "prices"   // *pastPrices → nothing
)

type (
	// facts are the event's record and prices, by level.
	facts struct {
		event  wire.Event
		prices map[string]wire.Price
	}
	// pastPrices are the prices after the next acts of their log.
	pastPrices struct{ acts []map[string]wire.LevelPrice }
	// expiry ends the holds whose deadline has passed, until about most records have changed.
	expiry struct{ most int }
	// expired are those it has freed, and those in checkout of which the ledger must
	// say first whether they were paid for.
	expired struct{ freed, overdue []seating.Ended }
	// postponed puts a hold back among the deadlines that its own has missed.
	postponed struct{ hold string }
	// verdict is what the ledger says of an overdue hold in checkout, if it could be asked.
	verdict struct {
		hold  seating.Ended
		order wire.OrderReply
		back  []wire.RefundRequest // of an order refunded before its seats were known as sold: where they go
		err   error
	}
	// soldSeats and spoiledSeats list seats.
	soldSeats    struct{}
	spoiledSeats struct{}
	// booked makes all seats of an order sold, as the ledger has them.
	booked struct{ wire.ConfirmRequest }
	// repaired makes a spoiled seat what the log says that it is.
	repaired struct {
		seat         string
		to           wire.State
		channel, why string
	}
)

// LogValue is a command as it may be logged: it says what was done to which hold
// and order, and nothing that opens anything or names anybody.
func (c command) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("act", c.act), slog.Time("at", c.at)}
	if hold, order := c.about(); hold != "" || order != "" {
		attrs = append(attrs, slog.String("hold", hold), slog.String("order", order))
	}
	if p := problemOf(c.reply); p != nil {
		attrs = append(attrs, slog.String("code", string(p.Code)))
	}
	return slog.GroupValue(attrs...)
}

// about names the hold and the order that c is about, as far as it is about one.
func (c command) about() (hold, order string) {
	switch r := c.request.(type) {
	case *wire.HoldRequest:
		return r.Hold, ""
	case *wire.CheckoutRequest:
		return r.Hold, ""
	case *wire.ReleaseRequest:
		return r.Hold, r.Order
	case *wire.StandingRequest:
		return r.Hold, r.Order
	case *wire.ExtendRequest:
		return r.Hold, r.Order
	case *wire.ConfirmRequest:
		return r.Hold, r.Order
	case *wire.MoreTimeRequest:
		return r.Hold, ""
	case *wire.ReductionsRequest:
		return r.Hold, ""
	case *wire.RefundRequest:
		return r.Hold, r.Order
	case *postponed:
		return r.hold, ""
	case *verdict:
		return r.hold.Hold, r.hold.Order
	case *booked:
		return r.Hold, r.Order
	}
	return "", ""
}

func problemOf(reply any) *wire.Problem {
	switch r := reply.(type) {
	case wire.HoldReply:
		return r.Problem
	case wire.ExtendReply:
		return r.Problem
	case wire.StandingReply:
		return r.Problem
	case wire.BlockReply:
		return r.Problem
	case wire.ClearReply:
		return r.Problem
	case wire.Reply:
		return r.Problem
	}
	return nil
}

// decode reads a request to the writer. ok is false if it is not understood.
func decode(act string, data []byte) (request any, ok bool) {
	switch act {
	case wire.ActHold:
		return read(data, func(r *wire.HoldRequest) bool { return wire.IsHold(r.Hold) && wire.IsFan(r.Claims.Fan) })
	case wire.ActCheckout:
		return read(data, func(r *wire.CheckoutRequest) bool { return r.Key != "" })
	case wire.ActRelease: // whoever may ask so speaks for fans, not for orders or operators
		return read(data, func(r *wire.ReleaseRequest) bool {
			*r = wire.ReleaseRequest{Hold: r.Hold, Fan: r.Fan}
			return true
		})
	case wire.ActGiveBack:
		return read[wire.ReleaseRequest](data, nil)
	case wire.ActStanding:
		return read[wire.StandingRequest](data, nil)
	case wire.ActExtend:
		return read[wire.ExtendRequest](data, nil)
	case wire.ActConfirm:
		return read(data, func(r *wire.ConfirmRequest) bool { return len(r.Seats) <= wire.MaxPerFan })
	case wire.ActBlock:
		return read(data, func(r *wire.BlockRequest) bool { return len(r.Seats) <= MaxSeats })
	case wire.ActMoreTime:
		return read[wire.MoreTimeRequest](data, nil)
	case wire.ActReduce:
		return read(data, func(r *wire.ReductionsRequest) bool { return len(r.Concessions) <= wire.MaxPerFan })
	case wire.ActRefund:
		return read(data, func(r *wire.RefundRequest) bool {
			return wire.IsHold(r.Hold) && r.Order != "" && len(r.Seats) <= wire.MaxPerFan
		})
	case wire.ActClear:
		return read[wire.ClearRequest](data, nil)
	case wire.ActStatus:
		return &status{}, true
	case wire.ActSeat:
		return read[wire.SeatRequest](data, nil)
	}
	return nil, false
}

// status asks for the counters.
type status struct{}

func read[T any](data []byte, valid func(*T) bool) (request any, ok bool) {
	r := new(T)
	if wire.Unmarshal(data, r) != nil || valid != nil && !valid(r) {
		return nil, false
	}
	return r, true
}

// weight is how many records a request may change.
func weight(request any) int {
	switch r := request.(type) {
	case *wire.StandingRequest, *wire.SeatRequest, *status, *soldSeats, *spoiledSeats:
		return 0
	case *repaired:
		return 1
	case *wire.ConfirmRequest, *booked, *verdict:
		return 2 * wire.MaxPerFan // it may end another hold
	case *wire.BlockRequest:
		if len(r.Seats) > 0 {
			return len(r.Seats)
		}
		return seating.MaxWide
	case *wire.ClearRequest:
		return seating.MaxWide
	}
	return wire.MaxPerFan
}

// receive takes what comes over the bus.
func (t *term) receive(m bus.Msg) {
	if !wire.Asked(m.Reply) {
		return
	}
	switch act := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]; act {
	case wire.TogetherFans, wire.TogetherOrders:
		t.receiveTogether(act, m)
	default:
		t.admit(command{act: act, to: m.Reply}, m.Data)
	}
}

// admit decodes the request of a command and queues it, or refuses it: the queue is bounded.
func (t *term) admit(c command, data []byte) {
	request, ok := decode(c.act, data)
	if !ok {
		t.answer(c, wire.Reply{Problem: wire.Refuse(wire.CodeBadRequest, "The request was not understood.")})
		return
	}
	c.request, c.weight = request, weight(request)
	select {
	case t.queue <- c:
	default:
		t.metrics.shed.Inc()
		t.answer(c, wire.Reply{Problem: wire.Busy("Too many people are choosing seats this second. Try again.")})
	}
}

// answer gives c's reply, or another, to whoever waits for it.
func (t *term) answer(c command, reply any) {
	switch {
	case c.done != nil:
		c.done <- reply
	case c.among != nil, c.to != "":
		t.say(c, encoded(reply))
	}
}

// say is answer with the answer as it is sent.
func (t *term) say(c command, text []byte) {
	to := c.to
	if c.among != nil {
		to, text = c.among.to, c.among.answer(c.line, text)
	}
	if text != nil {
		_ = t.cfg.Bus.Publish(to, text) // a caller that got none asks again
	}
}

// answerRoom is made for an answer before it is encoded: that of a hold of two fits.
const answerRoom = 512

func encoded(reply any) []byte {
	raw, _ := wire.Append(make([]byte, 0, answerRoom), reply) // plain records: can't fail
	return raw
}

// askWriter has a request of the writer's own decided between those of fans, and returns
// the reply once that is stored. It is never refused: it waits for room.
func askWriter[R any](ctx context.Context, t *term, act string, request any) (reply R, err error) {
	done := make(chan any, 1)
	if err := t.tell(ctx, command{act: act, request: request, weight: weight(request), done: done}); err != nil {
		return reply, err
	}
	select {
	case r := <-done:
		return r.(R), nil
	case <-ctx.Done():
		return reply, ctx.Err()
	}
}

// tell queues a command of the writer's own. It waits for room.
func (t *term) tell(ctx context.Context, c command) error {
	select {
	case t.queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
