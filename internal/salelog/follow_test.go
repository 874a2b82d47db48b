package salelog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/records"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

const waitLimit = 60 * time.Second

// row numbers the places, …
type row int

func (r row) Len() int { return int(r) }
func (r row) Lookup(id string) (place int, ok bool) {
	n, err := fmt.Sscanf(id, "A-%d", &place)
	return place, err == nil && n == 1 && place < int(r)
}

// sale is an event's bucket, and a writer of it.
type sale struct {
	t      *testing.T
	env    *natstest.Env
	js     jetstream.JetStream
	seats  *kv.Bucket
	n      uint64
	digest string
}

func open(t *testing.T) *sale {
	env := natstest.Run(t)
	s := &sale{t: t, env: env, js: env.JetStream(t)}
	must(t, streams.CreateCore(t.Context(), s.js, 1))
	s.seats = kv.Open(s.js, wire.SeatsBucket("show"))
	s.create()
	return s
}

func (s *sale) create() {
	s.t.Helper()
	must(s.t, streams.CreateForEvent(s.t.Context(), s.js, "show", 1))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *sale) put(key string, raw []byte) kv.Revision {
	s.t.Helper()
	for late := time.After(waitLimit); ; {
		ack, err := s.seats.Publish(s.t.Context(), []kv.Msg{{Subject: s.seats.Subject(key), Data: raw}})
		if err == nil {
			return ack.Last
		}
		select {
		case <-late:
			s.t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
			if !errors.Is(err, kv.ErrBusy) { // while the server restarts
				s.t.Fatal(err)
			}
		}
	}
}

// flush stores a log record, and no seat's.
func (s *sale) flush(changes ...wire.Change) kv.Revision {
	s.t.Helper()
	s.n++
	f := wire.Flush{N: s.n, Term: 1, Writer: "w", At: time.Now().UTC(), Prev: s.digest, Seats: changes}
	raw := f.AppendJSON(nil)
	s.digest = wire.Digest(raw)
	return s.put(fmt.Sprintf("log.%d", s.n), raw)
}

// follows stores a seat's record as of a flush.
func (s *sale) follows(id string, state wire.State, flush uint64, revision kv.Revision) kv.Revision {
	s.t.Helper()
	c := changed(state, id)
	r := c.Record(0, flush, uint64(revision))
	return s.put(wire.SeatKey(id), r.AppendJSON(nil))
}

// checkpoint stores a checkpoint of the seats' records as they are.
func (s *sale) checkpoint(flush uint64, revision kv.Revision) {
	s.t.Helper()
	seats, err := s.seats.All(s.t.Context(), wire.SeatPrefix+">")
	must(s.t, err)
	sum := uint64(0)
	for _, e := range seats {
		sum += wire.SumOf(e.Key, e.Value)
	}
	s.put(wire.CheckpointKey, fmt.Appendf(nil, `{"flush":%d,"revision":%d,"digest":"d","sum":"%x","term":1,"writer":"w","at":"2026-11-30T12:00:00Z"}`, flush, revision, sum))
}

// before stores what a writer of the version before does: records and log in one batch.
func (s *sale) before(state wire.State, ids ...string) {
	s.t.Helper()
	s.n++
	var msgs []kv.Msg
	for _, id := range ids {
		c := changed(state, id)
		r := c.Record(0, 0, 0)
		msgs = append(msgs, kv.Msg{Subject: s.seats.Subject(wire.SeatKey(id)), Data: r.AppendJSON(nil)})
	}
	f := wire.Flush{N: s.n, Term: 1, Writer: "old", At: time.Now().UTC(), Acts: []wire.Act{{Kind: wire.ActKindHold, Hold: "h_1", Seats: ids}}}
	msgs = append(msgs, kv.Msg{Subject: s.seats.Subject(fmt.Sprintf("log.%d", s.n)), Data: f.AppendJSON(nil)})
	_, err := s.seats.Publish(s.t.Context(), msgs)
	must(s.t, err)
	s.digest = wire.Digest(msgs[len(msgs)-1].Data)
}

