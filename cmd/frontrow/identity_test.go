package main

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

// Who a fan is, from access code to pass, in the real program.
func TestIdentity(t *testing.T) {
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	t.Run("access codes", r.testAccessCodes)
	t.Run("devices", r.testDevices)
	t.Run("revocation", r.testRevocation)
	r.audit("show")
}

// ask calls an operator endpoint, which must do it.
func (r *running) ask(t *testing.T, subject, payload string) []byte {
	t.Helper()
	m, err := r.connect().RequestWithContext(deadline(t), subject, []byte(payload))
	must(t, err)
	if e := m.Header.Get("Nats-Service-Error"); e != "" {
		t.Fatalf("%s: %s", subject, e)
	}
	return m.Data
}

// free are n seats that somebody could hold a moment ago.
func (r *running) free(t *testing.T, n int) (ids []string) {
	t.Helper()
	ctx, probe := deadline(t), admitted(t, r, 60)
	a, err := probe.hold(ctx, map[string]any{"best": map[string]any{"count": n}})
	must(t, err)
	if a.Status != 201 {
		t.Fatalf("%d %v", a.Status, a.Body)
	}
	if d, err := probe.do(ctx, "DELETE", "/v1/holds/"+a.text("hold"), nil); err != nil || d.Status != 204 {
		t.Fatalf("%d %v", d.Status, err)
	}
	return seatIDs(a)
}

// testAccessCodes goes from a registration list to a held seat: seats kept for a
// channel are had with a code of it, and not without.
func (r *running) testAccessCodes(t *testing.T) {
	ctx, dir := deadline(t), t.TempDir()
	seats := r.free(t, 3)
	r.ask(t, "frontrow.inventory.block.show", fmt.Sprintf(`{"seats":["%s"],"channel":"presale","why":"members first","by":"ann"}`, strings.Join(seats, `","`)))
	list, out := filepath.Join(dir, "registrations.csv"), filepath.Join(dir, "codes.csv")
	must(t, os.WriteFile(list, []byte("email,score,limit\nann@example.org,9,2\nbob@example.org,8,\ncleo@example.org,7,\n"), 0o600))
	cmd := frontrow("codes", "issue", "--keys", r.data+"/keys.json", "--event", "show", "--list", list, "--top", "2", "--channel", "presale",
		"--expires", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "-o", out)
	if said, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(said), "2 of 3 registrations") {
		t.Fatalf("%v: %s", err, said)
	}
	raw, err := os.ReadFile(out)
	must(t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	must(t, err)
	code := func(row int) string { return rows[row][6] }

	wish := map[string]any{"seats": seats[:2]}
	if a, err := admitted(t, r, 61).hold(ctx, wish); err != nil || a.Status != 409 || a.text("type") != "/problems/taken" {
		t.Errorf("without a code: %d %v, %v", a.Status, a.Body, err)
	}
	ann := newFan(t, r.http, "show", 62)
	if a, err := ann.do(ctx, "POST", "/v1/events/show/places", map[string]any{"code": code(1)}); err != nil || a.Status != 422 || a.text("type") != "/problems/code-email" {
		t.Errorf("without the address: %d %v, %v", a.Status, a.Body, err)
	}
	must(t, ann.admitWith(ctx, map[string]any{"code": code(1), "email": "Ann@example.org"}))
	again, err := ann.do(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	if again.Status != 200 || again.text("lane") != wire.LanePriority || again.text("place") != ann.place {
		t.Errorf("joining again, without the code: %d %v", again.Status, again.Body)
	}
	held, err := ann.hold(ctx, wish)
	if err != nil || held.Status != 201 {
		t.Fatalf("with the code: %d %v, %v", held.Status, held.Body, err)
	}
	if a, err := ann.hold(ctx, map[string]any{"seats": seats[2:]}); err != nil || a.Status != 409 || a.text("type") != "/problems/limit" {
		t.Errorf("more than the code allows: %d %v, %v", a.Status, a.Body, err)
	}
	thief := newFan(t, r.http, "show", 63)
	if a, err := thief.do(ctx, "POST", "/v1/events/show/places", map[string]any{"code": code(1), "email": "ann@example.org"}); err != nil || a.Status != 409 || a.text("type") != "/problems/code-used" {
		t.Errorf("a used code: %d %v, %v", a.Status, a.Body, err)
	}
	bob := newFan(t, r.http, "show", 64)
	must(t, bob.admitWith(ctx, map[string]any{"code": code(2), "email": "bob@example.org"}))
	if a, err := bob.hold(ctx, map[string]any{"seats": seats[2:]}); err != nil || a.Status != 201 {
		t.Errorf("another code of the channel: %d %v, %v", a.Status, a.Body, err)
	}
	order, err := ann.buy(ctx, held.text("hold"), "tok_visa")
	if err != nil || order.text("state") != "paid" {
		t.Errorf("%v, %v", order.Body, err)
	}
	said, err := frontrow("codes", "check", rows[1][7], "--keys", r.data+"/keys.json", "--event", "show", "--email", "ann@example.org", "--nats", r.nats).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "channel presale") || strings.Count(string(said), "used ") != 2 || !strings.Contains(string(said), "it is good") {
		t.Errorf("%v: %s", err, said)
	}
}

