package live

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"
)

const (
	// liveTick is how long seat changes are gathered into one frame.
	liveTick = 100 * time.Millisecond
	// boardEvery is how often the hub checks who is due a board, beside boards that everybody
	// must get at once; stockEvery is the least
	// time between two stock frames.
	boardEvery = time.Second
	stockEvery = 500 * time.Millisecond

	// fanoutBurst is how many sockets get a frame before the hub yields to their writers: a
	// board for 100,000 sockets must not make 100,000 goroutines at once.
	fanoutBurst = 256

	// watchAll is the section name that stands for all of them.
	watchAll = "*"
)

// Hub knows who views an event and hands each frame, encoded once, to all whom it concerns.
// It never waits for a viewer.
type Hub struct {
	venue   *Venue
	feed    *Feed
	seats   *seatmap
	sockets *Sockets

	mu        sync.Mutex
	conns     map[*conn]struct{}
	everybody map[*conn]struct{}   // viewers of all sections
	bySection []map[*conn]struct{} // viewers of this section
	byFan     map[string]map[*conn]struct{}
}

// NewHub returns the hub of an event at venue, whose viewers are among sockets. Once Run
// runs, it sends them what feed gets.
func NewHub(venue *Venue, feed *Feed, sockets *Sockets) *Hub {
	h := &Hub{venue: venue, feed: feed, seats: newSeatmap(venue), sockets: sockets, conns: map[*conn]struct{}{}, everybody: map[*conn]struct{}{},
		bySection: make([]map[*conn]struct{}, len(venue.sections)), byFan: map[string]map[*conn]struct{}{}}
	sockets.add(h)
	return h
}

// Watcher returns what is to be told of the event's seats.
func (h *Hub) Watcher() salelog.Watcher {
	return salelog.Watcher{
		All: func(states []wire.State, at kv.Revision, anew bool) {
			if h.seats.all(states, uint64(at), anew) {
				h.again()
			}
		},
		Flush: func(changes []salelog.Change, at kv.Revision) { h.seats.flush(changes, uint64(at)) },
	}
}

// Snapshot returns the availability as of the last tick; nil until the seats have been
// read.
func (h *Hub) Snapshot() *Snapshot { return h.seats.snapshot.Load() }

// Run sends changes to the event's viewers, tick by tick, until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	ticker := time.NewTicker(liveTick)
	defer ticker.Stop()
	var (
		last             *stock
		boardAt, stockAt time.Time
		urgent           uint64 // number of the last board that was, and was told
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if b := h.feed.board.Load(); b != nil && (now.Sub(boardAt) >= boardEvery || b.urgent != urgent) {
				boardAt, urgent = now, b.urgent
				h.board(b, now)
			}
			if s := h.feed.stock.Load(); s != last && now.Sub(stockAt) >= stockEvery {
				last, stockAt = s, now
				h.stock(s.frame)
			}
			h.changes(h.seats.tick())
		}
	}
}

// add makes c a viewer and offers it the board and the stock at once.
func (h *Hub) add(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
	if c.fan != "" {
		put(h.byFan, c.fan, c)
	}
	if b := h.feed.board.Load(); b != nil {
		h.tell(c, b, time.Now())
	}
	if s := h.feed.stock.Load(); s != nil {
		c.offerStock(s.frame)
	}
}

func (h *Hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unwatch(c)
	delete(h.conns, c)
	if of := h.byFan[c.fan]; of != nil {
		if delete(of, c); len(of) == 0 {
			delete(h.byFan, c.fan)
		}
	}
}

func (h *Hub) unwatch(c *conn) {
	delete(h.everybody, c)
	for _, s := range c.watched {
		delete(h.bySection[s], c)
	}
	c.watched, c.all = nil, false
}

// watch replaces the sections that c views and answers for each with a frame that says
// where it stands. It returns false if a section is unknown.
func (h *Hub) watch(c *conn, ids []string) bool {
	var sections []int
	all := false
	for _, id := range ids {
		if id == watchAll {
			all = true
			continue
		}
		s, ok := h.venue.byID[id]
		if !ok {
			return false
		}
		sections = append(sections, s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.conns[c]; !ok {
		return true // already leaving
	}
	h.unwatch(c)
	if all {
		c.all, h.everybody[c] = true, struct{}{}
		for s := range h.bySection {
			c.offerSeats(encodeFrame(h.seats.standing(s)))
		}
		return true
	}
	for _, s := range sections {
		if h.bySection[s] == nil {
			h.bySection[s] = map[*conn]struct{}{}
		}
		h.bySection[s][c] = struct{}{}
		c.offerSeats(encodeFrame(h.seats.standing(s)))
	}
	c.watched = sections
	return true
}

// changes sends each section's frame to its viewers.
func (h *Hub) changes(all []change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ch := range all {
		viewers := h.bySection[ch.section]
		if len(viewers)+len(h.everybody) == 0 {
			continue
		}
		frame := encodeFrame(ch.frame)
		give(viewers, func(c *conn) { c.offerSeats(frame) })
		give(h.everybody, func(c *conn) { c.offerSeats(frame) })
	}
}

// board sends the board to all who don't have it and are due.
func (h *Hub) board(b *Board, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	give(h.conns, func(c *conn) {
		if c.heard < b.Seq && (c.heard < b.urgent || !now.Before(c.next)) {
			h.tell(c, b, now)
		}
	})
}

// tell sends c the board, and sets when it may get the next. Its caller holds mu.
func (h *Hub) tell(c *conn, b *Board, now time.Time) {
	every := cadenceSoon
	if p := c.place; p != nil {
		ahead, _, _ := b.Turn(p.Lane, p.Region, p.Number)
		every = cadence(&b.Board, ahead)
	}
	if every > cadenceNear {
		every = jitter(every) // so that the distant ones don't all get it at once
	}
	c.heard, c.next = b.Seq, now.Add(every-boardEvery/2)
	c.offerBoard(b.frame)
}

// stand notes where a viewer stands in the queue.
func (h *Hub) stand(c *conn, p *wire.LivePlace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.place, c.next = p, time.Time{}
}

func (h *Hub) stock(frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	give(h.conns, func(c *conn) { c.offerStock(frame) })
}

// Notice sends a notice to all the fan's sockets.
func (h *Hub) Notice(fan string, n *wire.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.byFan[fan]) == 0 {
		return
	}
	frame := encodeFrame(wire.LiveFrame{T: wire.FrameNotice, Notice: n})
	give(h.byFan[fan], func(c *conn) { c.offerNotice(frame) })
}

// Viewers returns the number of sockets.
func (h *Hub) Viewers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// list returns the present sockets.
func (h *Hub) list() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		all = append(all, c)
	}
	return all
}

// of returns a fan's sockets.
func (h *Hub) of(fan string) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.byFan[fan]))
}

// again sends every viewer away, to come back and read everything anew.
func (h *Hub) again() {
	for _, c := range h.list() {
		go c.close(Overload, "read again")
	}
}

func give(to map[*conn]struct{}, offer func(*conn)) {
	n := 0
	for c := range to {
		offer(c)
		if n++; n%fanoutBurst == 0 {
			runtime.Gosched()
		}
	}
}

func put(m map[string]map[*conn]struct{}, key string, c *conn) {
	if m[key] == nil {
		m[key] = map[*conn]struct{}{}
	}
	m[key][c] = struct{}{}
}