// news is what a Follower says at once.
type news struct {
	all, anew bool
	states    []wire.State // after it
	changes   []Change
	at        kv.Revision
}

// view is a Follower, and what it says.
type view struct {
	t      *testing.T
	states []wire.State
	news   chan news
}

func (s *sale) follow(places int) *view {
	s.t.Helper()
	v := &view{t: s.t, news: make(chan news, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	log := slog.New(slog.DiscardHandler)
	cfg := Config{Seats: s.seats, Index: row(places), Logger: log, Spoiled: records.NewSpoiled(log, nil), tornPause: 50 * time.Millisecond}
	go func() {
		ended <- Follow(ctx, cfg, Watcher{
			All: func(states []wire.State, at kv.Revision, anew bool) {
				v.states = slices.Clone(states)
				v.news <- news{all: true, anew: anew, states: slices.Clone(v.states), at: at}
			},
			Flush: func(changes []Change, at kv.Revision) {
				for _, c := range changes {
					v.states[c.Place] = c.State
				}
				v.news <- news{states: slices.Clone(v.states), changes: slices.Clone(changes), at: at}
			},
		})
	}()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			s.t.Error(err)
		}
	})
	return v
}

// next is what is said next.
func (v *view) next() news {
	v.t.Helper()
	select {
	case n := <-v.news:
		return n
	case <-time.After(waitLimit):
		v.t.Fatal("nothing is said")
		return news{}
	}
}

// until waits for the states to be some. Revisions must grow on the way.
func (v *view) until(states ...wire.State) (last news) {
	v.t.Helper()
	var at kv.Revision
	for {
		n := v.next()
		if n.at < at && !n.anew {
			v.t.Errorf("%d is said after %d", n.at, at)
		}
		if at = n.at; shows(n, states) {
			return n
		}
	}
}

func shows(n news, want []wire.State) bool {
	return slices.EqualFunc(n.states, want, func(a, b wire.State) bool { return a.Bits() == b.Bits() })
}

const (
	free    = wire.Available
	held    = wire.Held
	sold    = wire.Sold
	blocked = wire.Blocked
)

// What is known is records as of the checkpoint, and the log behind it; then each flush
// is said at once, and records that come late change nothing.
func TestRecordsAndTheLogBehindThem(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.flush(changed(free, "A-0", "A-1", "A-2", "A-3"))
	second := s.flush(changed(held, "A-1"))
	for i, state := range []wire.State{free, held, free, free} {
		s.follows(fmt.Sprintf("A-%d", i), state, []uint64{1, 2, 1, 1}[i], []kv.Revision{first, second, first, first}[i])
	}
	s.checkpoint(2, second)
	s.flush(changed(sold, "A-1"), changed(held, "A-2"))
	fourth := s.flush(changed(free, "A-2"), changed(blocked, "A-3"))
	s.follows("A-3", blocked, 4, fourth) // one record is ahead
	v := s.follow(4)
	if n := v.next(); !n.all || !n.anew || !shows(n, []wire.State{free, sold, free, blocked}) {
		t.Fatalf("%+v", n)
	}
	fifth := s.flush(changed(held, "A-0", "A-2"), changed(free, "A-3"))
	s.follows("A-1", held, 2, second) // nothing that a record says now is news
	sixth := s.flush(changed(sold, "A-0"))
	if n := v.next(); n.all || n.at != fifth || !shows(n, []wire.State{held, sold, held, free}) || len(n.changes) != 3 {
		t.Errorf("%+v at %d", n, fifth)
	}
	if n := v.next(); n.all || n.at != sixth || !shows(n, []wire.State{sold, sold, held, free}) {
		t.Errorf("%+v at %d", n, sixth)
	}
}

// Without a checkpoint the whole log counts, however old the records are.
func TestNoCheckpoint(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.before(free, "A-0", "A-1", "A-2")
	first := s.flush(changed(held, "A-0"))
	s.follows("A-0", held, 2, first)
	s.flush(changed(sold, "A-0"), changed(held, "A-1"))
	s.put(wire.CheckpointKey, []byte(`{"flush":9,"revision":9000,"sum":"0"}`)) // nothing that was stored before
	if n := s.follow(3).next(); !shows(n, []wire.State{sold, held, free}) {
		t.Errorf("%+v", n)
	}
}

