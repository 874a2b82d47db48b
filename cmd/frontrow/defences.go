package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/challenge/siteverify"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/gateway/listener"
	"frontrow/keyring"
)

// defenceFlags are those that every way of starting a gateway has.
type defenceFlags struct {
	Defences          withoutParts `default:"on" placeholder:"WHICH" help:"on, off, or some of ${defences}."`
	Limits            budgets      `placeholder:"BUDGETS" help:"Budgets that replace the defaults (go doc ./gateway/abuse/limit), such as join.address=3000-M,hold.fan=600-M."`
	ChallengeAt       int          `default:"${challenge_at}" placeholder:"SCORE" help:"Risk score from which a proof is required; 101: never."`
	StrongChallengeAt int          `default:"${strong_challenge_at}" placeholder:"SCORE" help:"Risk score from which a strong proof is required."`
}

func (f *defenceFlags) config() abuse.Config {
	return abuse.Config{Off: f.Defences, Budgets: f.Limits.Budgets, Thresholds: challenge.Thresholds{Standard: f.ChallengeAt, Strong: f.StrongChallengeAt}}
}

type budgets struct{ limit.Budgets }

func (b *budgets) UnmarshalText(text []byte) (err error) {
	b.Budgets, err = limit.ParseBudgets(string(text))
	return err
}

// edgeFlags are those of a gateway that stands in a network.
type edgeFlags struct {
	TLSCert        string   `name:"tls-cert" placeholder:"FILE" help:"Certificate file: with it the gateway speaks HTTPS. It is read again when it changes."`
	TLSKey         string   `name:"tls-key" placeholder:"FILE" help:"Key file of the certificate."`
	Proxy          []string `placeholder:"NETWORK" help:"Network of proxies whose X-Forwarded-For, -Proto and -Host are trusted (may be repeated)."`
	TrustForwarded bool     `help:"Trust X-Forwarded-For from this machine: the same as --proxy 127.0.0.0/8,::1."`
	JA4Header      string   `name:"ja4-header" placeholder:"HEADER" help:"Header in which the proxies put the client's JA4 fingerprint."`
	Exempt         []string `placeholder:"NETWORK" help:"Network that is neither limited nor scored (may be repeated)."`
	Datacenters    string   `placeholder:"FILE" help:"File with networks that people seldom use, one per line."`
	Widget         string   `placeholder:"NAME" help:"Widget in addition to the proof of work: turnstile or hcaptcha."`
	WidgetSiteKey  string   `placeholder:"KEY" help:"Site key of the widget."`
	WidgetSecret   string   `placeholder:"FILE" help:"File with the widget's secret."`
}

func defenceNames() (names []string) {
	for _, d := range abuse.Parts() {
		names = append(names, string(d))
	}
	return names
}

// withoutParts are the defences that are not wanted, written as those that are.
type withoutParts []abuse.Part

func (w *withoutParts) UnmarshalText(text []byte) error {
	*w = nil
	wanted := map[string]bool{}
	switch string(text) {
	case "on":
		return nil
	case "off":
	default:
		for name := range strings.SplitSeq(string(text), ",") {
			wanted[strings.TrimSpace(name)] = true
		}
	}
	for _, which := range abuse.Parts() {
		if !wanted[string(which)] {
			*w = append(*w, which)
		}
		delete(wanted, string(which))
	}
	for name := range wanted {
		return fmt.Errorf("%q: write on, off, or some of %s", name, strings.Join(defenceNames(), ","))
	}
	return nil
}

// load reads what the flags name into c, and the certificate.
func (f *edgeFlags) load(c *abuse.Config) (cert *listener.Certificate, err error) {
	c.JA4Header = f.JA4Header
	proxies := networks(f.Proxy)
	if f.TrustForwarded {
		proxies = append(proxies, "127.0.0.0/8", "::1")
	}
	if c.Proxies, err = client.ParseNetworks(proxies...); err != nil {
		return nil, fmt.Errorf("--proxy: %w", err)
	}
	if c.Exempt, err = client.ParseNetworks(networks(f.Exempt)...); err != nil {
		return nil, fmt.Errorf("--exempt: %w", err)
	}
	if f.Datacenters != "" {
		raw, err := os.ReadFile(f.Datacenters)
		if err != nil {
			return nil, fmt.Errorf("--datacenters: %w", err)
		}
		if c.Datacenters, err = client.ReadNetworks(f.Datacenters, bytes.NewReader(raw)); err != nil {
			return nil, fmt.Errorf("--datacenters: %w", err)
		}
	}
	if c.Widget, err = f.loadWidget(); err != nil {
		return nil, err
	}
	if f.TLSCert == "" && f.TLSKey == "" {
		return nil, nil
	}
	key, err := keyring.OpenPrivate(f.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-key: %w", err)
	}
	_ = key.Close() // the listener reads it, and again when it changes
	return listener.LoadCertificate(f.TLSCert, f.TLSKey)
}

// networks may also stand apart by spaces.
func networks(of []string) []string {
	return strings.FieldsFunc(strings.Join(of, ","), func(r rune) bool { return r == ',' || r == ' ' })
}

func (f *edgeFlags) loadWidget() (*siteverify.Client, error) {
	cfg := siteverify.Config{SiteKey: f.WidgetSiteKey}
	switch f.Widget {
	case "":
		return nil, nil
	case "turnstile":
		cfg.Provider = siteverify.Turnstile()
	case "hcaptcha":
		cfg.Provider = siteverify.HCaptcha()
	default:
		return nil, fmt.Errorf("--widget %q: turnstile or hcaptcha", f.Widget)
	}
	raw, err := readSecret(f.WidgetSecret)
	if err != nil {
		return nil, fmt.Errorf("--widget-secret: %w", err)
	}
	cfg.Secret = string(raw)
	return siteverify.New(cfg)
}
