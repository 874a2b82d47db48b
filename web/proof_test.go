package web_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/wire"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	script "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"golang.org/x/crypto/scrypt"
)

// guard is what of the fake asks for proofs.
type guard struct {
	acts   string // that need one: "join hold"
	slow   bool   // skipping gives a place in the slow lane
	widget bool   // strong proofs are had by a widget, too
	tries  int
	least  int // tries that no answer is had before
}

// MACs signs the fake's challenges.
func (guard) MACs(context string, message []byte) [][]byte {
	h := hmac.New(sha256.New, []byte("secret"))
	h.Write([]byte(context))
	h.Write(message)
	return [][]byte{h.Sum(nil)}
}

// rules is the guard at this moment.
func (f *fake) rules() guard {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.guard
}

func (f *fake) challenge(w http.ResponseWriter, r *http.Request) {
	act, level := cmp.Or(r.FormValue("act"), "join"), cmp.Or(r.FormValue("level"), "standard")
	strength := 1
	if level == "strong" {
		strength = 2
	}
	g := f.rules()
	made := func() altcha.Challenge {
		c, err := altcha.New(g, altcha.Task{Act: act, For: "fan", Level: strength, Tries: g.tries}, time.Now().Add(time.Minute))
		if err != nil {
			f.t.Error(err)
		}
		return c
	}
	c := made()
	for g.least > 0 && counter(f.t, c) < g.least {
		c = made()
	}
	reply := map[string]any{"parameters": c.Parameters, "signature": c.Signature, "level": level}
	if g.widget {
		reply["widget"] = map[string]string{"provider": "turnstile", "site_key": "0x-site", "script": "/widget.js", "cdata": "fan"}
	}
	answer(w, 200, reply)
}

// counter is the try that answers a challenge.
func counter(t testing.TB, c altcha.Challenge) int {
	payload, err := altcha.Solve(context.Background(), c)
	if err != nil {
		t.Error(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(payload)
	var answer struct{ Solution struct{ Counter int } }
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Error(err)
	}
	return answer.Solution.Counter
}

// widget stands in for a provider's script: it shows a button that gives a token.
func widget(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript")
	_, _ = io.WriteString(w, `window.turnstile = { render(box, options) {
		const button = document.createElement("button");
		button.id = "human";
		button.onclick = () => options.callback(options.sitekey + "-" + options.cData);
		box.append(button);
	} };`)
}

// guarded asks for a proof before an act is done.
func (f *fake) guarded(act string, do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		var body struct{ Challenge string }
		_ = json.Unmarshal(raw, &body)
		f.mu.Lock()
		no := f.refuses[act]
		f.mu.Unlock()
		switch no {
		case "":
		case away:
			panic(http.ErrAbortHandler)
		default:
			refuse(w, 403, no, "Refused: "+string(no)+".")
			return
		}
		g := f.rules()
		if !strings.Contains(g.acts, act) {
			do(w, r)
			return
		}
		if g.slow && (body.Challenge == "skip" || body.Challenge == "" && f.isSlow()) { // a place that they have is theirs
			f.mu.Lock()
			f.slowed = true
			f.mu.Unlock()
			answer(w, 201, map[string]any{"place": "slow", "lane": "slow", "region": "home", "number": 7, "ahead": 6, "slow": map[string]any{
				"why": []string{"The address belongs to a datacenter."}, "detail": "You wait in the slower queue.",
				"challenge": "/v1/events/" + fakeEvent + "/challenge?level=strong"}})
			return
		}
		if body.Challenge == "turnstile:0x-site-fan" {
			do(w, r)
			return
		}
		if _, err := altcha.Check(g, body.Challenge, act, "fan", time.Now()); err != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(403)
			_ = json.NewEncoder(w).Encode(map[string]any{"type": "/problems/" + string(wire.CodeChallenge), "detail": "Prove first that you are not a robot.",
				"challenge": "/v1/events/" + fakeEvent + "/challenge?act=" + act, "skip": g.slow})
			return
		}
		do(w, r)
	}
}

// before runs a script in the page before its own.
func (b *tab) before(source string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		_, err := cdp.Call(ctx, tg, script.AddScriptToEvaluateOnNewDocument, script.AddScriptToEvaluateOnNewDocumentParams{Source: source})
		return err
	}))
}

// TestProof: a fan who is asked for proofs gives them by doing nothing: in a
// worker, without one, with a clock that is hours off.
func TestProof(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	for name, source := range map[string]string{
		"worker":      "",
		"no workers":  "delete window.Worker",
		"wrong clock": "const now = Date.now; Date.now = () => now() + 5 * 3600e3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := newFake(t, true)
			f.guard = guard{acts: "join redeem hold", tries: 400, least: 200} // so long that progress is told
			b := newTab(t, browser, "proof", 390, 844, false)
			// What a fan is shown and told meanwhile.
			b.before(source + `; window.seen = new Set(); new MutationObserver(() => {
				const box = document.querySelector("#proof");
				if (box && !box.hidden) seen.add(box.querySelector("#proof-text").textContent);
				if (box && !box.hidden && box.querySelector("#proof-bar").value > 0) seen.add("progress");
			}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true })`)
			b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
			b.wait("the waiting room", `document.body.dataset.view === "waiting" && document.querySelectorAll("#levels .price").length === 4`)
			b.click("#join")
			b.wait("a place", fmt.Sprintf(`position.textContent === "%d" && document.querySelector("#proof").hidden`, fakeNumber), "position")
			b.wait("that it was shown", `[...seen].some((s) => s.includes("not a robot")) && seen.has("progress")`)
			f.call(fakeNumber)
			b.wait("the seats", `document.body.dataset.view === "seats" && !document.querySelector("#best-form").hidden`)
			b.best()
			if joined := f.joins(); joined != 1 {
				t.Errorf("joined %d times", joined)
			}
		})
	}
}

