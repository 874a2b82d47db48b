package wire

import (
	"strings"
	"sync"
	"testing"
)

// Many at once are all different, and of the form of those that are made one by one.
func TestMint(t *testing.T) {
	t.Parallel()
	var m Mint
	var mu sync.Mutex
	seen := map[string]bool{}
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				fan, session, device := m.Fan(), m.Session(), m.Device()
				if !IsFan(fan) || len(session) != len(NewSession()) || len(device) != 26 || strings.Trim(session+device, base32) != "" {
					t.Errorf("%q %q %q", fan, session, device)
				}
				mu.Lock()
				for _, id := range []string{fan, session, device} {
					if seen[id] {
						t.Errorf("%q twice", id)
					}
					seen[id] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// What was given out is nowhere in the Mint.
func TestMintForgets(t *testing.T) {
	t.Parallel()
	var m Mint
	m.Fan()
	if used := m.room[:len(m.room)-m.left]; strings.Trim(string(used), "\x00") != "" {
		t.Fatalf("%x is still there", used)
	}
}
