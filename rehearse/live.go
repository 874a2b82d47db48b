package rehearse

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"frontrow/wire"

	"github.com/coder/websocket"
)

const (
	boardEvery = time.Second // the board's max-age
	maxFrame   = 1 << 20
	dialLimit  = 15 * time.Second
)

// lane is one queue; place is a number in it.
type lane struct{ lane, region string }

type place struct {
	lane
	number uint64
}

// board is the latest board and those who wait for their turn.
//
//	place ──before the draw, or later──► waiting[lane of a region]   by number, called up to the head
//	            │ the draw is held
//	            └──────────────────────► waiting[lane]               by rank, called up to the ranks called
//
// Places taken after the draw stay in the line of their region: Board.Turn calls
// none of them before the last rank.
type board struct {
	over chan struct{} // closed once no more seats can be had

	mu      sync.Mutex
	latest  wire.Board
	draws   map[string]wire.Draw // draws held so far, by lane
	waiting map[lane]*waiters
}

func newBoard() *board {
	return &board{over: make(chan struct{}), draws: map[string]wire.Draw{}, waiting: map[lane]*waiters{}}
}

// called returns a channel that is closed once it is the place's turn.
func (b *board) called(p place) <-chan struct{} {
	w := waiter{place: p, called: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, called, _ := b.latest.Turn(p.lane.lane, p.region, p.number); called {
		close(w.called)
	} else {
		b.enqueue(w)
	}
	return w.called
}

// enqueue adds a waiter to the line that decides their turn.
func (b *board) enqueue(w waiter) {
	at := w.place.lane
	w.turn = w.place.number
	if rank := b.draws[at.lane].Rank(at.region, w.place.number); rank > 0 {
		at, w.turn = lane{at.lane, ""}, rank
	}
	if b.waiting[at] == nil {
		b.waiting[at] = &waiters{}
	}
	heap.Push(b.waiting[at], w)
}

// show takes a board and reports whether it is newer than the latest.
func (b *board) show(w wire.Board) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.Seq <= b.latest.Seq {
		return false
	}
	b.latest = w
	for name := range w.Lanes {
		if _, known := b.draws[name]; known {
			continue
		}
		if d, held := w.DrawOf(name); held {
			b.draws[name] = d
			b.rank(name)
		}
	}
	for _, q := range b.waiting {
		for q.Len() > 0 {
			first := (*q)[0]
			if _, called, _ := w.Turn(first.place.lane.lane, first.place.region, first.place.number); !called {
				break
			}
			close(heap.Pop(q).(waiter).called)
		}
	}
	if w.State == wire.SaleSoldOut || w.State == wire.SaleClosed {
		select {
		case <-b.over:
		default:
			close(b.over)
		}
	}
	return true
}

// rank queues a lane's waiters again by rank once its draw is held.
func (b *board) rank(name string) {
	var all waiters
	for at, q := range b.waiting {
		if at.lane == name {
			all = append(all, *q...)
			delete(b.waiting, at)
		}
	}
	for _, w := range all {
		b.enqueue(w)
	}
}

func (b *board) now() wire.Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.latest
}

// waiter is a visitor who waits for the turn of their place.
type waiter struct {
	place  place
	turn   uint64 // a rank in the draw, or the place's number
	called chan struct{}
}

// waiters is a heap with the earliest turn on top.
type waiters []waiter

func (w waiters) Len() int           { return len(w) }
func (w waiters) Less(i, j int) bool { return w[i].turn < w[j].turn }
func (w waiters) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiters) Push(x any)        { *w = append(*w, x.(waiter)) }
func (w *waiters) Pop() any {
	old := *w
	last := old[len(old)-1]
	*w = old[:len(old)-1]
	return last
}

// show passes a board that anyone received to the waiters and the checker.
func (r *rehearsal) show(w wire.Board) {
	if r.board.show(w) {
		r.check.shown(w)
	}
}

// pollBoard reads the board for all visitors until ctx ends.
func (r *rehearsal) pollBoard(ctx context.Context) {
	req := request{route: routeBoard, method: http.MethodGet, path: r.path("/board")}
	for tries := 0; ; {
		wait := boardEvery
		a, err := r.inside.send(ctx, r.others, req)
		switch {
		case err == nil && a.status == http.StatusOK:
			var w wire.Board
			if a.into(&w) == nil {
				req.etag, tries = a.etag, 0
				r.show(w)
			}
		case err != nil || a.status != http.StatusNotModified:
			wait = polite(tries, a.retryAfter)
			tries++
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// live keeps a visitor's socket open until ctx ends, reconnecting with pauses
// unless the server says that the client is at fault.
func (v *visitor) live(ctx context.Context, as cookies) {
	for tries := 0; ; tries++ {
		began := time.Now()
		err := v.listen(ctx, as)
		switch websocket.CloseStatus(err) {
		case websocket.StatusPolicyViolation, websocket.StatusMessageTooBig, websocket.StatusUnsupportedData:
			v.tally.retried("socket refused for good")
			return
		}
		if ctx.Err() != nil {
			return
		}
		v.tally.retried("socket")
		if time.Since(began) > longestPause {
			tries = 0
		}
		if !pause(ctx, polite(tries, 0)) {
			return
		}
	}
}

// listen reads one socket to its end. Its boards serve all visitors: everyone gets
// the same ones, so the first to arrive will do.
func (v *visitor) listen(ctx context.Context, as cookies) error {
	dial, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	ws, _, err := websocket.Dial(dial, v.r.base.String()+v.r.path("/live"), &websocket.DialOptions{
		HTTPClient: v.r.live, CompressionMode: websocket.CompressionDisabled,
		HTTPHeader: http.Header{"Origin": {"https://" + v.r.base.Host}, "Cookie": {as.String()}, "X-Forwarded-For": {v.from()}, "X-Forwarded-Proto": {"https"}}})
	if err != nil {
		return err
	}
	defer ws.CloseNow() //nolint:errcheck // nothing to do about it
	ws.SetReadLimit(maxFrame)
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		if b := v.r.frames.board(raw); b != nil {
			v.tally.took(timeLive, time.Since(b.At))
			v.r.show(*b)
		}
	}
}

// frames decodes a frame once, however many sockets deliver the same bytes.
type frames struct {
	mu   sync.Mutex
	last []byte
	read wire.LiveFrame
}

// board returns the board in a frame, or nil if it has none.
func (f *frames) board(raw []byte) *wire.Board {
	if !bytes.HasPrefix(raw, []byte(`{"t":"board"`)) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !bytes.Equal(raw, f.last) {
		f.last, f.read = append(f.last[:0], raw...), wire.LiveFrame{}
		if json.Unmarshal(raw, &f.read) != nil {
			f.read = wire.LiveFrame{} // no board, whichever socket delivers it next
		}
	}
	return f.read.Board
}
