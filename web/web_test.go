package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPurchase goes from the list of events to a ticket in a real browser, on a
// phone and at a desk: once told by the live socket, once without any socket.
func TestPurchase(t *testing.T) {
	browser := newBrowser(t)
	for _, c := range []struct {
		name          string
		width, height int64
		sockets, dark bool
	}{
		{"desk", 1280, 800, false, true},
		{"phone", 390, 844, true, false},
		{"small", 320, 640, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fake, url := newFake(t, c.sockets)
			tab := newTab(t, browser, c.name, c.width, c.height, c.dark)
			queue(tab, fake, url)
			choose(tab, fake)
			if c.name == "small" {
				keys(tab)
			}
			pay(tab)
			orders(tab, url)
		})
	}
}

func queue(b *tab, f *fake, url string) {
	b.do(chromedp.Navigate(url + "/"))
	b.picture("1-events")
	b.click("a[data-event]")
	b.wait("the waiting room", `document.body.dataset.view === "waiting" && document.querySelectorAll("#levels .price").length === 4`)
	b.picture("2-before")
	b.click("#join")
	b.wait("a place", fmt.Sprintf(`position.textContent === "%d" && ahead.textContent === "%d"`, fakeNumber, fakeNumber-1), "position", "ahead")
	f.call(fakeNumber - 13)
	b.wait("the head", `ahead.textContent === "12" && estimate.textContent.startsWith("About")`, "ahead", "estimate")
	b.picture("3-waiting")
	b.do(chromedp.Reload())
	b.wait("the place again", fmt.Sprintf(`position.textContent === "%d"`, fakeNumber), "position")
	f.call(fakeNumber)
	b.wait("the seats", `document.body.dataset.view === "seats" && document.querySelectorAll("#legend li").length === 4`)
}

func choose(b *tab, f *fake) {
	b.wait("a painted map", painted)
	b.picture("4-map")

	// By the map: a tap on a block goes there, a tap on a seat chooses it.
	b.tapMap(0.5, 0.52)
	chosen := `document.querySelectorAll("#basket [data-chosen]").length === 1`
	for y := 0.48; y < 0.6 && !b.holds(chosen); y += 0.02 { // between two rows there is nothing to tap
		b.tapMap(0.5, y)
	}
	b.wait("a chosen seat", chosen)
	b.picture("5-seat")
	b.click("#basket [data-remove]")

	// By the list, where ids must be those that the plan numbers.
	b.click("#list-toggle")
	b.click(`[data-section="balcony-2"]`)
	b.click(`[data-row="3"]`)
	free := f.free("balcony-2", "3")
	b.click(fmt.Sprintf(`[data-seat="%s"]`, f.index.Seat(free[0]).ID))
	b.click(fmt.Sprintf(`[data-seat="%s"]`, f.index.Seat(free[1]).ID))
	b.wait("two seats and their total", `document.querySelectorAll("#basket [data-chosen]").length === 2 && document.querySelector("#basket-total").textContent === "€85.00"`)
	b.picture("6-list")

	// Another fan takes the first: it leaves the selection, and the page says which.
	f.turn(wire.Held, free[0])
	b.wait("the loss", `document.querySelectorAll("#basket [data-chosen]").length === 1 && error.textContent.includes(`+fmt.Sprintf("%q", f.index.Seat(free[0]).Label)+`)`, "error")

	// Another is faster by so little that only the hold finds out.
	f.mu.Lock()
	f.states[free[1]] = wire.Held.Bits()
	f.mu.Unlock()
	b.click("#hold")
	b.wait("who was faster", `error.textContent.includes(`+fmt.Sprintf("%q", f.index.Seat(free[1]).Label)+`)`, "error")
	b.picture("7-taken")
	b.click("#list-toggle")
	b.best()
}

