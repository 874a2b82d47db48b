package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frontrow/internal/natstest"
)

// console is an operator at the nats command.
type console struct {
	t       *testing.T
	program string
	env     []string
	asked   map[string]bool // subjects, with the event left open
}

func newConsole(t *testing.T, server string) *console {
	t.Helper()
	program, err := filepath.Abs("../../.bin/nats")
	must(t, err)
	if _, err := os.Stat(program); err != nil {
		out, err := exec.Command("make", "-C", "../..", "nats").CombinedOutput()
		if err != nil {
			t.Fatalf("make nats: %v\n%s", err, out)
		}
	}
	home := t.TempDir() // no contexts of whoever runs the test
	return &console{t: t, program: program, asked: map[string]bool{},
		env: append(os.Environ(), "NATS_URL="+server, "HOME="+home, "XDG_CONFIG_HOME="+home)}
}

// run runs the nats command and wants words in what it says.
func (c *console) run(want string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(c.program, append([]string{"--timeout", "60s"}, args...)...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		c.t.Errorf("nats %s: %v, want %s in:\n%s", strings.Join(args, " "), err, want, out)
	}
	return string(out)
}

// ask sends an act to its endpoint.
func (c *console) ask(want, subject, payload string) string {
	c.t.Helper()
	c.asked[strings.Replace(subject, ".show", ".*", 1)] = true
	return c.run(want, "req", "--raw", subject, payload)
}

// endpoints are the subjects of all services, as they tell them.
func (c *console) endpoints() (subjects []string) {
	c.t.Helper()
	for _, name := range []string{"frontrow-gateway", "frontrow-admission", "frontrow-inventory", "frontrow-pricing"} {
		var info struct {
			Endpoints []struct{ Subject string }
		}
		raw := c.run(name, "req", "--raw", "$SRV.INFO."+name, "")
		if err := json.Unmarshal([]byte(raw), &info); err != nil || len(info.Endpoints) == 0 {
			c.t.Fatalf("%s says of itself %v: %s", name, err, raw)
		}
		for _, e := range info.Endpoints {
			subjects = append(subjects, e.Subject)
		}
	}
	return subjects
}

