package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// testBrowsers buys with the mouse in one browser while another looks on: it
// sees the seats turn taken, is refused when it asks for one of them, and buys
// others.
func (r *running) testBrowsers(t *testing.T) {
	ann, bob := newBrowser(t, "ann", 390, 844), newBrowser(t, "bob", 1280, 900)
	for _, b := range []*browser{ann, bob} {
		b.do(chromedp.Navigate(r.http + "/e/show"))
		b.click("#join")
		b.wait(`document.body.dataset.view === "seats"`)
		b.click("#list-toggle")
		b.wait(`document.querySelector("[data-section]")`)
	}
	ann.openRow()
	bob.openRow()
	seats := ann.freeSeats()
	ann.picture("1-list")
	ann.click(seat(seats[0]))
	ann.click(seat(seats[1]))
	bob.click(seat(seats[0])) // chosen by both, held by neither yet
	bob.click(seat(seats[2]))
	ann.click("#hold")
	ann.wait(`document.body.dataset.view === "checkout"`)
	held := time.Now()
	bob.wait(taken(seats[1])) // by the live socket, without asking
	t.Logf("the other browser saw the seats go after at most %v", time.Since(held).Round(time.Millisecond))
	bob.wait(`document.querySelector("#error").textContent !== ""`) // their own choice was among them
	bob.picture("2-lost-a-seat")
	bob.askFor(seats[0])
	ann.picture("3-checkout")
	ann.pay()
	bob.click("#hold")
	bob.wait(`document.body.dataset.view === "checkout"`)
	bob.pay()
	ann.click("a[data-ticket]")
	ann.wait(`document.querySelector("#ticket-qr").naturalWidth > 0`)
	ann.picture("5-ticket")
}

// askFor asks for a taken seat by itself, as an impatient script would, and must be
// refused; and before that for not showing that it is the browser of the pass, whose
// cookies alone are not enough.
func (b *browser) askFor(id string) {
	b.t.Helper()
	told, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]int](fmt.Sprintf(`(async () => {
		const pass = Object.values({...localStorage, ...sessionStorage}).join(" ").match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)[0];
		const ask = async (more) => (await fetch("/v1/events/show/holds", { method: "POST",
			headers: { "Content-Type": "application/json", Authorization: "Bearer " + pass, ...more }, body: JSON.stringify({ seats: [%q] }) })).status;
		const db = await new Promise((r) => { const o = indexedDB.open("frontrow"); o.onsuccess = () => r(o.result); });
		const key = await new Promise((r) => { const o = db.transaction("keys").objectStore("keys").get("own"); o.onsuccess = () => r(o.result); });
		const exported = await crypto.subtle.exportKey("jwk", key.privateKey).then(() => 1, () => 0);
		const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", key.publicKey);
		const b64 = (a) => btoa(String.fromCharCode(...new Uint8Array(a))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
		const utf8 = (v) => new TextEncoder().encode(typeof v === "string" ? v : JSON.stringify(v));
		const ath = b64(await crypto.subtle.digest("SHA-256", utf8(pass)));
		const signed = b64(utf8({ typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } })) + "." +
			b64(utf8({ htm: "POST", htu: location.origin + "/v1/events/show/holds", iat: Math.floor(Date.now() / 1000), jti: String(Math.random()), ath }));
		const dpop = signed + "." + b64(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, utf8(signed)));
		return [await ask({}), await ask({ dpop }), exported];
	})()`, id), chromedp.EvalAwaitPromise))
	must(b.t, err)
	if !slices.Equal(told, []int{401, 409, 0}) {
		b.t.Errorf("asking for a taken seat without a proof and with one, and for the key: %v", told)
	}
}

func (b *browser) pay() {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#name"), "Ada Fan"), chromedp.SetValue(chromedp.CSS("#email"), "ada@example.com"))
	b.click("#pay")
	b.wait(`document.body.dataset.view === "order" && document.querySelectorAll("a[data-ticket]").length > 0`)
	b.picture("4-paid")
}

// openRow opens the first row of the first section in the list.
func (b *browser) openRow() {
	b.t.Helper()
	b.click("[data-section]")
	b.wait(`document.querySelector("[data-row]")`)
	b.click("[data-row]")
	b.wait(`document.querySelectorAll("[data-seat]").length > 4`)
}

func (b *browser) freeSeats() []string {
	b.t.Helper()
	ids, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("[data-seat]:not([disabled]):not([aria-disabled=true])")].map(b => b.dataset.seat)`))
	must(b.t, err)
	if len(ids) < 3 {
		b.t.Fatalf("the row has only %v free", ids)
	}
	return ids
}

func seat(id string) string { return fmt.Sprintf("[data-seat=%q]", id) }

func taken(id string) string {
	return fmt.Sprintf(`(s => !s || s.disabled || s.getAttribute("aria-disabled") === "true")(document.querySelector('[data-seat=%q]'))`, id)
}

type browser struct {
	t    *testing.T
	ctx  context.Context
	name string
}

// newBrowser starts a Chromium of its own, with its own profile.
func newBrowser(t *testing.T, name string, width, height int64, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is needed: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	opts = append(opts, more...)
	ctx, cancel := chromedp.NewExecAllocator(deadline(t), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, name: name}
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", b.name, err)
	}
}

// click moves the mouse to the middle of an element, once that is what is seen
// there, and clicks. Lists are drawn anew as seats change, so the place is
// asked for at once before the click.
func (b *browser) click(css string) {
	b.t.Helper()
	find := fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e || e.disabled) return [];
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`, css)
	for {
		at, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](find))
		if err == nil && len(at) == 2 {
			b.do(chromedp.MouseClickXY(at[0], at[1]))
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("%s waited in vain to click %s", b.name, css)
		}
		breathe(b.ctx)
	}
}

// wait asks until the expression holds.
func (b *browser) wait(expression string) {
	b.t.Helper()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("(() => { try { return Boolean(%s) } catch { return false } })()", expression)))
		if err == nil && ok {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("%s waited in vain for %s", b.name, expression)
		}
		breathe(b.ctx)
	}
}

// picture saves what is seen, if FRONTROW_PICTURES names a directory.
func (b *browser) picture(name string) {
	dir := os.Getenv("FRONTROW_PICTURES")
	if dir == "" || b.ctx.Err() != nil {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("picture %s: %v", name, err)
		return
	}
	must(b.t, os.WriteFile(filepath.Join(dir, b.name+"-"+name+".png"), png, 0o644))
}