// keys gives the seats back and holds one again, with the keyboard alone.
func keys(b *tab) {
	press := func(keys string) { b.do(chromedp.KeyEvent(keys)) }
	focused := func(what, expression string) {
		b.wait("focus on "+what, "(here => "+expression+")(document.activeElement)")
	}
	b.do(chromedp.Focus(chromedp.CSS("#release")))
	press(kb.Enter)
	b.wait("the map", `document.body.dataset.view === "seats" && message.textContent.includes("given back")`, "message")
	b.do(chromedp.Focus(chromedp.CSS("#list-toggle")))
	press(kb.Enter)
	press(kb.Tab) // to where the list stood: a row of the balcony; the way back comes first
	focused("the way back", `here.id === "list-back"`)
	press(kb.Enter)
	focused("the rows", `here.dataset.row === "1"`)
	b.do(chromedp.Focus(chromedp.CSS("#list-back")))
	press(kb.Enter)
	focused("the sections", `here.dataset.section === "101"`)
	press(kb.Enter)
	focused("the rows", `here.dataset.row === "A"`)
	press(kb.Enter)
	focused("the first seat", `here.dataset.seat === "101-A-1"`)
	for range 4 {
		press(kb.ArrowRight)
	}
	focused("the fifth seat", `here.dataset.seat === "101-A-5"`)
	press(kb.Enter)
	b.wait("a chosen seat", `document.querySelector('[data-seat="101-A-5"]').getAttribute("aria-pressed") === "true"`)
	b.do(chromedp.Focus(chromedp.CSS("#hold")))
	press(kb.Enter)
	b.wait("the checkout", `document.body.dataset.view === "checkout" && total.textContent === "€97.50"`, "total")
	b.do(chromedp.Focus(chromedp.CSS("#release")))
	press(kb.Enter)
	b.wait("the map", `document.body.dataset.view === "seats" && message.textContent.includes("given back")`, "message")
	b.best()
}

// best holds two seats, wherever they are.
func (b *tab) best() {
	b.t.Helper()
	b.click("#best")
	b.wait("the checkout", `document.body.dataset.view === "checkout" && total.textContent === "€195.00" && /^[78]:/.test(countdown.textContent)`, "total", "countdown")
}

func pay(b *tab) {
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ada Example"), chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.org"))
	b.do(chromedp.Reload()) // the hold, and what was typed, are still there
	b.wait("the hold again", `document.body.dataset.view === "checkout" && total.textContent === "€195.00"`, "total")
	b.picture("8-checkout")

	b.click("#release")
	b.wait("the map", `document.body.dataset.view === "seats" && message.textContent.includes("given back")`, "message")
	b.best()

	b.do(chromedp.SetValue(chromedp.CSS("#email"), "ada@example.org"))
	b.do(chromedp.SetValue(chromedp.CSS("#method"), "tok_decline"))
	b.click("#pay")
	b.wait("the refusal", `state.dataset.state === "failed" && document.querySelector("#order-reason").textContent.includes("declined")`, "state=order-state")
	b.picture("9-declined")
	b.click("#again")
	b.wait("the map again", `document.body.dataset.view === "seats"`)
	b.best()

	b.do(chromedp.SetValue(chromedp.CSS("#method"), "tok_visa"))
	b.click("#pay")
	b.wait("the tickets", `state.dataset.state === "paid" && document.querySelectorAll("a[data-ticket]").length === 2`, "state=order-state")
	b.do(chromedp.Reload())
	b.wait("the tickets again", `document.querySelectorAll("a[data-ticket]").length === 2`)
	b.picture("10-paid")
	b.click("a[data-ticket]")
	b.wait("the ticket", `code.textContent.startsWith("FR1.") && document.querySelector("#ticket-qr").naturalWidth > 0`, "code=ticket-code")
	b.picture("11-ticket")
}

// orders looks at the fan's orders: what is under way is followed, and the page
// is as whole without any script.
func orders(b *tab, url string) {
	b.click(`a[href="/orders"]`)
	b.wait("the orders, the first of them settled", `document.querySelectorAll("[data-order]").length === 4 &&
		document.querySelector('[data-order$="1"]').dataset.state === "paid" && document.querySelectorAll("a[data-ticket]").length === 2`)
	b.wait("the fan's time beside the venue's", `document.querySelector("time").textContent === "Fri 5 Mar 2027, 20:30 (Berlin time)" && document.querySelector("time + .own").textContent.includes("your time")`)
	b.picture("12-orders")
	b.click(`a[href^="/orders?before"]`)
	b.wait("the end", `document.body.textContent.includes("no older orders")`)
	b.do(scripts(false), chromedp.Navigate(url+"/orders"))
	b.wait("the orders without a script", `document.querySelectorAll("[data-order]").length === 4 && document.querySelectorAll("a[data-ticket]").length === 2 &&
		document.querySelector("time").textContent.includes("Berlin time")`)
	b.click("a[data-ticket]")
	b.wait("the way to the code without a script", `location.pathname.startsWith("/t/") && document.querySelector("noscript a")`)
	b.do(scripts(true))
}

