package live

import (
	"frontrow/gateway/document"
	"frontrow/plan"
	"frontrow/wire"
)

// Venue is a seating plan as the edge uses it: numbered, and encoded once. It
// doesn't change.
type Venue struct {
	Index *plan.Index
	Full  *document.Document // the plan as it is stored
	Map   *document.Document // its compact form, plan.Compact's

	digest string

	sections []section      // of the plan, then its areas, in plan order
	byID     map[string]int // section or area id → index in sections
}

// section is the places of a section or an area.
type section struct {
	id   string
	area bool
	plan.Range
}

// NewVenue reads an encoded plan, which is known by its digest.
func NewVenue(digest string, raw []byte) (*Venue, error) {
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, err
	}
	x := plan.NewIndex(p)
	compact, err := plan.Compact(p, x)
	if err != nil {
		return nil, err
	}
	v := &Venue{digest: digest, Index: x, byID: map[string]int{},
		Full: document.New("application/json", digest, raw),
		Map:  document.New("application/json", digest+"-map", compact)}
	for i, r := range x.Sections() {
		v.sections = append(v.sections, section{p.Sections[i].ID, false, r})
	}
	for _, a := range x.Areas() {
		v.sections = append(v.sections, section{a.ID, true, a.Range})
	}
	for i, s := range v.sections {
		v.byID[s.id] = i
	}
	v.Full.Pack() // now, rather than in somebody's request
	v.Map.Pack()
	return v, nil
}

// Notes is what the plan says of a place.
func (v *Venue) Notes(id string) wire.Notes {
	i, ok := v.Index.Lookup(id)
	if !ok {
		return 0
	}
	ref := v.Index.Seat(i)
	return wire.NotesOf(ref.Restricted, ref.Kind == plan.Accessible, ref.Kind == plan.Companion)
}

// HasSection reports whether the plan has a section or an area of that id.
func (v *Venue) HasSection(id string) bool {
	_, ok := v.byID[id]
	return ok
}

// HasArea reports whether the plan has an area of that id.
func (v *Venue) HasArea(id string) bool {
	i, ok := v.byID[id]
	return ok && v.sections[i].area
}
