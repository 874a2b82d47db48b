package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"frontrow/internal/records"
	"frontrow/internal/salelog"
	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Report is the result of an audit. OK is true if no check found anything.
type Report struct {
	Event  string       `json:"event"`
	At     time.Time    `json:"at"`
	OK     bool         `json:"ok"`
	Checks []Check      `json:"checks"`
	Stock  wire.Count   `json:"stock"`
	Places uint64       `json:"places"` // joined
	Passes int          `json:"passes"`
	Waits  int          `json:"orders_waiting"` // not acknowledged in ORDERS, or parked
	Ledger ledger.Audit `json:"ledger"`
}

// Check is an invariant, by its number in the design, and what violates it.
type Check struct {
	Invariant string   `json:"invariant"`
	Rule      string   `json:"rule"`
	Looked    int      `json:"looked_at"`
	Broken    int      `json:"broken"`
	Samples   []string `json:"samples,omitempty"` // of what violates it, at most maxSamples
}

const (
	maxSamples = 50
	expireLate = time.Second      // I7
	feedLate   = 25 * time.Second // JetStream copies flushes to the sale log a moment later; after a restart it checks its sources every 10 s
)

func (c *Check) breaks(format string, args ...any) {
	c.Broken++
	c.names(format, args...)
}

// names adds a sample that breaks nothing by itself.
func (c *Check) names(format string, args ...any) {
	if len(c.Samples) < maxSamples {
		c.Samples = append(c.Samples, fmt.Sprintf(format, args...))
	}
}

// audit is everything an audit reads, as nearly at one time as possible.
type audit struct {
	event     wire.Event
	index     *plan.Index // nil if the plan can't be read
	now       time.Time
	records   map[string]record // by seat: what is true of it, by the log if its record is behind
	log       log               // log.<n>
	feed      *feed             // SALELOG
	passes    []wire.PassRecord
	withdrawn wire.Revocation      // of all passes before
	lines     map[line]uint64      // how far each was called
	draws     map[string]wire.Draw // by lane
	joined    map[line]uint64      // places given out, in the region asked
	ended     map[line]bool        // lines of a lost queue whose known places are all called: anyone with a place there may come
	waiting   map[string]bool      // orders not done
	bookings  []ledger.Booking
	sum       ledger.Audit
	returning map[string]bool // orders of sum.Returning
	moved     map[string]bool // seats that changed while they were looked at

	checkpoint wire.Checkpoint   // zero: none
	pointed    kv.Revision       // of the checkpoint
	sums       map[string]uint64 // by seat: what its record adds to the checkpoint's
	wrongSum   bool              // the checkpoint's is another
	written    map[string]record // by seat: what its record says
	behind     kv.Position       // of the last log record read

	spoiled    map[string]string // how unreadable records are spoiled, by bucket and key
	unreadable map[string]bool   // seats whose records can't be read
	headless   bool              // the admitter's record is unreadable or missing

	prices
}

// record is what is known of a seat, and the revision of the record that says it.
type record struct {
	wire.Seat
	revision kv.Revision
}

func (r record) version() salelog.Version { return salelog.VersionOf(&r.Seat, r.revision) }