// scripts turns the page's scripts on or off, from the next page on.
func scripts(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		_, err := cdp.Call(ctx, tg, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// free is the first free seats of a row.
func (f *fake) free(section, row string) (places []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.states {
		if ref := f.index.Seat(i); s == 0 && ref.SectionID == section && ref.RowLabel == row {
			places = append(places, i)
		}
	}
	return places
}

// painted is true once the middle row of the map's pixels has more than one colour.
const painted = `(() => {
	const map = document.querySelector("#map");
	if (map.width < 100) return false;
	const pixels = new Uint32Array(map.getContext("2d").getImageData(0, map.height >> 1, map.width, 1).data.buffer);
	return new Set(pixels).size > 3;
})()`

// summary is what a failed wait says of the page.
const summary = `[location.pathname, document.body?.dataset.view, ...["message", "error", "total", "countdown", "order-state", "basket-total"].map((id) => document.getElementById(id)?.textContent)].join(" | ")`

type tab struct {
	t    testing.TB
	ctx  context.Context
	name string
	dir  string
	last string // summary of the page while something was waited for
}

func newBrowser(t testing.TB) context.Context {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// newTab opens a tab with a profile of its own. Anything that the page reports
// as an exception or a breach of its policy fails the test.
func newTab(t testing.TB, browser context.Context, name string, width, height int64, dark bool) *tab {
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute) // for all that a test does there, beside others on a busy machine
	t.Cleanup(cancel)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || strings.Contains(m.Text, "Content Security Policy") {
				t.Errorf("the page reports: %s", m)
			}
		}
	}()
	b := &tab{t: t, ctx: ctx, name: name, dir: os.Getenv("FRONTROW_PICTURES")}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		// Without motion, what a tap does is done when it returns.
		_, err := cdp.Call(ctx, tg, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) click(css string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(css))); err != nil {
		b.t.Fatalf("click %s: %v", css, err)
	}
}

// wait waits until the expression holds; names in it stand for elements by id.
func (b *tab) wait(what, expression string, elements ...string) {
	b.t.Helper()
	var let strings.Builder
	texts := summary
	for _, e := range elements {
		name, id, ok := strings.Cut(e, "=")
		if !ok {
			id = name
		}
		fmt.Fprintf(&let, "const %s = document.getElementById(%q);", name, id)
		texts += fmt.Sprintf(" + ` | %[1]s: ${document.getElementById(%[1]q)?.textContent}`", id)
	}
	ready := fmt.Sprintf("(() => { if (!document.body) return false; %s try { return Boolean(%s) } catch { return false } })()", let.String(), expression)
	for {
		// A poll doesn't survive a navigation, so each question is one of its own.
		if b.holds(ready) {
			return
		}
		if now, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](texts)); err == nil {
			b.last = now
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("waited in vain for %s: %s\nthe page was: %s", what, expression, b.last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// holds evaluates the expression now; between two pages nothing holds.
func (b *tab) holds(expression string) bool {
	ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
	return err == nil && ok
}

// tapMap taps the map at a fraction of its width and height.
func (b *tab) tapMap(x, y float64) {
	b.t.Helper()
	box, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](`(() => {
		const map = document.querySelector("#map");
		map.scrollIntoView({ block: "center" });
		const r = map.getBoundingClientRect();
		return [r.x, r.y, r.width, r.height];
	})()`))
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.MouseClickXY(box[0]+x*box[2], box[1]+y*box[3]))
}

// picture saves what is seen, if FRONTROW_PICTURES names a directory, and in any
// case checks that nothing is wider than the window.
func (b *tab) picture(name string) {
	b.t.Helper()
	b.wait("a page no wider than the window", `document.documentElement.scrollWidth <= innerWidth`)
	if b.dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, b.name+"-"+name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
