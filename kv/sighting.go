package kv

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxTerm is above every term that leases reach, and exact for JSON readers. A record with
// a later term is spoiled; otherwise no term could follow it.
const maxTerm = 1 << 53

// sighting is what this process knows of a key, and since when by its own clock.
type sighting struct {
	lease    Lease
	revision Revision      // 0: there is no record
	term     uint64        // the next is greater, whatever becomes of the record
	at       time.Time     // zero: there has never been a record
	changed  chan struct{} // closed by the next change
}

// sight notes that key is at e. Its expiry counts from when this process first sees a
// write, so a slow watch makes it wait longer, never shorter.
func (l *Leases) sight(e Entry) sighting {
	var lease Lease
	err := json.Unmarshal(e.Value, &lease)
	if err == nil && lease.Term > maxTerm {
		err = fmt.Errorf("no lease has term %d", lease.Term)
	}
	if err != nil {
		lease = Lease{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.seen[e.Key]
	if old.revision == e.Revision && old.lease.Write == lease.Write {
		return old
	}
	if err != nil {
		l.cfg.Logger.Warn("lease record can't be read: it will be replaced", "key", e.Key, "err", err)
	}
	if l.gone {
		l.gone = false
		l.cfg.Logger.Info("leases can be taken again", "stream", l.cfg.Bucket.Name())
	}
	return l.note(e.Key, sighting{lease: lease, revision: e.Revision})
}

// lose notes that key has no record: the bucket is gone, or recreated. The process that
// held it may go on trusting for one TTL from now; only then is the key free.
func (l *Leases) lose(key string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, jetstream.ErrStreamNotFound) && !l.gone {
		l.gone = true
		l.cfg.Logger.Error("no lease can be taken or renewed: the stream is gone. Run frontrow migrate, or restore it", "stream", l.cfg.Bucket.Name())
	}
	if old := l.seen[key]; old.revision != 0 {
		l.note(key, sighting{lease: Lease{TTL: old.lease.TTL}})
	}
}

// note replaces what was known of key by now. Its caller holds mu.
func (l *Leases) note(key string, now sighting) sighting {
	old, known := l.seen[key]
	now.at, now.changed = l.cfg.Now(), make(chan struct{})
	now.term = max(old.term, now.lease.Term, uint64(now.revision))
	l.seen[key] = now
	if known {
		close(old.changed)
	}
	return now
}

// raise notes a term that this process has: even if the bucket is lost before the watch
// shows it, no term is given out twice.
func (l *Leases) raise(key string, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.seen[key]
	if !ok {
		s.changed = make(chan struct{})
	}
	s.term = max(s.term, term)
	l.seen[key] = s
}

func (l *Leases) look(key string) sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.seen[key]
	if !ok {
		s = sighting{changed: make(chan struct{})}
		l.seen[key] = s
	}
	return s
}

// free returns how long to wait until the key may be taken: not at all if it was never held
// or is released, else until a TTL has passed since it last changed.
func (s sighting) free(now time.Time, ttl time.Duration) time.Duration {
	if s.at.IsZero() || s.lease.Released {
		return 0
	}
	if d, err := time.ParseDuration(s.lease.TTL); err == nil && d > 0 {
		ttl = d
	}
	return max(0, ttl-now.Sub(s.at))
}
