package admitter

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"frontrow/admission/passes"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// TakeOver fences the previous admitter and reads what it left. The term, which Run serves,
// lasts no longer than ctx.
func (a *Admitter) TakeOver(ctx context.Context) error {
	took, cancel := context.WithTimeout(ctx, takeOverTimeout)
	defer cancel()
	guard, err := kv.Seize(took, &a.bucket.Stream, wire.FenceKey, a.cfg.Name, a.term)
	if err != nil {
		return err
	}
	entries, err := a.records(took, guard)
	if err != nil {
		return err
	}
	if err := a.restore(took, entries); err != nil {
		return err
	}
	a.guard = guard
	a.writes = kv.NewCommitter(kv.CommitterConfig{Stream: &a.bucket.Stream, Guard: guard, MaxQueue: maxRedeems, Registerer: a.cfg.Registerer})
	a.ctx, a.fail = context.WithCancelCause(ctx)
	a.beside.Go(func() { _ = a.writes.Run(a.ctx) })
	return nil
}

// records reads all records of PASSES as of the guard's revision or later: from then on
// nothing of another admitter is stored.
func (a *Admitter) records(ctx context.Context, guard *kv.Guard) ([]kv.Entry, error) {
	for {
		entries, err := a.bucket.All(ctx, ">")
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Key == wire.FenceKey && e.Revision >= guard.Fence().Revision {
				return entries, nil
			}
		}
	}
}

// restore rebuilds the state from the records.
func (a *Admitter) restore(ctx context.Context, entries []kv.Entry) (err error) {
	var given []wire.PassRecord
	var secret []byte
	for _, e := range entries {
		switch {
		case e.Key == wire.DrawKey:
			rec, err := readBack[wire.DrawRecord](ctx, a, e)
			if err != nil {
				return fmt.Errorf("record %s: %w", e.Key, err)
			}
			secret = rec.Secret
		case e.Key == wire.AdmitterKey:
			a.turn.revision = e.Revision
			if a.shared.state, err = records.Last[wire.Admitter](ctx, a.cfg.Spoiled, &a.bucket.Stream, e); err != nil {
				return fmt.Errorf("record %s: %w", e.Key, err)
			}
		case strings.HasPrefix(e.Key, wire.PassPrefix):
			p, err := readBack[wire.PassRecord](ctx, a, e)
			switch fan, turn, ok := wire.SplitPassKey(e.Key); {
			case err == nil:
				given = append(given, p)
			case wire.SpoiledKind(err) == "":
				return fmt.Errorf("record %s: %w", e.Key, err)
			case ok:
				given = append(given, a.unreadable(fan, turn, e.Created))
			}
		}
	}
	if len(a.shared.state.Drawn) > 0 && secret == nil {
		return fmt.Errorf("the draw is held, but record %s is missing", wire.DrawKey)
	}
	a.turn.drawSecret = secret
	a.shared.table = passes.New(a.shared.state.Lines, draws(a.event, secret, a.shared.state.Drawn), given, a.cfg.Now())
	event, _ := a.cfg.View.Event(a.event)
	a.shared.table.SetLimits(event.Spec.Admission)
	a.queues.Resume(a.shared.state.Lives, a.shared.state.Lines, a.cfg.Now())
	a.noteBreaks()
	a.shared.state.Admitter, a.shared.state.Term = a.cfg.Name, a.term
	return nil
}

// catchUp does at the beginning of a term what the previous one may have left undone: it
// publishes again which passes are no longer good, counts them as ended, and stores spoiled
// records again as they were.
func (a *Admitter) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, takeOverTimeout)
	defer cancel()
	entries, err := a.guard.Resolve(ctx, []string{wire.AllKey})
	if err != nil {
		return err
	}
	now, revoked := a.cfg.Now(), map[string]wire.Revocation{}
	if e, ok := entries[wire.AllKey]; ok {
		// Nothing lay under the junk: the passes were never all withdrawn.
		a.shared.withdrawn, err = records.Last[wire.Revocation](ctx, a.cfg.Spoiled, &a.bucket.Stream, e)
		if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
			return fmt.Errorf("record %s: %w", wire.AllKey, err)
		}
		if a.turn.withdrawnRev = e.Revision; err == nil && now.Sub(a.shared.withdrawn.At) < wire.MaxPassLife {
			revoked[wire.RevokedAll] = a.shared.withdrawn
		}
	}
	if err := a.storeBack(ctx); err != nil {
		return err
	}
	a.shared.Lock()
	for p := range a.shared.table.Passes() {
		if p.Expires.After(now) && p.Was != "" {
			revoked[p.Was] = wire.Revocation{At: now.UTC(), Moved: true}
		}
		if p.Expires.After(now) && !p.Revoked.IsZero() && p.ID != "" {
			revoked[p.ID] = wire.Revocation{At: p.Revoked, Why: p.Why, Device: p.Device}
		}
		a.count(p)
	}
	a.shared.Unlock()
	return a.tell(ctx, revoked)
}

// readBack returns the last readable value of a record of PASSES; a record spoiled since is
// stored again once this admitter may write.
func readBack[T any, P wire.Record[T]](ctx context.Context, a *Admitter, e kv.Entry) (T, error) {
	record, err := records.Last[T, P](ctx, a.cfg.Spoiled, &a.bucket.Stream, e)
	if err != nil {
		return record, err
	}
	if _, spoiled := wire.Read[T, P](e.Key, e.Value); spoiled != nil {
		value, err := json.Marshal(record)
		if err != nil {
			return record, err
		}
		a.turn.back = append(a.turn.back, kv.Write{Key: e.Key, Value: value, Expect: kv.At(e.Revision)})
	}
	return record, nil
}

// storeBack stores records again as they were.
func (a *Admitter) storeBack(ctx context.Context) error {
	for _, w := range a.turn.back {
		if _, err := a.writes.Do(ctx, w); err != nil && !lostRace(err) {
			return fmt.Errorf("record %s: %w", w.Key, err)
		}
		a.cfg.Spoiled.Note(a.bucket.Name(), w.Key, "")
	}
	a.turn.back = nil
	return nil
}

// unreadable returns a record in place of one that can't be read. Its pass is nobody's, and
// counts for as long as it could be alive; then its fan may join again.
func (a *Admitter) unreadable(fan string, turn int, since time.Time) wire.PassRecord {
	event, _ := a.cfg.View.Event(a.event)
	return wire.PassRecord{Fan: fan, Turn: turn, At: since, Expires: since.Add(time.Duration(event.Spec.Admission.PassTTL))}
}
