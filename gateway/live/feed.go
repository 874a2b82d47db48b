package live

import (
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	"frontrow/gateway/pages"
	"frontrow/wire"
)

// Feed is what an event shows everybody: its newest board and stock, each encoded once. The
// zero value is empty. It may be fed before there is a Hub.
type Feed struct {
	board atomic.Pointer[Board]
	stock atomic.Pointer[stock]
}

// Board is a board and its encodings.
type Board struct {
	wire.Board
	Doc *pages.Document

	frame  []byte
	urgent uint64 // number of the last board that was urgent

	was    int64     // Priced, until it changed last; 0: it never has
	priced time.Time // when it did
}

// shownFor is how long fans may still be looking at a board after the next one came: caches
// keep it for a second, and sockets are written to in turn.
const shownFor = 5 * time.Second

// Promised is what a fan who joins now is promised: what this board shows or, a moment after
// prices have changed, the lower of that and of what the one before showed.
func (b *Board) Promised() int64 {
	if b.was != 0 && b.was < b.Priced && time.Since(b.priced) < shownFor {
		return b.Priced - 1 // between the two: see wire.PriceState
	}
	return b.Priced
}

type stock struct{ frame []byte }

// SetBoard replaces the board by b, which was stored at revision. Calls must not overlap.
func (f *Feed) SetBoard(b wire.Board, revision uint64) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	v, last := &Board{Board: b, Doc: pages.NewDocument("application/json", "b"+strconv.FormatUint(revision, 10), raw),
		frame: encodeFrame(wire.LiveFrame{T: wire.FrameBoard, Board: &b})}, f.board.Load()
	if v.urgent = b.Seq; last != nil && !urgent(&last.Board, &b) {
		v.urgent = last.urgent
	}
	if last != nil && last.Priced == b.Priced {
		v.was, v.priced = last.was, last.priced
	} else if last != nil {
		v.was, v.priced = last.Priced, time.Now()
	}
	f.board.Store(v)
	return nil
}

// SetStock replaces the stock.
func (f *Feed) SetStock(s wire.Stock) {
	f.stock.Store(&stock{encodeFrame(wire.LiveFrame{T: wire.FrameStock, Stock: &s})})
}

// Board returns the newest board; nil before the first.
func (f *Feed) Board() *Board { return f.board.Load() }

// encodeFrame encodes a frame, once for all its viewers.
func encodeFrame(f wire.LiveFrame) []byte {
	raw, _ := json.Marshal(f) // strings, numbers, times: can't fail
	return raw
}
