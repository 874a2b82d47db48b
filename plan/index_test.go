package plan

import (
	"fmt"
	"reflect"
	"testing"
)

// checkIndex asserts what every Index promises.
func checkIndex(t testing.TB, p *Plan) {
	t.Helper()
	x := NewIndex(p)
	for i := range x.Len() {
		ref := x.Seat(i)
		if at, ok := x.Lookup(ref.ID); !ok || at != i {
			t.Fatalf("Lookup(%q) = %d, %v, want %d", ref.ID, at, ok, i)
		}
		if ref.Block != x.BlockOf(i) || ref.Area != (ref.Block < 0) || ref.Area != (i >= x.Seats()) {
			t.Fatalf("place %d: %+v, block %d", i, ref, x.BlockOf(i))
		}
	}
	next := 0
	for b, block := range x.Blocks() {
		if block.Start != next || block.Len < 1 || block.Len > MaxBlockSeats {
			t.Fatalf("block %d = %+v, want start %d", b, block, next)
		}
		for i := block.Start; i < block.Start+block.Len; i++ {
			ref := x.Seat(i)
			if ref.Block != b || ref.BlockStart != block.Start || ref.SectionID != p.Sections[block.Section].ID || ref.RowLabel != p.Sections[block.Section].Rows[block.Row].Label {
				t.Fatalf("place %d of block %d: %+v", i, b, ref)
			}
		}
		next += block.Len
	}
	for i, a := range x.Areas() {
		if a.Start != next && i == 0 || a.End-a.Start != p.Areas[i].Capacity || a.ID != p.Areas[i].ID {
			t.Fatalf("area %d = %+v", i, a)
		}
		next = a.End
	}
	if next != x.Len() {
		t.Fatalf("blocks and areas hold %d places of %d", next, x.Len())
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	p := hall()
	checkIndex(t, p)
	x := NewIndex(p)
	if x.Len() != 68 || x.Seats() != 48 {
		t.Fatalf("Len = %d, Seats = %d", x.Len(), x.Seats())
	}
	for i, want := range map[int]Ref{
		13: {ID: "101-B-2", Label: "Block 101, Row B, Seat 2", SectionID: "101", RowLabel: "B", Number: "2", Category: "Gold",
			Kind: Companion, With: "101-B-1", X: 150, Y: 385, Block: 1, BlockStart: 12},
		64: {ID: "floor/17", Label: "Standing floor, place 17", SectionID: "floor", Number: "17", Category: "Silver",
			Area: true, Block: -1, BlockStart: -1},
	} {
		if got := x.Seat(i); got != want {
			t.Errorf("Seat(%d) = %+v\nwant %+v", i, got, want)
		}
	}
	for _, id := range []string{"", "floor", "floor/", "floor/0", "floor/21", "floor/07", "floor/+7", "101-A-13", "none/1"} {
		if i, ok := x.Lookup(id); ok {
			t.Errorf("Lookup(%q) = %d", id, i)
		}
	}
	if got, want := x.Sections(), []Range{{0, 24}, {24, 48}}; !reflect.DeepEqual(got, want) {
		t.Errorf("Sections = %v", got)
	}
	if a, ok := x.Area("floor"); !ok || a != (AreaRange{"floor", 0, Range{48, 68}}) {
		t.Errorf("Area = %v, %v", a, ok)
	}
	if _, ok := x.Area("roof"); ok {
		t.Error("found an area that is not there")
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	line := func(xs ...float64) (row Row) {
		for i, x := range xs {
			row.Seats = append(row.Seats, Seat{ID: fmt.Sprint(len(xs), "-", i), X: x})
		}
		return row
	}
	long := func(n int) (xs []float64) {
		for i := range n {
			xs = append(xs, 50*float64(i))
		}
		return xs
	}
	for name, test := range map[string]struct {
		rows []Row
		want []int // lengths of the blocks
	}{
		"one run":                      {[]Row{line(long(20)...)}, []int{20}},
		"an aisle":                     {[]Row{line(0, 50, 100, 250, 300, 350)}, []int{3, 3}},
		"a gap that is no aisle":       {[]Row{line(0, 50, 100, 175, 225)}, []int{5}},
		"a gap of 1.65 spacings":       {[]Row{line(0, 100, 200, 365, 465, 565)}, []int{3, 3}},
		"split at 64":                  {[]Row{line(long(150)...)}, []int{64, 64, 22}},
		"exactly 64":                   {[]Row{line(long(64)...)}, []int{64}},
		"two seats across an aisle":    {[]Row{line(0, 250), line(long(8)...)}, []int{1, 1, 8}},
		"a wide row keeps its spacing": {[]Row{line(0, 90, 180, 270), line(long(8)...)}, []int{4, 8}},
		"doubling back":                {[]Row{line(0, 50, 100, 50, 0)}, []int{3, 2}},
		"single seats":                 {[]Row{line(0), line(7)}, []int{1, 1}},
		"an empty row":                 {[]Row{{}, line(0, 50)}, []int{2}},
		"all on one spot":              {[]Row{line(0, 0, 0)}, []int{3}},
	} {
		var got []int
		for _, b := range NewIndex(&Plan{Sections: []Section{{ID: "s", Rows: test.rows}}}).Blocks() {
			got = append(got, b.Len)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: blocks of %v, want %v", name, got, test.want)
		}
	}
}

func BenchmarkNewIndex(b *testing.B) {
	p, err := Generate(Spec{Kind: Stadium, Seats: 80_000})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		NewIndex(p)
	}
}
