package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frontrow/gateway/abuse"
	"frontrow/wire"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go/jetstream"
)

// TestSuspectBuys: a fan whom the gateway mistrusts at every step buys all the
// same, in a real browser, by doing nothing else than others do; and the sale log
// says what they had to prove.
func TestSuspectBuys(t *testing.T) {
	t.Setenv("FRONTROW_CHALLENGE_AT", "1")
	r := start(t, dataDir(t), eventOf(t, "show", "480s"))
	b := newBrowser(t, "suspect", 390, 844)
	b.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error { // dev exempts this machine, but not who is behind it
		_, err := cdp.Call(ctx, tg, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": json.RawMessage(`"198.51.100.7"`)}})
		return err
	}), chromedp.Navigate(r.http+"/e/show"))
	b.click("#join")
	b.wait(`document.body.dataset.view === "seats"`)
	b.click("#best")
	b.wait(`document.body.dataset.view === "checkout"`)
	b.pay()

	nc := r.connect()
	m, err := nc.Request("frontrow.gateway.status", nil, patience)
	must(t, err)
	var status struct {
		Defences struct{ Challenged, Passed, Slow int }
	}
	must(t, json.Unmarshal(m.Data, &status))
	if d := status.Defences; d.Challenged < 3 || d.Passed < 3 || d.Slow != 0 {
		t.Errorf("%s", m.Data)
	}
	js, err := jetstream.New(nc)
	must(t, err)
	log, err := js.Stream(t.Context(), wire.SaleLogStream)
	must(t, err)
	for ctx := deadline(t); ; breathe(ctx) { // the log is written a moment later
		m, err := log.GetLastMsgForSubject(ctx, wire.LogSubject("show", wire.LogRisk))
		if err != nil {
			must(t, ctx.Err())
			continue
		}
		var act wire.RiskAct
		must(t, json.Unmarshal(m.Data, &act))
		if act.Outcome == "passed" && act.Act == "hold" && len(act.Reasons) > 0 {
			return
		}
		must(t, ctx.Err())
	}
}

func TestDefenceFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	read := func(args ...string) (d abuse.Config, err error) {
		var cli struct {
			sources
			defenceFlags
			edgeFlags
		}
		if err := parsed(&cli, args...); err != nil {
			return d, err
		}
		d = cli.defenceFlags.config()
		_, err = cli.edgeFlags.load(&d)
		return d, err
	}
	d, err := read("--trust-forwarded", "--proxy", "10.0.0.0/8, 192.0.2.1", "--exempt", "172.16.0.0/12", "--datacenters", file("clouds", "203.0.113.0/24 # a\n"),
		"--limits", "join.address=7-M", "--defences", "limits,risk", "--challenge-at", "40", "--widget", "turnstile", "--widget-site-key", "k", "--widget-secret", file("secret", "s\n"))
	must(t, err)
	if d.Proxies.Len() != 4 || d.Exempt.Len() != 1 || d.Datacenters.Len() != 1 || d.Budgets["join"]["address"].Limit != 7 || d.Widget == nil ||
		d.Thresholds.Standard != 40 || len(d.Off) != 2 || d.Off[0] != abuse.Challenges {
		t.Errorf("%+v", d)
	}
	for _, off := range []struct {
		flag string
		n    int
	}{{"on", 0}, {"off", len(abuse.Parts())}, {"edge", len(abuse.Parts()) - 1}} {
		if d, err := read("--defences", off.flag); err != nil || len(d.Off) != off.n {
			t.Errorf("--defences %s: %v %v", off.flag, d, err)
		}
	}
	for _, bad := range [][]string{{"--defences", "walls"}, {"--limits", "join=5"}, {"--proxy", "nowhere"}, {"--exempt", "10/8"}, {"--datacenters", "/none"},
		{"--widget", "captcha"}, {"--widget", "turnstile"}, {"--widget", "hcaptcha", "--widget-secret", file("empty", "")}, {"--tls-cert", "/none", "--tls-key", "/none"}} {
		if _, err := read(bad...); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	key := file("key", "a private key")
	must(t, os.Chmod(key, 0o644))
	if _, err := read("--tls-cert", file("cert", "a certificate"), "--tls-key", key); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a TLS key that everybody may read: %v", err)
	}
}
