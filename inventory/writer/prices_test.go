package writer

import (
	"encoding/json"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// Every writer of an event knows what its prices have been, from the first on, and hears of
// each that is new; whoever was promised what it has not heard of yet is asked to try again.
func TestWritersKeepPromises(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) { s.Pricing.Promise = wire.PromiseJoin })
		js := env.JetStream(t)
		act := func(n, total int64) {
			t.Helper()
			levels := map[string]wire.LevelPrice{}
			for _, l := range h.Event.Spec.Levels {
				levels[l.ID] = wire.LevelPrice{Price: wire.Price{Amounts: wire.NewAmounts(total, 0, 0), Version: n}}
			}
			raw, err := json.Marshal(wire.PriceAct{N: n, Kind: wire.PriceActRules, Levels: levels})
			must(t, err)
			_, err = kv.Publish(t.Context(), js.Conn(), []kv.Msg{{Subject: wire.LogSubject("demo", wire.LogPrices), Data: raw}})
			must(t, err)
		}
		state := func(n int64) int64 { return 2 * n * int64(len(h.Event.Spec.Levels)) }
		hold := func(priced int64) wire.HoldRequest {
			c := inventorytest.Claims(wire.NewFan())
			c.Priced = priced
			return wire.HoldRequest{Hold: wire.NewHold(), Claims: c, Best: &wire.Best{Count: 1}}
		}
		first := h.worker("first", nil)
		if r := ask[wire.HoldReply](h, wire.ActHold, hold(0)); r.Total != 5600 { // what it costs now
			t.Errorf("%+v", r)
		}
		early := hold(state(1))
		raw, err := json.Marshal(early)
		must(t, err)
		m, err := h.NC.Request(wire.SeatsSubject("demo", wire.ActHold), raw, inventorytest.Patience)
		must(t, err)
		var r wire.HoldReply
		must(t, json.Unmarshal(m.Data, &r))
		if r.Problem == nil || r.Problem.Code != wire.CodeUnavailable {
			t.Errorf("before there is a log: %+v", r)
		}
		act(1, 5000)
		_, err = kv.Publish(t.Context(), js.Conn(), []kv.Msg{{Subject: wire.LogSubject("demo", wire.LogPrices), Data: []byte("junk")}})
		must(t, err)
		act(2, 7000)
		for _, writer := range []string{"first", "second"} {
			for priced, want := range map[int64]int64{state(1): 5000, state(1) + 1: 5000, state(2): 5600} {
				if r := ask[wire.HoldReply](h, wire.ActHold, hold(priced)); r.Problem != nil || r.Total != want {
					t.Errorf("the %s writer: promised %d, %+v", writer, priced, r)
				}
			}
			if r := ask[wire.HoldReply](h, wire.ActHold, early); r.Problem != nil || r.Total != 5000 {
				t.Errorf("the %s writer, asked again: %+v", writer, r)
			}
			if writer == "first" {
				first.Crash()
				h.worker("second", nil)
			}
		}
		act(3, 4000)
		if r := ask[wire.HoldReply](h, wire.ActHold, hold(state(3))); r.Problem != nil || r.Total != 4000 {
			t.Errorf("a new act: %+v", r)
		}
	})
}
