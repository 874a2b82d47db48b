package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"
)

// viewer is a live socket of a test.
type viewer struct {
	*websocket.Conn
	t *testing.T
}

func (s *shop) dial(header ...string) (*viewer, *http.Response, error) {
	s.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	ws, res, err := websocket.Dial(s.t.Context(), s.url+"/v1/events/show/live", &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		return nil, res, err
	}
	ws.SetReadLimit(1 << 20)
	s.t.Cleanup(func() { _ = ws.CloseNow() })
	return &viewer{ws, s.t}, res, nil
}

func (s *shop) view(header ...string) *viewer {
	s.t.Helper()
	v, _, err := s.dial(header...)
	must(s.t, err)
	return v
}

func (v *viewer) watch(sections ...string) {
	v.t.Helper()
	raw, _ := json.Marshal(wire.LiveWatch{Watch: sections})
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

// closed reads until the socket ends and returns its close code.
func (v *viewer) closed() websocket.StatusCode {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), waitLimit)
	defer cancel()
	for {
		if _, _, err := v.Read(ctx); err != nil {
			if ctx.Err() != nil {
				v.t.Fatal("the socket stayed open")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// states is the JSON form of the availability.
type states struct {
	Seq    uint64
	Counts wire.Count
	Seats  map[string]wire.State
}

func (s *shop) states() states {
	s.t.Helper()
	return into[states](s.t, s.send("GET", "/v1/events/show/availability?format=json", ""), http.StatusOK)
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	s := open(t)
	held, sold, blocked := s.index.ID(1), s.index.ID(6), s.index.ID(s.index.Len()-1)
	s.setSeats(wire.Held, held)
	s.setSeats(wire.Sold, sold)
	last := uint64(s.setSeats(wire.Blocked, blocked))
	s.until("the last change is in the snapshot", func() bool { return s.states().Seq >= last })
	js := s.states()
	if js.Counts != (wire.Count{Free: s.index.Len() - 3, Held: 1, Sold: 1, Blocked: 1}) || len(js.Seats) != s.index.Len() {
		t.Fatalf("counts %+v of %d seats", js.Counts, len(js.Seats))
	}
	r := s.send("GET", "/v1/events/show/availability", "")
	if r.Header.Get("Frontrow-Seq") != fmt.Sprint(js.Seq) || len(r.body) != (s.index.Len()+3)/4 {
		t.Fatalf("seq %s, %d bytes", r.Header.Get("Frontrow-Seq"), len(r.body))
	}
	for i := range s.index.Len() {
		got := wire.StateOfBits(r.body[i/4] >> (2 * (i % 4)))
		if want := js.Seats[s.index.ID(i)]; got != want {
			t.Fatalf("place %d is %s as bits and %s as JSON", i, got, want)
		}
	}
	if js.Seats[held] != wire.Held || js.Seats[sold] != wire.Sold || js.Seats[blocked] != wire.Blocked {
		t.Fatalf("%s %s %s", js.Seats[held], js.Seats[sold], js.Seats[blocked])
	}
	if again := s.send("GET", "/v1/events/show/availability", "", "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("with the same ETag: %d", again.StatusCode)
	}
	s.setSeats(wire.Available, held)
	s.until("another ETag", func() bool {
		return s.send("GET", "/v1/events/show/availability", "", "If-None-Match", r.Header.Get("ETag")).StatusCode == http.StatusOK
	})
}

// TestFramesFollowTheSnapshot is the protocol of a map: watch, read the
// snapshot, apply what comes; in the end it is what the server has.
func TestFramesFollowTheSnapshot(t *testing.T) {
	t.Parallel()
	s := open(t)
	venue := s.events.events[show].venue
	section, other := venue.sections[0], venue.sections[1]
	v := s.view()
	if v.next(wire.FrameBoard).Board.Event != show {
		t.Fatal("the board is another event's")
	}
	v.watch(section.id)
	standing := v.next(wire.FrameSeats)
	if standing.Section != section.id || standing.From != standing.To || len(standing.Changes) != 0 {
		t.Fatalf("answer to watch: %+v", standing)
	}
	at := s.states()
	if at.Seq < standing.To {
		t.Fatalf("snapshot at %d is older than the section's chain at %d", at.Seq, standing.To)
	}
	mine := map[int]wire.State{}
	for i := section.Start; i < section.End; i++ {
		mine[i] = at.Seats[s.index.ID(i)]
	}
	s.setSeats(wire.Held, s.index.ID(other.Start)) // not in view
	for i, state := range []wire.State{wire.Held, wire.Sold, wire.Available, wire.Blocked} {
		last := uint64(s.setSeats(state, s.index.ID(section.Start), s.index.ID(section.Start+i+1)))
		for stand := standing.To; stand < last; {
			f := v.next(wire.FrameSeats)
			if f.Section != section.id || f.From > max(stand, at.Seq) || f.From != standing.To {
				t.Fatalf("frame %+v after %d", f, standing.To)
			}
			for _, c := range f.Changes {
				if c[0] < section.Start || c[0] >= section.End {
					t.Fatalf("place %d is not in the section", c[0])
				}
				mine[c[0]] = wire.StateOfBits(byte(c[1]))
			}
			standing, stand = f, f.To
		}
	}
	truth := s.states().Seats
	for i, state := range mine {
		if truth[s.index.ID(i)] != state {
			t.Errorf("place %d is %s, the map shows %s", i, truth[s.index.ID(i)], state)
		}
	}

	all := s.view()
	all.watch("*")
	for range venue.sections {
		all.next(wire.FrameSeats)
	}
	s.setSeats(wire.Sold, s.index.ID(other.Start))
	if f := all.next(wire.FrameSeats); f.Section != other.id || len(f.Changes) != 1 || f.Changes[0] != [2]int{other.Start, 2} {
		t.Fatalf("watching all: %+v", f)
	}
}

// The nearer a fan is to the head, the sooner he hears of it; what matters to
// everybody, everybody hears at once.
func TestCadenceByDistance(t *testing.T) {
	t.Parallel()
	b := &wire.Board{Rate: 100}
	for ahead, want := range map[uint64]time.Duration{0: cadenceNear, 199: cadenceNear, 200: cadenceSoon, 5000: cadenceLater, 100_000: cadenceFar} {
		if got := cadence(b, ahead); got != want {
			t.Errorf("%d ahead: every %v, want %v", ahead, got, want)
		}
	}
	s := open(t)
	near, far := s.view(), s.view()
	for v, number := range map[*viewer]uint64{near: 50, far: 1_000_000} {
		v.next(wire.FrameBoard)
		raw, _ := json.Marshal(wire.LiveWatch{Place: &wire.LivePlace{Lane: wire.LaneGeneral, Region: "home", Number: number}})
		must(t, v.Write(t.Context(), websocket.MessageText, raw))
	}
	s.until("both stand in the queue", func() bool {
		h := s.events.events[show].hub
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
		s.setHead(head)
		near.next(wire.FrameBoard)
	}
	b2 := wire.Board{Event: show, Seq: s.board + 1, State: wire.SalePaused, Currency: "EUR"}
	s.put(wire.BoardBucket, show, b2)
	heard := 0
	for far.next(wire.FrameBoard).Board.Seq != b2.Seq {
		heard++
	}
	if heard > 1 && time.Since(began) < cadenceFar/2 { // one after he said where he stands
		t.Errorf("a fan far back heard %d of 3 boards", heard)
	}
}

func TestBoardStockAndNotices(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, other := s.fan(), s.fan()
	as := func(f *fan) *viewer { return s.view("Cookie", fanCookie+"="+f.cookie, "Origin", s.url) }
	mine, second, theirs := as(f), as(f), as(other)
	for _, v := range []*viewer{mine, second, theirs} {
		v.next(wire.FrameBoard)
	}
	s.setHead(42)
	for _, v := range []*viewer{mine, second, theirs} {
		head := uint64(0) // the first board may come twice: at once, and with the next beat
		for head == 0 {
			head = v.next(wire.FrameBoard).Board.Lanes[wire.LaneGeneral].Regions["home"].Head
		}
		if head != 42 {
			t.Fatalf("head %d", head)
		}
	}
	s.put(wire.StockBucket, show, wire.Stock{Event: show, Flush: 7})
	if n := theirs.next(wire.FrameStock).Stock.Flush; n != 7 {
		t.Fatalf("stock %d", n)
	}
	notice := func(f *fan, state string) {
		raw, _ := json.Marshal(wire.Notice{Kind: "hold", State: state})
		must(t, s.nc.Publish(wire.NoticeSubject(show, f.id), raw))
	}
	notice(f, "expired")
	notice(other, "released")
	for v, want := range map[*viewer]string{mine: "expired", second: "expired", theirs: "released"} {
		if got := v.next(wire.FrameNotice).Notice.State; got != want {
			t.Errorf("notice %q, want %q", got, want)
		}
	}
}

func TestSocketsAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.MaxSockets, c.AllowedOrigins = 1, []string{"https://shop.example"} })
	cookie := fanCookie + "=" + s.fan().cookie
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"another site":        {[]string{"Origin", "https://evil.example"}, http.StatusForbidden},
		"another site's page": {[]string{"Origin", "https://evil.example", "Cookie", cookie}, http.StatusForbidden},
		"cookie, no origin":   {[]string{"Cookie", cookie}, http.StatusForbidden},
		"forged cookie":       {[]string{"Cookie", cookie + "x", "Origin", s.url}, http.StatusUnauthorized},
	} {
		_, res, err := s.dial(c.header...)
		if err == nil || res == nil || res.StatusCode != c.want {
			t.Errorf("%s: %v, want %d", name, err, c.want)
		}
	}
	v := s.view("Cookie", cookie, "Origin", "https://shop.example")
	v.next(wire.FrameBoard)
	if _, res, err := s.dial(); err == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one more than MaxSockets: %v", err)
	}
	must(t, v.Close(websocket.StatusNormalClosure, ""))
	s.until("there is room again", func() bool { return s.sockets.open() == 0 })
	s.view().next(wire.FrameBoard)
}

