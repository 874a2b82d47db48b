package admitter

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/admission/sale"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// secretBytes is the length of a draw's secret.
const secretBytes = 32

// secret returns the draw's secret. It is made once, before anybody can join: the first
// board shows its commitment, and gateways let nobody join before they have seen that.
func (a *Admitter) secret(ctx context.Context) ([]byte, error) {
	if a.turn.drawSecret != nil {
		return a.turn.drawSecret, nil
	}
	for {
		e, err := a.bucket.Get(ctx, wire.DrawKey)
		if err == nil {
			rec, err := records.Last[wire.DrawRecord](ctx, a.cfg.Spoiled, &a.bucket.Stream, e)
			if err != nil || len(rec.Secret) != secretBytes {
				return nil, fmt.Errorf("record %s is not a draw's: %w", wire.DrawKey, err)
			}
			a.turn.drawSecret = rec.Secret
			return rec.Secret, nil
		}
		if !errors.Is(err, kv.ErrNotFound) {
			return nil, err
		}
		rec := wire.DrawRecord{Secret: make([]byte, secretBytes), At: a.cfg.Now().UTC()}
		rand.Read(rec.Secret)
		value, err := json.Marshal(rec)
		if err != nil {
			return nil, err
		}
		_, err = a.writes.Do(ctx, kv.Write{Key: wire.DrawKey, Value: value, Expect: kv.Absent()})
		if err != nil && !errors.Is(err, kv.ErrConflict) {
			return nil, err
		}
		failpoint.Here(failpoint.DrawStored)
	}
}

// drawn returns the state with the draw held, if it is due. From then on the lines of
// places called by rank are skipped, whether or not the state gets stored now: the same
// draw would be found again.
func (a *Admitter) drawn(ctx context.Context, s sale.Snapshot) (wire.Admitter, error) {
	a.shared.Lock()
	next := a.shared.state
	a.shared.Unlock()
	if !s.Event.Spec.Admission.Lottery {
		return next, nil
	}
	secret, err := a.secret(ctx)
	if err != nil || !a.drawDue(s) {
		return next, err
	}
	if next.Drawn, err = a.queues.Entrants(ctx, s.Event.Spec.OpensAt, time.Duration(s.Event.Spec.Admission.RegionWait), s.Now); err != nil {
		return next, err
	}
	a.shared.Lock()
	defer a.shared.Unlock()
	for lane, d := range draws(a.event, secret, next.Drawn) {
		a.shared.table.Draw(lane, d)
	}
	return next, nil
}

// drawDue reports whether the draw is to be held now.
func (a *Admitter) drawDue(s sale.Snapshot) bool {
	spec := s.Event.Spec
	return spec.Admission.Lottery && len(a.shared.state.Drawn) == 0 && !s.Now.Before(spec.OpensAt)
}

// draws returns the draws held, by lane.
func draws(event string, secret []byte, drawn []wire.Drawn) map[string]wire.Draw {
	held := map[string]wire.Draw{}
	for _, d := range drawn {
		if _, ok := held[d.Lane]; !ok {
			held[d.Lane] = wire.Draw{Secret: secret, Event: event, Lane: d.Lane, Entrants: map[string]uint64{}}
		}
		held[d.Lane].Entrants[d.Region] = d.Places
	}
	return held
}

// proof returns what the board shows of the draw.
func proof(event string, secret []byte, held bool) *wire.DrawBoard {
	d := &wire.DrawBoard{Commitment: wire.Commit(event, secret)}
	if held {
		d.Secret = base64.RawURLEncoding.EncodeToString(secret)
	}
	return d
}
