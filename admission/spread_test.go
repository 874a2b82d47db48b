package admission

import (
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// What a tick has decided is let out step by step, never more, and not at all once an
// operator has paused; each slice is stored, so another admitter goes on from it.
func TestCallsAreSpreadOverTheTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) {
		e.Spec.Admission.Ceiling, e.Spec.Admission.Tick = 200, wire.Duration(10*time.Second)
	}))
	w.stock(1000, 0, 0)
	w.join(300)
	stepwise := func(s *Service) { s.term.Slice = time.Second }
	one := w.start("one", stepwise)
	for slice := uint64(1); slice <= 4; slice++ {
		b := w.board("a slice", head(20*slice))
		if headOf(b) != 20*slice {
			t.Fatalf("slice %d: head %d", slice, headOf(b))
		}
		if p := w.fans[20*slice]; slice < 4 {
			w.verify(w.redeem(w.fans[20*slice-1]), w.fans[20*slice-1])
			w.refused(w.redeem(p), wire.CodeWait)
			w.clock.pass(time.Second)
		}
	}
	w.meter("pause", "")
	w.board("paused", state(wire.SalePaused))
	w.clock.pass(5 * time.Second)
	w.meter("resume", "")
	b := w.board("going on", state(wire.SaleOpen))
	w.stock(999, 1, 0)
	if b = w.board("some beats later", func(n wire.Board) bool { return n.Seq > b.Seq }); headOf(b) != 80 {
		t.Errorf("after the pause the head is %d", headOf(b))
	}
	w.start("two", stepwise)
	one.crash()
	if b = w.board("the next admitter's first slice", head(81)); headOf(b) != 80+12 { // of the 120 that there is room for
		t.Errorf("head %d", headOf(b))
	}
	w.callsAreGapless(headOf(b))
}
