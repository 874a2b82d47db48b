package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAccessCodeAndDevices: a fan comes by the link of their access code, is asked
// for their address, takes their place to another device and back.
func TestAccessCodeAndDevices(t *testing.T) {
	browser := newBrowser(t)
	for _, c := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"phone", 390, 844, false}, {"small", 320, 640, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, url := newFake(t, true)
			tab := newTab(t, browser, "identity-"+c.name, c.width, c.height, c.dark)
			useCode(tab, url)
			takeAlong(tab)
			f.call(fakeNumber)
			tab.wait("the seats", `document.body.dataset.view === "seats" && document.querySelectorAll("#legend li").length === 4`)
			goOnHere(tab, f)
		})
	}
}

func useCode(b *tab, url string) {
	typed := func(id, text string) {
		b.do(chromedp.SetValue(chromedp.CSS(id), text))
	}
	b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
	b.wait("a closed field", `!access.hidden && !access.open && carry.hidden`, "access", "carry")
	b.click("#access summary")
	typed("#access-code", "made-up")
	b.click("#access-join")
	b.wait("a refusal", `error.textContent.includes("not valid") && document.activeElement.id === "access-code"`, "error")

	b.do(chromedp.Navigate(url + "/e/" + fakeEvent + "?code=" + fakeCode + "&from=mail"))
	b.wait("the code in its field, and nowhere else", fmt.Sprintf(`access.open && code.value === %q && location.search === "?from=mail" && address.hidden`, fakeCode), "access", "code=access-code", "address=access-address")
	b.do(chromedp.Reload())
	b.wait("the code after a reload", fmt.Sprintf(`access.open && code.value === %q`, fakeCode), "access", "code=access-code")
	b.click("#join") // with a code in the field this joins with it
	b.wait("the question for the address", `!address.hidden && document.activeElement.id === "access-email" && error.textContent.includes("Enter the e-mail address")`, "address=access-address", "error")
	b.picture("1-address")
	typed("#access-email", "bob@example.org")
	b.click("#access-join")
	b.wait("another's address", `error.textContent.includes("another e-mail address")`, "error")
	typed("#access-email", fakeEmail)
	b.click("#access-join")
	b.wait("the place, and no more need of a code", fmt.Sprintf(`position.textContent === "%d" && access.hidden && error.textContent === "" && !carry.hidden`, fakeNumber), "position", "access", "error", "carry")
	b.do(chromedp.Reload())
	b.wait("nothing of the code after a reload", `message.textContent === "" && position.textContent !== "–" && access.hidden && document.getElementById("access-code").value === ""`, "message", "position", "access")
}

func takeAlong(b *tab) {
	b.click("#carry summary")
	b.wait("link and code", `link.href.endsWith("/c/token") && link.textContent === link.href && qr.viewBox.baseVal.width > 21 &&
		qr.querySelector("path").getBoundingClientRect().width > 150 && until.textContent !== "" && digits.textContent === "012 345"`, "digits=carry-digits", "link=carry-link", "qr=carry-qr", "until=carry-until")
	b.picture("2-take-along")
	b.click("#carry-link")
	b.wait("the question", `document.querySelector("main").textContent.includes("number 41") && document.getElementById("replace").required`)
	b.picture("3-continue")
	b.click("#replace")
	b.click("#continue")
	if !b.holds(`location.pathname === "/c/token" && !document.querySelector("[role=alert]")`) {
		b.t.Error("went on without the digits")
	}
	b.do(scripts(false), chromedp.Reload())
	b.click("#replace")
	b.do(chromedp.SetValue(chromedp.CSS("#digits"), "543210"))
	b.click("#continue")
	b.wait("that the digits are wrong, without a script", `document.querySelector("[role=alert]")?.textContent.includes("wrong") && document.querySelector("#digits").value === ""`)
	b.do(scripts(true), chromedp.SetValue(chromedp.CSS("#digits"), "012 345"))
	b.click("#continue")
	if !b.holds(`location.pathname === "/c/token"`) {
		b.t.Error("went on without the fan's consent")
	}
	b.click("#replace")
	b.click("#continue")
	b.wait("the place, without a tap", fmt.Sprintf(`location.pathname === "/e/%s" && location.hash === "" && position.textContent === "%d" && message.textContent.includes("Your number is")`, fakeEvent, fakeNumber), "position", "message")
}

// goOnHere finds the pass on another device, and takes it back by hand.
func goOnHere(b *tab, f *fake) {
	f.mu.Lock()
	f.moved = true
	f.mu.Unlock()
	b.click("#best")
	b.wait("where the pass is", `error.textContent.includes("another device") && document.body.dataset.view === "seats"`, "error")
	b.picture("4-elsewhere")
	b.click("#here")
	b.wait("that it is here", `message.textContent === "You can continue here now."`, "message")
	b.best()
}