// isSlow reports whether the fan has a place in the slow lane.
func (f *fake) isSlow() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.slowed
}

func (f *fake) joins() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.joined
}

// TestSlowLane: a fan would rather wait, reads why they wait longer, and changes their
// mind; the keyboard is enough.
func TestSlowLane(t *testing.T) {
	t.Parallel()
	for _, withWidget := range []bool{false, true} {
		t.Run(fmt.Sprint("widget ", withWidget), func(t *testing.T) {
			t.Parallel()
			f, url := newFake(t, true)
			f.guard = guard{acts: "join", slow: true, widget: withWidget, tries: altcha.MaxTries} // more than anybody waits for
			b := newTab(t, newBrowser(t), "slow", 320, 640, true)
			b.do(chromedp.Navigate(url + "/e/" + fakeEvent))
			b.wait("the waiting room", `document.body.dataset.view === "waiting" && document.querySelectorAll("#levels .price").length === 4`)
			b.click("#join")
			b.wait("the proof", `!document.querySelector("#proof").hidden && !skip.hidden`, "skip=proof-skip")
			b.picture("12-proof")
			b.click("#proof-skip")
			b.wait("the slow lane", `!slow.hidden && why.textContent.includes("datacenter") && why.textContent.includes("slower queue")`, "slow", "why=slow-why")
			b.picture("13-slow")
			b.do(chromedp.Reload())
			b.wait("the slow lane again", `!slow.hidden`, "slow")
			f.mu.Lock()
			f.guard.tries = 200
			f.mu.Unlock()
			b.do(chromedp.Focus(chromedp.CSS("#lift")))
			b.do(chromedp.KeyEvent("\r"))
			if withWidget {
				b.click("#human")
			}
			b.wait("the general lane", fmt.Sprintf(`slow.hidden && position.textContent === "%d"`, fakeNumber), "slow", "position")
		})
	}
}

// TestScryptIsScrypt compares the page's scrypt with another one.
func TestScryptIsScrypt(t *testing.T) {
	t.Parallel()
	_, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "scrypt", 320, 640, false)
	b.do(chromedp.Navigate(url + "/"))
	for _, c := range []struct{ n, r, p, length int }{{16, 1, 1, 64}, {2, 1, 1, 16}, {128, 8, 1, 32}, {64, 3, 3, 100}, {1024, 8, 2, 64}} {
		nonce, salt := "00112233445566778899aabb", "a1b2c3"
		password, _ := hex.DecodeString(nonce + "00000000")
		salted, _ := hex.DecodeString(salt)
		want, err := scrypt.Key(password, salted, c.n, c.r, c.p, c.length)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.evaluate(fmt.Sprintf(`import("/assets/solver.js").then(async ({ solve }) => (await solve({ nonce: %q, salt: %q, keyPrefix: "", cost: %d,
			memoryCost: %d, parallelism: %d, keyLength: %d }, () => {})).derivedKey)`, nonce, salt, c.n, c.r, c.p, c.length)); got != hex.EncodeToString(want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// evaluate waits for the promise that an expression is.
func (b *tab) evaluate(expression string) (value string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		r, err := cdp.Call(ctx, tg, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, AwaitPromise: new(true), ReturnByValue: new(true)})
		if err != nil {
			return err
		}
		if r.ExceptionDetails != nil {
			return fmt.Errorf("%s", r.ExceptionDetails.Text)
		}
		return json.Unmarshal(r.Result.Value, &value)
	}))
	return value
}

// BenchmarkTry measures a try of the proof of work in the browser, as it is and
// with a processor that is slowed down four times, as of a slow phone. The quickest
// stretch counts: all else is what the machine does besides.
func BenchmarkTry(b *testing.B) {
	for _, slower := range []float64{1, 4} {
		b.Run(fmt.Sprintf("slowed-%.0fx", slower), func(b *testing.B) {
			_, url := newFake(b, true)
			tab := newTab(b, newBrowser(b), "bench", 320, 640, false)
			tab.do(chromedp.Navigate(url+"/"), chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
				_, err := cdp.Call(ctx, tg, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slower})
				return err
			}))
			const tries = 60
			quickest := math.Inf(1)
			for b.Loop() {
				c, err := altcha.New(guard{}, altcha.Task{Tries: 1}, time.Now())
				if err != nil {
					b.Fatal(err)
				}
				c.Parameters.KeyPrefix = "none" // so that all tries are made
				task, _ := json.Marshal(c.Parameters)
				ms, err := strconv.ParseFloat(tab.evaluate(fmt.Sprintf(`import("/assets/solver.js").then(async ({ solve }) => {
					const began = performance.now();
					let tries = 0;
					await solve(%s, () => {}, () => ++tries > %d);
					return String(performance.now() - began);
				})`, task, tries)), 64)
				if err != nil {
					b.Fatal(err)
				}
				quickest = min(quickest, ms)
			}
			b.ReportMetric(quickest/tries, "ms/try")
		})
	}
}
