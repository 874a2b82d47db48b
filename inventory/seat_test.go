package inventory

import (
	"encoding/json"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// What a seat is, and was: by its writer and the log, whatever its record says.
func TestSeatAndItsActs(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	h.worker("one", h.Ledger)
	first := h.Hold("A-1", "A-2")
	if r := inventorytest.Ask[wire.StandingReply](h.Fixture, wire.ActRelease, wire.ReleaseRequest{Hold: first.Hold, Fan: first.Fan}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	second := h.Hold("A-1")
	ask := func(act, request string, reply any) (refused string) {
		t.Helper()
		m, err := h.NC.RequestWithContext(h.Context(), wire.OperatorSubject("inventory", act, "demo"), []byte(request))
		inventorytest.Must(t, err)
		inventorytest.Must(t, json.Unmarshal(m.Data, reply))
		return m.Header.Get("Nats-Service-Error-Code")
	}
	var reply wire.SeatReply
	ask("seat", `{"seat":"A-1"}`, &reply)
	if reply.Problem != nil || reply.Seat.Hold != second.Hold || reply.Seat.Flush == 0 || reply.Seat.Revision == 0 || len(reply.Acts) != 3 {
		t.Fatalf("%+v", reply)
	}
	for i, kind := range []string{wire.ActKindHold, wire.ActKindRelease, wire.ActKindHold} {
		if a := reply.Acts[i]; a.Kind != kind || a.Flush == 0 || a.Writer != "one" {
			t.Errorf("act %d before: %+v", i, a)
		}
	}
	if ask("seat", `{"seat":"Z-1"}`, &reply) == "" {
		t.Errorf("%+v", reply)
	}

	bucket := kv.Open(h.JS, wire.SeatsBucket("demo"))
	before, err := bucket.Get(h.Context(), wire.LogPrefix+"2")
	inventorytest.Must(t, err)
	_, err = bucket.Update(h.Context(), before.Key, []byte("junk"), before.Revision)
	inventorytest.Must(t, err)
	var done wire.Reply
	if refused := ask("restore-log", `{"n":2,"why":"junk"}`, &done); refused != "" {
		t.Fatal(refused)
	}
	after, err := bucket.Get(h.Context(), wire.LogPrefix+"2")
	inventorytest.Must(t, err)
	if string(after.Value) != string(before.Value) {
		t.Errorf("log.2 is %s", after.Value)
	}
	for _, bad := range []string{`{"n":2}`, `{"n":0}`, `{"n":99}`} {
		if ask("restore-log", bad, &done) == "" {
			t.Errorf("%s is done", bad)
		}
	}
}
