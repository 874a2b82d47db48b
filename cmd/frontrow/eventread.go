package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"frontrow/eventfile"
	"frontrow/plan"
	"frontrow/wire"
)

// eventFile is what an organiser writes: the spec, and where the plan comes
// from: a file of either format beside it, or a generated venue.
type eventFile struct {
	wire.Spec
	Plan     string    `json:"plan"`
	Generate *planSpec `json:"generate"`
}

type planSpec struct {
	Kind     plan.Kind `json:"kind"`
	Seats    int       `json:"seats"`
	Standing int       `json:"standing"`
	Levels   int       `json:"levels"`
}

// eventRead is an event file as it was read.
type eventRead struct {
	eventFile
	file *eventfile.File
	plan *plan.Plan
}

// readEvent reads an event file and the plan it names. The error has all faults, each with
// its position.
func (c terminal) readEvent(name string) (*eventRead, error) {
	f := &eventRead{}
	file, err := eventfile.Open(name, &f.eventFile)
	if err != nil {
		return nil, err
	}
	f.file = file
	file.Check("", c.planOf(f, filepath.Dir(name)))
	var layout *wire.Layout
	if f.plan != nil {
		layout = &wire.Layout{Categories: f.plan.CategoryNames(), Sections: f.plan.SectionCategories()}
	}
	file.CheckSpec("", f.Spec, layout)
	if f.plan != nil {
		file.Check("", f.Spec.CheckPlaces(plan.NewIndex(f.plan).Len()))
	}
	return f, file.Err()
}

// planOf opens or generates the plan that a file in dir names. The error is of the plan,
// or a *wire.Fault of the key that names it.
func (c terminal) planOf(f *eventRead, dir string) (err error) {
	if !f.file.Sound("plan") || !f.file.Sound("generate") {
		return nil
	}
	if (f.Plan == "") == (f.Generate == nil) {
		return &wire.Fault{Key: "plan", Message: "name either a plan or what to generate"}
	}
	if g := f.Generate; g != nil {
		f.plan, err = plan.Generate(plan.Spec{Kind: g.Kind, Name: f.Venue, Seats: g.Seats, Standing: g.Standing, Levels: g.Levels})
		var of *plan.Error
		if errors.As(err, &of) {
			return &wire.Fault{Key: "generate." + of.Place, Message: of.Message}
		}
		return err
	}
	path := f.Plan
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if f.plan, err = c.openPlan(path); err != nil {
		return &wire.Fault{Key: "plan", Message: err.Error()}
	}
	return nil
}

// record is the file as an event's record, whose state is left open.
func (f *eventRead) record() wire.Event {
	return wire.Event{Spec: f.Spec.WithDefaults(), Plan: plan.Digest(f.plan), Places: plan.NewIndex(f.plan).Len()}
}

// replaces refuses what admission would refuse of the file, with positions: old is the
// event's record, nil if there is none.
func (f *eventRead) replaces(old *wire.Event, now time.Time) error {
	next := f.record()
	if old == nil {
		f.file.Check("", next.Spec.CheckNew(now))
	} else {
		err := old.CheckChange(next, now)
		var first *wire.Fault
		if errors.As(err, &first) && first.Key == "plan" && f.Generate != nil {
			first.Key = "generate" // where the file says it
		}
		f.file.Check("", err)
	}
	return f.file.Err()
}

// readBack says how the file was understood: when, where and for how much.
func (c terminal) readBack(event wire.Event) {
	s := event.Spec.WithDefaults()
	state := event.State
	if state != "" {
		state += ", "
	}
	fmt.Fprintf(c.stdout, "%s: %s%d places\n", s.ID, state, event.Places)
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	instant := func(what string, t time.Time, otherwise string) {
		if !t.IsZero() {
			otherwise = wire.FormatInstant(t, s.Zone()) + " (" + t.UTC().Format(time.RFC3339) + ")"
		}
		fmt.Fprintf(w, "  %s\t%s\n", what, otherwise)
	}
	instant("on sale", s.OpensAt, "at once")
	instant("starts", s.StartsAt, "not said")
	instant("sale ends", s.SaleEndsAt, "when you close it")
	for _, l := range s.Levels {
		fmt.Fprintf(w, "  %s\t%s\n", l.ID, eventfile.AllIn(s, l))
	}
	_ = w.Flush() // to the terminal, as all else here
	if lines := eventfile.ExplainReductions(s); len(lines) > 0 {
		fmt.Fprintf(c.stdout, "  what fans may pay less\n    %s\n", strings.Join(lines, "\n    "))
	}
	if lines := eventfile.Explain(s); len(lines) > 0 {
		fmt.Fprintf(c.stdout, "  what prices will do\n    %s\n", strings.Join(lines, "\n    "))
	}
}
