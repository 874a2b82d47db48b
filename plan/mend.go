package plan

import (
	"fmt"
	"strings"
)

// mender fixes faults of an imported plan that have one obvious fix, and notes what it
// did: a plan of a thousand seats is not refused for a blank.
type mender struct {
	categories map[string]string // as written → as it is now
	used       map[string]bool   // ids of seats
	renamed    int
	example    string // one of the renamed ids
	notes      []string
}

func (m *mender) note(format string, a ...any) { m.notes = append(m.notes, fmt.Sprintf(format, a...)) }

// category returns a category's name on one line.
func (m *mender) category(written pretixText) string {
	name := written.line()
	if before, known := m.categories[string(written)]; name != string(written) && !known && before == "" {
		m.note("category %s is read as %s", show(string(written)), show(name))
	}
	m.categories[string(written)] = name
	return name
}

// seat returns an id for a seat: its own, unless that is taken or too long. Derived ids
// depend only on the plan.
func (m *mender) seat(id, derived string) string {
	if id != "" && len(id) <= MaxIDBytes && !m.used[id] {
		m.used[id] = true
		return id
	}
	if id != "" {
		m.renamed++
		if m.example == "" {
			m.example = show(id)
		}
	}
	derived = pretixText(derived).line()
	if len(derived) > MaxIDBytes-8 {
		derived = strings.ToValidUTF8(derived[:MaxIDBytes-8], "")
	}
	out := derived
	for n := 2; m.used[out] || out == ""; n++ {
		out = fmt.Sprintf("%s-%d", derived, n)
	}
	m.used[out] = true
	return out
}

// done returns the notes.
func (m *mender) done() []string {
	if m.renamed > 0 {
		m.note("%d seats have the id of another seat or one of more than %d bytes, such as %s: their ids are made of zone, row and number instead", m.renamed, MaxIDBytes, m.example)
	}
	return m.notes
}

// alike returns notes about seats whose tickets would read the same.
func alike(p *Plan) (notes []string) {
	type told struct {
		section, row int
	}
	seen := map[string]told{}
	said := map[string]bool{}
	for i := range p.Sections {
		for r := range p.Sections[i].Rows {
			row := &p.Sections[i].Rows[r]
			for k := range row.Seats {
				label := seatLabel(&p.Sections[i], row, &row.Seats[k])
				before, twice := seen[label]
				seen[label] = told{i, r}
				if pair := fmt.Sprint(before.section, "/", i); twice && !said[pair] {
					said[pair] = true
					notes = append(notes, fmt.Sprintf("label %s is that of a seat in section %s and of one in section %s: fans can't tell their tickets apart; give the sections or rows labels of their own",
						show(label), show(p.Sections[before.section].ID), show(p.Sections[i].ID)))
				}
			}
		}
	}
	return notes
}
