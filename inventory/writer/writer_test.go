package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

func TestWriterStoresWhatItAnswers(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 50), nil)
		h.worker("one", nil)
		fan := wire.NewFan()
		hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-1", "A-2"}})
		if hold.Problem != nil || hold.Total != 2*5600 {
			t.Fatalf("%+v", hold)
		}
		r := h.Record("A-1")
		if r.State != wire.Held || r.Hold != hold.Hold || r.Fan != fan || r.Quote.Price.Total != 5600 || !r.Until.Equal(hold.Expires) {
			t.Errorf("%+v", r)
		}
		if r := h.Record("B-1"); r.State != wire.Available {
			t.Errorf("%+v", r)
		}
		stock := ask[wire.Stock](h, wire.ActStatus, nil)
		if stock.All != (wire.Count{Free: h.Index.Len() - 2, Held: 2}) {
			t.Errorf("%+v", stock)
		}
		h.CheckLog()
	})
}

func TestOneOfAThousandGetsTheSeats(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	var won, taken int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			raw, _ := json.Marshal(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"B-5", "B-6"}})
			m, err := h.NC.Request(wire.SeatsSubject("demo", wire.ActHold), raw, inventorytest.Patience)
			if err != nil {
				t.Error(err)
				return
			}
			var r wire.HoldReply
			_ = json.Unmarshal(m.Data, &r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.Problem == nil:
				won++
			case r.Problem.Code == wire.CodeTaken && len(r.Problem.Seats) == 2:
				taken++
			}
		})
	}
	wg.Wait()
	if won != 1 || taken != 999 {
		t.Errorf("%d got the seats, %d were told they are taken", won, taken)
	}
}

func TestTakeOver(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		for _, how := range []string{"clean", "crash"} {
			t.Run(how, func(t *testing.T) {
				h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 50), nil)
				first := h.worker("first", nil)
				fan := wire.NewFan()
				request := wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Best: &wire.Best{Count: 3}}
				hold := ask[wire.HoldReply](h, wire.ActHold, request)
				if hold.Problem != nil {
					t.Fatal(hold.Problem)
				}
				h.worker("second", nil)
				if how == "crash" {
					first.Crash()
				} else {
					first.Stop()
				}
				again := ask[wire.HoldReply](h, wire.ActHold, request)
				if again.Problem != nil || !again.Expires.Equal(hold.Expires) || fmt.Sprint(again.Seats) != fmt.Sprint(hold.Seats) {
					t.Errorf("after the take-over\n%+v, was\n%+v", again, hold)
				}
				over := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Best: &wire.Best{Count: 4}})
				if inventorytest.Code(over.Problem) != wire.CodeLimit {
					t.Errorf("the limit was forgotten: %+v", over)
				}
			})
		}
	})
}

// What came back unbought rests from who kept it, also when another is writer; and
// gateways are told of it.
func TestTakeOverKnowsWhoKeptSeats(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) { s.Hold.TTL = wire.Duration(time.Second) })
	told, err := h.NC.SubscribeSync(wire.NoticeAll("demo"))
	must(t, err)
	first := h.worker("first", nil)
	fan := wire.NewFan()
	claims := inventorytest.Claims(fan)
	claims.Net = "n"
	held := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Seats: []string{"A-1", "A-2"}})
	if held.Problem != nil {
		t.Fatal(held.Problem)
	}
	for n := (wire.Notice{}); n.Kind != wire.NoticeReturn; {
		m, err := told.NextMsgWithContext(h.Context())
		must(t, err)
		must(t, json.Unmarshal(m.Data, &n))
		if n.Kind == wire.NoticeReturn && (n.Hold != held.Hold || n.Net != "n" || n.Seats != 2 || m.Subject != wire.NoticeSubject("demo", fan)) {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	}
	first.Crash()
	h.worker("second", nil)
	again := wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Seats: []string{"A-1"}}
	if r := ask[wire.HoldReply](h, wire.ActHold, again); inventorytest.Code(r.Problem) != wire.CodeResting {
		t.Errorf("%+v", r)
	}
}

