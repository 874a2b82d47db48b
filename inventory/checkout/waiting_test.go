package checkout

import (
	"testing"
	"time"

	"frontrow/wire"
)

// What a fan reads while payments are paused is true when and wherever they read it.
func TestWhatAFanWaitsFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 6, 19, 18, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]string{
		4*time.Minute + 59*time.Second: reasonPaused + " Your seats are kept for at least 4 minutes more.",
		2 * time.Minute:                reasonPaused + " Your seats are kept for at least 2 minutes more.",
		119 * time.Second:              reasonPaused + " Your seats are kept meanwhile.",
	} {
		if got := told(wire.Waiting{Reason: reasonPaused, Until: now.Add(left)}, now); got != want {
			t.Errorf("%v before they end: %q, want %q", left, got, want)
		}
	}
	if got := told(wire.Waiting{Reason: reasonConfirm, Until: now.Add(time.Hour)}, now); got != reasonConfirm {
		t.Errorf("to be confirmed: %q", got)
	}
}
