package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"frontrow/plan"
	"frontrow/wire"

	"github.com/coder/websocket"
)

const waitLimit = 20 * time.Second

// hall is a hub over a real HTTP server, without anything behind it: a test feeds it.
type hall struct {
	*Hub
	t   *testing.T
	url string
}

func open(t *testing.T) *hall {
	t.Helper()
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: 500, Standing: 100})
	must(t, err)
	raw, err := plan.Encode(p)
	must(t, err)
	v, err := NewVenue(plan.Digest(p), p, raw)
	must(t, err)
	sockets := NewSockets(Config{Max: 100, Code: func(Ending) websocket.StatusCode { return websocket.StatusTryAgainLater }})
	h := &hall{Hub: NewHub(v, &Feed{}, sockets), t: t}
	h.Watcher().All(make([]wire.State, v.Index.Len()), 0, true) // there are no records of seats
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.Accept(w, r, "", Owner{}); err != nil {
			t.Error(err)
		}
	}))
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		cancel()
		must(t, <-ended)
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until asks often: what it waits for has no signal outside of the hub.
func (h *hall) until(what string, done func() bool) {
	h.t.Helper()
	limit := time.After(waitLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

// viewer is a live socket of a test.
type viewer struct {
	*websocket.Conn
	t *testing.T
}

func (h *hall) view() *viewer {
	h.t.Helper()
	ws, _, err := websocket.Dial(h.t.Context(), h.url, nil)
	must(h.t, err)
	ws.SetReadLimit(1 << 20)
	h.t.Cleanup(func() { _ = ws.CloseNow() })
	return &viewer{ws, h.t}
}

func (v *viewer) say(w wire.LiveWatch) {
	v.t.Helper()
	raw, err := json.Marshal(w)
	must(v.t, err)
	must(v.t, v.Write(v.t.Context(), websocket.MessageText, raw))
}

// next is the next frame of a kind.
func (v *viewer) next(kind string) wire.LiveFrame {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), waitLimit)
	defer cancel()
	for {
		_, raw, err := v.Read(ctx)
		if err != nil {
			v.t.Fatalf("waiting for %s: %v", kind, err)
		}
		var f wire.LiveFrame
		must(v.t, json.Unmarshal(raw, &f))
		if f.T == kind {
			return f
		}
	}
}

// The nearer a fan is to the head, the sooner they hear of it; what matters to
// everybody, everybody hears at once.
func TestCadenceByDistance(t *testing.T) {
	t.Parallel()
	rate := &wire.Board{Rate: 100}
	for ahead, want := range map[uint64]time.Duration{0: cadenceNear, 199: cadenceNear, 200: cadenceSoon, 5000: cadenceLater, 100_000: cadenceFar} {
		if got := cadence(rate, ahead); got != want {
			t.Errorf("%d ahead: every %v, want %v", ahead, got, want)
		}
	}
	h := open(t)
	seq, price := uint64(0), int64(100)
	tell := func(state string, head uint64) {
		seq++
		must(t, h.feed.SetBoard(wire.Board{Seq: seq, State: state, Levels: []wire.LevelBoard{{ID: "a", Free: 1, From: price, To: price}},
			Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Regions: map[string]wire.Head{"home": {Head: head}}}}}, seq))
	}
	tell(wire.SaleOpen, 0)
	near, far := h.view(), h.view()
	for v, number := range map[*viewer]uint64{near: 50, far: 1_000_000} {
		v.next(wire.FrameBoard)
		v.say(wire.LiveWatch{Place: &wire.LivePlace{Lane: wire.LaneGeneral, Region: "home", Number: number}})
	}
	h.until("both stand in the queue", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		n := 0
		for c := range h.conns {
			if c.place != nil {
				n++
			}
		}
		return n == 2
	})
	began := time.Now()
	for head := uint64(1); head <= 3; head++ {
		tell(wire.SaleOpen, head)
		near.next(wire.FrameBoard)
	}
	tell(wire.SalePaused, 3)
	heard := 0
	for far.next(wire.FrameBoard).Board.Seq != seq {
		heard++
	}
	if heard > 1 && time.Since(began) < cadenceFar/2 { // one after they said where they stand
		t.Errorf("a fan far back heard %d of 3 boards", heard)
	}
	began = time.Now()
	for range 5 {
		price++
		tell(wire.SalePaused, 3)
		if got := far.next(wire.FrameBoard).Board; got.Levels[0].From != price {
			t.Errorf("a fan far back sees the price of %d, not %d", got.Levels[0].From, price)
		}
	}
	if took := time.Since(began); took > 5*boardEvery/2 {
		t.Errorf("five prices were told in %v", took)
	}
}

