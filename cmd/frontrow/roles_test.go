package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const regionConf = "../../deploy/nats/region.conf"

// serviceRoles are the users that services connect as.
var serviceRoles = []string{"gateway", "admission", "inventory", "pricing"}

// deployShipped prepares services that connect to the servers as production does.
func deployShipped(t *testing.T, shipped *natstest.Shipped) *deployment {
	t.Helper()
	d := deploy(t, shipped.URL(natstest.Home, "operator"), 1)
	d.shipped = shipped
	return d
}

// Every service under its role's user, with the file we ship: fans buy, the audit
// is clean, and nothing that a service did was refused.
func TestRoles(t *testing.T) {
	shipped := natstest.RunShipped(t, regionConf)
	d := deployShipped(t, shipped)
	for _, name := range []string{"inventory", "pricing", "admission"} {
		d.start(name, name)
	}
	at := d.gateway("gateway")
	d.tool("event", "apply", "-f", eventOf(t, "show", "480s"))
	const fans = 10
	buyTwo(t, at, 0, fans)
	d.sold("show", 2*fans)
	for _, line := range shipped.Refused() {
		t.Errorf("NATS refused a service: %s", line)
	}
	t.Run("prices", func(t *testing.T) { pricesMove(t, d, at) })
	t.Run("inboxes", func(t *testing.T) { inboxes(t, shipped) })
	t.Run("forbidden", func(t *testing.T) { forbiddenActs(t, shipped) })
	t.Run("borrowed voice", func(t *testing.T) { borrowedVoice(t, shipped) })
	t.Run("console", func(t *testing.T) { everyAct(t, shipped, at) })
}

// A price goes through its tiers while fans buy, all pay what they were quoted, and every
// price is computed again from the log.
func pricesMove(t *testing.T, d *deployment, at string) {
	d.tool("event", "apply", "-f", eventFileOf(t, theatreOf(t, "dear", "480s")+fmt.Sprintf(`pricing:
  mode: tiers
  promise: join
  rails:
    - {level: all, tiers: [{from: %s, total: EUR 99.00}]}
`, time.Now().Add(5*time.Second).UTC().Format(time.RFC3339))))
	until(t, "a board names its prices", func() bool {
		a, err := newFan(t, at, "dear", 598).do(deadline(t), "GET", "/v1/events/dear/board", nil)
		return err == nil && a.Body["priced"] == 2.0
	})
	bought := 0
	prices := map[string]any{}
	for ctx := deadline(t); ctx.Err() == nil && prices["total"] != 9900.0; {
		_, err := newFan(t, at, "dear", 600+bought).purchase(ctx, make(chan struct{}, 3))
		must(t, err)
		bought++
		a, err := newFan(t, at, "dear", 599).do(ctx, "GET", "/v1/events/dear/prices", nil)
		must(t, err)
		prices = a.Body["levels"].([]any)[0].(map[string]any)["price"].(map[string]any)
	}
	resp, err := http.Get(at + "/e/dear/prices")
	must(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	must(t, err)
	for _, want := range []string{"Prices of A night out", "by a published list", `<path d="M0.0 120.0H`, "tier 1: from ", `<data value="EUR 99.00">`, "</html>"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	d.sold("dear", 2*bought)
	if r := string(d.tool("pricing", "replay", "dear")); !strings.Contains(r, `"acts": 2`) || prices["total"] != 9900.0 {
		t.Errorf("%v: %s", prices, r)
	}
	for _, line := range d.shipped.Refused() {
		t.Errorf("NATS refused a service: %s", line)
	}
}

// Two regions joined as leaves: fans join the queue of theirs, are called and buy.
func TestRolesInTwoRegions(t *testing.T) {
	shipped := natstest.RunShipped(t, regionConf, "west")
	west := sellInTwoRegions(t, deployShipped(t, shipped), shipped.URL("west", wire.Gateway))
	signsOut(t, west)
	for _, line := range shipped.Refused() {
		t.Errorf("NATS refused a service: %s", line)
	}
}

// signsOut ends a fan's other sessions, which is stored in the home region.
func signsOut(t *testing.T, at string) {
	t.Helper()
	f := newFan(t, at, "show", 500)
	must(t, f.admit(deadline(t)))
	form := url.Values{"where": {"elsewhere"}}
	req, err := http.NewRequestWithContext(t.Context(), "POST", at+"/sign-out", strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := *f.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Errorf("signed out elsewhere: %d", resp.StatusCode)
	}
}

// Answers carry passes and barcodes: no role hears those of another.
func inboxes(t *testing.T, shipped *natstest.Shipped) {
	for _, role := range serviceRoles {
		for _, other := range append([]string{"operator"}, serviceRoles...) {
			inbox := "_INBOX.>"
			if other != "operator" {
				inbox = wire.Inbox(other) + ".>"
			}
			denied := refusedTo(t, shipped, role, func(nc *nats.Conn) error {
				_, err := nc.SubscribeSync(inbox)
				return err
			})
			if denied == (role == other) {
				t.Errorf("%s listens on %s: refused %v", role, inbox, denied)
			}
		}
	}
}

// refusedTo reports whether the server refuses a role what it does.
func refusedTo(t *testing.T, shipped *natstest.Shipped, role string, do func(*nats.Conn) error) bool {
	t.Helper()
	errs := make(chan error, 8)
	nc, err := nats.Connect(shipped.URL(natstest.Home, role), nats.CustomInboxPrefix(wire.Inbox(role)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errs <- err }))
	must(t, err)
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	must(t, do(nc))
	must(t, nc.Flush()) // the refusal precedes the pong
	nc.Close()
	<-closed // handlers run in order, so the error's has run
	return len(errs) > 0
}