func TestClientFramesAreChecked(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, c := range map[string]struct {
		frame string
		times int
		want  websocket.StatusCode
	}{
		"no JSON":         {"hello", 1, closeData},
		"unknown section": {`{"watch":["no such"]}`, 1, closePolicy},
		"too many":        {`{"watch":[` + strings.Repeat(`"x",`, maxWatched) + `"x"]}`, 1, closeData},
		"too big":         {strings.Repeat(" ", maxClientFrame+1), 1, websocket.StatusMessageTooBig},
		"too often":       {`{"watch":[]}`, maxTalk + 1, closePolicy},
	} {
		v := s.view()
		for range c.times {
			must(t, v.Write(t.Context(), websocket.MessageText, []byte(c.frame)))
		}
		if code := v.closed(); code != c.want {
			t.Errorf("%s: closed with %d, want %d", name, code, c.want)
		}
	}
}

// TestSlowViewerDelaysNobody: one viewer reads nothing, until its buffers and
// its queue are full and it is sent away; another sees every frame meanwhile.
func TestSlowViewerDelaysNobody(t *testing.T) {
	t.Parallel()
	s := open(t)
	ev := s.events.events[show]
	section := ev.venue.sections[0]
	slow, quick := s.view(), s.view()
	for _, v := range []*viewer{slow, quick} {
		v.watch(section.id)
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
		ev.hub.seats([]change{{0, wire.LiveFrame{T: wire.FrameSeats, Section: "padded", From: n + 999, To: n + 1000, Changes: pad}}})
		s.until("the quick viewer has taken the frame", func() bool { return pending(quickest(ev.hub)) < 64 })
	}
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(waitLimit):
		t.Fatal("the quick viewer was delayed")
	}
	for _, c := range ev.hub.list() {
		if n := pending(c); n > maxSeatFrames {
			t.Fatalf("%d frames wait for one viewer", n)
		}
	}
	s.until("the slow viewer is gone", func() bool { return ev.hub.viewers() == 1 })
}

// quickest is the viewer with the least waiting for it.
func quickest(h *hub) (best *conn) {
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

// TestGracefulStop: viewers are sent to come back, a request in flight is
// answered, nobody new is let in.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	s := open(t)
	asked, release := make(chan struct{}), make(chan struct{})
	s.answer(wire.SeatsSubject(show, wire.ActHold), func(m *nats.Msg) any {
		close(asked)
		<-release
		return wire.HoldReply{Hold: "h_late"}
	})
	v, f := s.view(), s.fan()
	v.next(wire.FrameBoard)
	code, stopped, late := make(chan websocket.StatusCode, 1), make(chan error, 1), make(chan answered, 1)
	go func() { code <- v.closed() }()
	go func() { late <- f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`) }()
	<-asked
	go func() { stopped <- s.stop() }()
	s.until("nobody is let in", func() bool {
		c, err := net.DialTimeout("tcp", s.Addr(), waitLimit)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(release)
	if h := into[wire.HoldReply](t, <-late, http.StatusCreated); h.Hold != "h_late" {
		t.Errorf("%+v", h)
	}
	if c := <-code; c != websocket.StatusServiceRestart {
		t.Errorf("closed with %d", c)
	}
	must(t, <-stopped)
}
