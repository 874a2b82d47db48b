package writer

import (
	"sync"
	"sync/atomic"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// A thousand fans use a code at once that is good a hundred times, while one writer dies and
// another takes over: a hundred have it, neither more nor fewer, and the records say who.
// What is given back can be used again.
func TestAHundredOfAThousandUseTheCode(t *testing.T) {
	const fans, limit = 1000, 100
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 1, 2, fans), func(s *wire.Spec) {
		s.Promotions = []wire.Promotion{{ID: "spring", Seal: "s", Off: wire.Off{AmountOff: 600}, Limit: limit, PerFan: 1}}
	})
	first := h.worker("first", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	h.worker("second", nil)

	requests := make([]wire.ReductionsRequest, fans)
	each := func(do func(*wire.ReductionsRequest)) {
		var wg sync.WaitGroup
		for i := range requests {
			wg.Go(func() { do(&requests[i]) })
		}
		wg.Wait()
	}
	each(func(r *wire.ReductionsRequest) {
		*r = wire.ReductionsRequest{Hold: wire.NewHold(), Fan: wire.NewFan(), Promotion: "spring"}
		held := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: r.Hold, Claims: inventorytest.Claims(r.Fan), Area: "floor", Count: 1})
		if held.Problem != nil {
			t.Error(held.Problem)
		}
	})
	var have sync.Map // by hold
	var used, refused atomic.Int64
	each(func(r *wire.ReductionsRequest) {
		switch reply := ask[wire.HoldReply](h, wire.ActReduce, *r); {
		case reply.Problem == nil && reply.Total == 5000:
			have.Store(r.Hold, *r)
			if used.Add(1) == limit/2 {
				first.Crash()
			}
		case inventorytest.Code(reply.Problem) == wire.CodePromoUsedUp:
			refused.Add(1)
		default:
			t.Errorf("%+v", reply)
		}
	})
	if used.Load() != limit || refused.Load() != fans-limit {
		t.Fatalf("%d have used it, %d were refused", used.Load(), refused.Load())
	}
	have.Range(func(_, value any) bool { // a release that comes first, and the next use
		r := value.(wire.ReductionsRequest)
		back := ask[wire.StandingReply](h, wire.ActRelease, wire.ReleaseRequest{Hold: r.Hold, Fan: r.Fan})
		if back.Problem != nil {
			t.Error(back.Problem)
		}
		return false
	})
	used.Store(0)
	each(func(r *wire.ReductionsRequest) {
		if _, has := have.Load(r.Hold); !has && ask[wire.HoldReply](h, wire.ActReduce, *r).Problem == nil {
			used.Add(1)
		}
	})
	if used.Load() != 1 {
		t.Errorf("one use came back, and was had %d times", used.Load())
	}
	h.CheckLog()
	records := 0
	for i := range h.Index.Len() {
		if q := h.Record(h.Index.ID(i)).Quote; q != nil && q.Promotion == "spring" {
			records++
			if !q.Sound() || q.Price.Total != 5000 || q.List != 5600 {
				t.Errorf("%+v", q)
			}
		}
	}
	if records != limit {
		t.Errorf("the records name it %d times", records)
	}
}

// A fan changes their mind fifty times at once, and presses pay after each: one payment begins, and
// it is of what that answer had shown.
func TestPaidIsWhatWasQuotedWhateverElseWasAsked(t *testing.T) {
	const times = 50
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 1, 2, 8), func(s *wire.Spec) {
		s.Concessions = []wire.Concession{{ID: "child", Name: "Child", Off: wire.Off{AmountOff: 1_000}}, {ID: "student", Name: "Student", Off: wire.Off{AmountOff: 100}}}
		s.Promotions = []wire.Promotion{{ID: "spring", Seal: "s", Off: wire.Off{AmountOff: 10}, Limit: 1, PerFan: 1}}
	})
	h.worker("first", nil)
	fan, hold := wire.NewFan(), wire.NewHold()
	held := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: hold, Claims: inventorytest.Claims(fan), Area: "floor", Count: 2})
	if held.Problem != nil {
		t.Fatal(held.Problem)
	}
	begun := make(chan [2]int64, times) // quoted, to be paid
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() {
			of := []string{"", "child", "student"}
			r := wire.ReductionsRequest{Hold: hold, Fan: fan, Promotion: []string{"", "spring"}[i%2],
				Concessions: map[string]string{held.Seats[0].ID: of[i%3], held.Seats[1].ID: of[i/3%3]}}
			priced := ask[wire.HoldReply](h, wire.ActReduce, r)
			if priced.Problem != nil {
				if inventorytest.Code(priced.Problem) != wire.CodeCheckoutBusy {
					t.Errorf("%+v: %v", r, priced.Problem)
				}
				return
			}
			paid := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: hold, Fan: fan, Key: priced.Seats[0].ID + string(rune('a'+i)), Body: "b", Quoted: priced.Quoted()})
			switch c := inventorytest.Code(paid.Problem); {
			case paid.Problem == nil:
				begun <- [2]int64{priced.Total, paid.Total}
			case c != wire.CodeCheckoutBusy && c != wire.CodeQuoteChanged:
				t.Error(paid.Problem)
			}
		})
	}
	wg.Wait()
	if len(begun) != 1 {
		t.Fatalf("%d payments have begun", len(begun))
	}
	amounts := <-begun
	h.CheckLog()
	recorded := int64(0)
	for _, s := range held.Seats {
		q := h.Record(s.ID).Quote
		if recorded += q.Price.Total; !q.Sound() {
			t.Errorf("%+v", q)
		}
	}
	if amounts[0] != amounts[1] || recorded != amounts[0] {
		t.Errorf("quoted %d, to be paid %d, in the records %d", amounts[0], amounts[1], recorded)
	}
}