// A writer that was paused and wakes up after another took over must not get
// a single record in.
func TestLateWriterIsFenced(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		ctx := h.Context()
		old := h.term(1)
		old.engine.Hold(wire.HoldRequest{Hold: "h_old", Claims: inventorytest.Claims("f_old"), Seats: []string{"A-1"}}, time.Now())
		young := h.term(2)
		young.engine.Hold(wire.HoldRequest{Hold: "h_new", Claims: inventorytest.Claims("f_new"), Seats: []string{"B-1"}}, time.Now())
		must(t, young.flush(ctx))
		if err := old.flush(ctx); !errors.Is(err, kv.ErrFenced) {
			t.Fatalf("the late writer's flush: %v", err)
		}
		if r := h.Record("A-1"); r.State != wire.Available {
			t.Errorf("the late writer got its seat: %+v", r)
		}
		if r := h.Record("B-1"); r.Hold != "h_new" {
			t.Errorf("%+v", r)
		}
	})
}

// Gateways, who may release, speak for fans alone: in an order's or an operator's name
// they end nothing.
func TestReleaseSpeaksForTheFanAlone(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	hold := h.Hold("A-1")
	paying := h.Hold("A-2")
	if r := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: paying.Hold, Fan: paying.Fan, Key: "k"}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	for _, r := range []wire.ReleaseRequest{
		{Hold: hold.Hold, By: "ann"}, {Fan: hold.Fan, By: "ann"}, {Hold: paying.Hold, Order: wire.OrderOfHold(paying.Hold), Ours: true},
		{Hold: paying.Hold, Fan: paying.Fan, Order: wire.OrderOfHold(paying.Hold), Again: true},
	} {
		ask[wire.StandingReply](h, wire.ActRelease, r)
	}
	if a, b := h.Record("A-1").State, h.Record("A-2").State; a != wire.Held || b != wire.Held {
		t.Errorf("A-1 is %s, A-2 %s", a, b)
	}
	ask[wire.StandingReply](h, wire.ActGiveBack, wire.ReleaseRequest{Hold: paying.Hold, Order: wire.OrderOfHold(paying.Hold)})
	ask[wire.StandingReply](h, wire.ActRelease, wire.ReleaseRequest{Hold: hold.Hold, Fan: hold.Fan})
	if a, b := h.Record("A-1").State, h.Record("A-2").State; a != wire.Available || b != wire.Available {
		t.Errorf("given back, A-1 is %s, A-2 %s", a, b)
	}
}

func TestMoreTimeAndRefundAreStored(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) { s.Hold.MoreTime = wire.Duration(time.Minute) })
	h.worker("one", nil)
	fan := wire.NewFan()
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-1", "A-2"}})
	more := ask[wire.HoldReply](h, wire.ActMoreTime, wire.MoreTimeRequest{Hold: hold.Hold, Fan: fan})
	if r := h.Record("A-1"); more.Problem != nil || !r.Until.Equal(hold.Expires.Add(time.Minute)) || !r.Extended {
		t.Errorf("%+v, stored %+v", more, r)
	}
	order := wire.OrderOfHold(hold.Hold)
	if r := ask[wire.Reply](h, wire.ActConfirm, wire.ConfirmRequest{Hold: hold.Hold, Order: order, Fan: fan, Seats: hold.Seats}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	refund := wire.RefundRequest{Hold: hold.Hold, Order: order, Fan: fan, Seats: []string{"A-1"}, By: "ann", Why: "ill"}
	for range 2 {
		if r := ask[wire.Reply](h, wire.ActRefund, refund); r.Problem != nil || h.Record("A-1").State != wire.Available || h.Record("A-2").State != wire.Sold {
			t.Errorf("%+v: %+v %+v", r, h.Record("A-1"), h.Record("A-2"))
		}
	}
}
