package wire

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"sync"
)

// Mint makes ids of fans, sessions and devices. They are as random as those of NewFan and
// NewSession, but the system is asked for randomness once for many of them: a gateway names
// thousands of fans a second. The zero Mint is ready, and safe for concurrent use.
type Mint struct {
	mu   sync.Mutex
	room [2048]byte
	left int // at the end of room, not used yet
}

// random fills id. What was given out is erased here.
func (m *Mint) random(id []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left < len(id) {
		rand.Read(m.room[:]) // never fails since Go 1.24
		m.left = len(m.room)
	}
	from := m.room[len(m.room)-m.left:][:len(id)]
	copy(id, from)
	clear(from)
	m.left -= len(id)
}

// Fan is NewFan.
func (m *Mint) Fan() string {
	var id [16]byte
	m.random(id[:])
	var text [len(fanPrefix) + idLength]byte
	return string(base64.RawURLEncoding.AppendEncode(append(text[:0], fanPrefix...), id[:]))
}

// Session is NewSession.
func (m *Mint) Session() string { return m.text(10) }

// Device returns the id of a device never seen before.
func (m *Mint) Device() string { return m.text(16) }

// text is n random bytes as rand.Text writes them.
func (m *Mint) text(n int) string {
	var id [16]byte
	m.random(id[:n])
	var text [26]byte
	return string(base32.StdEncoding.WithPadding(base32.NoPadding).AppendEncode(text[:0], id[:n]))
}
