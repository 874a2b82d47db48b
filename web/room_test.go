package web_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/chromedp/chromedp"
)

// What a fan who waits is told, board by board.
func TestRoom(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	f.opensIn = 200 * time.Millisecond
	b := newTab(t, newBrowser(t), "room", 390, 844, false)
	b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
	b.wait("the queue to open", `!join.disabled`, "join")
	b.click("#join")
	b.wait("to be too early by the server's clock", `join.disabled && error.textContent.includes("not open yet")`, "join", "error")
	b.wait("the queue to open after all", `!join.disabled`, "join")
	b.click("#join")
	b.wait("the place", fmt.Sprintf(`position.textContent === "%d"`, fakeNumber), "position")

	secret := []byte("0123456789abcdef0123456789abcdef")
	draw := &wire.DrawBoard{Commitment: wire.Commit(fakeEvent, secret)}
	pace := func(low, high, perFan float64) func(*wire.Board) {
		return func(b *wire.Board) {
			b.Rate, b.Pace = high, &wire.Pace{Low: low, High: high, PerFan: perFan, Spread: 1}
		}
	}
	for _, c := range []struct {
		name  string
		head  uint64
		shape func(*wire.Board)
		want  map[string]string // by element: what it begins with
	}{
		{"before the sale", 0, func(b *wire.Board) { b.State, b.Draw = wire.SaleScheduled, draw },
			map[string]string{"estimate": "Fans are called once the sale opens.", "drawn": "Everybody who joins before", "chance": "", "board-state": "The sale has not opened yet. You take part in the draw.", "ahead": "–"}},
		{"nothing known yet", 0, func(b *wire.Board) { b.Rate, b.Pace = 0, nil }, map[string]string{"estimate": "An estimate follows", "drawn": ""}},
		{"the first calls say nothing yet", 0, func(b *wire.Board) { b.Rate, b.Pace = 1, &wire.Pace{PerFan: 1} }, map[string]string{"estimate": "An estimate follows"}},
		{"a range", 0, pace(4, 8, 0.1), map[string]string{"estimate": "About 5 to 10 minutes", "chance": "As it looks now, there will be tickets left"}},
		{"hours", 0, pace(0.1, 0.2, 0.1), map[string]string{"estimate": "About 3 hours to 7 hours"}},
		{"no end known", 0, func(b *wire.Board) { b.Rate, b.Pace = 0, &wire.Pace{High: 8} }, map[string]string{"estimate": "At least 5 minutes"}},
		{"tickets go", 0, pace(4, 8, 30), map[string]string{"chance": "As it looks now, tickets will be gone before it is your turn"}},
		{"fans of a region that come before", 0, func(b *wire.Board) {
			pace(4, 8, 0)(b)
			b.Lanes["general"].Regions["west"] = wire.Head{Joined: 300} // of which 40/60 stand before them
		}, map[string]string{"ahead": "40", "estimate": "About 30 to 60 minutes"}},
		{"a line of the same queue that comes after", 0, func(b *wire.Board) {
			pace(4, 8, 0)(b)
			b.Lanes["general"].Regions["home~2"] = wire.Head{Joined: 300}
		}, map[string]string{"estimate": "About 5 to 10 minutes"}},
		{"a lane that comes before", 0, func(b *wire.Board) {
			pace(4, 8, 0)(b)
			b.Lanes["priority"] = wire.LaneBoard{Waiting: 40, Regions: map[string]wire.Head{}}
		}, map[string]string{"estimate": "About 10 to 20 minutes"}},
		{"paused", 0, func(b *wire.Board) { b.State = wire.SalePaused }, map[string]string{"estimate": "Nobody is being called right now"}},
		{"an operator's word", 0, func(b *wire.Board) { b.Message = "Doors open at seven." }, map[string]string{"board-message": "Doors open at seven."}},
		{"a level sold out", 0, func(b *wire.Board) { b.Levels[0].Free = 0 }, map[string]string{"message": "Gold is sold out."}},
		{"draining", 0, func(b *wire.Board) { b.State = wire.SaleDraining }, map[string]string{"estimate": "Nobody else will be called"}},
		{"sold out", 0, func(b *wire.Board) { b.State = wire.SaleSoldOut }, map[string]string{"estimate": "Tickets that come back are offered", "chance": ""}},
		{"came after the draw", 30, func(b *wire.Board) {
			held(b, secret, map[string]uint64{"home": 30}, 0)
		}, map[string]string{"ahead": "40", "drawn": "You joined after the draw"}}, // 30 drawn, 10 others
		{"drawn", 60, func(b *wire.Board) { held(b, secret, map[string]uint64{"home": 60}, 0) },
			map[string]string{"ahead": fmt.Sprint(rankOf(secret, 60) - 1), "drawn": fmt.Sprintf("You were drawn as number %d of 60.", rankOf(secret, 60))}},
	} {
		f.show(c.head, c.shape)
		var all []string
		var names []string
		for element, want := range c.want {
			name := strings.ReplaceAll(element, "-", "_")
			names = append(names, name+"="+element)
			all = append(all, fmt.Sprintf(`(%q === "" ? %[2]s.textContent === "" : %[2]s.textContent.startsWith(%[1]q))`, want, name))
		}
		b.wait(c.name, strings.Join(all, " && "), names...)
	}
	f.mu.Lock()
	stands := f.stands
	f.mu.Unlock()
	if stands == nil || *stands != (wire.LivePlace{Lane: wire.LaneGeneral, Region: "home", Number: fakeNumber}) {
		t.Errorf("the page says it stands at %+v", stands)
	}
	b.picture("drawn")
	f.show(60, func(b *wire.Board) { held(b, secret, map[string]uint64{"home": 60}, rankOf(secret, 60)) })
	b.wait("the seats, by rank", `document.body.dataset.view === "seats"`)
}

