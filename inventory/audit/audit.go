package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Report is what an audit found. OK is true when no check found anything.
type Report struct {
	Event  string       `json:"event"`
	At     time.Time    `json:"at"`
	OK     bool         `json:"ok"`
	Checks []Check      `json:"checks"`
	Stock  wire.Count   `json:"stock"`
	Places uint64       `json:"places"` // joined
	Passes int          `json:"passes"`
	Waits  int          `json:"orders_waiting"` // not acknowledged in ORDERS
	Ledger ledger.Audit `json:"ledger"`
}

// Check is one invariant, by its number in the design, and what breaks it.
type Check struct {
	Invariant string   `json:"invariant"`
	Rule      string   `json:"rule"`
	Looked    int      `json:"looked_at"`
	Broken    int      `json:"broken"`
	Samples   []string `json:"samples,omitempty"` // of what breaks it, at most maxSamples
}

const (
	maxSamples = 20
	expireLate = time.Second // I7
)

func (c *Check) breaks(format string, args ...any) {
	if c.Broken++; len(c.Samples) < maxSamples {
		c.Samples = append(c.Samples, fmt.Sprintf(format, args...))
	}
}

// audit is everything an audit reads, at one time as nearly as can be: on a
// live sale, what is under way is told apart by the orders still waiting.
type audit struct {
	event     wire.Event
	index     *plan.Index
	now       time.Time
	records   map[string]wire.Seat // by seat
	flushes   []wire.Flush         // log.<n>
	logged    int                  // of them in SALELOG
	passes    []wire.PassRecord    //
	withdrawn wire.Revocation      // of all passes before
	lines     map[line]uint64      // how far they were called
	draws     map[string]wire.Draw // by lane
	joined    map[line]uint64      // places given out, in the region asked
	waiting   map[string]bool      // orders not done
	bookings  []ledger.Booking     //
	sum       ledger.Audit         //
}

// Run checks every invariant of an event that can be checked at rest.
func Run(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string, now time.Time) (Report, error) {
	a := &audit{now: now}
	if err := a.read(ctx, js, l, event); err != nil {
		return Report{}, fmt.Errorf("audit %s: %w", event, err)
	}
	r := Report{Event: event, At: now.UTC(), OK: true, Passes: len(a.passes), Waits: len(a.waiting), Ledger: a.sum}
	for _, n := range a.joined {
		r.Places += n
	}
	for _, check := range []func() Check{a.everySeatHasARecord, a.soldIsBooked, a.bookedIsSold, a.pricesAreAsQuoted, a.holdsEndInTime,
		a.limitsAreKept, a.passesAreUnderTheCeiling, a.passesWereCalled, a.logHasNoGaps, a.logIsFed, a.logReplays, a.ledgerIsSound} {
		c := check()
		r.Checks = append(r.Checks, c)
		r.OK = r.OK && c.Broken == 0
	}
	for _, s := range a.records {
		switch s.State {
		case wire.Available:
			r.Stock.Free++
		case wire.Held:
			r.Stock.Held++
		case wire.Sold:
			r.Stock.Sold++
		case wire.Blocked:
			r.Stock.Blocked++
		}
	}
	return r, nil
}

// read loads everything, the seats last: an order committed meanwhile may show
// as held with a booking, never as sold without one.
func (a *audit) read(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string) error {
	if err := load(ctx, kv.Open(js, wire.EventsBucket), event, &a.event); err != nil {
		return err
	}
	store, err := js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return err
	}
	raw, err := store.GetBytes(ctx, a.event.Plan)
	if err != nil {
		return err
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return err
	}
	a.index = plan.NewIndex(p)
	if err := a.readQueue(ctx, js, event); err != nil {
		return err
	}
	seats := kv.Open(js, wire.SeatsBucket(event))
	entries, err := seats.All(ctx, wire.SeatPrefix+">")
	if err != nil {
		return err
	}
	a.records = make(map[string]wire.Seat, len(entries))
	for _, e := range entries {
		var s wire.Seat
		id, _ := wire.SeatOfKey(e.Key)
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return fmt.Errorf("record %s: %w", e.Key, err)
		}
		a.records[id] = s
	}
	if err := a.readLog(ctx, js, seats); err != nil {
		return err
	}
	if a.bookings, err = l.Bookings(ctx, event); err != nil {
		return err
	}
	a.sum, err = l.Audit(ctx, event)
	return err
}

