package web_test

import (
	"testing"

	"frontrow/plan"
)

// The page names every place as the server does, which writes it on the ticket: rows
// and seats in the plan's own words, too.
func TestLabelsInTheBrowser(t *testing.T) {
	t.Parallel()
	p := hall()
	for i := range p.Sections[0].Rows {
		p.Sections[0].Rows[i].RowText, p.Sections[0].Rows[i].SeatText = "Tisch %s", "Stuhl %s am Tisch"
	}
	p.Sections[1].Rows[0].SeatText = "%s"
	index := plan.NewIndex(p)
	compact, err := plan.Compact(p, index)
	if err != nil {
		t.Fatal(err)
	}
	got := inBrowser[[]string](t, "plan", `(() => {
		const p = new plan.Plan(`+string(compact)+`);
		return Array.from({ length: p.kind.length }, (_, i) => p.id(i) + " " + p.label(i));
	})()`)
	if len(got) != index.Len() {
		t.Fatalf("%d places, want %d", len(got), index.Len())
	}
	for i, name := range got {
		if want := index.Seat(i).ID + " " + index.Seat(i).Label; name != want {
			t.Errorf("place %d: the page says %q, want %q", i, name, want)
		}
	}
}
