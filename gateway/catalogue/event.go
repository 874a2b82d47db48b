package catalogue

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/gateway/arrivals"
	"frontrow/gateway/live"
	"frontrow/wire"
)

// Event is one event as this gateway sees it.
type Event struct {
	id     string
	record atomic.Pointer[wire.Event]
	zone   atomic.Pointer[time.Location] // of the record
	feed   live.Feed                     // board and stock
	prices sync.Map                      // level id → wire.Price
	begun  bool                          // opening has begun; guarded by Catalogue.mu

	// Set by open before the event can be found, then never changed.
	visible atomic.Bool
	queues  map[string]*arrivals.Queue // by lane
	Codes   *arrivals.Claims
	Venue   *live.Venue
	Hub     *live.Hub
}

// ID is the event's name.
func (ev *Event) ID() string { return ev.id }

// Record is the newest record of the event, with the defaults of its spec.
func (ev *Event) Record() *wire.Event { return ev.record.Load() }

// Zone is the zone of its venue.
func (ev *Event) Zone() *time.Location { return ev.zone.Load() }

// Queue is a lane, in this gateway's region; nil if there is none of that name.
func (ev *Event) Queue(lane string) *arrivals.Queue { return ev.queues[lane] }

// HasPlace reports whether a fan has a place of a turn in a lane of this gateway's region.
func (ev *Event) HasPlace(ctx context.Context, lane, fan string, turn int) (bool, error) {
	return ev.queues[lane].Has(ctx, fan, turn)
}

// HasSlowLane reports whether suspects may come in by the slow lane unproven.
func (ev *Event) HasSlowLane() bool { return ev.Record().Spec.Admission.Slow }

// Board is the newest board; nil before the first.
func (ev *Event) Board() *live.Board { return ev.feed.Board() }

// State is where the sale stands, in the words of the board.
func (ev *Event) State(now time.Time) string {
	rec := ev.record.Load()
	if rec.State == wire.EventClosed || rec.Spec.Over(now) {
		return wire.SaleClosed
	}
	if b := ev.Board(); b != nil && b.State != "" {
		return b.State
	}
	if now.Before(rec.Spec.OpensAt) {
		return wire.SaleScheduled
	}
	return wire.SaleOpen
}

// Price is what a place of the level costs now.
func (ev *Event) Price(l wire.Level) wire.Amounts {
	if p, ok := ev.prices.Load(l.ID); ok {
		return p.(wire.Price).Amounts
	}
	return wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee)
}

// Turn is where a place stands by the last board; known is false without one.
func (ev *Event) Turn(p wire.Place) (ahead uint64, called, known bool) {
	b := ev.Board()
	if b == nil {
		return 0, false, false
	}
	return b.Turn(p.Lane, p.Region, p.Number)
}

// Reached reports whether a place may have been called by now, so that it may be used up.
func (ev *Event) Reached(p wire.Place) bool {
	b := ev.Board()
	return b != nil && b.Reached(p.Lane, p.Region, p.Number)
}
