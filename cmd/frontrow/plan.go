package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"frontrow/plan"
)

type planImportCmd struct {
	File  string `arg:"" help:"A seating plan in the pretix format; \"-\" is standard input."`
	Out   string `short:"o" default:"-" placeholder:"FILE" help:"Output file."`
	Stage string `placeholder:"X,Y" help:"Where the stage is, in the plan's units, if it isn't where the plan says."`
}

func (i *planImportCmd) Run(c terminal) error {
	p, err := c.openPlan(i.File)
	if err != nil {
		return err
	}
	if i.Stage != "" {
		var focus plan.Point
		if n, err := fmt.Sscanf(i.Stage+"\n", "%g,%g\n", &focus.X, &focus.Y); n != 2 || err != nil {
			return fmt.Errorf("--stage %s: write two numbers, like 540,40", i.Stage)
		}
		if err := plan.Refocus(p, focus); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	return c.writePlan(i.Out, p)
}

type planCheckCmd struct {
	File string `arg:"" help:"A seating plan; \"-\" is standard input."`
}

func (k *planCheckCmd) Run(c terminal) error {
	p, err := c.openPlan(k.File)
	if err != nil {
		return err
	}
	c.describe(c.stdout, p)
	return nil
}

type planGenerateCmd struct {
	Kind     plan.Kind `default:"arena" placeholder:"KIND" help:"arena, theatre or stadium."`
	Seats    int       `default:"20000" placeholder:"N" help:"Total number of places, 200 to 80,000."`
	Standing int       `placeholder:"N" help:"How many of them are standing."`
	Levels   int       `placeholder:"N" help:"Number of tiers, 1 to 3; 0 chooses by size."`
	Name     string    `placeholder:"TEXT" help:"Name of the venue."`
	Out      string    `short:"o" default:"-" placeholder:"FILE" help:"Output file."`
}

func (*planGenerateCmd) Help() string {
	return "It has curved rows, sections, tiers, accessible and companion seats, and standing areas."
}

func (g *planGenerateCmd) Run(c terminal) error {
	p, err := plan.Generate(plan.Spec{Kind: g.Kind, Name: g.Name, Seats: g.Seats, Standing: g.Standing, Levels: g.Levels})
	if err != nil {
		return err
	}
	return c.writePlan(g.Out, p)
}

// openPlan reads a plan and prints the notes about how it was read.
func (c terminal) openPlan(file string) (*plan.Plan, error) {
	in := os.Stdin
	if file != "-" {
		var err error
		if in, err = os.Open(file); err != nil {
			return nil, err
		}
		defer in.Close()
	}
	p, notes, err := plan.Read(in)
	if err != nil {
		return nil, inPlan(file, err)
	}
	for _, note := range notes {
		fmt.Fprintf(c.stderr, "%s: %s\n", file, note)
	}
	return p, nil
}

// inPlan puts the file's name, and where there is one the position, before each fault of a
// plan.
func inPlan(file string, err error) error {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, err := range all {
		var syntax *plan.SyntaxError
		if errors.As(err, &syntax) {
			all[i] = fmt.Errorf("%s:%d:%d: %s", file, syntax.Line, syntax.Column, syntax.Message)
		} else {
			all[i] = fmt.Errorf("%s: %w", file, err)
		}
	}
	return errors.Join(all...)
}

func (c terminal) writePlan(file string, p *plan.Plan) error {
	raw, err := plan.Encode(p)
	if err != nil {
		return err
	}
	if err := c.save(file, raw); err != nil {
		return err
	}
	if file != "-" {
		c.describe(c.stderr, p)
	}
	return nil
}

func (c terminal) describe(w io.Writer, p *plan.Plan) {
	x := plan.NewIndex(p)
	kinds := map[plan.SeatKind]int{}
	for i := range x.Seats() {
		kinds[x.Seat(i).Kind]++
	}
	fmt.Fprintf(w, "%s: %d places, of them %d standing, %d accessible, %d companion; %d sections, %d areas, %d categories\ndigest %s\n",
		p.Name, x.Len(), x.Len()-x.Seats(), kinds[plan.Accessible], kinds[plan.Companion],
		len(p.Sections), len(p.Areas), len(p.Categories), plan.Digest(p))
}
