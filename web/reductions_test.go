package web_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"frontrow/wire"

	"github.com/chromedp/chromedp"
)

// reduce makes a child's seat half the price, of which the code SPRING takes a tenth off.
func (f *fake) reduce(w http.ResponseWriter, r *http.Request) {
	var wish wire.ReductionsWish
	if err := json.NewDecoder(r.Body).Decode(&wish); err != nil {
		refuse(w, 400, wire.CodeBadRequest, "Send JSON.")
		return
	}
	if wish.Code != "" && wish.Code != "SPRING" {
		refuse(w, 422, wire.CodePromotion, "This code is not valid for this event. Check how it is spelled.")
		return
	}
	f.mu.Lock()
	h := *f.hold
	h.Seats, h.Total = nil, 0
	for _, s := range f.hold.Seats {
		list := s.ListTotal()
		s.Price, s.Concession, s.Promotion, s.List = f.price(s.Level), "", "", 0
		if id := wish.Concessions[s.ID]; id != "" {
			s.Price, s.Concession, s.List = wire.NewAmounts(list/2, 0, 0), id, list
		}
		if wish.Code != "" {
			s.Price, s.Promotion, s.List = wire.NewAmounts(s.Price.Total*9/10, 0, 0), "spring", list
		}
		h.Seats = append(h.Seats, s)
		h.Total += s.Price.Total
	}
	f.hold = &h
	f.mu.Unlock()
	answer(w, 200, h)
}

// Two seats of EUR 97.50 are held: a child's is half, a code takes a tenth off. What is in
// force stays so through refusals, lost answers and a reload, until the fan undoes it.
func TestReductions(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	for _, w := range []struct {
		name  string
		width int64
		dark  bool
	}{{"reductions-narrow", 360, false}, {"reductions-wide", 1280, true}} {
		f, url := newFake(t, true)
		f.event = func(e *pageEvent) { e.Reductions = true }
		f.spec = map[string]any{"promotions": true, "concessions": []map[string]any{{"id": "child", "name": "Child under 14", "levels": []string{"gold"}}}}
		b := newTab(t, browser, w.name, w.width, 844, w.dark)
		b.seats(f, url)
		b.best()
		b.wait("the choices", `quote.querySelectorAll("select").length === 2 && form.checkVisibility() && quote.querySelector("select").ariaLabel.startsWith("Price for Block ")`, "quote", "form=code-form")
		code := func(typed string) {
			b.holds(`(document.querySelector("#code").value = "` + typed + `", true)`)
			b.click("#code-form button")
		}
		choose := func(id string) {
			b.holds(`(() => { const s = document.querySelectorAll("[data-concession]")[1]; s.value = "` + id + `"; return s.dispatchEvent(new Event("change", {bubbles: true})); })()`)
		}
		code("SPRNG")
		b.wait("that the code is wrong", `error.textContent.includes("Check how it is spelled") && total.textContent === "€195.00"`, "error", "total")
		choose("child") // the wrong code still stands in its field
		b.wait("the child's price", `total.textContent === "€146.25" && pay.textContent === "Pay €146.25" && quote.children[1].textContent.includes("instead of €97.50")`, "total", "pay", "quote")
		code("SPRING")
		b.wait("the code's part off", `total.textContent === "€131.62" && quote.textContent.includes("with your code")`, "total", "quote")
		b.picture("reduced")
		b.do(chromedp.Reload())
		b.wait("the same after a reload", `total.textContent === "€131.62" && code.value === "SPRING" && quote.querySelectorAll("select")[1]?.value === "child"`, "total", "code", "quote")
		f.refuse(map[string]wire.Code{"reduce": away})
		choose("")
		b.wait("that nothing has changed", `error.textContent.includes("No connection") && total.textContent === "€131.62" && quote.querySelectorAll("select")[1]?.value === "child"`, "error", "total", "quote")
		f.refuse(nil)
		choose("")
		b.wait("the code without the child", `total.textContent === "€175.50"`, "total")
		code("")
		b.wait("all undone", `total.textContent === "€195.00" && !quote.textContent.includes("instead of")`, "total", "quote")
	}
}
