package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"frontrow/gateway/live"
	"frontrow/wire"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"
)

// viewer is a live socket of a test.
type viewer struct {
	*websocket.Conn
	t testing.TB
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
	section, other := s.plan.Sections[0].ID, s.plan.Sections[1].ID
	places, elsewhere := s.index.Sections()[0], s.index.Sections()[1]
	v := s.view()
	if v.next(wire.FrameBoard).Board.Event != show {
		t.Fatal("the board is another event's")
	}
	v.watch(section)
	standing := v.next(wire.FrameSeats)
	if standing.Section != section || standing.From != standing.To || len(standing.Changes) != 0 {
		t.Fatalf("answer to watch: %+v", standing)
	}
	at := s.states()
	if at.Seq < standing.To {
		t.Fatalf("snapshot at %d is older than the section's chain at %d", at.Seq, standing.To)
	}
	mine := map[int]wire.State{}
	for i := places.Start; i < places.End; i++ {
		mine[i] = at.Seats[s.index.ID(i)]
	}
	s.setSeats(wire.Held, s.index.ID(elsewhere.Start)) // not in view
	for i, state := range []wire.State{wire.Held, wire.Sold, wire.Available, wire.Blocked} {
		last := uint64(s.setSeats(state, s.index.ID(places.Start), s.index.ID(places.Start+i+1)))
		for stand := standing.To; stand < last; {
			f := v.next(wire.FrameSeats)
			if f.Section != section || f.From > max(stand, at.Seq) || f.From != standing.To {
				t.Fatalf("frame %+v after %d", f, standing.To)
			}
			for _, c := range f.Changes {
				if c[0] < places.Start || c[0] >= places.End {
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
	for range len(s.plan.Sections) + len(s.plan.Areas) {
		all.next(wire.FrameSeats)
	}
	s.setSeats(wire.Sold, s.index.ID(elsewhere.Start))
	if f := all.next(wire.FrameSeats); f.Section != other || len(f.Changes) != 1 || f.Changes[0] != [2]int{elsewhere.Start, 2} {
		t.Fatalf("watching all: %+v", f)
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
	s.until("there is room again", func() bool { return s.sockets.Open() == 0 })
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
		"no JSON":         {"hello", 1, websocket.StatusUnsupportedData},
		"unknown section": {`{"watch":["no such"]}`, 1, websocket.StatusPolicyViolation},
		"too many":        {`{"watch":[` + strings.Repeat(`"x",`, live.MaxWatched) + `"x"]}`, 1, websocket.StatusUnsupportedData},
		"too big":         {strings.Repeat(" ", live.MaxClientFrame+1), 1, websocket.StatusMessageTooBig},
		"too often":       {`{"watch":[]}`, live.MaxTalk + 1, websocket.StatusPolicyViolation},
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
