package admission

import (
	"errors"
	"testing"

	"frontrow/admission/admitter"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"
)

// loseLeases deletes the bucket and makes it again, as frontrow migrate does.
func (w *world) loseLeases() {
	w.t.Helper()
	must(w.t, w.js.DeleteStream(ctxOf(w.t), wire.KVStream(wire.LeasesBucket)))
	must(w.t, streams.CreateCore(ctxOf(w.t), w.js, w.replicas))
}

// LEASES is lost beside an admitter that goes on, and then before one that is started
// below the fence's term, on a backup of long ago and on nothing: fans are called and
// get their passes, and who was admitter before stores nothing any more.
func TestCallsOutliveLeases(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.event(demo(nil))
		w.stock(1000, 0, 0)
		called := 0
		goesOn := func() {
			t.Helper()
			w.join(10)
			called += 10
			w.board("the next ten called", head(uint64(called)))
			for _, p := range w.fans[called-10:] {
				w.verify(w.redeem(p), p)
			}
		}
		at := w.start("one")
		goesOn()
		w.loseLeases()
		goesOn()
		term := uint64(1 << 20) // as of an installation that is years old
		for _, start := range []string{"two", "three"} {
			at.crash()
			late := admitter.New(w.watching("late").term, "demo", term)
			must(t, late.TakeOver(ctxOf(t)))
			w.loseLeases()
			if start == "two" {
				w.put(wire.LeasesBucket, wire.LeaseKey(wire.RoleAdmitter, "demo"), kv.Lease{Holder: "long ago", Term: 7, TTL: "1s"})
			}
			at = w.start(start)
			goesOn()
			if err := late.Tick(ctxOf(t), true); !errors.Is(err, kv.ErrFenced) {
				t.Errorf("a tick of the one before %s: %v", start, err)
			}
			if err := admitter.New(w.watching("late").term, "demo", term).TakeOver(ctxOf(t)); !errors.Is(err, kv.ErrFenced) {
				t.Errorf("the term before %s again: %v", start, err)
			}
			term += 1 << 20
		}
	})
}
