package audit

import (
	"context"
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
	maxSamples = 50
	expireLate = time.Second            // I7
	feedLate   = 25 * time.Second       // JetStream copies flushes to the sale log a moment later; after a restart it looks every 10 s whether it does
	feedAgain  = 100 * time.Millisecond // before it is looked at again
)

func (c *Check) breaks(format string, args ...any) {
	if c.Broken++; len(c.Samples) < maxSamples {
		c.Samples = append(c.Samples, fmt.Sprintf(format, args...))
	}
}

// audit is everything an audit reads, at one time as nearly as can be.
type audit struct {
	event     wire.Event
	index     *plan.Index
	now       time.Time
	records   map[string]record    // by seat
	flushes   []flush              // log.<n>
	logged    int                  // of them in SALELOG
	passes    []wire.PassRecord    //
	withdrawn wire.Revocation      // of all passes before
	lines     map[line]uint64      // how far they were called
	draws     map[string]wire.Draw // by lane
	joined    map[line]uint64      // places given out, in the region asked
	ended     map[line]bool        // whose queue was lost, and whose known places are all called: whoever has a place of it may come
	waiting   map[string]bool      // orders not done
	bookings  []ledger.Booking     //
	sum       ledger.Audit         //
	returning map[string]bool      // orders of sum.Returning
	moved     map[string]bool      // seats that changed while they were looked at

	spoiled    map[string]string // records that can't be read: how they are spoiled, by bucket and key
	unreadable map[string]bool   // seats of them
	torn       bool              // log records are among them
	headless   bool              // and the admitter's, or there is none
}

// record is a seat's, flush a log record, as they were read.
type record struct {
	wire.Seat
	revision kv.Revision
}

type flush struct {
	wire.Flush
	revision kv.Revision
}

