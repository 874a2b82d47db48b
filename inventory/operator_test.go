package inventory

import (
	"encoding/json"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

func TestOperatorEndpoints(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", h.Ledger)
	ask[wire.Stock](h, wire.ActStatus, nil)
	call := func(act, event, payload string) (*nats.Msg, string) {
		t.Helper()
		m, err := h.NC.Request(wire.OperatorSubject("inventory", act, event), []byte(payload), inventorytest.Patience)
		must(t, err)
		return m, m.Header.Get("Nats-Service-Error-Code")
	}
	if _, code := call("block", "demo", `{"seats":["A-1"],"why":"sound desk","by":"ann"}`); code != "" {
		t.Error(code)
	}
	if r := h.Record("A-1"); r.State != wire.Blocked || r.Why != "sound desk" {
		t.Errorf("%+v", r)
	}
	if m, code := call("status", "demo", ""); code != "" || !strings.Contains(string(m.Data), `"blocked":1`) {
		t.Errorf("%s %s", code, m.Data)
	}
	if _, code := call("unblock", "demo", `{"seats":["A-1"]}`); code != "" || h.Record("A-1").State != wire.Available {
		t.Error(code)
	}
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-2"}})
	if _, code := call("release", "demo", `{"hold":"`+hold.Hold+`","why":"left"}`); code != "" || h.Record("A-2").State != wire.Available {
		t.Error(code)
	}
	bot := wire.NewFan()
	ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(bot), Seats: []string{"A-3"}})
	if _, code := call("release", "demo", `{"fan":"`+bot+`","why":"bot"}`); code != "" || h.Record("A-3").State != wire.Available {
		t.Error(code)
	}
	if m, code := call("block", "demo", `{"sections":["101"],"channel":"presale","why":"members first","by":"ann"}`); code != "" || string(m.Data) != `{"changed":80,"skipped":0}` {
		t.Errorf("%s %s", code, m.Data)
	}
	if r := h.Record("D-20"); r.State != wire.Blocked || r.Channel != "presale" || r.Why != "members first" {
		t.Errorf("%+v", r)
	}
	if m, code := call("unblock", "demo", `{"channel":"presale"}`); code != "" || string(m.Data) != `{"changed":80,"skipped":0}` || h.Record("D-20").State != wire.Available {
		t.Errorf("%s %s", code, m.Data)
	}
	for _, bad := range [][3]string{
		{"unblock", "demo", "{}"}, {"block", "demo", `{"sections":["moon"]}`},
		{"block", "demo", "{"}, {"block", "demo", "{}"}, {"block", "demo", `{"seats":["Z-9"]}`},
		{"release", "demo", `{"hold":"x"}`}, {"release", "demo", `{"fan":"x"}`}, {"release", "demo", `{"hold":"` + hold.Hold + `","fan":"` + bot + `"}`}, {"status", "nothing", ""}, {"block", "demo", ""},
	} {
		if _, code := call(bad[0], bad[1], bad[2]); code == "" {
			t.Errorf("%v was accepted", bad)
		}
	}
}

// More places than one flush takes: the operator sends one request, the writer
// gets as many commands as it needs.
func TestOperatorBlocksALevel(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 2500), nil)
	h.worker("one", h.Ledger)
	ask[wire.Stock](h, wire.ActStatus, nil)
	h.operate("block", `{"levels":["c"],"channel":"sponsor"}`, 2500, wire.Count{Free: 80, Blocked: 2500})
	h.operate("unblock", `{"channel":"sponsor"}`, 2500, wire.Count{Free: 2580})
}

// operate calls an operator endpoint and compares what it changed.
func (h *fixture) operate(act, payload string, changed int, want wire.Count) {
	h.T.Helper()
	m, err := h.NC.Request(wire.OperatorSubject("inventory", act, "demo"), []byte(payload), inventorytest.Patience)
	must(h.T, err)
	var r wire.BlockReply
	must(h.T, json.Unmarshal(m.Data, &r))
	if stock := ask[wire.Stock](h, wire.ActStatus, nil); r.Changed != changed || stock.All != want {
		h.T.Errorf("%s changed %+v, now %+v; want %d, %+v", act, r, stock.All, changed, want)
	}
}
