package rehearse

import (
	"testing"
	"time"

	"frontrow/wire"
)

func is(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestBoardCallsInOrder(t *testing.T) {
	b := newBoard()
	show := func(seq, head uint64, state string) bool {
		return b.show(wire.Board{Seq: seq, State: state, Lanes: map[string]wire.LaneBoard{"general": {Regions: map[string]wire.Head{"home": {Head: head}}}}})
	}
	second, first := b.called(general(20)), b.called(general(10))
	other := b.called(place{lane{"general", "west"}, 1})
	if !show(2, 10, wire.SaleOpen) || !is(first) || is(second) || is(other) || is(b.over) {
		t.Error("head 10 calls place 10 alone")
	}
	if show(1, 30, wire.SaleSoldOut) || is(second) || is(b.over) {
		t.Error("an older board was believed")
	}
	if !is(b.called(general(9))) {
		t.Error("a place below the head waits")
	}
	if !show(3, 20, wire.SaleSoldOut) || !is(second) || !is(b.over) {
		t.Error("head 20, sold out")
	}
}

func TestFramesAreTheBoards(t *testing.T) {
	var f frames
	board := []byte(`{"t":"board","board":{"event":"e","seq":7,"at":"2026-06-01T12:00:00Z","state":"open"}}`)
	for range 2 {
		if b := f.board(board); b == nil || b.Seq != 7 || !b.At.Equal(noon) {
			t.Fatalf("%+v", b)
		}
		if b := f.board([]byte(`{"t":"seats","section":"101","from":1,"to":2}`)); b != nil {
			t.Fatalf("seats are no board: %+v", b)
		}
	}
	if b := f.board([]byte(`{"t":"board","board":`)); b != nil {
		t.Fatalf("half a board: %+v", b)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for ms := range 1000 {
		h.observe(time.Duration(ms+1) * time.Millisecond)
	}
	l := h.latency()
	if l.Count != 1000 || l.Max != 1000 || l.P50 < 500 || l.P50 > 516 || l.P99 < 990 || l.P99 > 1000 {
		t.Errorf("%+v", l)
	}
	for _, d := range []time.Duration{0, time.Microsecond, 31 * time.Microsecond, 32 * time.Microsecond, 63 * time.Microsecond, 64 * time.Microsecond,
		time.Millisecond, time.Second, time.Hour, 1000 * time.Hour} {
		b := bucketOf(d)
		if top := topOf(b); d < time.Hour && (top < d || b > 0 && topOf(b-1) >= d || float64(top) > 1.04*float64(d)+float64(time.Microsecond)) {
			t.Errorf("%v is in bucket %d, up to %v", d, b, top)
		}
	}
}
