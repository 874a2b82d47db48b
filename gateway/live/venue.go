package live

import (
	"frontrow/gateway/pages"
	"frontrow/plan"
	"frontrow/wire"
)

// Venue is a seating plan as the edge uses it: numbered, and encoded once. It is immutable.
type Venue struct {
	Index *plan.Index
	Full  *pages.Document // the plan as it is stored
	Map   *pages.Document // its compact form, by plan.Compact

	digest string

	sections []section      // of the plan, then its areas, in plan order
	byID     map[string]int // section or area id → index in sections
}

// section is the range of places of a section or an area.
type section struct {
	id   string
	area bool
	plan.Range
}

// NewVenue returns the venue of a plan. raw is the plan as stored, digest its digest.
func NewVenue(digest string, p *plan.Plan, raw []byte) (*Venue, error) {
	x := plan.NewIndex(p)
	compact, err := plan.Compact(p, x)
	if err != nil {
		return nil, err
	}
	v := &Venue{digest: digest, Index: x, byID: map[string]int{},
		Full: pages.NewDocument("application/json", digest, raw),
		Map:  pages.NewDocument("application/json", digest+"-map", compact)}
	for i, r := range x.Sections() {
		v.sections = append(v.sections, section{p.Sections[i].ID, false, r})
	}
	for _, a := range x.Areas() {
		v.sections = append(v.sections, section{a.ID, true, a.Range})
	}
	for i, s := range v.sections {
		v.byID[s.id] = i
	}
	v.Full.Pack() // now, rather than during a request
	v.Map.Pack()
	return v, nil
}

// Notes returns what the plan says about a place.
func (v *Venue) Notes(id string) wire.Notes {
	i, ok := v.Index.Lookup(id)
	if !ok {
		return 0
	}
	ref := v.Index.Seat(i)
	return wire.NotesOf(ref.Restricted, ref.Kind == plan.Accessible, ref.Kind == plan.Companion)
}

// HasSection reports whether the plan has a section or an area with that id.
func (v *Venue) HasSection(id string) bool {
	_, ok := v.byID[id]
	return ok
}

// HasArea reports whether the plan has an area with that id.
func (v *Venue) HasArea(id string) bool {
	i, ok := v.byID[id]
	return ok && v.sections[i].area
}