// Run checks every invariant that can be checked on an event at rest.
func Run(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string, now time.Time) (Report, error) {
	a := newAudit(now)
	if err := a.read(ctx, js, l, event); err != nil {
		return Report{}, fmt.Errorf("audit %s: %w", event, err)
	}
	r := Report{Event: event, At: now.UTC(), OK: true, Passes: len(a.passes), Waits: len(a.waiting), Ledger: a.sum}
	for _, n := range a.joined {
		r.Places += n
	}
	for _, c := range a.checks() {
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

func newAudit(now time.Time) *audit {
	a := &audit{now: now, sums: map[string]uint64{}, spoiled: map[string]string{}, unreadable: map[string]bool{}, records: map[string]record{}, written: map[string]record{}, log: newLog(), prices: prices{promised: map[promised]string{}}}
	a.feed = newFeed(&a.log)
	return a
}

// checks evaluates what was read. If the event's own record can't be read, there is
// nothing to compare with.
func (a *audit) checks() []Check {
	all := []Check{a.recordsAreReadable()}
	if a.event.Spec.ID == "" {
		return all
	}
	return append(all, a.everySeatHasARecord(), a.soldIsBooked(), a.bookedIsSold(), a.pricesAreAsQuoted(), a.promisesAreKept(), a.holdsEndInTime(), a.keepsAreBounded(),
		a.limitsAreKept(), a.reductionsAreWithinLimits(), a.passesAreUnderTheCeiling(), a.passesWereCalled(), a.logHasNoGaps(), a.logIsAChain(), a.logIsFed(), a.logReplays(), a.recordsFollowTheLog(),
		a.ledgerIsSound())
}

// read loads everything, the seats before the ledger: an order committed in
// between may show as held with a booking, and a refunded one as sold without.
func (a *audit) read(ctx context.Context, js jetstream.JetStream, l *ledger.Ledger, event string) error {
	known, err := a.readEvent(ctx, js, event)
	if err != nil {
		return err
	}
	if !known {
		return a.readOthers(ctx, js, event)
	}
	if err := a.readPlan(ctx, js); err != nil {
		return err
	}
	if err := a.readQueue(ctx, js, event); err != nil {
		return err
	}
	seats := kv.Open(js, wire.SeatsBucket(event))
	if a.behind, err = salelog.Read(ctx, seats, salelog.Reader{Checkpoint: a.readCheckpoint, Seat: a.readSeat, Log: a.flush}); err != nil {
		return err
	}
	if err := a.compareSum(ctx, seats); err != nil {
		return err
	}
	if err := a.readPrices(ctx, js); err != nil { // after the holds: of what was promised nothing is missing
		return err
	}
	if err := a.readOthers(ctx, js, event); err != nil {
		return err
	}
	if err := a.readFeed(ctx, js); err != nil {
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
	if err := a.readOrders(ctx, js, event); err != nil { // again, for those begun meanwhile
		return err
	}
	for _, order := range a.sum.Parked {
		a.waiting[order] = true
	}
	return a.lookAgain(ctx, seats, l)
}

// readPlan reads the event's seating plan, or notes why it can't be read.
func (a *audit) readPlan(ctx context.Context, js jetstream.JetStream) error {
	p, _, err := records.Plan(ctx, js, a.event.Plan)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.note(wire.PlansObjects, a.event.Plan, err) {
		a.index = plan.NewIndex(p)
	}
	return nil
}

// readCheckpoint takes the checkpoint, if it can be read.
func (a *audit) readCheckpoint(e kv.Entry) {
	a.checkpoint, _ = readable[wire.Checkpoint](a, wire.SeatsBucket(a.event.Spec.ID), e)
	a.pointed = e.Revision
}

// compareSum compares the checkpoint's sum with that of the records, unless a round was
// written while they were read.
func (a *audit) compareSum(ctx context.Context, seats *kv.Bucket) error {
	sum := uint64(0)
	for id, s := range a.sums {
		if a.index == nil {
			return nil
		}
		if _, ok := a.index.Lookup(id); ok {
			sum += s
		}
	}
	if a.checkpoint.Sum == "" || a.checkpoint.Sum == strconv.FormatUint(sum, 16) {
		return nil
	}
	now, err := seats.Get(ctx, wire.CheckpointKey)
	if err == nil {
		a.wrongSum = now.Revision == a.pointed
	}
	return err
}

// readSeat takes a seat's record.
func (a *audit) readSeat(e kv.Entry) {
	id, _ := wire.SeatOfKey(e.Key)
	a.sums[id] = wire.SumOf(e.Key, e.Value)
	seat, ok := readable[wire.Seat](a, wire.SeatsBucket(a.event.Spec.ID), e)
	if !ok {
		a.unreadable[id] = true
		return
	}
	delete(a.unreadable, id)
	r := record{Seat: seat, revision: e.Revision}
	a.written[id], a.records[id] = r, r
}

// lookAgain finds out, if seats and ledger disagree, which seats changed while they
// were read. Orders under way are read between the two reads of the seats, so seats
// whose order has ended since count as moved.
func (a *audit) lookAgain(ctx context.Context, seats *kv.Bucket, l *ledger.Ledger) error {
	if a.soldIsBooked().Broken+a.bookedIsSold().Broken == 0 {
		return nil
	}
	moved := map[string]bool{}
	_, err := salelog.ReadAgain(ctx, seats, a.behind, salelog.Reader{
		Seat: func(e kv.Entry) {
			id, _ := wire.SeatOfKey(e.Key)
			seat, err := wire.Read[wire.Seat](e.Key, e.Value)
			moved[id] = moved[id] || err == nil && salelog.VersionOf(&seat, e.Revision).After(a.records[id].version())
		},
		Log: func(e kv.Entry) {
			f, err := wire.Read[wire.Flush](e.Key, e.Value)
			if err != nil {
				return
			}
			for _, c := range f.Seats {
				for _, id := range c.IDs {
					moved[id] = true
				}
			}
		},
	})
	if err != nil {
		return err
	}
	bookings, err := l.Bookings(ctx, a.event.Spec.ID)
	if err != nil {
		return err
	}
	before, after := bookedTo(a.bookings), bookedTo(bookings)
	for id := range a.records {
		moved[id] = moved[id] || before[id] != after[id]
	}
	a.moved = moved
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

// line is the places of a lane in a region or, with no region, the ranks of its draw.
type line struct{ lane, region string }

// homeRegion is the region whose queues the audit can read; those of other
// regions are out of its reach.
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
				a.ended[last] = true // if another life follows
			}
			a.joined[last] = l.Joined()
		}
		a.joined[last] = queue.CachedInfo().State.LastSeq
		delete(a.ended, last)
	}
	return nil
}

// stands returns the line and the number by which a place is called.
func (a *audit) stands(lane, region string, number uint64) (line, uint64) {
	if d, ok := a.draws[lane]; ok {
		if rank := d.Rank(region, number); rank > 0 {
			return line{lane, ""}, rank
		}
	}
	return line{lane, region}, number
}
