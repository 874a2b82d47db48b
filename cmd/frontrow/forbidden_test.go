package main

import (
	"encoding/json"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// What nobody but an operator may do to any stream.
var destructive = []string{
	"$JS.API.STREAM.DELETE.KV_SEATS_show", "$JS.API.STREAM.PURGE.KV_SEATS_show", "$JS.API.STREAM.MSG.DELETE.KV_SEATS_show",
	"$JS.API.STREAM.SNAPSHOT.KV_SEATS_show", "$JS.API.STREAM.RESTORE.KV_SEATS_show", "$JS.API.STREAM.LEADER.STEPDOWN.KV_SEATS_show",
	"$JS.API.STREAM.PEER.REMOVE.KV_SEATS_show", "$JS.home.API.STREAM.DELETE.KV_SEATS_show", "$JS.home.API.STREAM.PURGE.KV_SEATS_show", "$JS.west.API.STREAM.DELETE.KV_QUEUE_show_general",
	"$JS.API.STREAM.NAMES", "$JS.API.CONSUMER.DELETE.ORDERS.checkout", "$JS.API.CONSUMER.CREATE.ORDERS.x.order.>",
	"$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.checkout", "$JS.API.CONSUMER.PAUSE.ORDERS.checkout",
	"log.show.seats", "frontrow.inventory.refund.show", "frontrow.admission.pause.show", "frontrow.event.close", "_INBOX_operator.x",
}

// forbidden is what each role may not send, beside what is destructive.
var forbidden = map[string][]string{
	wire.Gateway: {
		// It sells nothing that is not paid for, and takes nothing from anybody.
		"seats.show.confirm", "seats.show.extend", "seats.show.give-back", "seats.show.refund", "seats.show.block", "seats.show.clear", "seats.show.standing", "seats.show.orders",
		"passes.show.meter", "passes.show.revoke",
		// It forges neither log nor record.
		"log.show.operator", "log.show.admission", "log.show.poison", "$KV.SEATS_show.seat.101-A-1", "$KV.SEATS_show.log.1", "$KV.SEATS_show.writer",
		"$KV.PASSES_show.pass.f_x", "$KV.PASSES_show.claim.x", "$KV.PASSES_show.admitter", "$KV.PASSES_show.fence", "$KV.PASSES_show.all", "$KV.PASSES_show.draw",
		"$KV.EVENTS.show", "$KV.BOARD.show", "$KV.STOCK.show", "$KV.PRICES.show.all", "$KV.PRICES.fan.all", "$KV.LEASES.writer.show",
		"$KV.REVOKED.show.x", "$KV.CHECKOUTS.order.x", "$O.PLANS.M.x",
		// It makes no stream, works no order off, and says nothing in another's name.
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE.KV_SEATS_show", "$JS.API.CONSUMER.MSG.NEXT.ORDERS.checkout", "$JS.ACK.ORDERS.checkout.1.1.1.1.1",
		"$JS.API.CONSUMER.CREATE.KV_PASSES_show.x.$KV.PASSES_show.pass.>", "$JS.API.CONSUMER.CREATE.KV_SEATS_show.x",
		"notify.show.f_x", "_INBOX_gateway.x", "_INBOX_admission.x", "_INBOX_inventory.x",
	},
	wire.Admission: {
		"seats.show.confirm", "seats.show.hold", "seats.show.release", "seats.show.refund", "seats.show.fans", "seats.show.orders", "passes.show.redeem", "ledger.ticket", "order.show.h_x", "notify.show.f_x",
		"$KV.SEATS_show.seat.101-A-1", "$KV.SEATS_show.log.1", "$KV.SEATS_show.writer", "$KV.STOCK.show", "$KV.PRICES.show.all", "$KV.LEASES.writer.show",
		"$KV.QUEUE_show_general.fan.f_x", "$KV.CHECKOUTS.order.x", "$O.PLANS.M.x", "log.show.risk",
		"$JS.API.STREAM.UPDATE.ORDERS", "$JS.API.CONSUMER.MSG.NEXT.ORDERS.checkout", "$JS.ACK.ORDERS.checkout.1.1.1.1.1", "_INBOX_inventory.x",
	},
	wire.Inventory: {
		"passes.show.meter", "passes.show.redeem", "passes.show.revoke", "order.show.h_x", "log.show.admission", "log.show.risk",
		"$KV.PASSES_show.pass.f_x", "$KV.PASSES_show.admitter", "$KV.PASSES_show.all", "$KV.QUEUE_show_general.fan.f_x", "$KV.EVENTS.show", "$KV.EVENTS.writer",
		"$KV.BOARD.show", "$KV.PRICES.show.all", "$KV.REVOKED.show.x", "$KV.LEASES.admitter.show", "$O.PLANS.M.x",
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE.KV_SEATS_show", "gateway.home.limits",
	},
	wire.Pricing: {
		"seats.show.hold", "seats.show.confirm", "seats.show.fans", "seats.show.orders", "passes.show.meter", "ledger.ticket", "order.show.h_x", "notify.show.f_x", "log.show.operator",
		"$KV.SEATS_show.seat.101-A-1", "$KV.PASSES_show.pass.f_x", "$KV.QUEUE_show_general.fan.f_x", "$KV.EVENTS.show", "$KV.BOARD.show", "$KV.STOCK.show",
		"$KV.LEASES.writer.show", "$JS.API.STREAM.CREATE.X", "$JS.API.CONSUMER.MSG.NEXT.ORDERS.checkout", "_INBOX_gateway.x", "gateway.home.limits",
	},
}

// secrets is what each role may not hear.
var secrets = map[string][]string{
	wire.Gateway:   {"seats.*.*", "passes.*.*", "ledger.*", "order.>", "log.>", "$KV.>", "frontrow.admission.>", "frontrow.>", ">"},
	wire.Admission: {"seats.*.*", "ledger.*", "order.>", "log.>", "$KV.>", "notify.*.*", "gateway.*.limits", "frontrow.inventory.>", ">"},
	wire.Inventory: {"passes.*.*", "order.>", "log.>", "$KV.>", "notify.*.*", "gateway.*.limits", "frontrow.admission.>", ">"},
	wire.Pricing:   {"seats.*.*", "passes.*.*", "ledger.*", "order.>", "log.>", "$KV.>", "notify.*.*", "frontrow.inventory.>", ">"},
}

// What a role's work doesn't need is refused: whoever has its password has no more.
func forbiddenActs(t *testing.T, shipped *natstest.Shipped) {
	for _, role := range serviceRoles {
		for _, subject := range append(append([]string(nil), destructive...), forbidden[role]...) {
			if !refusedTo(t, shipped, role, func(nc *nats.Conn) error { return nc.Publish(subject, nil) }) {
				t.Errorf("%s may publish to %s", role, subject)
			}
		}
		for _, subject := range secrets[role] {
			if !refusedTo(t, shipped, role, func(nc *nats.Conn) error {
				_, err := nc.SubscribeSync(subject)
				return err
			}) {
				t.Errorf("%s may listen on %s", role, subject)
			}
		}
	}
	if nc, err := nats.Connect(shipped.URL(natstest.Home, "leaf")); err == nil {
		nc.Close()
		t.Error("a client connects as a leaf")
	}
}

// A command that a gateway has the servers send, since it may not send it, is not
// obeyed: it stores the command as if it were a place, and asks for that record with
// the writer's subject as where to answer.
func borrowedVoice(t *testing.T, shipped *natstest.Shipped) {
	operator, err := nats.Connect(shipped.URL(natstest.Home, "operator"))
	must(t, err)
	defer operator.Close()
	status := func() (s wire.Stock) {
		m, err := operator.Request("frontrow.inventory.status.show", nil, patience)
		must(t, err)
		must(t, json.Unmarshal(m.Data, &s))
		return s
	}
	overheard, err := operator.SubscribeSync(wire.SeatsSubject("show", wire.ActBlock))
	must(t, err)
	must(t, operator.Flush())

	command := []byte(`{"levels":["all"],"why":"stolen","by":"a gateway"}`)
	place := wire.KVSubject(wire.QueueBucket("show", wire.LaneGeneral), wire.PlaceKey(wire.NewFan()))
	gateway, err := nats.Connect(shipped.URL(natstest.Home, wire.Gateway), nats.CustomInboxPrefix(wire.Inbox(wire.Gateway)))
	must(t, err)
	defer gateway.Close()
	_, err = gateway.Request(place, command, patience)
	must(t, err)
	read := "$JS.API.DIRECT.GET." + wire.KVStream(wire.QueueBucket("show", wire.LaneGeneral)) + "." + place
	must(t, gateway.PublishRequest(read, wire.SeatsSubject("show", wire.ActBlock), nil))
	m, err := overheard.NextMsg(patience) // so it does reach the writer
	must(t, err)
	if string(m.Data) != string(command) || wire.Asked(m.Reply) {
		t.Fatalf("heard %q with reply %q", m.Data, m.Reply)
	}
	if s := status(); s.All.Blocked != 0 {
		t.Errorf("the writer obeyed: %+v", s.All)
	}
	var reply wire.BlockReply // asked for as it should be, it is a command
	m, err = operator.Request(wire.SeatsSubject("show", wire.ActBlock), command, patience)
	must(t, err)
	if err := json.Unmarshal(m.Data, &reply); err != nil || reply.Changed == 0 {
		t.Errorf("the command is none: %s", m.Data)
	}
	_, err = operator.Request("frontrow.inventory.unblock.show", []byte(`{"levels":["all"],"why":"it was a test","by":"ann"}`), patience)
	must(t, err)
}
