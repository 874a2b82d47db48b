package salelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a Follower.
const (
	roundMinPause = 50 * time.Millisecond // between two rounds
	roundMaxPause = 2 * time.Second
	tornMinPause  = 15 * time.Second // before another round looks for what a log record that can't be read has said
	tornMaxPause  = 5 * time.Minute
	readTimeout   = 5 * time.Second // for one record
	maxLooks      = 1000            // records of a round that are looked for behind junk
)

// Index numbers an event's places.
type Index interface {
	Len() int
	Lookup(id string) (place int, ok bool)
}

// Change is what becomes of one place.
type Change struct {
	Place int
	State wire.State
}

// Watcher gets what a Follower learns, one call at a time.
type Watcher struct {
	// All gets the states of all places, by number: first when everything that was stored
	// has been read, and again after each further round. anew is true if they are those of
	// another stream than before, with revisions of its own. The states are the Follower's.
	All func(states []wire.State, at kv.Revision, anew bool)
	// Flush gets what one flush changes, at its revision, or one seat's record of the version
	// before. The changes are the Follower's.
	Flush func(changes []Change, at kv.Revision)
}

// Config configures a Follower; all of it is required.
type Config struct {
	Seats   *kv.Bucket
	Index   Index
	Spoiled *records.Spoiled // notes the records that can't be read
	Logger  *slog.Logger

	tornPause time.Duration // 0: tornMinPause
}

// Follower keeps up with what is known of an event's seats.
type Follower struct {
	cfg  Config
	tell Watcher

	mu      sync.Mutex // of what follows: log and seats may be read at once
	made    time.Time  // of the stream
	told    time.Time  // made of the stream whose states were handed out
	known   []Version  // by place
	states  []wire.State
	at      kv.Revision // of the last record read
	handed  kv.Revision // of the last states handed out
	moved   bool        // whether the states have changed since
	changes []Change    // of one flush
	seats   []said      // of one flush
	round               // under way
}

// round is what a round has read.
type round struct {
	n       uint64        // of the last log record
	old     bool          // whether that, or an event without a log, is of the version before
	torn    bool          // whether a log record is missing
	current bool          // whether its states are handed out
	found   []seen        // by place: the seats' records, until it is known whether they count
	looks   int           // behind junk
	end     func(error)   // ends the round
	timer   *time.Timer   // of the next
	again   time.Duration // the pause before the next round if this one is torn
}

var errAgain = errors.New("another round is needed")

// Follow tells w what is known of the seats until ctx ends, whose error it returns; it
// returns at once if there is no such stream.
func Follow(ctx context.Context, cfg Config, w Watcher) error {
	f := &Follower{cfg: cfg, tell: w, known: make([]Version, cfg.Index.Len()), states: make([]wire.State, cfg.Index.Len())}
	wait, least := roundMinPause, cmp.Or(cfg.tornPause, tornMinPause)
	torn := least
	for first := true; ; first = false {
		f.round = round{again: torn}
		err := f.read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case first && errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("follow the seats: %w", err)
		case f.current:
			wait = roundMinPause
		}
		if torn = least; f.torn {
			torn = min(2*f.again, tornMaxPause)
		}
		cfg.Logger.Debug("seats are read again", "bucket", cfg.Seats.Name(), "why", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, roundMaxPause)
	}
}

