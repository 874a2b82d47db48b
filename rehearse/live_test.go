package rehearse

import (
	"encoding/base64"
	"encoding/json"
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

// TestBoardCallsByLot checks that places in the draw are called by rank, whatever their
// region, later ones after the last of them, and each lane on its own.
func TestBoardCallsByLot(t *testing.T) {
	b := newBoard()
	secret := []byte("0123456789abcdef0123456789abcdef")
	board := func(seq, called, head uint64, held bool) wire.Board {
		w := wire.Board{Event: "e", Seq: seq, State: wire.SaleOpen, Draw: &wire.DrawBoard{Commitment: wire.Commit("e", secret)},
			Lanes: map[string]wire.LaneBoard{"general": {Called: called, Regions: map[string]wire.Head{
				"home": {Head: head, Joined: 20, Drawn: 8}, "west": {Head: 4, Joined: 4, Drawn: 4}}},
				"slow": {Regions: map[string]wire.Head{"home": {Head: 1, Joined: 3}}}}}
		if held {
			w.Draw.Secret = base64.RawURLEncoding.EncodeToString(secret)
		} else {
			w.Lanes = map[string]wire.LaneBoard{"general": {Regions: map[string]wire.Head{"home": {Joined: 8}, "west": {Joined: 4}}}}
		}
		return w
	}
	b.show(board(1, 0, 0, false))
	in := map[place]<-chan struct{}{}
	for n := range uint64(9) { // the ninth came later
		in[general(n+1)] = b.called(general(n + 1))
	}
	for n := range uint64(4) {
		p := place{lane{"general", "west"}, n + 1}
		in[p] = b.called(p)
	}
	slow := b.called(place{lane{"slow", "home"}, 2})
	now := func() (called int) {
		for p, c := range in {
			w := b.now()
			_, turn, _ := w.Turn(p.lane.lane, p.region, p.number)
			if is(c) {
				called++
			}
			if is(c) != turn {
				t.Errorf("place %v on board %d: called %v", p, w.Seq, is(c))
			}
		}
		return called
	}
	if n := now(); n != 0 {
		t.Errorf("%d are called before the draw", n)
	}
	for seq, called := range []uint64{0, 1, 5, 12} {
		b.show(board(uint64(seq)+2, called, 8, true))
		if n := now(); n != int(called) {
			t.Errorf("%d of the draw are called, want %d", n, called)
		}
	}
	late, first := b.called(general(10)), b.called(place{lane{"general", "west"}, 3})
	b.show(board(9, 12, 9, true))
	if n := now(); n != 13 || is(late) || !is(first) || is(slow) {
		t.Errorf("%d are called, the tenth %v, one of the draw %v, a slow one %v", n, is(late), is(first), is(slow))
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

// A frame reads the same from every socket, and a board as it was written.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{`{"t":"board","board":{"event":"e","seq":7,"at":"2027-06-19T18:00:00Z","lanes":{"general":{"regions":{"home~2":{"head":5,"joined":9}},"waiting":4}}}}`,
		`{"t":"board"}`, `{"t":"board","board":{"seq":7},"t":9}`, `{"t":"board","board":{"lanes":{"general":{"regions":{"home":null}}}}}`, `{"t":"stock"}`, `{"t":"board"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var seen frames
		first := seen.board(raw)
		one, err := json.Marshal(wire.LiveFrame{T: wire.FrameBoard, Board: first})
		if err != nil {
			t.Fatal(err)
		}
		if two, err := json.Marshal(wire.LiveFrame{T: wire.FrameBoard, Board: seen.board(raw)}); err != nil || string(two) != string(one) {
			t.Fatalf("%s is %s, and from the next socket %s, %v", raw, one, two, err)
		}
		if first == nil {
			return
		}
		if two, err := json.Marshal(wire.LiveFrame{T: wire.FrameBoard, Board: seen.board(one)}); err != nil || string(two) != string(one) {
			t.Fatalf("%s came back as %s, %v", one, two, err)
		}
	})
}
