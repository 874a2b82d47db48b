package admission

import (
	"testing"
	"time"

	"frontrow/admission/sale"
	"frontrow/internal/natstest"
	"frontrow/wire"
)

// While nobody could pay nobody is called; a word that is not renewed is not
// believed for long, so that a checkout which dies does not end the sale.
func TestNobodyIsCalledWhilePaymentsAreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	now := w.clock.now()
	down := wire.PaymentHealth{Provider: "sandbox", Open: true, Since: now, Until: now.Add(time.Minute)}
	w.put(wire.CheckoutsBucket, wire.HealthKey("sandbox"), down)
	w.event(demo(nil))
	w.stock(1000, 0, 0)
	w.join(10)
	w.start("a")
	b := w.board("three boards", func(b wire.Board) bool { return b.Seq >= 3 && b.Lanes[wire.LaneGeneral].Waiting == 10 })
	if headOf(b) != 0 || b.Message != sale.MessageDown {
		t.Errorf("called up to %d, the board says %q", headOf(b), b.Message)
	}
	w.clock.pass(2 * time.Minute)
	w.board("calls when the word is old", head(10))

	down.Until = w.clock.now().Add(time.Hour)
	w.put(wire.CheckoutsBucket, wire.HealthKey("sandbox"), down)
	w.put(wire.CheckoutsBucket, wire.HealthKey("sandbox"), wire.PaymentHealth{Provider: "sandbox"})
	w.join(5)
	w.board("calls when payments go on", func(b wire.Board) bool { return headOf(b) >= 15 && b.Message == "" })
}
