package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"frontrow/gateway/challenge"
	"frontrow/gateway/challenge/siteverify"
	"frontrow/gateway/client"
	"frontrow/gateway/defence"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
	"frontrow/wire"
)

// defences is what the gateway's flags say of its defences.
type defences struct {
	defence.Config
	cert, key                     string // files
	loopback                      bool   // trust proxies on this machine
	proxies, exempt               []string
	datacenters                   string // file
	widget, siteKey, widgetSecret string
}

// flags adds those that every way of starting a gateway has.
func (d *defences) flags(f flags) {
	f.Func("defences", "`WHICH`: on (the default), off, or some of "+strings.Join(defenceNames(), ","), d.set)
	f.Func("limits", "budgets instead of the defaults (go doc ./gateway/limit), `such as` join.address=3000-M,hold.fan=600-M", func(v string) (err error) {
		d.Budgets, err = limit.ParseBudgets(v)
		return err
	})
	d.Thresholds = challenge.DefaultThresholds()
	f.IntVar(&d.Thresholds.Standard, "challenge-at", d.Thresholds.Standard, "the risk `score` from which a proof is asked for; 101: never")
	f.IntVar(&d.Thresholds.Strong, "strong-challenge-at", d.Thresholds.Strong, "the risk `score` from which a stronger one is asked for")
}

// edgeFlags adds those of a gateway that stands in a network.
func (d *defences) edgeFlags(f flags) {
	f.StringVar(&d.cert, "tls-cert", "", "certificate `file`: the gateway then speaks HTTPS; read again when it changes")
	f.StringVar(&d.key, "tls-key", "", "its key `file`")
	f.Func("proxy", "`networks` of proxies whose X-Forwarded-For, -Proto and -Host are trusted, separated by commas (may be repeated)", split(&d.proxies))
	f.BoolVar(&d.loopback, "trust-forwarded", false, "trust X-Forwarded-For from this machine: the same as --proxy 127.0.0.0/8,::1")
	f.StringVar(&d.JA4Header, "ja4-header", "", "`header` in which the proxies write the client's JA4 fingerprint")
	f.Func("exempt", "`networks` that are neither limited nor scored (may be repeated)", split(&d.exempt))
	f.StringVar(&d.datacenters, "datacenters", "", "`file` of networks that people seldom use, one a line")
	f.StringVar(&d.widget, "widget", "", "turnstile or hcaptcha, beside the proof of work")
	f.StringVar(&d.siteKey, "widget-site-key", "", "its site `key`")
	f.StringVar(&d.widgetSecret, "widget-secret", "", "`file` with its secret")
}

func split(to *[]string) func(string) error {
	return func(v string) error {
		*to = append(*to, strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })...)
		return nil
	}
}

func defenceNames() (names []string) {
	for _, d := range defence.Parts() {
		names = append(names, string(d))
	}
	return names
}

func (d *defences) set(v string) error {
	d.Off = nil
	wanted := map[string]bool{}
	switch v {
	case "on":
		return nil
	case "off":
	default:
		for name := range strings.SplitSeq(v, ",") {
			wanted[strings.TrimSpace(name)] = true
		}
	}
	for _, which := range defence.Parts() {
		if !wanted[string(which)] {
			d.Off = append(d.Off, which)
		}
		delete(wanted, string(which))
	}
	for name := range wanted {
		return fmt.Errorf("%q: write on, off, or some of %s", name, strings.Join(defenceNames(), ","))
	}
	return nil
}

// load reads the files that the flags name.
func (d *defences) load() (cert *listener.Certificate, err error) {
	if d.loopback {
		d.proxies = append(d.proxies, "127.0.0.0/8", "::1")
	}
	if d.Proxies, err = client.ParseNetworks(d.proxies...); err != nil {
		return nil, fmt.Errorf("--proxy: %w", err)
	}
	if d.Exempt, err = client.ParseNetworks(d.exempt...); err != nil {
		return nil, fmt.Errorf("--exempt: %w", err)
	}
	if d.datacenters != "" {
		raw, err := os.ReadFile(d.datacenters)
		if err != nil {
			return nil, fmt.Errorf("--datacenters: %w", err)
		}
		if d.Datacenters, err = client.ReadNetworks(bytes.NewReader(raw)); err != nil {
			return nil, fmt.Errorf("--datacenters %s: %w", d.datacenters, err)
		}
	}
	if d.Widget, err = d.loadWidget(); err != nil {
		return nil, err
	}
	if d.cert == "" && d.key == "" {
		return nil, nil
	}
	f, err := wire.OpenPrivate(d.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-key: %w", err)
	}
	_ = f.Close() // the listener reads it, and again when it changes
	return listener.LoadCertificate(d.cert, d.key)
}

func (d *defences) loadWidget() (*siteverify.Client, error) {
	cfg := siteverify.Config{SiteKey: d.siteKey}
	switch d.widget {
	case "":
		return nil, nil
	case "turnstile":
		cfg.Provider = siteverify.Turnstile()
	case "hcaptcha":
		cfg.Provider = siteverify.HCaptcha()
	default:
		return nil, fmt.Errorf("--widget %q: turnstile or hcaptcha", d.widget)
	}
	raw, err := secretFile(d.widgetSecret)
	if err != nil {
		return nil, fmt.Errorf("--widget-secret: %w", err)
	}
	cfg.Secret = string(raw)
	return siteverify.New(cfg)
}
