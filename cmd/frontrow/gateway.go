package main

import (
	"context"
	"fmt"
	"strings"

	"frontrow/gateway"
	"frontrow/internal/ops"
	"frontrow/inventory/payment/stripe"
	"frontrow/web"
	"frontrow/wire"
)

type gatewayCmd struct {
	serviceFlags
	liveFlag
	HTTP      string       `name:"http" default:":8080" placeholder:"ADDR" help:"Address for fans."`
	Keys      string       `default:"keys.json" placeholder:"FILE" help:"Keyring: secrets, and public halves of pass and barcode keys (frontrow keys split)."`
	Region    string       `default:"${home}" placeholder:"REGION" help:"Region whose queues this gateway fills."`
	Domain    string       `placeholder:"DOMAIN" help:"JetStream domain of the home region's servers; required in other regions."`
	PublicURL string       `name:"public-url" placeholder:"URL" help:"Where fans reach the shop, such as https://tickets.example.com. Links use it, and requests for other hosts are refused; with https, cookies are sent over HTTPS only. Without it, each request or a trusted proxy says where the shop is."`
	CardKey   string       `name:"stripe-publishable-key" placeholder:"KEY" help:"Stripe's publishable key (pk_…): fans give their cards on a page of the shop. Of test mode, or live with --live."`
	Origin    []string     `placeholder:"ORIGIN" help:"Another origin that may act for a fan (may be repeated)."`
	Defence   defenceFlags `embed:"" group:"Defences:"`
	Edge      edgeFlags    `embed:"" group:"Network:"`
}

func (g *gatewayCmd) Run(ctx context.Context, c terminal) error {
	if g.CardKey != "" {
		if err := stripe.CheckPublishableKey(g.CardKey, g.Live); err != nil {
			return fmt.Errorf("--stripe-publishable-key: %w", err)
		}
	}
	return c.serve(ctx, g.serviceFlags, func(p *process) error {
		if g.PublicURL == "" {
			p.log("gateway").Warn("no --public-url: cookies and links are of the address that each request says")
		}
		_, err := g.start(p)
		return err
	})
}

// start adds the gateway to a process.
func (g *gatewayCmd) start(p *process) (*gateway.Gateway, error) {
	keys, err := p.keyring(wire.Gateway, g.Keys)
	if err != nil {
		return nil, err
	}
	nc, err := p.connect(wire.Gateway)
	if err != nil {
		return nil, err
	}
	defences := g.Defence.config()
	cert, err := g.Edge.load(&defences)
	if err != nil {
		return nil, err
	}
	w, err := gateway.New(gateway.Config{Addr: g.HTTP, Region: g.Region, HomeDomain: g.Domain, NATS: nc, Keys: keys, Pages: web.FS, PublicURL: strings.TrimSuffix(g.PublicURL, "/"),
		Certificate: cert, Defences: defences, CardKey: g.CardKey, AllowedOrigins: g.Origin, Version: version(), Logger: p.log("gateway"), Registerer: p.registry})
	if err != nil {
		return nil, err
	}
	p.add("gateway", w.Run)
	p.checks = append(p.checks, ops.Check{Name: "gateway", Probe: w.Ready})
	return w, nil
}
