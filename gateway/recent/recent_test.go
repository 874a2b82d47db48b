package recent

import "testing"

// TestBounded: the last are remembered, and never more than twice as many.
func TestBounded(t *testing.T) {
	t.Parallel()
	r := New[int, int](10)
	for i := range 100 {
		r.Put(i, i)
		if n := len(r.younger) + len(r.older); n > 20 {
			t.Fatalf("%d are remembered", n)
		}
		for k := max(0, i-9); k <= i; k++ {
			if v, ok := r.Get(k); !ok || v != k {
				t.Fatalf("%d is forgotten after %d", k, i)
			}
		}
	}
	if _, ok := r.Get(0); ok {
		t.Error("0 is still remembered")
	}
}
