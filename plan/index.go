package plan

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// MaxBlockSeats bounds a block so that its seats' states fit into a uint64.
const MaxBlockSeats = 64

// AisleFactor is how much wider than the row's usual seat spacing a gap must be to count as an aisle.
const AisleFactor = 1.6

// Index numbers every sellable place of a plan in plan order: 0 to Len()-1. It is immutable and safe for concurrent
// use; it refers to the plan, which must not change afterwards.
type Index struct {
	plan     *Plan
	rows     []rowAt
	rowOf    []int32 // by seat
	blockOf  []int32 // by seat
	byID     map[string]int32
	blocks   []Block
	sections []Range
	areas    []AreaRange
	areaByID map[string]int
	places   int
}

type rowAt struct{ section, row, start int32 }

// Range is the range of places [Start, End).
type Range struct{ Start, End int }

// AreaRange is the standing places of one area; place n (from 1) has the index Start+n-1.
type AreaRange struct {
	ID   string
	Area int // index in Plan.Areas
	Range
}

// Block is a maximal run of at most MaxBlockSeats physically adjacent seats of one row: places Start to Start+Len-1
// are neighbours from left to right. Only seats are in blocks, not standing places.
type Block struct {
	Start, Len   int
	Section, Row int // indices in Plan.Sections and its Rows
	Rank         int // the section's
}

// Ref is one sellable place.
type Ref struct {
	ID         string
	Label      string // "Block 101, Row A, Seat 12", "Standing floor, place 17"
	SectionID  string // of a standing place: the id of its area
	RowLabel   string // empty for a standing place
	Number     string
	Category   string
	Kind       SeatKind
	With       string // of a companion: the id of its accessible seat
	Restricted bool
	Area       bool // a standing place
	X, Y       float64
	Block      int // index in Blocks, -1 for a standing place
	BlockStart int // index of the first seat of the block, -1 for a standing place
}

// NewIndex numbers the places of p, which must have passed Check.
func NewIndex(p *Plan) *Index {
	seats := 0
	for s := range p.Sections {
		for r := range p.Sections[s].Rows {
			seats += len(p.Sections[s].Rows[r].Seats)
		}
	}
	x := &Index{plan: p, rowOf: make([]int32, 0, seats), blockOf: make([]int32, 0, seats),
		byID: make(map[string]int32, seats), areaByID: make(map[string]int, len(p.Areas))}
	var gaps []float64
	for s := range p.Sections {
		from := len(x.rowOf)
		usual := sectionPitch(&p.Sections[s])
		for r := range p.Sections[s].Rows {
			row := p.Sections[s].Rows[r].Seats
			start := len(x.rowOf)
			for i := range row {
				x.byID[row[i].ID] = int32(start + i)
				x.rowOf = append(x.rowOf, int32(len(x.rows)))
			}
			x.rows = append(x.rows, rowAt{int32(s), int32(r), int32(start)})
			gaps = spacings(gaps[:0], row)
			// One or two gaps have no meaningful median: two seats on either side of an aisle are not neighbours.
			pitch := usual
			if len(gaps) > 2 {
				pitch = median(gaps)
			}
			x.addBlocks(row, Block{Start: start, Section: s, Row: r, Rank: p.Sections[s].Rank}, pitch)
		}
		x.sections = append(x.sections, Range{from, len(x.rowOf)})
	}
	x.places = seats
	for i, a := range p.Areas {
		x.areaByID[a.ID] = i
		x.areas = append(x.areas, AreaRange{a.ID, i, Range{x.places, x.places + a.Capacity}})
		x.places += a.Capacity
	}
	return x
}

// addBlocks splits one row into blocks: at aisles, where the listing doubles back, and at MaxBlockSeats.
func (x *Index) addBlocks(row []Seat, b Block, pitch float64) {
	for i := range row {
		if i > 0 && (b.Len == MaxBlockSeats || distance(&row[i-1], &row[i]) > AisleFactor*pitch || i > 1 && doublesBack(row[i-2:i+1])) {
			x.blocks = append(x.blocks, b)
			b.Start, b.Len = b.Start+b.Len, 0
		}
		b.Len++
		x.blockOf = append(x.blockOf, int32(len(x.blocks)))
	}
	if b.Len > 0 {
		x.blocks = append(x.blocks, b)
	}
}

// Plan returns the numbered plan.
func (x *Index) Plan() *Plan { return x.plan }

// Len returns the number of sellable places.
func (x *Index) Len() int { return x.places }

// Seats returns the number of seats. They are places 0 to Seats()-1; the standing places follow.
func (x *Index) Seats() int { return len(x.rowOf) }

