package seating

import (
	"slices"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// The request for a hold is sent twice. The hold ends, another writer takes over, and only
// then the second arrives: it is granted anew, with other seats. Whoever pays for what the
// first answer said pays for nothing else.
func TestPaysForWhatWasShown(t *testing.T) {
	request := wire.HoldRequest{Hold: "h_1", Claims: wire.Claims{Fan: "f", Limit: 6, Expires: start.Add(time.Hour)}, Best: &wire.Best{Count: 2}}
	first := onSale(t, seatingtest.Hall(t, 4, 12, 0)).Hold(request, start)
	other := onSale(t, seatingtest.Hall(t, 4, 12, 0))
	other.Hold(wire.HoldRequest{Hold: "h_2", Claims: wire.Claims{Fan: "g", Limit: 6, Expires: start.Add(time.Hour)}, Seats: first.Quoted().Seats}, start)
	again := other.Hold(request, start)
	if first.Problem != nil || again.Problem != nil || slices.Equal(first.Quoted().Seats, again.Quoted().Seats) {
		t.Fatalf("%+v, then %+v", first, again)
	}
	dearer, fewer := again.Quoted(), again.Quoted()
	dearer.Total++
	fewer.Seats = fewer.Seats[:1]
	checkout := wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k", Body: "b"}
	for _, shown := range []*wire.Quoted{first.Quoted(), dearer, fewer, {}} {
		checkout.Quoted = shown
		if r := other.Checkout(checkout, start); r.Problem == nil || r.Problem.Code != wire.CodeQuoteChanged {
			t.Errorf("%+v was shown, and %+v is paid for", shown, r)
		}
	}
	slices.Reverse(again.Seats)
	checkout.Quoted = again.Quoted()
	if r := other.Checkout(checkout, start); r.Problem != nil {
		t.Error(r.Problem)
	}
}

// Nothing is held that costs more than its fan was shown, and the refusal says both. What is
// held is what it was, whatever is asked again.
func TestHoldsForNoMoreThanWasShown(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 12, 20))
	ask := func(hold string, expect int64, change func(*wire.HoldRequest)) wire.HoldReply {
		r := wire.HoldRequest{Hold: hold, Claims: claims("f" + hold), Expect: &expect}
		change(&r)
		return e.Hold(r, start)
	}
	for name, choose := range map[string]func(*wire.HoldRequest){
		"seats": func(r *wire.HoldRequest) { r.Seats = []string{"A-1", "A-2"} },
		"best":  func(r *wire.HoldRequest) { r.Best = &wire.Best{Count: 2, Level: "a"} },
	} {
		const total = 2 * (9000 + 900 + 300)
		if p := ask("h_"+name, total-1, choose).Problem; code(p) != wire.CodePriceChanged || p.Expected != total-1 || p.Total != total {
			t.Errorf("%s: %+v", name, p)
		}
		held := ask("h_"+name, total, choose)
		if held.Problem != nil || held.Total != total {
			t.Errorf("%s: %+v", name, held)
		}
		e.SetPrice("a", wire.Price{Amounts: wire.NewAmounts(10_000, 900, 300), Version: 2})
		if again := ask("h_"+name, 1, choose); again.Problem != nil || again.Total != total {
			t.Errorf("%s, asked again: %+v", name, again)
		}
		e.SetPrice("a", wire.Price{Amounts: wire.NewAmounts(9000, 900, 300), Version: 3})
		e.Release(wire.ReleaseRequest{Hold: "h_" + name, Fan: "fh_" + name}, start)
	}
}
