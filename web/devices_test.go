package web_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

func (f *fake) signOut(w http.ResponseWriter, r *http.Request) {
	where := r.PostFormValue("where")
	if where == "here" && r.PostFormValue("sure") != "yes" {
		f.t.Error("signed out without agreeing")
	}
	f.mu.Lock()
	f.left = where
	f.mu.Unlock()
	http.Redirect(w, r, "/orders?signed-out="+where, http.StatusSeeOther)
}

// TestSignOut: a page of a session that was ended elsewhere says so and begins anew;
// devices are signed out on the page of orders, also without a script.
func TestSignOut(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "sign-out", 320, 640, false)
	b.seats(f, url)
	f.mu.Lock()
	f.signedOut = true
	f.mu.Unlock()
	b.wait("what the button holds", `best.textContent.startsWith("Hold the best 2 seats · €85.00 to €195.00")`, "best")
	b.click("#best")
	b.wait("why, and the way on", `document.body.dataset.view === "waiting" && error.textContent.includes("signed out") && !join.hidden && localStorage.length === 0`, "error", "join")
	f.mu.Lock()
	f.signedOut, f.head = false, 0
	f.mu.Unlock()
	f.show(0, nil)
	b.click("#join")
	b.wait("a new place", `!document.querySelector("#place").hidden && localStorage.length === 1`)

	b.do(chromedp.Navigate(url + "/orders"))
	b.click("#devices summary")
	b.picture("devices")
	b.click("#sign-out-here")
	if !b.holds(`location.search === "" && localStorage.length === 1`) {
		t.Error("signed out without agreeing")
	}
	b.click("#sign-out-elsewhere")
	b.wait("that it is done", `document.body.textContent.includes("All your other devices are signed out") && localStorage.length === 1`)
	b.do(scripts(false), chromedp.Navigate(url+"/orders"))
	b.click("#devices summary")
	b.click("#sign-out-elsewhere")
	b.wait("that it is done without a script", `location.search === "?signed-out=elsewhere"`)
	b.do(scripts(true), chromedp.Navigate(url+"/orders"))
	b.click("#devices summary")
	b.click("#sure")
	b.click("#sign-out-here")
	b.wait("nothing of the fan", `document.body.textContent.includes("You are signed out here") && localStorage.length === 0 && !document.querySelector("#devices")`)
}
