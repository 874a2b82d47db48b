package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
)

const (
	// applyTimeout bounds putting an event up: uploading its plan, making its streams.
	applyTimeout = 60 * time.Second
	// applyAgain is before what was unavailable is asked for again.
	applyAgain = 500 * time.Millisecond
)

type eventApplyCmd struct {
	natsFlags
	File   string `short:"f" required:"" placeholder:"FILE" help:"Event file, in YAML or JSON."`
	DryRun bool   `help:"Only show what would change, and what fans would notice of it. Exit status 0: nothing; 1: something; 2: it can't be told, or would be refused."`
}

func (*eventApplyCmd) Help() string {
	return `It may change an event's name, dates, prices or limits. The plan of an event never changes. Applied again without a change, it
makes again what the event has lost, such as the queue of a region.

--dry-run compares the file with the event's record and writes nothing. Its exit status is that of diff.`
}

func (e *eventApplyCmd) Run(ctx context.Context, c terminal) error {
	err := e.apply(ctx, c)
	if differ := (status{}); e.DryRun && err != nil && !errors.As(err, &differ) {
		return status{exitTrouble, err} // 1 would say that something changes
	}
	return err
}

func (e *eventApplyCmd) apply(ctx context.Context, c terminal) error {
	f, err := c.readEvent(e.File)
	if err != nil {
		return err
	}
	nc, err := e.connect("frontrow-event")
	if err != nil {
		return err
	}
	defer nc.Close()
	old, err := onBus(ctx, nc, f.Spec.ID)
	if e.DryRun {
		if err != nil {
			return err
		}
		return c.compare(f, old)
	}
	if err == nil { // else admission knows better, and may make the record anew
		if err := f.replaces(old, time.Now()); err != nil {
			return err
		}
	}
	event, err := apply(ctx, nc, f.Spec, f.plan)
	if err != nil {
		return fmt.Errorf("%s: %w", e.File, err)
	}
	c.readBack(event)
	return nil
}

// apply uploads the plan and asks admission to put the event up.
func apply(ctx context.Context, nc *nats.Conn, spec wire.Spec, p *plan.Plan) (wire.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return wire.Event{}, err
	}
	store, err := js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return wire.Event{}, fmt.Errorf("plans: %w", err)
	}
	digest := plan.Digest(p)
	if _, err := store.GetInfo(ctx, digest); errors.Is(err, jetstream.ErrObjectNotFound) {
		raw, err := plan.Encode(p)
		if err != nil {
			return wire.Event{}, err
		}
		if _, err := store.PutBytes(ctx, digest, raw); err != nil {
			return wire.Event{}, fmt.Errorf("upload plan: %w", err)
		}
	} else if err != nil {
		return wire.Event{}, fmt.Errorf("plans: %w", err)
	}
	request, err := json.Marshal(wire.ApplyRequest{Spec: spec, Plan: digest, By: "frontrow event apply"})
	if err != nil {
		return wire.Event{}, err
	}
	return requestApply(ctx, nc, request)
}

// requestApply asks admission to put an event up until it is done or refused: what
// is only unavailable, such as a plan that a replica doesn't have yet, is asked for
// again, which is safe.
func requestApply(ctx context.Context, nc *nats.Conn, request []byte) (wire.Event, error) {
	return backoff.Retry(ctx, func() (wire.Event, error) {
		reply, err := nc.RequestWithContext(ctx, wire.EventApplySubject, request)
		if err != nil {
			return wire.Event{}, backoff.Permanent(fmt.Errorf("admission: %w", err))
		}
		if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
			err := fmt.Errorf("%s: %s", code, refusal(reply))
			if code != string(wire.CodeUnavailable) {
				err = backoff.Permanent(err)
			}
			return wire.Event{}, err
		}
		var r wire.ApplyReply
		if err := json.Unmarshal(reply.Data, &r); err != nil {
			return wire.Event{}, backoff.Permanent(fmt.Errorf("admission: %w", err))
		}
		return r.Event, nil
	}, every(applyAgain)...)
}

// refusal is why an endpoint refused: the header has it in one line, the body as it is.
func refusal(reply *nats.Msg) string {
	var p wire.Problem
	if json.Unmarshal(reply.Data, &p) == nil && p.Detail != "" {
		return p.Detail
	}
	return reply.Header.Get(micro.ErrorHeader)
}

type eventListCmd struct {
	natsFlags
}

func (e *eventListCmd) Run(ctx context.Context, c terminal) error {
	js, err := e.jetStream("frontrow-event")
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	entries, err := kv.Open(js, wire.EventsBucket).All(ctx, ">")
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tSTATE\tPLACES\tOPENS\tNAME")
	for _, e := range entries {
		fmt.Fprintln(w, eventLine(e))
	}
	return w.Flush()
}

// eventLine returns an event's line. One whose record can't be read is named, and spoils
// none of the others.
func eventLine(e kv.Entry) string {
	var r wire.Event
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return e.Key + "\tunreadable\t\t\tits record in EVENTS was deleted or is spoiled: apply its file again"
	}
	opens := "at once"
	if !r.Spec.OpensAt.IsZero() {
		opens = r.Spec.OpensAt.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s\t%s\t%d\t%s\t%s", r.Spec.ID, r.State, r.Places, opens, r.Spec.Name)
}
