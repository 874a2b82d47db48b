package seating

import (
	"testing"

	"frontrow/plan"
	"frontrow/wire"
)

// What a fan must know of a seat is in the quote, before anything is paid.
func TestQuotesNameWhatASeatIs(t *testing.T) {
	p := &plan.Plan{Name: "Hall", Width: 1000, Height: 1000, Categories: []plan.Category{{Name: "front"}}, Sections: []plan.Section{{ID: "s", Rows: []plan.Row{{Label: "A", Seats: []plan.Seat{
		{ID: "plain", X: 0, Category: "front"}, {ID: "pillar", X: 50, Category: "front", Restricted: true},
		{ID: "wheels", X: 100, Category: "front", Kind: plan.Accessible}, {ID: "beside", X: 150, Category: "front", Kind: plan.Companion, With: "wheels"}}}}}}}
	if err := plan.Check(p); err != nil {
		t.Fatal(err)
	}
	r := onSale(t, plan.NewIndex(p)).Hold(named("h", "f", "plain", "pillar", "wheels", "beside"), start)
	if r.Problem != nil {
		t.Fatal(r.Problem)
	}
	want := map[string]wire.Notes{"plain": 0, "pillar": wire.RestrictedView, "wheels": wire.AccessibleSeat, "beside": wire.CompanionSeat}
	for _, q := range r.Seats {
		if q.Notes != want[q.ID] {
			t.Errorf("%s: %v, want %v", q.ID, q.Notes.Words(), want[q.ID].Words())
		}
	}
}
