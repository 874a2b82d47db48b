package web_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// A finger that taps a standing area of a phone's map chooses places there, and
// holds nothing: what holds is another act, with words that say what and how much.
func TestTapOnAreaHoldsNothing(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "touch", 390, 844, false)
	b.seats(f, url)
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	b.wait("a painted map", painted)
	x, y := 2100.0/4200, 700.0/3400 // the middle of the area, of the whole plan
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => {
		scrollTo(0, 0);
		const r = document.querySelector("#map").getBoundingClientRect(), k = Math.min((r.width - 20) / 4200, (r.height - 20) / 3400);
		return [r.x + r.width / 2 + k * 4200 * (%f - .5), r.y + r.height / 2 + k * 3400 * (%f - .5)];
	})()`, x, y)))
	if err != nil {
		t.Fatal(err)
	}
	b.touch(at[0], at[1])
	b.wait("the area chosen", `hold.textContent === "Hold 2 standing places · €84.00" && document.querySelector("#basket-area-name").textContent.startsWith("Standing floor")`, "hold")
	b.picture("area")
	f.mu.Lock()
	holds := f.holds
	f.mu.Unlock()
	if holds != 0 || !b.holds(`document.body.dataset.view === "seats"`) {
		t.Errorf("a tap on the map held %d times", holds)
	}
	b.wait("what the other buttons hold", `best.textContent.startsWith("Hold the best 2 seats · €85.00 to €195.00") && area.textContent === "Hold 2 standing places · €84.00"`, "best", "area=area-hold")
}

// A fan who presses twice has one hold: two buttons at once ask for one, and a wish whose
// answer was lost is sent again under its key, until what became of it is known.
func TestPressedTwiceHoldsOnce(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "twice", 390, 844, false)
	b.seats(f, url)
	f.refuse(map[string]wire.Code{"hold": away})
	for range 2 {
		b.click("#best")
		b.wait("that nothing is lost", `error.textContent.includes("No connection right now") && !best.disabled`, "error", "best")
		b.holds(`(document.querySelector("#error").textContent = "") === ""`)
	}
	f.refuse(map[string]wire.Code{"hold": wire.CodeNoneLeft})
	b.click("#best")
	b.wait("that none are left", `error.textContent.includes("none-left") && !best.disabled`, "error", "best")
	f.refuse(nil)
	b.holds(`document.querySelector("#best").click(), document.querySelector("#area-hold").click(), true`)
	b.wait("the hold", `document.body.dataset.view === "checkout"`)
	f.mu.Lock()
	defer f.mu.Unlock()
	// (A browser sends by itself again what it lost on a connection that it used before.)
	if keys := slices.Compact(slices.Clone(f.keys)); len(f.keys) < 4 || len(keys) != 2 || keys[0] == "" || keys[1] == "" || f.holds != 1 {
		t.Errorf("%d holds, under %q", f.holds, f.keys)
	}
}

// The price rises between choosing and holding: nothing is held until the fan, who is told
// both amounts, asks again.
func TestPriceRisesBeforeTheHold(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "dearer", 390, 844, false)
	b.seats(f, url)
	f.mu.Lock()
	f.rise = 500
	f.mu.Unlock()
	b.holds(`(document.querySelector("#best-level").selectedIndex = 1, document.querySelector("#best-form").dispatchEvent(new Event("change")), true)`)
	b.click("#best")
	b.wait("what the price was, and is", `(([, is, was]) => is - was === 10)(/^The price has changed: it is €([\d.]+) now, not €([\d.]+)\. Nothing is held yet\./.exec(error.textContent)) && !best.disabled`, "error", "best")
	b.picture("dearer")
	f.mu.Lock()
	holds := f.holds
	f.mu.Unlock()
	if holds != 0 {
		t.Errorf("%d holds at a price that nobody was shown", holds)
	}
	b.click("#best")
	b.wait("the hold", `document.body.dataset.view === "checkout"`)
}

// Who was promised what the board showed when they joined reads it while they wait and where
// they choose, and sees no higher price, whatever the board says by then.
func TestPromisedPrices(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	f.promised = map[string]int64{}
	for _, l := range f.board().Levels {
		f.promised[l.ID] = l.From
	}
	f.promised["gold"] = 9000
	b := newTab(t, newBrowser(t), "promised", 390, 844, false)
	f.call(0)
	b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
	b.click("#join")
	const told = `promise.textContent.startsWith("Your price is at most ") && promise.textContent.includes("€90.00 for Gold") && promise.textContent.includes(", because you joined at ") && promise.checkVisibility()`
	b.wait("the promise in the queue", `document.body.dataset.view === "waiting" && `+told, "promise")
	b.picture("promised")
	f.call(fakeNumber)
	b.wait("the promise beside the map", `document.body.dataset.view === "seats" && `+told, "promise")
	b.wait("the price for this fan", `[...legend.querySelectorAll("li")].some((l) => l.textContent.startsWith("Gold €90.00"))`, "legend")
}

// The states of the page after the happy way, each with its way on.
func TestWaysOn(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	f.spec = map[string]any{"hold": map[string]int{"seconds": 480, "more_seconds": 120}}
	f.keepsSeats, f.holds = true, 4 // the first order is the one that the page of orders follows
	b := newTab(t, newBrowser(t), "ways", 390, 844, false)
	b.seats(f, url)

	f.show(fakeNumber, func(b *wire.Board) { b.State, b.Message = wire.SalePaused, "The hall is being aired." })
	b.wait("the operator, where seats are chosen", `operator.textContent.startsWith("The hall is being aired. The queue is paused") && operator.checkVisibility()`, "operator")
	b.best()
	b.wait("the operator, where is paid", `operator.textContent.includes("aired") && operator.checkVisibility()`, "operator")
	b.click("#more")
	b.wait("more time, once", `/^10:|^9:/.test(countdown.textContent) && more.hidden && message.textContent.includes("held longer")`, "countdown", "more", "message")

	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ada"), chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.org"), chromedp.SetValue(chromedp.CSS("#method"), "tok_decline"))
	b.click("#pay")
	b.wait("another card", `document.body.dataset.view === "checkout" && error.textContent.includes("declined") && error.textContent.includes("still yours") && !pay.disabled`, "error", "pay")
	b.picture("declined")
	b.click("#release")
	b.wait("the seats", `document.body.dataset.view === "seats"`)

	// The pass ends while seats are chosen.
	b.do(b.passEnds())
	b.wait("the end, and the way on", `document.body.dataset.view === "waiting" && !join.hidden && join.textContent.startsWith("Join again") &&
		ended.textContent.startsWith("Your time to buy has ended. You can join again") && document.querySelector("#place").hidden`, "join", "ended")
	b.picture("ended")
	f.mu.Lock()
	f.again, f.head = true, 0
	f.mu.Unlock()
	f.show(0, nil)
	b.click("#join")
	b.wait("a place at the end", `message.textContent.includes("in the queue again, at its end") && !document.querySelector("#place").hidden && join.hidden && ended.textContent === ""`, "message", "join", "ended")

	// The turn comes, and the place turns out to be used up.
	f.mu.Lock()
	f.usedUp = true
	f.mu.Unlock()
	f.call(fakeNumber)
	b.wait("the way on again", `!join.hidden && join.textContent.startsWith("Join again") && document.querySelector("#place").hidden`, "join")

	f.show(0, func(b *wire.Board) { b.State = wire.SaleClosed })
	b.wait("nothing that can't be", `state.textContent === "The sale is over." && join.hidden && ended.textContent === "Your time to buy has ended."`, "state=board-state", "join", "ended")
}

// Whatever has become of a fan, the page says it, and what they can do.
func TestEveryStateHasAWayOn(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "states", 390, 844, false)
	b.seats(f, url)

	f.refuse(map[string]wire.Code{"hold": away})
	b.click("#best")
	b.wait("that nothing is lost", `error.textContent.includes("No connection right now") && document.body.dataset.view === "seats" && !best.disabled`, "error", "best")
	f.refuse(map[string]wire.Code{"hold": wire.CodeOtherDevice})
	b.click("#best")
	b.wait("another device", `error.textContent.includes("other-device") && error.querySelector("#here") && document.body.dataset.view === "seats"`, "error")
	f.refuse(nil)
	b.click("#here")
	b.wait("here again", `message.textContent === "You can continue here now."`, "message")

	// The browser lost its cookie: to the server it is nobody, and its pass not its own.
	f.show(0, nil)
	f.mu.Lock()
	f.head = 0
	f.mu.Unlock()
	f.refuse(map[string]wire.Code{"redeem": wire.CodeForbidden})
	b.do(b.passEnds(), chromedp.Reload())
	b.wait("a place to be had", `document.body.dataset.view === "waiting" && !join.hidden && join.textContent.startsWith("Join again")`, "join")
	b.click("#join")
	b.wait("a place", `!place.hidden && join.hidden`, "place", "join")
	f.call(fakeNumber)
	b.wait("that the receipt is not theirs", `error.textContent === "Refused: forbidden." && ended.textContent === "Refused: forbidden." && !join.hidden && place.hidden`, "error", "ended", "join", "place")
	f.refuse(map[string]wire.Code{"redeem": away})
	b.click("#join")
	b.wait("a place while there is no connection", `!place.hidden && join.hidden && ended.textContent === ""`, "place", "join", "ended")
	f.refuse(nil)
	b.wait("the seats, once there is one again", `document.body.dataset.view === "seats"`)

	f.refuse(map[string]wire.Code{"hold": wire.CodeRevoked, "redeem": wire.CodeRevoked, "join": wire.CodeRevoked})
	b.click("#best")
	b.wait("that the pass was withdrawn", `document.body.dataset.view === "waiting" && error.textContent === "Refused: revoked." && ended.textContent === "Refused: revoked." && !join.hidden`, "error", "ended", "join")
	b.click("#join")
	b.wait("that it is for good", `error.textContent === "Refused: revoked." && !join.hidden && place.hidden`, "error", "join", "place")
}

// seats brings the tab to where seats are chosen.
func (b *tab) seats(f *fake, url string) {
	b.t.Helper()
	f.call(fakeNumber)
	b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
	b.click("#join")
	b.wait("the seats", `document.body.dataset.view === "seats" && document.querySelectorAll("#legend li").length === 4`)
}

// passEnds makes the pass that is saved one that has just ended.
func (b *tab) passEnds() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
			const key = "frontrow:`+fakeEvent+`", saved = JSON.parse(localStorage[key]);
			saved.pass.expires_at = new Date(Date.now() - 5000).toISOString();
			return localStorage[key] = JSON.stringify(saved);
		})()`))
		return err
	})
}

// touch taps with a finger, as a phone does.
func (b *tab) touch(x, y float64) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		for _, p := range []input.DispatchTouchEventParams{
			{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{{X: x, Y: y}}}, {Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}}} {
			if _, err := cdp.Call(ctx, tg, input.DispatchTouchEvent, p); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (f *fake) moreTime(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	f.hold.Expires = f.hold.Expires.Add(2 * time.Minute)
	h := *f.hold
	f.mu.Unlock()
	answer(w, 200, h)
}