// onAnotherDevice opens a link that f has made to another device.
func (f *fan) onAnotherDevice(t *testing.T) *fan {
	t.Helper()
	ctx := deadline(t)
	a, err := f.do(ctx, "POST", "/v1/carry", map[string]any{"place": f.place})
	must(t, err)
	link, err := url.Parse(a.text("link"))
	if err != nil || a.Status != 200 {
		t.Fatalf("%d %v, %v", a.Status, a.Body, err)
	}
	there := newFan(t, f.base, f.event, 70)
	page, err := there.do(ctx, "GET", link.Path, nil)
	must(t, err)
	if page.Status != 200 || page.Header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %v", page.Status, page.Header)
	}
	if done, err := there.do(ctx, "POST", link.Path, []byte("digits="+a.text("digits")), "Content-Type", "application/x-www-form-urlencoded", "Origin", f.base, "Sec-Fetch-Site", "same-origin"); err != nil || done.Status != 200 {
		t.Fatalf("%d, %v", done.Status, err) // after the redirect
	}
	there.place = f.place
	return there
}

// testDevices takes a place to another device: the pass goes with it, the hold
// stays the fan's, and nobody else's.
func (r *running) testDevices(t *testing.T) {
	ctx := deadline(t)
	desk := admitted(t, r, 71)
	held, err := desk.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
	must(t, err)
	phone := desk.onAnotherDevice(t)
	must(t, phone.admit(ctx))
	if phone.pass == desk.pass || phone.place != desk.place {
		t.Errorf("the same pass on both devices, or another place: %s, %s", phone.place, desk.place)
	}
	other := map[string]any{"best": map[string]any{"count": 1}}
	until(t, "the desk's pass is refused", func() bool {
		a, err := desk.hold(ctx, other)
		must(t, err)
		return a.Status == 403 && a.text("type") == "/problems/other-device"
	})
	stolen := *phone
	stolen.pass = desk.pass
	if a, err := stolen.hold(ctx, other); err != nil || a.Status != 403 {
		t.Errorf("the desk's pass on the phone: %d %v, %v", a.Status, a.Body, err)
	}
	if order, err := phone.buy(ctx, held.text("hold"), "tok_visa"); err != nil || order.text("state") != "paid" {
		t.Errorf("the hold is paid with the other device: %v, %v", order.Body, err)
	}
	must(t, desk.admit(ctx))
	if a, err := desk.hold(ctx, other); err != nil || a.Status != 201 {
		t.Errorf("back at the desk: %d %v, %v", a.Status, a.Body, err)
	}
}

// testRevocation withdraws a pass: what it held goes back on sale, and can't be
// paid for meanwhile; what was bought stays bought.
func (r *running) testRevocation(t *testing.T) {
	ctx := deadline(t)
	bot, good := admitted(t, r, 80), admitted(t, r, 81)
	bought, err := bot.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
	must(t, err)
	if order, err := bot.buy(ctx, bought.text("hold"), "tok_visa"); err != nil || order.text("state") != "paid" {
		t.Fatalf("%v, %v", order.Body, err)
	}
	held, err := bot.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(t, err)
	receipt, err := keyring.Load(r.data+"/keys.json", "")
	must(t, err)
	place, err := receipt.VerifyReceipt(bot.place)
	must(t, err)
	reply := r.ask(t, "frontrow.admission.revoke.show", fmt.Sprintf(`{"fan":%q,"why":"49 accounts","by":"ann"}`, place.Fan))
	if again := r.ask(t, "frontrow.admission.revoke.show", fmt.Sprintf(`{"fan":%q,"why":"49 accounts","by":"ann"}`, place.Fan)); string(again) != string(reply) {
		t.Errorf("%s, again %s", reply, again)
	}
	until(t, "the pass is refused", func() bool {
		a, err := bot.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
		must(t, err)
		return a.Status == 403 && a.text("type") == "/problems/revoked"
	})
	if a, err := bot.buy(ctx, held.text("hold"), "tok_visa"); err != nil || a.Status != 403 || a.text("type") != "/problems/revoked" {
		t.Errorf("paying with a revoked pass: %d %v, %v", a.Status, a.Body, err)
	}
	until(t, "the seats are back on sale", func() bool {
		a, err := good.hold(ctx, map[string]any{"seats": seatIDs(held)})
		must(t, err)
		return a.Status == 201
	})
	if a, err := bot.do(ctx, "POST", "/v1/events/show/passes", map[string]any{"place": bot.place}); err != nil || a.Status != 403 || a.text("type") != "/problems/revoked" {
		t.Errorf("redeeming again: %d %v, %v", a.Status, a.Body, err)
	}
	until(t, "what was bought stays bought", func() bool { return r.seat(ctx, seatIDs(bought)[0]).State == wire.Sold })
}

