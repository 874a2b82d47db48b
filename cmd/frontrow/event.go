package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"frontrow/eventfile"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
)

const eventUsage = `usage: frontrow event apply -f FILE [--nats URL]
       frontrow event list [--nats URL]
`

const (
	// applyTimeout bounds putting an event up: uploading its plan, making its streams.
	applyTimeout = 60 * time.Second
	// applyAgain is before what was unavailable is asked for again.
	applyAgain = 500 * time.Millisecond
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

func (c command) event(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(c.stderr, eventUsage)
		return errUsage
	}
	switch args[0] {
	case "apply":
		return c.eventApply(ctx, args[1:])
	case "list":
		return c.eventList(ctx, args[1:])
	}
	fmt.Fprint(c.stderr, eventUsage)
	return errUsage
}

func (c command) eventApply(ctx context.Context, args []string) error {
	f := c.flags("event apply", "", "Puts an event up for sale, or changes its name, dates, prices or limits. The plan of an event never changes.")
	file := f.String("f", "", "YAML `file` of the event")
	url, creds := natsFlags(f)
	if err := f.parse(args); err != nil {
		return err
	}
	if *file == "" {
		f.Usage()
		return errUsage
	}
	spec, p, err := c.readEvent(*file)
	if err != nil {
		return err
	}
	nc, err := connect(*url, *creds, "frontrow-event")
	if err != nil {
		return err
	}
	defer nc.Close()
	event, err := apply(ctx, nc, spec, p)
	if err != nil {
		return fmt.Errorf("%s: %w", *file, err)
	}
	c.readBack(event)
	return nil
}

// readBack says how the file was understood: when, where and for how much.
func (c command) readBack(event wire.Event) {
	s := event.Spec.WithDefaults()
	fmt.Fprintf(c.stdout, "%s: %s, %d places\n", s.ID, event.State, event.Places)
	instant := func(what string, t time.Time, otherwise string) {
		if !t.IsZero() {
			otherwise = wire.FormatInstant(t, s.Zone()) + " (" + t.UTC().Format(time.RFC3339) + ")"
		}
		fmt.Fprintf(c.stdout, "  %-12s %s\n", what, otherwise)
	}
	instant("on sale", s.OpensAt, "at once")
	instant("starts", s.StartsAt, "not said")
	instant("sale ends", s.SaleEndsAt, "when you close it")
	for _, l := range s.Levels {
		fmt.Fprintf(c.stdout, "  %-12s %s, all fees included\n", l.ID, wire.FormatAmount(l.Base+l.ServiceFee+l.FacilityFee, s.Currency))
	}
}

// readEvent reads an event file and the plan it names.
func (c command) readEvent(file string) (wire.Spec, *plan.Plan, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return wire.Spec{}, nil, err
	}
	var e eventFile
	if err := eventfile.Decode(file, raw, &e); err != nil {
		return wire.Spec{}, nil, err
	}
	if (e.Plan == "") == (e.Generate == nil) {
		return wire.Spec{}, nil, fmt.Errorf("%s: name either a plan or what to generate", file)
	}
	var p *plan.Plan
	if g := e.Generate; g != nil {
		p, err = plan.Generate(plan.Spec{Kind: g.Kind, Name: e.Venue, Seats: g.Seats, Standing: g.Standing, Levels: g.Levels})
	} else {
		if !filepath.IsAbs(e.Plan) {
			e.Plan = filepath.Join(filepath.Dir(file), e.Plan)
		}
		p, err = c.openPlan(e.Plan)
	}
	if err != nil {
		return wire.Spec{}, nil, err
	}
	spec := e.Spec.WithDefaults()
	if err := spec.Validate(p.CategoryNames()); err != nil {
		return wire.Spec{}, nil, fmt.Errorf("%s: %w", file, err)
	}
	return e.Spec, p, nil
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
	for {
		reply, err := nc.RequestWithContext(ctx, wire.EventApplySubject, request)
		if err != nil {
			return wire.Event{}, fmt.Errorf("admission: %w", err)
		}
		code := reply.Header.Get(micro.ErrorCodeHeader)
		if code == "" {
			var r wire.ApplyReply
			if err := json.Unmarshal(reply.Data, &r); err != nil {
				return wire.Event{}, fmt.Errorf("admission: %w", err)
			}
			return r.Event, nil
		}
		if code == string(wire.CodeUnavailable) {
			select {
			case <-time.After(applyAgain):
				continue
			case <-ctx.Done():
			}
		}
		return wire.Event{}, fmt.Errorf("%s: %s", code, reply.Header.Get(micro.ErrorHeader))
	}
}

func (c command) eventList(ctx context.Context, args []string) error {
	f := c.flags("event list", "", "Lists the events.")
	url, creds := natsFlags(f)
	if err := f.parse(args); err != nil {
		return err
	}
	nc, err := connect(*url, *creds, "frontrow-event")
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
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

// eventLine is an event's line. One whose record can't be read is named, and spoils
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

func natsFlags(f flags) (url, creds *string) {
	url = new(string)
	f.secret(url, "nats", "nats://127.0.0.1:4222", "`URL`s of NATS, separated by commas")
	return url, f.String("creds", "", "NATS credentials `file`")
}

// connect opens a connection that comes back by itself. While it is away,
// nothing is kept to be sent late: the caller learns at once.
func connect(url, creds, name string, more ...nats.Option) (*nats.Conn, error) {
	opts := append([]nats.Option{nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1)}, more...)
	if creds != "" {
		if _, err := secretFile(creds); err != nil {
			return nil, fmt.Errorf("--creds: %w", err)
		}
		opts = append(opts, nats.UserCredentials(creds))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redacted(url), err)
	}
	return nc, nil
}

// readyPoll spaces the questions while services come up.
const readyPoll = 50 * time.Millisecond

// whenServed waits until admission answers.
func whenServed(ctx context.Context, nc *nats.Conn) error {
	return poll(ctx, func() bool {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING."+wire.ServiceAdmission, nil)
		return err == nil
	})
}

// onSale waits until an event has a writer and a board, so that whoever reads
// "ready" can buy.
func onSale(ctx context.Context, nc *nats.Conn, event string) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	return poll(ctx, func() bool {
		_, err := nc.RequestWithContext(ctx, wire.SeatsSubject(event, wire.ActStatus), nil)
		if err != nil {
			return false
		}
		_, err = kv.Open(js, wire.BoardBucket).Get(ctx, event)
		return err == nil
	})
}

func poll(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyPoll):
		}
	}
	return nil
}
