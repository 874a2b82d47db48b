package main

import (
	"context"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/ops"
	"frontrow/inventory"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

type inventoryCmd struct {
	serviceFlags
	postgresFlags
	paymentFlags
	Keys        string     `default:"keys.json" placeholder:"FILE" help:"Keyring: barcode keys (frontrow keys split)."`
	Replica     string     `placeholder:"DSN" help:"A read replica of PostgreSQL, for order history."`
	ReplicaFile secretFile `placeholder:"FILE" help:"File with the value of --replica, which keeps it out of process lists."`
}

func (i *inventoryCmd) Run(ctx context.Context, c terminal) error {
	if err := i.needsPostgres(); err != nil {
		return err
	}
	till, err := i.till(ctx)
	if err != nil {
		return err
	}
	return c.serve(ctx, i.serviceFlags, func(p *process) error { return i.start(ctx, p, till) })
}

// start adds the writer, the checkout and the ledger, which share PostgreSQL; money
// goes through till.
func (i *inventoryCmd) start(ctx context.Context, p *process, till till) error {
	keys, err := p.keyring(wire.Inventory, i.Keys)
	if err != nil {
		return err
	}
	nc, err := p.connect(wire.Inventory)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: i.Postgres, ReplicaDSN: i.Replica, Logger: p.log("ledger"), Registerer: p.registry})
	if err != nil {
		return err
	}
	p.closes = append(p.closes, l.Close)
	s, err := inventory.New(inventory.Config{NATS: nc, Ledger: l, Name: p.name, Version: version(), Logger: p.log("inventory"), Registerer: p.registry})
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	provider, err := till.provider(l)
	if err != nil {
		return err
	}
	c, err := checkout.New(checkout.Config{Bus: asking.New(bus.New(nc), wire.TogetherOrders), Store: kv.JetStream(js), Orders: checkout.OrdersIn(js), Ledger: l, Outbox: l, Parking: l,
		Provider: provider, ProviderName: till.name, WebhookAddr: i.Webhooks, Webhooks: till.webhooks, Logger: p.log("checkout"), Registerer: p.registry})
	if err != nil {
		return err
	}
	if p.sandbox != nil {
		p.sandbox.SendTo(c.WebhookURL())
	}
	reads := checkout.Reads{NATS: nc, Store: kv.JetStream(js), Records: l, Signer: keys, Logger: p.log("checkout")}
	p.add("reads", reads.Run)
	p.add("ledger", l.Run)
	p.add("inventory", s.Run)
	p.add("checkout", c.Run)
	p.checks = append(p.checks, ops.Check{Name: "inventory", Probe: s.Ready}, ops.Check{Name: "postgres", Probe: l.Ping})
	return nil
}
