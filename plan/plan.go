package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"unicode/utf8"
)

// Plan is a venue's seating plan. Its JSON is frontrow's own format; unknown fields are refused.
type Plan struct {
	Name       string     `json:"name"`
	Width      float64    `json:"width"`
	Height     float64    `json:"height"`
	Focus      Point      `json:"focus"` // what people look at: the stage, the centre of the pitch
	Categories []Category `json:"categories"`
	Sections   []Section  `json:"sections"`
	Areas      []Area     `json:"areas,omitempty"`
	Shapes     []Shape    `json:"shapes,omitempty"`
}

// Category groups places priced alike; an event maps a price level onto each.
type Category struct {
	Name  string `json:"name"`
	Color string `json:"color,omitempty"` // #rgb, #rrggbb or a CSS colour name
}

// Section is a block of rows between aisles.
type Section struct {
	ID      string  `json:"id"`
	Label   string  `json:"label"`
	Level   string  `json:"level,omitempty"` // tier: "lower", "balcony"
	Rank    int     `json:"rank"`            // selling order, 0 is best
	Outline []Point `json:"outline,omitempty"`
	Rows    []Row   `json:"rows"`
}

// Row is one row of a section, which lists its front row first. Seats are in physical order along the row, left to
// right as one faces the focus; [Read] and [ImportPretix] sort them if a file does not.
//
// A row is written "Row A" and its seats "Seat 12", unless RowText and SeatText say otherwise, with %s for the label
// and the number.
type Row struct {
	Label    string `json:"label"`
	RowText  string `json:"row_text,omitempty"`  // "Table %s"
	SeatText string `json:"seat_text,omitempty"` // "Chair %s"
	Seats    []Seat `json:"seats"`
}

// Seat is one numbered seat.
type Seat struct {
	ID         string   `json:"id"`
	Number     string   `json:"number"`
	X          float64  `json:"x"`
	Y          float64  `json:"y"`
	Category   string   `json:"category"`
	Kind       SeatKind `json:"kind,omitempty"`
	With       string   `json:"with,omitempty"`       // of a companion seat: the id of its accessible seat
	Restricted bool     `json:"restricted,omitempty"` // restricted view
}

// SeatKind says for whom a seat is meant.
type SeatKind string

const (
	Standard   SeatKind = ""
	Accessible SeatKind = "accessible" // room for a wheelchair
	Companion  SeatKind = "companion"  // beside an accessible seat, sold with it
)

// Area is general admission: Capacity standing places without coordinates.
type Area struct {
	ID       string  `json:"id"`
	Label    string  `json:"label"`
	Category string  `json:"category"`
	Capacity int     `json:"capacity"`
	Rank     int     `json:"rank"` // selling order among areas, 0 is best
	Outline  []Point `json:"outline,omitempty"`
}

// Shape is decoration.
type Shape struct {
	Kind   ShapeKind `json:"kind"`
	Label  string    `json:"label,omitempty"`
	Points []Point   `json:"points"`
	Color  string    `json:"color,omitempty"`
}

// ShapeKind says what a shape's points mean.
type ShapeKind string

const (
	Rect    ShapeKind = "rect"    // two opposite corners
	Circle  ShapeKind = "circle"  // the centre and a point of the edge
	Polygon ShapeKind = "polygon" // three corners or more
	Text    ShapeKind = "text"    // the middle of the label
)

// Point is a position in plan units; its JSON is [x, y].
type Point struct{ X, Y float64 }

func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{p.X, p.Y}) }

func (p *Point) UnmarshalJSON(data []byte) error {
	var xy []float64
	if err := json.Unmarshal(data, &xy); err != nil {
		return err
	}
	if len(xy) != 2 {
		return fmt.Errorf("a point has 2 numbers, not %d", len(xy))
	}
	p.X, p.Y = xy[0], xy[1]
	return nil
}

// Encode returns the canonical JSON of p. It fails only on numbers that JSON can't express, which Check refuses.
func Encode(p *Plan) ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return data, nil
}

// Digest returns the name of p: the hex SHA-256 of its canonical JSON. p must have passed Check.
func Digest(p *Plan) string {
	data, err := Encode(p)
	if err != nil {
		panic("plan: Digest of an unchecked plan: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Decode reads frontrow's own JSON as written by Encode: the Plan it returns has passed Check and encodes to the same
// digest.
func Decode(data []byte) (*Plan, error) {
	if err := bounded(data); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	p := new(Plan)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("decode plan: more than one JSON document")
	}
	if err := Check(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Read reads a plan in frontrow's own JSON or in pretix's (recognised by its zones), and returns it checked, with each
// row's seats in physical order. It reads at most MaxPlanBytes. The notes are for the organiser: what was taken for the
// stage and what was fixed (ImportPretix), and labels that two seats share.
func Read(r io.Reader) (p *Plan, notes []string, err error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, nil, err
	}
	var keys struct {
		Zones    skipped         `json:"zones"`
		Sections skipped         `json:"sections"`
		Layout   json.RawMessage `json:"layout"` // in an answer of pretix's API
	}
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, nil, syntaxError(data, err)
	}
	theirs := !bool(keys.Sections) && (bool(keys.Zones) || keys.Layout != nil)
	var like reflect.Type // theirs has keys that mean nothing here
	if !theirs {
		like = reflect.TypeFor[Plan]()
	}
	if err := strict(data, like); err != nil {
		return nil, nil, err
	}
	switch {
	case theirs && bool(keys.Zones):
		return importPretix(data)
	case theirs:
		return importPretix(keys.Layout)
	}
	if p, err = Decode(data); err != nil {
		return nil, nil, syntaxError(data, err)
	}
	for s := range p.Sections {
		for r := range p.Sections[s].Rows {
			orderSeats(p.Sections[s].Rows[r].Seats)
		}
	}
	return p, alike(p), nil
}

// skipped is true if the JSON has the field; its value is not decoded.
type skipped bool

func (s *skipped) UnmarshalJSON([]byte) error { *s = true; return nil }

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxPlanBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := bounded(data); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return data, nil
}

// bounded refuses a document that would decode into far more memory than a plan needs. It counts, without
// decoding, the elements of all arrays: a few bytes of JSON make a whole Seat.
func bounded(data []byte) error {
	if len(data) > MaxPlanBytes {
		return fmt.Errorf("larger than %d bytes", MaxPlanBytes)
	}
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	var open []byte
	elements, quoted := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			open = append(open, c)
			elements++
		case (c == ']' || c == '}') && len(open) > 0:
			open = open[:len(open)-1]
		case c == ',' && len(open) > 0 && open[len(open)-1] == '[':
			elements++
		}
		if elements > maxElements || len(open) > maxDepth {
			return fmt.Errorf("more than %d JSON elements or %d levels deep", maxElements, maxDepth)
		}
	}
	return nil
}

// CategoryNames returns the names of the plan's categories in order.
func (p *Plan) CategoryNames() []string {
	names := make([]string, len(p.Categories))
	for i, c := range p.Categories {
		names[i] = c.Name
	}
	return names
}

// SectionCategories returns the categories that the places of each section and area have, in the order in which they
// come there, by the id of the section or area.
func (p *Plan) SectionCategories() map[string][]string {
	of := make(map[string][]string, len(p.Sections)+len(p.Areas))
	for _, s := range p.Sections {
		var has []string
		for _, r := range s.Rows {
			for i := range r.Seats {
				if c := r.Seats[i].Category; !slices.Contains(has, c) {
					has = append(has, c)
				}
			}
		}
		of[s.ID] = has
	}
	for _, a := range p.Areas {
		of[a.ID] = []string{a.Category}
	}
	return of
}
