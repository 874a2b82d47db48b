package main

import (
	"context"
	"os/signal"
	"syscall"

	"frontrow/pricing"
	"frontrow/wire"
)

type pricingCmd struct {
	serviceFlags
}

func (r *pricingCmd) Run(ctx context.Context, c terminal) error {
	signal.Ignore(syscall.SIGHUP) // sent to all services alike: this one has no keys
	return c.serve(ctx, r.serviceFlags, r.start)
}

// start adds pricing to a process.
func (*pricingCmd) start(p *process) error {
	nc, err := p.connect(wire.Pricing)
	if err != nil {
		return err
	}
	s, err := pricing.New(pricing.Config{NATS: nc, Name: p.name, Version: version(), Logger: p.log("pricing"), Registerer: p.registry})
	if err != nil {
		return err
	}
	p.add("pricing", s.Run)
	return nil
}
