package main

import (
	"fmt"
	"io"
	"os"

	"frontrow/plan"
)

const planUsage = `usage: frontrow plan import [--stage X,Y] FILE [-o FILE]
                                           pretix seating plan → frontrow's format
       frontrow plan generate [flags] [-o FILE]   an arena, theatre or stadium
       frontrow plan check FILE                   either format
`

func (c command) plan(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(c.stderr, planUsage)
		return errUsage
	}
	switch args[0] {
	case "import":
		return c.planImport(args[1:])
	case "generate":
		return c.planGenerate(args[1:])
	case "check":
		return c.planCheck(args[1:])
	}
	fmt.Fprint(c.stderr, planUsage)
	return errUsage
}

func (c command) planImport(args []string) error {
	f := c.flags("plan import", "FILE", "Reads a seating plan in the pretix format (\"-\" is standard input), checks it and writes it in frontrow's.")
	out := f.String("o", "-", "output `file`")
	stage := f.String("stage", "", "where the stage is, as `X,Y` in the plan's units, if it isn't where the plan says")
	p, err := c.readPlan(f, args)
	if err != nil {
		return err
	}
	if *stage != "" {
		var focus plan.Point
		if n, err := fmt.Sscanf(*stage+"\n", "%g,%g\n", &focus.X, &focus.Y); n != 2 || err != nil {
			return fmt.Errorf("--stage %s: write two numbers, like 540,40", *stage)
		}
		if err := plan.Refocus(p, focus); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	return c.writePlan(*out, p)
}

func (c command) planCheck(args []string) error {
	f := c.flags("plan check", "FILE", "Checks a seating plan and says what is in it.")
	p, err := c.readPlan(f, args)
	if err != nil {
		return err
	}
	c.describe(c.stdout, p)
	return nil
}

func (c command) planGenerate(args []string) error {
	f := c.flags("plan generate", "", "Makes a venue with curved rows, sections, tiers, accessible and companion seats, and standing areas.")
	kind := f.String("kind", string(plan.Arena), "arena, theatre or stadium")
	seats := f.Int("seats", 20_000, "places in all, 200 to 80,000")
	standing := f.Int("standing", 0, "how many of them are standing")
	levels := f.Int("levels", 0, "tiers, 1 to 3; 0 chooses by size")
	name := f.String("name", "", "of the venue")
	out := f.String("o", "-", "output `file`")
	if err := f.parse(args); err != nil {
		return err
	}
	p, err := plan.Generate(plan.Spec{Kind: plan.Kind(*kind), Name: *name, Seats: *seats, Standing: *standing, Levels: *levels})
	if err != nil {
		return err
	}
	return c.writePlan(*out, p)
}

func (c command) readPlan(f flags, args []string) (*plan.Plan, error) {
	var file string
	if len(args) > 0 && (args[0] == "-" || args[0][0] != '-') { // the file may come before the flags
		file, args = args[0], args[1:]
	}
	if err := f.parse(args); err != nil {
		return nil, err
	}
	if file == "" {
		file = f.Arg(0)
	}
	if file == "" {
		f.Usage()
		return nil, errUsage
	}
	return c.openPlan(file)
}

// openPlan reads a plan and tells what there is to know about how it was read.
func (c command) openPlan(file string) (*plan.Plan, error) {
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
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, note := range notes {
		fmt.Fprintf(c.stderr, "%s: %s\n", file, note)
	}
	return p, nil
}

func (c command) writePlan(file string, p *plan.Plan) error {
	raw, err := plan.Encode(p)
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := c.stdout.Write(raw)
		return err
	}
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		return err
	}
	c.describe(c.stderr, p)
	return nil
}

func (c command) describe(w io.Writer, p *plan.Plan) {
	x := plan.NewIndex(p)
	kinds := map[plan.SeatKind]int{}
	for i := range x.Seats() {
		kinds[x.Seat(i).Kind]++
	}
	fmt.Fprintf(w, "%s: %d places, of them %d standing, %d accessible, %d companion; %d sections, %d areas, %d categories\ndigest %s\n",
		p.Name, x.Len(), x.Len()-x.Seats(), kinds[plan.Accessible], kinds[plan.Companion],
		len(p.Sections), len(p.Areas), len(p.Categories), plan.Digest(p))
}