// until asks until it is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for ctx := deadline(t); !so(); breathe(ctx) {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// redeemAtOnce redeems one place a thousand times through two gateways: one pass.
func redeemAtOnce(t *testing.T, addrs []string) {
	f := newFan(t, addrs[0], "show", 5000)
	ctx := deadline(t)
	a, err := f.insist(ctx, "POST", "/v1/events/show/places", map[string]any{})
	must(t, err)
	f.place = a.text("place")
	var mu sync.Mutex
	passes := map[string]int{}
	each(1000, func(i int) {
		g := *f
		g.base = addrs[i%2]
		for {
			a, err := g.insist(ctx, "POST", "/v1/events/show/passes", map[string]any{"place": f.place})
			if err == nil && a.Status == http.StatusTooEarly && ctx.Err() == nil {
				breathe(ctx)
				continue
			}
			if err != nil || a.Status != 201 {
				t.Errorf("redeem: %d %v, %v", a.Status, a.Body, err)
			}
			mu.Lock()
			defer mu.Unlock()
			passes[a.text("pass")]++
			return
		}
	})
	if len(passes) != 1 {
		t.Errorf("one place gave %d passes", len(passes))
	}
}

// rotateWhileFansBuy rotates the keys twice while fans redeem at one gateway and
// show their passes, old and new, to the other: none is refused.
func rotateWhileFansBuy(t *testing.T, addrs []string, tool func(...string) []byte, rotated func()) {
	ctx := deadline(t)
	var wg sync.WaitGroup
	var shown, refused atomic.Int64
	var signs atomic.Pointer[string] // the key of the last pass given out
	done := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			f := newFan(t, addrs[0], "show", 6000+i)
			if err := f.admit(ctx); err != nil {
				t.Error(err)
				return
			}
			first := f.pass
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, pass := range []string{first, f.pass} {
					other := *f
					other.base, other.pass = addrs[1], pass
					a, err := other.insist(ctx, "DELETE", "/v1/holds/"+wire.NewHold(), nil)
					if shown.Add(1); err != nil || a.Status != 204 {
						refused.Add(1)
						t.Errorf("a pass was refused: %d %v, %v", a.Status, a.Body, err)
						return
					}
				}
				if err := f.admit(ctx); err != nil { // receipts and cookies, too, are good all the time
					refused.Add(1)
					t.Error(err)
					return
				}
				kid := kidOf(t, f.pass)
				signs.Store(&kid)
			}
		})
	}
	for range 2 {
		out := string(tool("keys", "rotate", "--lead", "8s"))
		rotated()
		_, next, _ := strings.Cut(out, "pass ")
		next, _, _ = strings.Cut(next, " ")
		until(t, "the next key signs", func() bool { kid := signs.Load(); return kid != nil && *kid == next || refused.Load() > 0 })
	}
	close(done)
	wg.Wait()
	show := string(tool("keys", "show"))
	if shown.Load() < 100 || strings.Count(show, "verifies") != 4 {
		t.Errorf("%d passes were shown; keys:\n%s", shown.Load(), show)
	}
	if out := string(tool("keys", "prune", "--older", "26h")); !strings.Contains(out, "nothing") {
		t.Errorf("keys in use were pruned: %s", out)
	}
}

func kidOf(t *testing.T, pass string) string {
	header, _, _ := strings.Cut(pass, ".")
	raw, err := base64.RawURLEncoding.DecodeString(header)
	var h struct{ Kid string }
	if err != nil || json.Unmarshal(raw, &h) != nil {
		t.Errorf("no pass: %s", pass)
	}
	return h.Kid
}