// The page of a draw computes the rank by itself, and sees a draw that is not
// the one committed to.
func TestDrawPage(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	secret := []byte("0123456789abcdef0123456789abcdef")
	b := newTab(t, newBrowser(t), "draw-page", 390, 844, false)
	f.show(0, func(b *wire.Board) {
		b.State, b.Draw = wire.SaleScheduled, &wire.DrawBoard{Commitment: wire.Commit(fakeEvent, secret)}
	})
	b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
	b.click("#join")
	b.wait("a place, and the way to the draw", `position.textContent !== "–" && !link.hidden`, "position", "link=draw-link")
	b.click("#draw-link a")
	b.wait("the commitment alone", fmt.Sprintf(`commitment.textContent === %q && !document.getElementById("rank-form")`, wire.Commit(fakeEvent, secret)), "commitment")
	f.show(0, func(b *wire.Board) { held(b, secret, map[string]uint64{"home": 60}, 1) })
	b.do(chromedp.Reload())
	b.wait("the own rank, at once", fmt.Sprintf(`rank.textContent.startsWith("Number %d was drawn as %d of 60") && matches.dataset.state === "valid"`,
		fakeNumber, rankOf(secret, 60)), "rank", "matches")
	b.picture("held")
	b.do(chromedp.SetValue(chromedp.CSS("#rank-number"), "61"))
	b.click("#rank-form button")
	b.wait("who came later", `rank.textContent.includes("did not take part")`, "rank")

	other := []byte("another secret, made up afterwards")
	f.show(0, func(b *wire.Board) { held(b, other, map[string]uint64{"home": 60}, 1) }) // and its own commitment
	b.do(chromedp.Reload())
	b.wait("the fraud", `matches.dataset.state === "void" && matches.textContent.includes("NOT")`, "matches")
}

// held makes b the board of a draw that is held.
func held(b *wire.Board, secret []byte, entrants map[string]uint64, called uint64) {
	b.Draw = &wire.DrawBoard{Commitment: wire.Commit(fakeEvent, secret), Secret: base64.RawURLEncoding.EncodeToString(secret)}
	lane := b.Lanes[wire.LaneGeneral]
	lane.Called = called
	for region, n := range entrants {
		h := lane.Regions[region]
		h.Head, h.Drawn = n, n
		lane.Regions[region] = h
	}
	b.Lanes[wire.LaneGeneral] = lane
}

func rankOf(secret []byte, n uint64) uint64 {
	d := wire.Draw{Secret: secret, Event: fakeEvent, Lane: wire.LaneGeneral, Entrants: map[string]uint64{"home": n}}
	return d.Rank("home", fakeNumber)
}

func (f *fake) drawPage(w http.ResponseWriter, _ *http.Request) {
	b := f.board()
	p := &pageDraw{Event: f.pageEvent(), Origin: "http://127.0.0.1", Commitment: b.Draw.Commitment, Secret: b.Draw.Secret, Held: b.Draw.Secret != ""}
	if d, ok := b.DrawOf(wire.LaneGeneral); ok {
		p.Lanes = []pageLane{{wire.LaneGeneral, []pageEntrants{{"home", d.Total()}}}}
	}
	f.page(w, "draw.html", page{Draw: p})
}
