package live

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"frontrow/gateway/listener"
	"frontrow/wire"

	"github.com/coder/websocket"
)

// What a client may send.
const (
	MaxClientFrame = 4 << 10
	MaxWatched     = 256 // sections one viewer may name; "*" is not counted
	MaxTalk        = 30  // messages in a talkWindow

	talkWindow = 10 * time.Second

	// maxTalkBytes is what a client may send in total in a talkWindow: messages, their
	// fragments, pings and pongs. maxPings are answered in a socket's life.
	maxTalkBytes = 64 << 10
	maxPings     = 1000
)

// Bounds of a live socket.
const (
	// maxSeatFrames may wait for one viewer; a viewer with more is too slow. It is above
	// plan.MaxSections + plan.MaxAreas, so the answer to a watch always fits.
	maxSeatFrames = 4096
	maxNotices    = 16 // waiting for one fan; beyond it the oldest is dropped, and GET has the truth

	writeTimeout = 10 * time.Second // of one drain
	pingEvery    = 30 * time.Second // from half to one and a half of it
	pingTimeout  = 10 * time.Second
	maxLife      = 60 * time.Minute // from half to one and a half of it, so that gateways even out

	noRoomPause = 5 * time.Second
)

// conn is one live socket. What waits for it is bounded and never delays others: of boards
// and stocks only the newest is kept, and a viewer who can't keep up with the frames of
// their sections is closed with Overload.
//
// An idle socket has one goroutine, the reader; a writer lives only while there is
// something to write.
type conn struct {
	ws  *websocket.Conn
	hub *Hub
	fan string // empty: unknown

	// Guarded by hub.mu.
	watched []int // sections
	all     bool
	place   *wire.LivePlace // where the fan says they stand; nil: they have not said
	heard   uint64          // number of the last board sent
	next    time.Time       // when another may be sent

	born  time.Time
	life  time.Duration
	check *time.Timer
	stuck *time.Timer // runs while something is written

	shutting sync.Once

	mu      sync.Mutex // held for moments, never while writing
	board   []byte
	stock   []byte
	notices [][]byte
	seats   [][]byte
	writing bool
	closed  bool
}

// Accept turns a request into a live socket, which is counted for owner. fan is empty for a
// stranger. It refuses if there is no room.
func (h *Hub) Accept(w http.ResponseWriter, r *http.Request, fan string, owner Owner) error {
	if full := h.sockets.enter(owner); full != "" {
		return noRoom(full)
	}
	pings := 0
	ws, err := websocket.Accept(metered{w}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true,                          // our caller has checked the origin
		CompressionMode:    websocket.CompressionDisabled, // so no frame can claim to be compressed
		OnPingReceived: func(context.Context, []byte) bool { // browsers send none
			pings++
			return pings <= maxPings
		},
	})
	if err != nil {
		h.sockets.leave(owner)
		return nil // Accept has answered
	}
	ws.SetReadLimit(MaxClientFrame)
	c := &conn{ws: ws, hub: h, fan: fan, born: time.Now(), life: jitter(maxLife)}
	// A goroutine of its own, so that the request's, whose stack has grown, can end.
	go func() {
		defer h.sockets.leave(owner)
		c.run()
	}()
	return nil
}

// noRoom says why no further socket is opened. The page works without one.
func noRoom(full string) *wire.Problem {
	p := &wire.Problem{Code: wire.CodeSlowDown, RetryAfterMS: jitter(noRoomPause).Milliseconds()}
	switch full {
	case socketsFan:
		p.Detail = "You have this page open too many times. Close some of them; until then this one works without live updates."
	case socketsAddress:
		p.Detail = "Too many people on your network are watching right now. Until that changes, this page works without live updates."
	default:
		p.Code, p.Detail = wire.CodeUnavailable, "There are too many viewers right now. The board and the seats can still be read."
	}
	return p
}

// metered ends a socket's connection when the client sends more than it may, in whatever
// frames.
type metered struct{ http.ResponseWriter }

// Hijack implements http.Hijacker.
func (m metered) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(m.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &listener.Meter{Conn: c, Most: maxTalkBytes, Span: talkWindow}, buffered, nil
}