// Run checks every invariant of an event that can be checked at rest.
func Run(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string, now time.Time) (Report, error) {
	a := &audit{now: now, spoiled: map[string]string{}, unreadable: map[string]bool{}}
	if err := a.read(ctx, js, l, event); err != nil {
		return Report{}, fmt.Errorf("audit %s: %w", event, err)
	}
	r := Report{Event: event, At: now.UTC(), OK: true, Passes: len(a.passes), Waits: len(a.waiting), Ledger: a.sum}
	for _, n := range a.joined {
		r.Places += n
	}
	checks := []func() Check{a.recordsAreReadable, a.everySeatHasARecord, a.soldIsBooked, a.bookedIsSold, a.pricesAreAsQuoted, a.holdsEndInTime, a.keepsAreBounded,
		a.limitsAreKept, a.passesAreUnderTheCeiling, a.passesWereCalled, a.logHasNoGaps, a.logIsFed, a.logReplays, a.ledgerIsSound}
	if a.index == nil { // what the event is can't be read: there is nothing to compare with
		checks = checks[:1]
	}
	for _, check := range checks {
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

// read loads everything, the seats before the ledger: an order committed
// meanwhile may show as held with a booking, and a refunded one as sold without.
func (a *audit) read(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string) error {
	known, err := a.readEvent(ctx, js, event)
	if err != nil {
		return err
	}
	if !known {
		return a.readOthers(ctx, js, event)
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
	if a.records, err = a.readSeats(ctx, seats); err != nil {
		return err
	}
	if err := a.readOthers(ctx, js, event); err != nil {
		return err
	}
	if err := a.readLog(ctx, js, seats); err != nil {
		return err
	}
	if a.bookings, err = l.Bookings(ctx, event); err != nil {
		return err
	}
	if a.sum, err = l.Audit(ctx, event); err != nil {
		return err
	}
	a.returning = make(map[string]bool, len(a.sum.Returning))
	for _, order := range a.sum.Returning {
		a.returning[order] = true
	}
	if err := a.readOrders(ctx, js, event); err != nil { // again: those begun meanwhile
		return err
	}
	return a.lookAgain(ctx, seats, l)
}

func (a *audit) readSeats(ctx context.Context, seats *kv.Bucket) (map[string]record, error) {
	entries, err := seats.All(ctx, wire.SeatPrefix+">")
	if err != nil {
		return nil, err
	}
	records := make(map[string]record, len(entries))
	for _, e := range entries {
		id, _ := wire.SeatOfKey(e.Key)
		if seat, ok := readable[wire.Seat](a, seats.Name(), e); ok {
			records[id] = record{Seat: seat, revision: e.Revision}
		} else {
			a.unreadable[id] = true
		}
	}
	return records, nil
}

// lookAgain finds out which seats have moved while they were looked at, if seats
// and ledger disagree. Those of an order under way that is over by now have: what
// explained them is asked for between the two looks.
func (a *audit) lookAgain(ctx context.Context, seats *kv.Bucket, l *ledger.Ledger) error {
	if a.soldIsBooked().Broken+a.bookedIsSold().Broken == 0 {
		return nil
	}
	records, err := a.readSeats(ctx, seats)
	if err != nil {
		return err
	}
	bookings, err := l.Bookings(ctx, a.event.Spec.ID)
	if err != nil {
		return err
	}
	before, after := bookedTo(a.bookings), bookedTo(bookings)
	a.moved = map[string]bool{}
	for id, r := range a.records {
		a.moved[id] = records[id].revision != r.revision || before[id] != after[id]
	}
	return nil
}

func (a *audit) readQueue(ctx context.Context, js jetstream.JetStream, event string) error {
	passes := kv.Open(js, wire.PassesBucket(event))
	entries, err := passes.All(ctx, wire.PassPrefix+">")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if p, ok := readable[wire.PassRecord](a, passes.Name(), e); ok {
			a.passes = append(a.passes, p)
		}
	}
	if a.withdrawn, _, err = load[wire.Revocation](ctx, a, passes, wire.AllKey); err != nil {
		return err
	}
	admitter, known, err := load[wire.Admitter](ctx, a, passes, wire.AdmitterKey) // after the passes that it let in
	if err != nil {
		return err
	}
	_, spoiled := a.spoiled[wire.PassesBucket(event)+" "+wire.AdmitterKey]
	a.headless = !known && spoiled
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
	a.lines, a.draws, a.joined, a.ended = map[line]uint64{}, map[string]wire.Draw{}, map[line]uint64{}, map[line]bool{}
	for _, l := range admitter.Lines {
		a.lines[line{l.Lane, l.Region}] = l.Head
	}
	if len(admitter.Drawn) > 0 {
		rec, known, err := load[wire.DrawRecord](ctx, a, kv.Open(js, wire.PassesBucket(a.event.Spec.ID)), wire.DrawKey)
		if err != nil {
			return err
		}
		a.headless = a.headless || !known
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
		last := line{lane, homeRegion}
		for _, l := range admitter.Lives {
			if l.Lane != lane || wire.RegionOf(l.Region) != homeRegion {
				continue
			}
			if last = (line{lane, l.Region}); a.lines[last] >= l.Joined() {
				a.ended[last] = true // if another follows
			}
			a.joined[last] = l.Joined()
		}
		a.joined[last] = queue.CachedInfo().State.LastSeq
		delete(a.ended, last)
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
	if a.waiting == nil {
		a.waiting = map[string]bool{}
	}
	if info.AckFloor.Stream >= stream.CachedInfo().State.LastSeq {
		return nil
	}
	orders, err := kv.OpenStream(js, wire.OrdersStream).All(ctx, wire.OrdersOf(event))
	if err != nil {
		return err
	}
	for _, e := range orders {
		if uint64(e.Revision) > info.AckFloor.Stream {
			a.waiting[wire.OrderOfSubject(e.Key)] = true
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
		f, ok := readable[wire.Flush](a, seats.Name(), e)
		if !ok {
			a.torn = true
			continue
		}
		a.flushes = append(a.flushes, flush{f, e.Revision})
	}
	log, err := js.Stream(ctx, wire.SaleLogStream)
	if err != nil {
		return err
	}
	subject := wire.LogSubject(a.event.Spec.ID, wire.LogSeats)
	for began := time.Now(); ; {
		info, err := log.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return err
		}
		a.logged = int(info.State.Subjects[subject])
		if a.logged >= len(a.flushes) || time.Since(began) > feedLate {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(feedAgain):
		}
	}
}