// read is one round. It returns why it ended.
func (f *Follower) read(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	f.end = end
	seats, point, err := f.records(ctx)
	if err != nil {
		return err
	}
	log := kv.Position{Made: seats.Made, Revision: kv.Revision(point.Revision)}
	if point.Flush == 0 {
		if log.Revision, err = f.first(ctx); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	defer func() {
		end(nil)
		if wg.Wait(); f.timer != nil {
			f.timer.Stop()
		}
	}()
	err = f.cfg.Seats.WatchBehind(ctx, wire.LogPrefix+"*", log, kv.Watcher{
		Entry: func(e kv.Entry) { f.log(ctx, e) },
		Current: func() {
			if f.arrived(ctx) {
				wg.Go(func() {
					end(f.cfg.Seats.WatchBehind(ctx, wire.SeatPrefix+">", seats, kv.Watcher{Entry: f.record}))
				})
			}
		},
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// begin forgets what was known of another stream.
func (f *Follower) begin(made time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = make([]seen, len(f.known))
	if !f.made.Equal(made) {
		f.made = made
		clear(f.known)
		clear(f.states)
		f.at, f.handed = 0, 0
	}
}

// first returns the revision behind which the log counts if there is no checkpoint: 0, which
// is all of it, unless nothing of it names seats.
func (f *Follower) first(ctx context.Context) (kv.Revision, error) {
	for _, v := range f.known {
		if v.Flush > 0 {
			return 0, nil
		}
	}
	last, err := f.cfg.Seats.Get(ctx, wire.LogPrefix+"*")
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if r, err := wire.Read[wire.Flush](last.Key, last.Value); err != nil || !r.Old() {
		return 0, nil
	}
	return last.Revision - 1, nil
}

// log takes a log record.
func (f *Follower) log(ctx context.Context, e kv.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := readFlush(e.Key, e.Value, f.seats[:0])
	f.cfg.Spoiled.Note(f.cfg.Seats.Name(), e.Key, wire.SpoiledKind(err))
	if err != nil {
		if r, e, err = f.behindJunk(ctx, e); err != nil {
			if wire.LogNumber(e.Key) > f.n {
				f.tear("a log record can't be read", e.Key)
			}
			return
		}
	}
	repaired := r.n <= f.n
	switch {
	case repaired:
	case f.n > 0 && r.n > f.n+1:
		f.tear("log records are missing", e.Key)
		fallthrough
	default:
		f.n = r.n
		if r.old != f.old && f.current {
			f.end(errAgain) // the writer is of another version
		}
		f.old = r.old
	}
	f.seats = r.seats
	f.changes = f.changes[:0]
	for _, s := range r.seats {
		if i, ok := f.cfg.Index.Lookup(s.id); ok && !(repaired && f.known[i].Flush == 0 && f.known[i].Revision > 0) {
			f.note(i, s.state, Version{r.n, e.Revision})
		}
	}
	if len(f.seats) > 0 { // else seats' records come, or nothing changes
		f.hand(e.Revision)
	}
}

// behindJunk reads the log record that a spoiled one was written over.
func (f *Follower) behindJunk(ctx context.Context, e kv.Entry) (flush, kv.Entry, error) {
	before, err := f.before(ctx, e)
	if err != nil {
		return flush{}, e, err
	}
	r, err := readFlush(before.Key, before.Value, f.seats[:0])
	return r, before, err
}

// before reads the last value of a key that is none of junk, as far as the bucket keeps it.
func (f *Follower) before(ctx context.Context, e kv.Entry) (kv.Entry, error) {
	if f.looks++; f.looks > maxLooks {
		return e, errors.New("too much of it is junk")
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		older, err := f.cfg.Seats.Before(ctx, e.Key, e.Revision)
		if err != nil {
			return e, err
		}
		if e = older; wire.Decode(e.Value, &struct{}{}) == nil {
			return e, nil
		}
	}
}

// tear notes that a log record is missing: a later round looks for what it has said.
func (f *Follower) tear(why, key string) {
	if f.torn {
		return
	}
	f.torn = true
	f.cfg.Logger.Warn("seats may be shown as they were", "bucket", f.cfg.Seats.Name(), "key", key, "why", why)
	end := f.end
	f.timer = time.AfterFunc(f.again, func() { end(errAgain) })
}

// record takes a seat's record, while a writer of the version before is at work.
func (f *Follower) record(e kv.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.place(e)
	if !ok {
		return
	}
	r := f.see(e)
	f.changes = f.changes[:0]
	switch {
	case !r.junk:
		f.note(i, r.state, r.version)
	case f.known[i] == Version{}:
		f.note(i, wire.Blocked, Version{}) // not for sale if unreadable
	}
	f.hand(e.Revision)
}

// note notes what is known of a place, if it is later than what was known.
func (f *Follower) note(i int, state wire.State, v Version) {
	if v != (Version{}) && !v.After(f.known[i]) {
		return
	}
	f.known[i] = v
	if f.states[i] != state {
		f.states[i], f.moved = state, true
		f.changes = append(f.changes, Change{i, state})
	}
}

// hand hands out what was noted, at once, even if that is nothing: what is shown is as of
// then all the same. Revisions handed out grow, even if something was read late.
func (f *Follower) hand(at kv.Revision) {
	f.at = max(f.at, at)
	if !f.current || at <= f.handed && !f.moved {
		return
	}
	f.handed, f.moved = max(at, f.handed+1), false
	f.tell.Flush(f.changes, f.handed)
}

// arrived hands out everything, once the log is read. It reports whether the seats' records
// are to be followed as well.
func (f *Follower) arrived(ctx context.Context) (records bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(ctx, f.torn || f.old)
	anew := !f.told.Equal(f.made)
	if f.at = max(f.at, f.handed); f.moved {
		f.at = max(f.at, f.handed+1)
	}
	f.found, f.current, f.told, f.handed, f.moved = nil, true, f.made, f.at, false
	f.tell.All(f.states, f.handed, anew)
	return f.old
}
