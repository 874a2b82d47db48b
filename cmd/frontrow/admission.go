package main

import (
	"context"
	"strings"

	"frontrow/admission"
	"frontrow/internal/ops"
	"frontrow/wire"
)

type admissionCmd struct {
	serviceFlags
	Keys     string   `default:"keys.json" placeholder:"FILE" help:"Keyring: pass keys (frontrow keys split)."`
	Region   []string `placeholder:"REGION=DOMAIN" help:"Another region whose places are called too, by its NATS domain (may be repeated)."`
	Domain   string   `placeholder:"DOMAIN" help:"JetStream domain of the home region's servers; required with --region."`
	Replicas int      `default:"3" placeholder:"N" help:"Replicas of the streams of new events."`
}

func (a *admissionCmd) Run(ctx context.Context, c terminal) error {
	return c.serve(ctx, a.serviceFlags, a.start)
}

// start adds admission to a process.
func (a *admissionCmd) start(p *process) error {
	keys, err := p.keyring(wire.Admission, a.Keys)
	if err != nil {
		return err
	}
	nc, err := p.connect(wire.Admission)
	if err != nil {
		return err
	}
	regions := []admission.Region{{Name: homeRegion}}
	for _, r := range a.Region {
		name, domain, _ := strings.Cut(r, "=")
		regions = append(regions, admission.Region{Name: name, Domain: domain})
	}
	s, err := admission.New(admission.Config{NATS: nc, Keys: keys, Name: p.name, Regions: regions, Domain: a.Domain, Replicas: a.Replicas, Version: version(),
		Logger: p.log("admission"), Registerer: p.registry})
	if err != nil {
		return err
	}
	p.add("admission", s.Run)
	p.checks = append(p.checks, ops.Check{Name: "admission", Probe: func(context.Context) error { return s.Ready() }})
	return nil
}
