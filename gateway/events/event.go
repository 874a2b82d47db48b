package events

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/gateway/live"
	"frontrow/kv"
	"frontrow/wire"
)

// Event is one event as this gateway sees it.
type Event struct {
	id     string
	record atomic.Pointer[wire.Event]
	zone   atomic.Pointer[time.Location] // of the record
	feed   live.Feed                     // board and stock
	prices sync.Map                      // level id → *levelPrices
	bucket *kv.Bucket                    // PRICES
	begun  bool                          // opening has begun; guarded by Catalogue.mu

	// Set by open before the event can be found, then never changed.
	visible atomic.Bool
	queues  map[string]*Queue // by lane
	Codes   *Claims
	Venue   *live.Venue
	Hub     *live.Hub
}

// ID returns the event's id.
func (ev *Event) ID() string { return ev.id }

// Record returns the newest record of the event, with the defaults of its spec.
func (ev *Event) Record() *wire.Event { return ev.record.Load() }

// Places returns how many places it has.
func (ev *Event) Places() int { return ev.Record().Places }

// Zone returns the time zone of its venue.
func (ev *Event) Zone() *time.Location { return ev.zone.Load() }

// Queue returns a lane, in this gateway's region; nil if there is none of that name.
func (ev *Event) Queue(lane string) *Queue { return ev.queues[lane] }

// HasPlace reports whether a fan has a place for a turn in a lane of this gateway's region.
func (ev *Event) HasPlace(ctx context.Context, lane, fan string, turn int) (bool, error) {
	return ev.queues[lane].Has(ctx, fan, turn)
}

// HasSlowLane reports whether suspects may come in by the slow lane without a proof.
func (ev *Event) HasSlowLane() bool { return ev.Record().Spec.Admission.Slow }

// Board returns the newest board; nil before the first.
func (ev *Event) Board() *live.Board { return ev.feed.Board() }

// State returns the state of the sale, in the board's words.
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

// Turn returns where a place stands according to the last board; known is false if there is
// no board.
func (ev *Event) Turn(p wire.Place) (ahead uint64, called, known bool) {
	b := ev.Board()
	if b == nil {
		return 0, false, false
	}
	return b.Turn(p.Lane, p.Region, p.Number)
}

// Reached reports whether a place may have been called by now, and so may be used up.
func (ev *Event) Reached(p wire.Place) bool {
	b := ev.Board()
	return b != nil && b.Reached(p.Lane, p.Region, p.Number)
}
