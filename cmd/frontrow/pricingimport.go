package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"frontrow/plan"
	"frontrow/pricing/curve"
	"frontrow/wire"
)

type pricingImportCmd struct {
	File   string   `short:"f" required:"" placeholder:"FILE" help:"Event file whose sale will be compared with past ones."`
	Curves []string `arg:"" help:"Past sales, as \"frontrow pricing export\" writes them."`
	Write  bool     `help:"Put the result into the event file, in place of what is there. Without it, it is printed."`
}

func (*pricingImportCmd) Help() string {
	return `It takes those past sales that are like the event's: at the same venue, on the same day of the week, of about as many places
(they may differ by a quarter), in the same currency, not more than three years before. Their median becomes pricing.comparable
of the event file: so it is public, it can't change once the sale is open, and every change of a price has it among its inputs.
It needs no server.`
}

func (i *pricingImportCmd) Run(c terminal) error {
	f, err := c.readEvent(i.File)
	if err != nil {
		return err
	}
	if !f.Spec.Pricing.FollowsDemand() {
		return fmt.Errorf("%s: pricing.mode: past sales are compared with in modes %s and %s", i.File, wire.PricingDemand, wire.PricingPropose)
	}
	past, err := readCurves(i.Curves)
	if err != nil {
		return err
	}
	comparable, others, err := curve.Comparable(f.Spec.WithDefaults(), plan.NewIndex(f.plan).Len(), past)
	for _, why := range others {
		fmt.Fprintf(c.stderr, "not counted: %v\n", why)
	}
	if err != nil {
		return err
	}
	if w := f.Spec.Pricing.Weights; w != (wire.PricingWeights{}) && w.Comparable == 0 {
		fmt.Fprintf(c.stderr, "%s: pricing.weights leaves comparable out, so it counts nothing: give it a weight\n", i.File)
	}
	block := blockOf(comparable)
	if !i.Write {
		for _, line := range block {
			fmt.Fprintln(c.stdout, "  "+line)
		}
		return nil
	}
	return c.splice(f, i.File, comparable, block)
}

// readCurves reads past sales; the error has the faults of all files.
func readCurves(names []string) (past []curve.Sale, err error) {
	var wrong []error
	for _, name := range names {
		sale, err := readCurve(name)
		if err != nil {
			wrong = append(wrong, err)
		}
		past = append(past, sale)
	}
	return past, errors.Join(wrong...)
}

func readCurve(name string) (curve.Sale, error) {
	in, err := os.Open(name)
	if err != nil {
		return curve.Sale{}, err
	}
	defer in.Close()
	return curve.Read(name, in)
}

// blockOf writes what is comparable as the lines of an event file.
func blockOf(c wire.Comparable) []string {
	lines := []string{"comparable: # by frontrow pricing import", "  sales:"}
	for _, s := range c.Sales {
		lines = append(lines, fmt.Sprintf("    - {event: %s, venue: %s, starts_at: %s, places: %d}", strconv.Quote(s.Event), strconv.Quote(s.Venue), s.StartsAt.UTC().Format(time.RFC3339), s.Places))
	}
	lines = append(lines, "  curve:")
	for _, p := range c.Curve {
		lines = append(lines, fmt.Sprintf("    - {after: %v, basis_points: %d}", p.After, p.BasisPoints))
	}
	return lines
}

// splice puts a block into an event file: whatever the file looks like, only one that then
// says just what it should takes its place.
func (c terminal) splice(f *eventRead, name string, want wire.Comparable, block []string) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, err := f.file.Splice(raw, "pricing", "comparable", block)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) // nothing, once it has its place
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Chmod(info.Mode().Perm()), draft.Close()); err != nil {
		return err
	}
	after, err := c.readEvent(draft.Name())
	if err != nil {
		return fmt.Errorf("%s can't be changed, paste it yourself: %w", name, err)
	}
	expected := f.Spec
	expected.Pricing.Comparable = want
	if !reflect.DeepEqual(after.Spec, expected) {
		return fmt.Errorf("%s can't be changed: paste it yourself", name)
	}
	return os.Rename(draft.Name(), name)
}
