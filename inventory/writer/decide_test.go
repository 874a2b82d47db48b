package writer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"
)

// story makes up commands about an event, as fans, checkouts, operators and the
// writer itself send them, and decides them.
type story struct {
	*rand.Rand
	t     *testing.T
	term  *term
	clock time.Time
	holds []held
}

type held struct {
	wire.HoldReply
	fan string
}

func newStory(t *testing.T, seed uint64, index *plan.Index) *story {
	s := &story{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, clock: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)}
	s.term = newTerm(&Writer{cfg: Config{Now: func() time.Time { return s.clock }}}, NewEvent("demo", index, fixed{seatingtest.Concert()}), 1, nil)
	s.term.engine = emptyEngine(index)
	return s
}

func emptyEngine(index *plan.Index) *seating.Engine {
	e := seating.NewEngine(seatingtest.Concert(), index)
	for _, l := range seatingtest.Concert().Spec.Levels {
		e.SetPrice(l.ID, inventorytest.Price())
	}
	e.Open(e.Unopened(0, index.Len()), time.Time{})
	e.Take()
	return e
}

// tell has a request decided as if it had come from outside.
func (s *story) tell(act string, request any) any {
	raw, err := json.Marshal(request)
	must(s.t, err)
	decoded, ok := decode(act, raw)
	if !ok {
		s.t.Fatalf("%s %s is not understood", act, raw)
	}
	return s.term.decide(command{act: act, request: decoded, to: "_INBOX.x"})
}

func (s *story) own(act string, request any) any {
	return s.term.decide(command{act: act, request: request})
}

func (s *story) seat() string { return s.term.event.index.ID(s.IntN(s.term.event.index.Len())) }

// goOn makes up the next command.
func (s *story) goOn() {
	s.clock = s.clock.Add(time.Duration(s.IntN(20)) * time.Second)
	s.own(actExpire, &expiry{MaxSeats})
	h := held{fan: "f_" + strings.Repeat("a", 26)}
	if len(s.holds) > 0 {
		h = s.holds[s.IntN(len(s.holds))]
	}
	order := wire.OrderOfHold(h.Hold)
	switch s.IntN(16) {
	case 0:
		s.tell(wire.ActRelease, wire.ReleaseRequest{Hold: h.Hold, Fan: h.fan})
	case 1, 2:
		s.tell(wire.ActCheckout, wire.CheckoutRequest{Hold: h.Hold, Fan: h.fan, Key: fmt.Sprint(s.IntN(2))})
	case 3:
		s.tell(wire.ActExtend, wire.ExtendRequest{Hold: h.Hold, Order: order, Ours: s.IntN(2) == 0})
	case 4:
		s.tell(wire.ActConfirm, wire.ConfirmRequest{Hold: h.Hold, Order: order, Fan: h.fan, Seats: h.Seats})
	case 5:
		s.tell(wire.ActGiveBack, wire.ReleaseRequest{Hold: h.Hold, Order: order, Fan: h.fan, Again: s.IntN(2) == 0, Why: "declined"})
	case 6:
		s.tell(wire.ActMoreTime, wire.MoreTimeRequest{Hold: h.Hold, Fan: h.fan})
	case 7:
		if wire.IsHold(h.Hold) {
			s.tell(wire.ActRefund, wire.RefundRequest{Hold: h.Hold, Order: order, Fan: h.fan, Block: s.IntN(2) == 0, Why: "ill"})
		}
	case 8:
		s.tell(wire.ActBlock, wire.BlockRequest{Seats: []string{s.seat()}, Unblock: s.IntN(2) == 0, Channel: "press", By: "ann"})
	case 9:
		s.tell(wire.ActStanding, wire.StandingRequest{Hold: h.Hold, Order: order, Fan: h.fan})
		s.tell(wire.ActStatus, nil)
		s.tell(wire.ActClear, wire.ClearRequest{By: "ann", Why: "rain"})
	case 10:
		s.own(actVerdict, &verdict{hold: seating.Ended{Hold: h.Hold, Order: order, Fan: h.fan},
			order: wire.OrderReply{State: []wire.OrderState{wire.OrderPaid, wire.OrderFailed}[s.IntN(2)], Seats: h.Seats}, err: []error{nil, nil, errors.New("down")}[s.IntN(3)]})
	case 11:
		s.own(actBook, &booked{wire.ConfirmRequest{Hold: h.Hold, Order: order, Fan: h.fan, Seats: h.Seats}})
	case 12:
		s.own(actSold, &soldSeats{})
		s.own(actSpoiled, &spoiledSeats{})
		s.own(actRepair, &repaired{s.seat(), wire.Available, "", "the log says so"})
		s.own(actFacts, &facts{seatingtest.Concert(), map[string]wire.Price{"a": inventorytest.Price()}})
	default:
		fan := wire.NewFan()
		claims := inventorytest.Claims(fan)
		claims.Expires = s.clock.Add(time.Hour)
		r := s.tell(wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Best: &wire.Best{Count: 1 + s.IntN(4)}}).(wire.HoldReply)
		if r.Problem == nil {
			s.holds = append(s.holds, held{r, fan})
		}
	}
}