// An operator does every act that there is at the nats command, and none is refused
// to a service on the way.
func everyAct(t *testing.T, shipped *natstest.Shipped, at string) {
	shipped.Refused() // what others were rightly refused before
	c := newConsole(t, shipped.URL(natstest.Home, "operator"))
	ctx := deadline(t)
	seats := func(n int) (*fan, string) {
		t.Helper()
		f := newFan(t, at, "show", 100+n)
		must(t, f.admit(ctx))
		a, err := f.hold(ctx, pair())
		must(t, err)
		if a.Status != 201 {
			t.Fatalf("hold: %d %v", a.Status, a.Body)
		}
		return f, a.text("hold")
	}
	_, held := seats(0)
	revoked, _ := seats(1)
	buyer, hold := seats(2)
	bought, err := buyer.buy(ctx, hold, "tok_visa")
	must(t, err)
	if bought.text("state") != "paid" {
		t.Fatalf("order: %v", bought.Body)
	}

	for _, service := range []string{"frontrow-gateway", "frontrow-admission", "frontrow-inventory", "frontrow-pricing"} {
		c.run(service, "micro", "ls")
	}
	c.run("the last token of the subject names the event", "micro", "info", "frontrow-inventory")
	for bucket, key := range map[string]string{"EVENTS": "show", "BOARD": "show", "STOCK": "show", "PRICES": "show.all", "PASSES_show": "admitter", "LEASES": "writer.show"} {
		c.run("{", "kv", "get", "--raw", bucket, key)
	}
	c.run("show", "kv", "ls", "EVENTS")
	c.run("SALELOG", "stream", "ls")
	for _, act := range []struct{ subject, payload, want string }{
		{"frontrow.gateway.status", "", `"sockets"`},
		{"frontrow.admission.status.show", "{}", `"admitter"`},
		{"frontrow.admission.rate.show", `{"rate_per_minute":6000,"by":"ann"}`, `"rate_per_minute":6000`},
		{"frontrow.admission.rate.show", `{"by":"ann"}`, `invalid`},
		{"frontrow.admission.message.show", `{"message":"Doors at eight","by":"ann"}`, `Doors at eight`},
		{"frontrow.admission.pause.show", `{"message":"Back soon","by":"ann"}`, `"paused":true`},
		{"frontrow.admission.resume.show", `{"by":"ann"}`, `"admitter"`},
		{"frontrow.admission.drain.show", `{"by":"ann"}`, `"draining":true`},
		{"frontrow.admission.resume.show", `{"by":"ann"}`, `"admitter"`},
		{"frontrow.admission.revoke.show", fmt.Sprintf(`{"fan":%q,"why":"a bot","by":"ann"}`, fanOf(t, revoked.pass)), `"passes":1`},
		{"frontrow.inventory.status.show", "", `"sections"`},
		{"frontrow.inventory.seat.show", `{"seat":"nowhere"}`, `unknown-seat`},
		{"frontrow.inventory.restore-log.show", `{"n":1,"why":"junk","by":"ann"}`, `as its writer left it`},
		{"frontrow.inventory.release.show", fmt.Sprintf(`{"hold":%q,"why":"asked","by":"ann"}`, held), `{`},
		{"frontrow.inventory.block.show", `{"levels":["all"],"channel":"presale","why":"kept","by":"ann"}`, `"changed":`},
		{"frontrow.inventory.unblock.show", `{"channel":"presale","why":"free","by":"ann"}`, `"changed":`},
		{"frontrow.inventory.refund.show", fmt.Sprintf(`{"order":%q,"why":"fell ill","by":"ann"}`, bought.text("order")), `"refunded":1`},
		{"frontrow.inventory.refused.show", "", `"refused":[]`},
		{"frontrow.inventory.retry-capture.show", `{"all":true,"why":"the key was wrong","by":"ann"}`, `"captures":0`},
		{"frontrow.inventory.write-off.show", fmt.Sprintf(`{"order":%q,"why":"a closed account","by":"ann"}`, bought.text("order")), `invalid`},
		{"frontrow.pricing.status.show", "{}", `"all"`},
		{"frontrow.pricing.propose.show", `{"level":"all","total":6000,"why":"a hunch","by":"ann"}`, `invalid`},
		{"frontrow.pricing.approve.show", `{"on":1,"why":"fine","by":"ann"}`, `invalid`},
		{"frontrow.pricing.reject.show", `{"on":1,"why":"no","by":"ann"}`, `invalid`},
		{"frontrow.pricing.freeze.show", `{"level":"all","why":"a rumour","by":"ann"}`, `invalid`}, // its price is fixed
		{"frontrow.pricing.resume.show", `{"why":"a rumour","by":"ann"}`, `invalid`},
		{"frontrow.pricing.set.show", `{"level":"all","total":6000,"why":"a rumour","by":"ann"}`, `invalid`},
		{"frontrow.event.apply", `{}`, `invalid`}, // frontrow event apply does it rightly, with the plan
		{"frontrow.event.close", `{"event":"show","by":"ann"}`, `"closed"`},
		{"frontrow.event.open", `{"event":"show","by":"ann"}`, `"open"`},
		{"frontrow.event.close", `{"event":"show","by":"ann"}`, `"closed"`},
		{"frontrow.inventory.refund.show", `{"all":true,"block":true,"why":"storm","by":"ann"}`, `"left":0`},
	} {
		c.ask(act.want, act.subject, act.payload)
	}
	for _, subject := range c.endpoints() {
		if !c.asked[subject] {
			t.Errorf("nobody has tried %s", subject)
		}
	}
	if lines := shipped.Refused(); len(lines) > 0 {
		t.Errorf("NATS refused on the way:\n%s", strings.Join(lines, "\n"))
	}
}

// fanOf is the fan that a pass was given to.
func fanOf(t *testing.T, pass string) string {
	t.Helper()
	parts := strings.Split(pass, ".")
	var claims struct{ Sub string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[len(parts)/2])
	must(t, err)
	must(t, json.Unmarshal(raw, &claims))
	return claims.Sub
}
