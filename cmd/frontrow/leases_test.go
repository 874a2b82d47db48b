package main

import (
	"sync"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// LEASES is deleted while fans come in, hold and pay, and made again by frontrow
// migrate; then once more, and those who are at work are killed, so that others
// begin at terms below the guards'. Everybody who came has their tickets, and no seat
// is sold twice.
func TestSaleOutlivesLeases(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		d := deploy(t, env.URL(), env.Replicas)
		start := func(generation string) {
			for _, name := range []string{"admission", "inventory", "pricing"} {
				d.start(name+generation, name)
			}
		}
		start("0")
		at := d.gateway("gateway")
		d.tool("event", "apply", "-f", eventOf(t, "show", "480s"))
		js := env.JetStream(t)
		lose := func() {
			must(t, js.DeleteStream(deadline(t), wire.KVStream(wire.LeasesBucket)))
			d.tool("migrate")
		}
		const fans = 30
		buyTwo(t, at, 0, fans)
		var wg sync.WaitGroup
		wg.Go(func() { buyTwo(t, at, fans, fans) })
		lose()
		wg.Wait()
		buyTwo(t, at, 2*fans, fans)
		wg.Go(func() { buyTwo(t, at, 3*fans, fans) })
		for _, name := range []string{"admission0", "inventory0", "pricing0"} {
			d.kill(name)
		}
		lose()
		start("1")
		wg.Wait()
		buyTwo(t, at, 4*fans, fans)
		d.sold("show", 2*5*fans)
	})
}
