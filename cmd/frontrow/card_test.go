package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/stripe/stripetest"

	"github.com/chromedp/chromedp"
)

const hookSecret = "whsec_test"

// cardScript stands in for Stripe's: a field for the number, and a confirmation
// that goes to Stripe and then leads back.
const cardScript = `window.Stripe = (key) => ({
	elements: ({ clientSecret }) => ({ secret: clientSecret, create: () => ({
		on(what, then) { if (what === "ready") setTimeout(then); },
		mount(css) { document.querySelector(css).innerHTML = "<input id=number>"; },
	}) }),
	async confirmPayment({ elements, confirmParams }) {
		const number = document.querySelector("#number").value;
		if (!number) return { error: { type: "validation_error", message: "Your card number is incomplete." } };
		const answer = await fetch("https://api.stripe.com/confirm", { method: "POST", body: new URLSearchParams({ key, secret: elements.secret, number }) });
		const { error } = await answer.json();
		if (error) return { error };
		location.assign(confirmParams.return_url);
		return new Promise(() => {});
	},
});`

// cardWorld is Stripe as browsers see it, in front of a fake of its API, and its webhooks.
type cardWorld struct {
	t     *testing.T
	api   *stripetest.Fake
	hooks string // where they go
}

func (c cardWorld) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.URL.Path == "/dahlia/stripe.js" {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, cardScript)
		return
	}
	reference, _, _ := strings.Cut(r.FormValue("secret"), "_secret_")
	intent := c.api.Intent(reference)
	if r.FormValue("key") != "pk_test_1" || intent == nil || intent["client_secret"] != r.FormValue("secret") {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	answer, declined, kind := map[string]any{}, "", "payment_intent.amount_capturable_updated"
	if r.FormValue("number") != "4242424242424242" {
		declined, kind = "insufficient_funds", "payment_intent.payment_failed"
		answer["error"] = map[string]any{"type": "card_error", "message": "Your card was declined."}
	}
	c.api.Confirm(reference, declined)
	c.tell(kind, reference)
	_ = json.NewEncoder(w).Encode(answer)
}

// tell sends a webhook, signed as Stripe's are.
func (c cardWorld) tell(kind, reference string) {
	body, err := json.Marshal(map[string]any{"id": "evt_" + kind + reference, "object": "event", "api_version": "2026-03-25.dahlia", "created": time.Now().Unix(),
		"livemode": false, "type": kind, "data": map[string]any{"object": c.api.Intent(reference)}})
	must(c.t, err)
	req, err := http.NewRequest(http.MethodPost, c.hooks, strings.NewReader(string(body)))
	must(c.t, err)
	req.Header.Set("Stripe-Signature", payment.Sign([]byte(hookSecret), body, time.Now()))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.t.Errorf("%s: %d", kind, resp.StatusCode)
	}
}

// A fan pays by card on the page: one card is declined, the seat stays theirs, and
// another is taken. The page may talk to Stripe and to nobody else.
func TestPayByCard(t *testing.T) {
	api := stripetest.New()
	stripe := httptest.NewServer(api)
	t.Cleanup(stripe.Close)
	dir, hooks, addr := t.TempDir(), freeAddr(t), freeAddr(t)
	key, secret := filepath.Join(dir, "key"), filepath.Join(dir, "secret")
	must(t, os.WriteFile(key, []byte("sk_test_1\n"), 0o600))
	must(t, os.WriteFile(secret, []byte("whsec_old\n"+hookSecret+"\n"), 0o600))
	pages := httptest.NewTLSServer(cardWorld{t, api, "http://" + hooks + "/webhooks/payments"})
	t.Cleanup(pages.Close)

	d := deploy(t, natstest.Run(t).URL(), 1)
	d.start("admission", "admission")
	d.start("pricing", "pricing")
	d.start("inventory", "inventory", "--payments", "stripe", "--stripe-key-file", key, "--stripe-url", stripe.URL, "--public-url", "http://"+addr,
		"--webhooks", hooks, "--webhook-secret", secret)
	d.start("gateway", "gateway", "--http", addr, "--exempt", "127.0.0.1", "--stripe-publishable-key", "pk_test_1")
	d.tool("event", "apply", "-f", eventOf(t, "show", "480s"))

	to, err := url.Parse(pages.URL)
	must(t, err)
	b := newBrowser(t, "ada", 390, 844, chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP *.stripe.com %s, MAP evil.example %s", to.Host, to.Host)))
	b.do(chromedp.Navigate("http://" + addr + "/e/show"))
	b.click("#join")
	b.wait(`document.body.dataset.view === "seats"`)
	b.click("#list-toggle")
	b.openRow()
	b.click(seat(b.freeSeats()[0]))
	b.click("#hold")
	b.wait(`document.body.dataset.view === "checkout"`)
	b.do(chromedp.SetValue(chromedp.CSS("#name"), "Ada Fan"), chromedp.SetValue(chromedp.CSS("#email"), "ada@example.com"))
	b.click("#pay")
	b.wait(`location.pathname.startsWith("/pay/")`)
	reached, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]bool](`Promise.all(["https://evil.example/dahlia/stripe.js", "https://api.stripe.com/dahlia/stripe.js"]
		.map((u) => fetch(u).then(() => true, () => false)))`, chromedp.EvalAwaitPromise))
	if err != nil || reached[0] || !reached[1] {
		t.Errorf("the page reaches evil.example, Stripe: %v, %v", reached, err)
	}
	b.click("#pay") // without a card
	b.wait(`document.querySelector("#error").textContent === "Your card number is incomplete."`)
	b.picture("card")
	b.do(chromedp.SetValue(chromedp.CSS("#number"), "4000000000009995"))
	b.click("#pay")
	b.wait(`document.body.dataset.view === "checkout" && document.querySelector("#error").textContent.includes("The card has not enough money left")`)
	b.picture("declined")
	b.click("#pay")
	b.wait(`location.pathname.startsWith("/pay/") && !document.querySelector("#pay").disabled && document.querySelector("#number")`)
	b.do(chromedp.SetValue(chromedp.CSS("#number"), "4242424242424242"))
	b.click("#pay")
	b.wait(`document.body.dataset.view === "order" && document.querySelectorAll("a[data-ticket]").length === 1`)
	d.sold("show", 1)
	until(t, "one payment is captured, and the declined one is canceled", func() bool {
		states := map[any]int{}
		for _, i := range api.All() {
			states[i["status"]]++
		}
		return len(states) == 2 && states["succeeded"] == 1 && states["canceled"] == 1
	})
}