// Blocks returns the blocks in plan order. The caller must not change them.
func (x *Index) Blocks() []Block { return x.blocks }

// Sections returns the range of seats of each section, in plan order. The caller must not change it.
func (x *Index) Sections() []Range { return x.sections }

// Areas returns the standing places of each area, in plan order. The caller must not change them.
func (x *Index) Areas() []AreaRange { return x.areas }

// Area returns the standing places of one area.
func (x *Index) Area(id string) (AreaRange, bool) {
	i, ok := x.areaByID[id]
	if !ok {
		return AreaRange{}, false
	}
	return x.areas[i], true
}

// Lookup finds a place by its id.
func (x *Index) Lookup(id string) (int, bool) {
	if i, ok := x.byID[id]; ok {
		return int(i), true
	}
	if area, n, ok := splitPlaceID(id); ok {
		if r, ok := x.Area(area); ok && n <= r.End-r.Start {
			return r.Start + n - 1, true
		}
	}
	return 0, false
}

// splitPlaceID splits a standing place's id: "floor/17" is place 17 of the area "floor".
func splitPlaceID(id string) (area string, n int, ok bool) {
	slash := strings.LastIndexByte(id, '/')
	if slash < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(id[slash+1:])
	if err != nil || n < 1 || strconv.Itoa(n) != id[slash+1:] {
		return "", 0, false
	}
	return id[:slash], n, true
}

// BlockOf returns the index of place i in Blocks, or -1 if it is a standing place.
func (x *Index) BlockOf(i int) int {
	if i >= len(x.blockOf) {
		return -1
	}
	return int(x.blockOf[i])
}

// ID returns the id of place i, 0 ≤ i < Len().
func (x *Index) ID(i int) string {
	if i >= len(x.rowOf) {
		return x.standing(i).ID
	}
	_, _, s := x.seat(i)
	return s.ID
}

func (x *Index) seat(i int) (*Section, *Row, *Seat) {
	at := x.rows[x.rowOf[i]]
	section := &x.plan.Sections[at.section]
	row := &section.Rows[at.row]
	return section, row, &row.Seats[i-int(at.start)]
}

// Seat returns place i, 0 ≤ i < Len().
func (x *Index) Seat(i int) Ref {
	if i >= len(x.rowOf) {
		return x.standing(i)
	}
	section, row, s := x.seat(i)
	block := int(x.blockOf[i])
	return Ref{
		ID: s.ID, Label: seatLabel(section, row, s), SectionID: section.ID, RowLabel: row.Label, Number: s.Number,
		Category: s.Category, Kind: s.Kind, With: s.With, Restricted: s.Restricted, X: s.X, Y: s.Y,
		Block: block, BlockStart: x.blocks[block].Start,
	}
}

// standing returns place i of an area.
func (x *Index) standing(i int) Ref {
	k := sort.Search(len(x.areas), func(k int) bool { return x.areas[k].End > i })
	if i < 0 || k == len(x.areas) {
		panic(fmt.Sprintf("plan: place %d of %d", i, x.places))
	}
	a := &x.plan.Areas[x.areas[k].Area]
	number := strconv.Itoa(i - x.areas[k].Start + 1)
	return Ref{
		ID: a.ID + "/" + number, Label: labelOr(a.Label, a.ID) + ", place " + number, SectionID: a.ID, Number: number,
		Category: a.Category, Area: true, Block: -1, BlockStart: -1,
	}
}

func seatLabel(section *Section, row *Row, s *Seat) string {
	label := labelOr(section.Label, section.ID)
	if row.Label != "" {
		label += ", " + written(row.RowText, "Row %s", row.Label)
	}
	return label + ", " + written(row.SeatText, "Seat %s", labelOr(s.Number, s.ID))
}

// written returns a label in the venue's pattern, or the usual one if it has none.
func written(pattern, usual, label string) string {
	if pattern == "" {
		pattern = usual
	}
	return strings.ReplaceAll(pattern, "%s", label)
}

func labelOr(label, id string) string {
	if label == "" {
		return id
	}
	return label
}

// sectionPitch returns the usual distance between neighbours in a section, in plan units.
func sectionPitch(s *Section) float64 {
	var gaps []float64
	for r := range s.Rows {
		gaps = spacings(gaps, s.Rows[r].Seats)
	}
	return median(gaps)
}

func spacings(into []float64, row []Seat) []float64 {
	for i := 1; i < len(row); i++ {
		into = append(into, distance(&row[i-1], &row[i]))
	}
	return into
}

// median returns the median of values, which it sorts.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

func distance(a, b *Seat) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }
