package recent

import "sync"

// Memory remembers facts for as long as there is room: two generations of at most
// size each. When the younger is full the older is forgotten, so what was put last
// stays at least size puts. It may be used by many goroutines.
type Memory[K comparable, V any] struct {
	size int

	mu             sync.Mutex
	younger, older map[K]V
}

// New is a memory of at least the last size facts, and at most twice as many.
func New[K comparable, V any](size int) *Memory[K, V] {
	return &Memory[K, V]{size: size, younger: map[K]V{}}
}

// Get is the fact about k, if it is remembered.
func (r *Memory[K, V]) Get(k K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.younger[k]; ok {
		return v, true
	}
	v, ok := r.older[k]
	return v, ok
}

// Put remembers that v is the fact about k.
func (r *Memory[K, V]) Put(k K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.younger) >= r.size {
		r.older, r.younger = r.younger, map[K]V{}
	}
	r.younger[k] = v
}
