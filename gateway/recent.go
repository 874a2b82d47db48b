package gateway

import "sync"

// recent remembers facts that never change, for as long as there is room: two
// generations of at most size each. When the younger is full the older is
// forgotten, so what was put last stays at least size puts.
type recent[K comparable, V any] struct {
	size int

	mu             sync.Mutex
	younger, older map[K]V
}

func newRecent[K comparable, V any](size int) *recent[K, V] {
	return &recent[K, V]{size: size, younger: map[K]V{}}
}

func (r *recent[K, V]) get(k K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.younger[k]; ok {
		return v, true
	}
	v, ok := r.older[k]
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.younger) >= r.size {
		r.older, r.younger = r.younger, map[K]V{}
	}
	r.younger[k] = v
}
