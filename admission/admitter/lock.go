package admitter

import "hash/crc32"

// lock is a mutex that may be held across I/O. In a testing/synctest bubble, waiting for a
// sync.Mutex doesn't count as durably blocked, so time would stand still there.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) Lock()   { l <- struct{}{} }
func (l lock) Unlock() { <-l }

// changing returns the lock for changing the record of a fan's pass once it is stored. Some
// fans share one.
func (a *Admitter) changing(fan string) lock {
	return a.changes[crc32.ChecksumIEEE([]byte(fan))%uint32(len(a.changes))]
}
