package checkout

import (
	"encoding/json"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/wire"
)

// What a webhook says comes back when it is said again.
func FuzzWebhook(f *testing.F) {
	order := wire.OrderOfHold(wire.NewHold())
	right, err := json.Marshal(payment.Event{ID: "evt_1", Order: order, State: payment.Captured, At: time.Unix(1_900_000_000, 0).UTC()})
	must(f, err)
	if _, ok := readWebhook(right); !ok {
		f.Fatalf("%s is not understood", right)
	}
	for _, s := range []string{string(right), `{"id":"<>","order":"` + order + `","state":"declined","at":"2027-06-19T20:00:00.5+02:00"}`,
		`{"ID":"e","Order":"` + order + `","STATE":"voided","state":"paid"}`, `{"id":"e","order":"` + order + `~2","state":"captured"}`, `null`, `[]`, string(right) + `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := readWebhook(body)
		if !ok {
			return
		}
		raw, err := json.Marshal(e)
		must(t, err)
		if again, ok := readWebhook(raw); !ok || !again.At.Equal(e.At) || again.ID != e.ID || again.Order != e.Order || again.State != e.State {
			t.Fatalf("%s says %+v, and again %+v", body, e, again)
		}
	})
}