// TestSlowViewerDelaysNobody: one viewer reads nothing, until its buffers and
// its queue are full and it is sent away; another sees every frame meanwhile.
func TestSlowViewerDelaysNobody(t *testing.T) {
	t.Parallel()
	h := open(t)
	section := h.venue.sections[0]
	slow, quick := h.view(), h.view()
	for _, v := range []*viewer{slow, quick} {
		v.say(wire.LiveWatch{Watch: []string{section.id}})
		v.next(wire.FrameSeats)
	}
	// First what fills the buffers of the kernel, then more than the queue takes.
	const large, rounds = 100, 100 + maxSeatFrames + 1
	pad := make([][2]int, 30_000)
	done := make(chan error, 1)
	go func() {
		for n := uint64(1); n <= rounds; {
			_, raw, err := quick.Read(t.Context())
			if err != nil {
				done <- err
				return
			}
			head := fmt.Sprintf(`{"t":"seats","section":"padded","from":%d,"to":%d`, n+999, n+1000)
			if !strings.Contains(string(raw[:40]), `"padded"`) {
				continue
			}
			if !strings.HasPrefix(string(raw), head) {
				done <- fmt.Errorf("%.80s instead of %s", raw, head)
				return
			}
			n++
		}
		done <- nil
	}()
	// The quick one paces the sender; that is the test's choice, not the hub's.
	for n := uint64(1); n <= rounds; n++ {
		if n > large {
			pad = nil
		}
		h.changes([]change{{0, wire.LiveFrame{T: wire.FrameSeats, Section: "padded", From: n + 999, To: n + 1000, Changes: pad}}})
		h.until("the quick viewer has taken the frame", func() bool { return pending(quickest(h.Hub)) < 64 })
	}
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(waitLimit):
		t.Fatal("the quick viewer was delayed")
	}
	for _, c := range h.list() {
		if n := pending(c); n > maxSeatFrames {
			t.Fatalf("%d frames wait for one viewer", n)
		}
	}
	h.until("the slow viewer is gone", func() bool { return h.Viewers() == 1 })
}

// quickest is the viewer with the least waiting for it.
func quickest(h *Hub) (best *conn) {
	for _, c := range h.list() {
		if best == nil || pending(c) < pending(best) {
			best = c
		}
	}
	return best
}

func pending(c *conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seats)
}

// TestSocketsAreCounted: of each address and of each fan, and of nobody who has left.
func TestSocketsAreCounted(t *testing.T) {
	t.Parallel()
	s := NewSockets(Config{Max: 4, OfAddress: 3, OfFan: 2})
	home, office := "192.0.2.1/32", "192.0.2.2/32"
	in := []Owner{{home, "ann"}, {home, "ann"}, {home, ""}, {}}
	for i, c := range []struct {
		Owner
		full string
	}{{in[0], ""}, {in[1], ""}, {Owner{office, "ann"}, socketsFan}, {in[2], ""}, {Owner{home, "bob"}, socketsAddress}, {in[3], ""}, {Owner{office, ""}, socketsFull}} {
		if full := s.enter(c.Owner); full != c.full {
			t.Errorf("%d: %q, want %q", i, full, c.full)
		}
	}
	for _, o := range in {
		s.leave(o)
	}
	if s.Open() != 0 || len(s.fans) != 0 || len(s.addresses) != 0 {
		t.Errorf("%d are open, %v and %v are counted", s.Open(), s.fans, s.addresses)
	}
}

// A moment after prices have changed, fans are promised the lower of what the two boards
// show: some still look at the first.
func TestPromisedBetweenBoards(t *testing.T) {
	t.Parallel()
	var f Feed
	for i, c := range []struct{ priced, want int64 }{{4, 4}, {4, 4}, {8, 7}, {8, 7}, {0, 0}, {6, 6}, {4, 4}} {
		must(t, f.SetBoard(wire.Board{Seq: uint64(i), Priced: c.priced}, uint64(i)))
		if got := f.Board().Promised(); got != c.want {
			t.Errorf("board %d of %d: %d, want %d", i, c.priced, got, c.want)
		}
	}
	must(t, f.SetBoard(wire.Board{Priced: 10}, 10))
	b := *f.Board()
	if b.priced = b.priced.Add(-shownFor); b.Promised() != 10 {
		t.Errorf("once everybody sees the second: %d", b.Promised())
	}
}