// An order may be paid, and refunded to stay off sale, before the writer knows its seats as
// sold. When their deadline comes they go where the refund said, and not on sale.
func TestRefundedBeforeSold(t *testing.T) {
	s := newStory(t, 1, seatingtest.Hall(t, 4, 20, 50))
	claims := inventorytest.Claims("f_" + strings.Repeat("a", 22))
	claims.Expires = s.clock.Add(time.Hour)
	h := s.tell(wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Best: &wire.Best{Count: 2}}).(wire.HoldReply)
	c := s.tell(wire.ActCheckout, wire.CheckoutRequest{Hold: h.Hold, Fan: claims.Fan, Key: "k"}).(wire.HoldReply)
	if c.Problem != nil || c.Order == "" {
		t.Fatalf("%+v", c)
	}
	back := wire.RefundRequest{Hold: h.Hold, Order: c.Order, Fan: claims.Fan, Block: true, Why: "view"}
	for _, q := range h.Seats {
		back.Seats = append(back.Seats, q.ID)
	}
	s.own(actVerdict, &verdict{hold: seating.Ended{Hold: h.Hold, Order: c.Order, Fan: claims.Fan}, order: wire.OrderReply{State: wire.OrderRefunded},
		back: []wire.RefundRequest{back}})
	for _, id := range back.Seats {
		i, _ := s.term.event.index.Lookup(id)
		if r := s.term.engine.Record(i); r.State != wire.Blocked {
			t.Errorf("seat %s is %s", id, r.State)
		}
	}
}

// What was decided is decided again by an engine that is given the same commands: the
// replies are the same, and so are the records and the acts of the log.
func TestCommandsAreReplayed(t *testing.T) {
	t.Parallel()
	done := map[string]int{} // that were not refused
	index := seatingtest.Hall(t, 4, 20, 50)
	for seed := range uint64(20) {
		s := newStory(t, seed, index)
		again := emptyEngine(index)
		for flush := range 60 {
			for range 10 {
				s.goOn()
			}
			b := s.term.deciding
			s.term.deciding = &batch{}
			var notices []notice
			for _, c := range b.commands {
				if problemOf(c.reply) == nil {
					done[c.act]++
				}
				reply, more := decide(again, c.request, c.at)
				notices = append(notices, more...)
				if !reflect.DeepEqual(reply, c.reply) {
					t.Fatalf("seed %d, flush %d, %v: %+v, it was %+v", seed, flush, c.LogValue(), reply, c.reply)
				}
			}
			if !reflect.DeepEqual(notices, b.notices) {
				t.Fatalf("seed %d, flush %d: notices %+v, they were %+v", seed, flush, notices, b.notices)
			}
			seats, acts := s.term.engine.Take()
			seatsAgain, actsAgain := again.Take()
			if !reflect.DeepEqual(acts, actsAgain) || !reflect.DeepEqual(seats, seatsAgain) {
				t.Fatalf("seed %d, flush %d: %+v, it was %+v", seed, flush, actsAgain, acts)
			}
			for i, seat := range seats {
				if was, is := s.term.engine.Record(seat), again.Record(seat); !reflect.DeepEqual(was, is) {
					t.Fatalf("seed %d, flush %d, seat %s: %+v, it was %+v", seed, flush, index.ID(seat), is, was)
				}
				revision := uint64(1000*flush + i + 1)
				s.term.engine.Stored(seat, uint64(flush), revision)
				again.Stored(seat, uint64(flush), revision)
			}
		}
	}
	for _, act := range []string{wire.ActHold, wire.ActCheckout, wire.ActRelease, wire.ActGiveBack, wire.ActStanding, wire.ActExtend, wire.ActConfirm, wire.ActBlock,
		wire.ActRefund, wire.ActClear, wire.ActStatus, actFacts, actExpire, actVerdict, actSold, actSpoiled, actBook, actRepair} {
		if done[act] < 10 {
			t.Errorf("%s was done %d times: nothing is shown", act, done[act])
		}
	}
}

// A command can be logged: it says what happened to which hold and order, and
// carries nothing that opens or names anything.
func TestCommandsAreLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	claims := inventorytest.Claims("f_secret")
	claims.Pass, claims.Net, claims.Channel = "p_secret", "n_secret", "c_secret"
	now := time.Now()
	for _, c := range []command{
		{act: wire.ActHold, at: now, request: &wire.HoldRequest{Hold: "h_1", Claims: claims}, reply: wire.HoldReply{Problem: wire.Refuse(wire.CodeTaken, "d_secret")}},
		{act: wire.ActCheckout, at: now, request: &wire.CheckoutRequest{Hold: "h_1", Fan: "f_secret", Key: "k_secret", Body: "b_secret"}},
		{act: actVerdict, at: now, request: &verdict{hold: seating.Ended{Hold: "h_1", Order: "o_1", Fan: "f_secret"}}},
		{act: wire.ActRefund, at: now, request: &wire.RefundRequest{Hold: "h_1", Order: "o_1", Fan: "f_secret", By: "ann_secret"}},
	} {
		log.Info("decided", "command", c)
	}
	if s := out.String(); strings.Contains(s, "secret") || strings.Count(s, "command.hold=h_1") != 4 || strings.Count(s, "command.order=o_1") != 2 || !strings.Contains(s, "command.code=taken") {
		t.Error(s)
	}
}