// Writers of two versions take turns: what counts is what the one at work stores.
func TestTheVersionBefore(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.before(free, "A-0", "A-1", "A-2")
	v := s.follow(3)
	v.until(free, free, free)
	s.before(held, "A-0", "A-1")
	v.until(held, held, free)
	s.flush(changed(sold, "A-0"))
	v.until(sold, held, free)
	s.follows("A-1", free, 1, 1) // long ago
	fourth := s.flush(changed(free, "A-1"), changed(held, "A-2"))
	v.until(sold, free, held)
	for i, state := range []wire.State{sold, free, held} {
		s.follows(fmt.Sprintf("A-%d", i), state, 4, fourth)
	}
	s.checkpoint(4, fourth)
	s.before(sold, "A-2")
	v.until(sold, free, sold)
	s.before(held, "A-1")
	v.until(sold, held, sold)
	if n := s.follow(3).next(); !shows(n, []wire.State{sold, held, sold}) {
		t.Errorf("whoever comes late sees %+v", n)
	}
}

// Through a restart of the server nothing is missed; in a stream made anew nothing of the
// old one is left.
func TestRestartedAndMadeAnew(t *testing.T) {
	t.Parallel()
	s := open(t)
	v := s.follow(2)
	if n := v.next(); !n.all || n.at != 0 {
		t.Errorf("%+v", n)
	}
	s.flush(changed(free, "A-0", "A-1"))
	s.flush(changed(sold, "A-0"))
	v.until(sold, free)
	s.env.Restart()
	s.flush(changed(held, "A-1"))
	v.until(sold, held)
	must(t, s.js.DeleteStream(t.Context(), s.seats.Name()))
	s.create()
	s.n, s.digest = 0, ""
	s.flush(changed(free, "A-0", "A-1"))
	last := s.flush(changed(held, "A-0"))
	if n := v.until(held, free); n.at != last {
		t.Errorf("at %d, not %d", n.at, last)
	}
}

// Of a spoiled record of a seat the log says what it is, or the record before it; a seat of
// which nothing is known is not for sale.
func TestSpoiledSeats(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.flush(changed(free, "A-0", "A-2"))
	for i := range 3 {
		s.follows(fmt.Sprintf("A-%d", i), free, 1, first)
	}
	s.follows("A-1", sold, 1, first)
	s.checkpoint(1, first)
	for i := range 4 {
		s.put(wire.SeatKey(fmt.Sprintf("A-%d", i)), []byte("junk"))
	}
	s.flush(changed(held, "A-0"))
	v := s.follow(4)
	if n := v.next(); !shows(n, []wire.State{held, sold, free, blocked}) {
		t.Errorf("%+v", n)
	}
	s.put(wire.SeatKey("A-2"), nil)
	s.flush(changed(sold, "A-3"))
	v.until(held, sold, free, sold)
}

// A log record that is junk is read as it was before. Where nothing is left of it the others
// go on, and its seats are shown once their records say what has become of them.
func TestSpoiledLog(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.flush(changed(free, "A-0", "A-1", "A-2"))
	s.checkpoint(1, first)
	s.flush(changed(held, "A-0"))
	s.put("log.2", []byte("junk"))
	lost := s.flush(changed(held, "A-1"))
	stream, err := s.js.Stream(t.Context(), s.seats.Name())
	must(t, err)
	must(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject(s.seats.Subject("log.3"))))
	s.put("log.3", []byte(`{"n":3}`)[:5])
	last := s.flush(changed(sold, "A-2"))
	v := s.follow(3)
	if n := v.next(); !shows(n, []wire.State{held, free, sold}) {
		t.Errorf("%+v", n)
	}
	s.follows("A-1", held, 3, lost)
	s.checkpoint(4, last)
	v.until(held, held, sold)
	s.follows("A-0", held, 2, last)
	s.checkpoint(4, last)
	s.put("log.1", nil)
	s.flush(changed(sold, "A-0"))
	v.until(sold, held, sold)
}