func (a *audit) readQueue(ctx context.Context, js jetstream.JetStream, event string) error {
	var admitter wire.Admitter
	passes := kv.Open(js, wire.PassesBucket(event))
	if err := load(ctx, passes, wire.AdmitterKey, &admitter); err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	entries, err := passes.All(ctx, wire.PlacePrefix+"*")
	if err != nil {
		return err
	}
	for _, e := range entries {
		var p wire.PassRecord
		if err := json.Unmarshal(e.Value, &p); err != nil {
			return fmt.Errorf("pass %s: %w", e.Key, err)
		}
		a.passes = append(a.passes, p)
	}
	if err := load(ctx, passes, wire.AllKey, &a.withdrawn); err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err := load(ctx, passes, wire.AdmitterKey, &admitter); err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err // again: the head of the passes just read
	}
	if err := a.readLines(ctx, js, admitter); err != nil {
		return err
	}
	return a.readOrders(ctx, js, event)
}

// line is the places of a lane in a region or, without one, the ranks of its draw.
type line struct{ lane, region string }

// homeRegion is the region whose queues are where the audit reads; those of
// others are out of its sight.
const homeRegion = "home"

func (a *audit) readLines(ctx context.Context, js jetstream.JetStream, admitter wire.Admitter) error {
	a.lines, a.draws, a.joined = map[line]uint64{}, map[string]wire.Draw{}, map[line]uint64{}
	for _, l := range admitter.Lines {
		a.lines[line{l.Lane, l.Region}] = l.Head
	}
	if len(admitter.Drawn) > 0 {
		var rec wire.DrawRecord
		if err := load(ctx, kv.Open(js, wire.PassesBucket(a.event.Spec.ID)), wire.DrawKey, &rec); err != nil {
			return err
		}
		for _, d := range admitter.Drawn {
			if _, ok := a.draws[d.Lane]; !ok {
				a.draws[d.Lane] = wire.Draw{Secret: rec.Secret, Event: a.event.Spec.ID, Lane: d.Lane, Entrants: map[string]uint64{}}
			}
			a.draws[d.Lane].Entrants[d.Region] = d.Places
		}
	}
	for _, lane := range wire.Lanes() {
		queue, err := js.Stream(ctx, wire.KVStream(wire.QueueBucket(a.event.Spec.ID, lane)))
		if err != nil {
			return err
		}
		a.joined[line{lane, homeRegion}] = queue.CachedInfo().State.LastSeq
	}
	return nil
}

// stands is the line and the number by which a place is called.
func (a *audit) stands(lane, region string, number uint64) (line, uint64) {
	if d, ok := a.draws[lane]; ok {
		if rank := d.Rank(region, number); rank > 0 {
			return line{lane, ""}, rank
		}
	}
	return line{lane, region}, number
}

// readOrders finds the orders that are not done: those behind which an
// acknowledgement is still missing.
func (a *audit) readOrders(ctx context.Context, js jetstream.JetStream, event string) error {
	stream, err := js.Stream(ctx, wire.OrdersStream)
	if err != nil {
		return err
	}
	checkout, err := stream.Consumer(ctx, wire.CheckoutConsumer)
	if err != nil {
		return err
	}
	info := checkout.CachedInfo()
	a.waiting = map[string]bool{}
	if info.AckFloor.Stream >= stream.CachedInfo().State.LastSeq {
		return nil
	}
	orders, err := kv.OpenStream(js, wire.OrdersStream).All(ctx, wire.OrderSubject(event, "*"))
	if err != nil {
		return err
	}
	for _, e := range orders {
		if uint64(e.Revision) > info.AckFloor.Stream {
			a.waiting[wire.OrderOfHold(e.Key[len(wire.OrderSubject(event, "")):])] = true
		}
	}
	return nil
}

func (a *audit) readLog(ctx context.Context, js jetstream.JetStream, seats *kv.Bucket) error {
	entries, err := seats.All(ctx, wire.LogPrefix+"*")
	if err != nil {
		return err
	}
	for _, e := range entries {
		var f wire.Flush
		if err := json.Unmarshal(e.Value, &f); err != nil {
			return fmt.Errorf("log record %s: %w", e.Key, err)
		}
		a.flushes = append(a.flushes, f)
	}
	log, err := js.Stream(ctx, wire.SaleLogStream)
	if err != nil {
		return err
	}
	info, err := log.Info(ctx, jetstream.WithSubjectFilter(wire.LogSubject(a.event.Spec.ID, wire.LogSeats)))
	if err != nil {
		return err
	}
	a.logged = int(info.State.Subjects[wire.LogSubject(a.event.Spec.ID, wire.LogSeats)])
	return nil
}

func load(ctx context.Context, b *kv.Bucket, key string, into any) error {
	e, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(e.Value, into); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