// run reads until the socket ends.
func (c *conn) run() {
	c.check = time.AfterFunc(jitter(pingEvery), c.probe)
	defer c.check.Stop()
	c.stuck = time.AfterFunc(writeTimeout, c.abort)
	c.stuck.Stop()
	defer c.stuck.Stop()
	c.hub.add(c)
	defer c.hub.remove(c)
	defer c.ws.CloseNow() //nolint:errcheck // nothing to do about it
	window, talk := time.Now(), 0
	for {
		// No deadline here: the probe closes a socket whose peer is gone.
		_, raw, err := c.ws.Read(context.Background())
		if err != nil {
			return
		}
		if now := time.Now(); now.Sub(window) > talkWindow {
			window, talk = now, 0
		}
		if talk++; talk > MaxTalk {
			c.close(Policy, "too many frames")
			return
		}
		var w wire.LiveWatch
		if json.Unmarshal(raw, &w) != nil || len(w.Watch) > MaxWatched {
			c.close(Data, "expected {\"watch\":[sections]} or {\"place\":{…}}")
			return
		}
		if w.Place != nil {
			c.hub.stand(c, w.Place)
		}
		if w.Watch != nil && !c.hub.watch(c, w.Watch) {
			c.close(Policy, "unknown section")
			return
		}
	}
}

// probe pings, and ends a socket that is silent or has reached its age limit.
func (c *conn) probe() {
	if time.Since(c.born) > c.life {
		c.close(Life, "come back")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	if c.ws.Ping(ctx) != nil {
		c.abort()
		return
	}
	c.check.Reset(jitter(pingEvery))
}

// close ends the socket, once, and waits for the peer's close frame.
func (c *conn) close(end Ending, why string) {
	c.shutting.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.hub.sockets.closes.WithLabelValues(end.label()).Inc()
		_ = c.ws.Close(c.hub.sockets.code(end), why)
	})
}

// The offers take a frame and return at once.

func (c *conn) offerBoard(frame []byte) { c.offer(func() { c.board = frame }) }

func (c *conn) offerStock(frame []byte) { c.offer(func() { c.stock = frame }) }

func (c *conn) offerNotice(frame []byte) {
	c.offer(func() {
		if len(c.notices) == maxNotices {
			c.notices = append(c.notices[:0], c.notices[1:]...)
		}
		c.notices = append(c.notices, frame)
	})
}

func (c *conn) offerSeats(frame []byte) {
	over := false
	c.offer(func() {
		if over = len(c.seats) == maxSeatFrames; over {
			c.closed, c.seats = true, nil
			return
		}
		c.seats = append(c.seats, frame)
	})
	if over {
		go c.close(Overload, "too slow")
	}
}

func (c *conn) offer(put func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	put()
	if !c.writing {
		c.writing = true
		go c.drain()
	}
}

// drain writes what is waiting until nothing is, the fan's own news first. A reused timer
// bounds each round, because a context for each write costs as much as the write.
func (c *conn) drain() {
	for {
		frames := c.take()
		if len(frames) == 0 {
			return
		}
		c.stuck.Reset(writeTimeout)
		for _, f := range frames {
			if c.ws.Write(context.Background(), websocket.MessageText, f) != nil {
				c.abort()
				return
			}
		}
		c.stuck.Stop()
		c.hub.sockets.frames.Add(float64(len(frames)))
	}
}

// abort ends the socket without a close frame: the peer reads nothing, or is gone.
func (c *conn) abort() {
	c.mu.Lock()
	c.closed, c.writing = true, false
	c.mu.Unlock()
	_ = c.ws.CloseNow()
}

// take returns and clears what is waiting; the writer ends if that is nothing.
func (c *conn) take() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.writing = false
		return nil
	}
	frames := c.notices
	if c.board != nil {
		frames = append(frames, c.board)
	}
	if c.stock != nil {
		frames = append(frames, c.stock)
	}
	frames = append(frames, c.seats...)
	c.board, c.stock, c.notices, c.seats = nil, nil, nil, nil
	c.writing = len(frames) > 0
	return frames
}

// jitter returns a duration between 0.5 d and 1.5 d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
