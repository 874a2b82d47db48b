package visitor

import (
	"errors"
	"maps"
	"sync"
	"time"

	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// Revocations is REVOKED as this gateway has seen it. It is checked for each pass, even one
// verified before. Until it has been read no pass is good.
type Revocations struct {
	now func() time.Time

	mu      sync.RWMutex
	current bool
	all     map[string]wire.Revocation // by event: passes issued before At
	passes  map[string]revocation      // by key
	devices map[string]time.Time       // by event and device: when a pass there was revoked
	swept   int                        // passes left by the last sweep
}

type revocation struct {
	wire.Revocation
	stored time.Time
}

// minSweep is how many passes are kept without a sweep.
const minSweep = 1024

func newRevocations(now func() time.Time) *Revocations {
	return &Revocations{now: now, all: map[string]wire.Revocation{}, passes: map[string]revocation{}, devices: map[string]time.Time{}}
}

// Note takes a record of REVOKED.
func (r *Revocations) Note(e kv.Entry) error {
	event, id, ok := wire.SplitRevokedKey(e.Key)
	if !ok {
		return errors.New("the key is not event.pass")
	}
	v, err := wire.Read[wire.Revocation](id, e.Value)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		// A record under a pass's id, even a spoiled one, means that the pass was revoked.
		// One for all passes doesn't say since when if it is spoiled, so what was known
		// stands.
		if _, known := r.passes[e.Key]; id != wire.RevokedAll && !known {
			r.passes[e.Key] = revocation{wire.Revocation{At: e.Created}, e.Created}
		}
		return err
	}
	if id == wire.RevokedAll {
		r.all[event] = v
		return nil
	}
	r.passes[e.Key] = revocation{v, e.Created}
	if v.Device != "" && !v.Moved {
		r.devices[event+" "+v.Device] = e.Created
	}
	r.sweep()
	return nil
}

// sweep forgets expired passes each time the number kept has doubled. The server drops
// their records without notice.
func (r *Revocations) sweep() {
	if len(r.passes) < 2*max(r.swept, minSweep) {
		return
	}
	died := func(stored time.Time) bool { return r.now().Sub(stored) > wire.MaxPassLife }
	maps.DeleteFunc(r.passes, func(_ string, v revocation) bool { return died(v.stored) })
	maps.DeleteFunc(r.devices, func(_ string, stored time.Time) bool { return died(stored) })
	r.swept = len(r.passes)
}

// Arrived marks that all stored records have been noted.
func (r *Revocations) Arrived() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = true
}

// Device returns why a device may not join an event under any name, nil if it may. A
// visitor who throws their cookies away must give a proof like any newcomer.
func (r *Revocations) Device(event, device string) *wire.Problem {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, revoked := r.devices[event+" "+device]; revoked && device != "" {
		return wire.Refuse(wire.CodeRevoked, "The organiser has withdrawn this device's pass for this event. Contact them if you think that is a mistake.")
	}
	return nil
}

// Of returns why a pass is no longer good, nil if it is.
func (r *Revocations) Of(event string, p *keyring.Pass) *wire.Problem {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.current {
		return wire.Busy("Passes can't be checked yet. Please try again in a moment.")
	}
	v, ended := r.passes[wire.RevokedKey(event, p.ID)]
	switch {
	case ended && v.Moved:
		return otherDevice()
	case ended, p.IssuedAt.Before(r.all[event].At):
		return wire.Refuse(wire.CodeRevoked, "The organiser has withdrawn your pass. Seats you held go back on sale.")
	}
	return nil
}
