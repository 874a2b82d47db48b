package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"frontrow/eventfile"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// eventCheckCmd checks a file without a bus.
type eventCheckCmd struct {
	File []string `short:"f" required:"" sep:"none" placeholder:"FILE" help:"Event file, in YAML or JSON (may be repeated)."`
}

func (*eventCheckCmd) Help() string {
	return `It needs no server: it prints how each file is understood (when, where and for how much), or every fault with its line and column.
What an event on sale may change is told by "frontrow event apply --dry-run".`
}

func (e *eventCheckCmd) Run(c terminal) error {
	var wrong []error
	for _, name := range e.File {
		f, err := c.readEvent(name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		c.readBack(f.record())
		if over := f.Spec.WithDefaults().CheckNew(time.Now()); over != nil {
			fmt.Fprintf(c.stderr, "%s: it can't be put up any more: %v\n", name, over)
		}
	}
	return errors.Join(wrong...)
}

// onBus returns the record of an event, nil if there is none.
func onBus(ctx context.Context, nc *nats.Conn, id string) (*wire.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	e, err := kv.Open(js, wire.EventsBucket).Get(ctx, id)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", id, err)
	}
	event, err := wire.Read[wire.Event](id, e.Value)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", id, err)
	}
	return &event, nil
}

// lookTimeout bounds reading one record.
const lookTimeout = 10 * time.Second

// compare shows what applying a file would change of an event. The error has the status of
// diff, unless nothing would.
func (c terminal) compare(f *eventRead, old *wire.Event) error {
	if err := f.replaces(old, time.Now()); err != nil {
		return err
	}
	next := f.record()
	if old == nil {
		fmt.Fprintf(c.stdout, "%s is not on the bus. It would be put up:\n", next.Spec.ID)
		c.readBack(next)
		return status{code: exitDiffers}
	}
	changes := eventfile.Diff(old.Spec.WithDefaults(), next.Spec)
	if len(changes) == 0 {
		fmt.Fprintf(c.stdout, "%s: nothing would change\n", next.Spec.ID)
		return nil
	}
	noticed := 0
	fmt.Fprintf(c.stdout, "%s (%s): what would change\n", next.Spec.ID, old.State)
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	for _, change := range changes {
		line := fmt.Sprintf("  %s\t%s → %s", change.Key, change.Was, change.Is)
		if change.Notice != "" {
			noticed++
			line += "\tfans notice: " + change.Notice
		}
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Fans will notice %d of %d. Nothing was written.\n", noticed, len(changes))
	return status{code: exitDiffers}
}
