package admission

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/admission/roll"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// What becomes of a pass that was given out:
//
//	given ──redeemed on another device──► given under another id; the old one is revoked
//	  └──revoked by an operator──► revoked, for good
//
// The record in PASSES changes first, under the fence; then REVOKED, which
// gateways watch; then what this admitter counts. So whoever is admitter next
// can tell from PASSES what REVOKED may lack, and says it again (mend).

const (
	maxMoves       = 16              // of one pass from device to device
	releaseTimeout = 2 * time.Second // of giving back one fan's holds
)

// move takes a pass to another device of its fan: under another id, with the
// same end. The id of before is no longer good.
func (a *admitter) move(p *roll.Pass, req wire.RedeemRequest) wire.RedeemReply {
	p.Changing.Lock()
	defer p.Changing.Unlock()
	rec, stored := a.stored(p)
	switch {
	case !stored:
		return notNow()
	case !rec.Revoked.IsZero(), !elsewhere(rec, req): // meanwhile
		return a.answer(rec)
	case rec.Moves >= maxMoves:
		return refuse(wire.CodeOtherDevice, "Your place was taken from device to device too often. Go on with the one that had it last.")
	}
	next := rec
	next.ID, next.Was, next.Moves = rand.Text(), rec.ID, rec.Moves+1
	next.Device, next.Session, next.Key = req.Device, req.Session, req.Key
	if err := a.rewrite(a.ctx, p, next, map[string]wire.Revocation{rec.ID: {At: a.cfg.Now().UTC(), Moved: true}}); err != nil {
		return notNow()
	}
	rec, _ = a.stored(p)
	return a.answer(rec)
}

// rewrite changes the record of a pass by compare-and-swap, tells gateways which
// ids are no longer good, and counts it as it is then. After an error that
// leaves a doubt the term is over. Its caller holds p.Changing.
func (a *admitter) rewrite(ctx context.Context, p *roll.Pass, next wire.PassRecord, revoked map[string]wire.Revocation) error {
	err := a.replace(ctx, next)
	if err == nil {
		failpoint.Here(failpoint.PassChanged)
		if err = a.tell(ctx, revoked); err != nil {
			err = fmt.Errorf("%w: %w", kv.ErrUnknown, err)
		}
	}
	if err != nil {
		if !notStored(err) && !lostRace(err) {
			a.fail(fmt.Errorf("pass: %w", err))
		}
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p.PassRecord = next
	a.count(p)
	return nil
}

// count ends a pass that its record, or what was said of all, has withdrawn. What
// had expired before was not: its fan may join again. Its caller holds mu.
func (a *admitter) count(p *roll.Pass) {
	if p.Revoked.IsZero() && p.At.Before(a.withdrawn.At) && p.Expires.After(a.withdrawn.At) {
		p.Revoked, p.Why = a.withdrawn.At, a.withdrawn.Why
	}
	if !p.Revoked.IsZero() {
		a.roll.End(p)
	}
}

// replace stores the next record of a pass behind the one there is.
func (a *admitter) replace(ctx context.Context, next wire.PassRecord) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	e, err := kv.Open(a.js, wire.PassesBucket(a.id)).Get(ctx, wire.PassKey(next.Fan, next.Turn))
	if err != nil {
		return fmt.Errorf("%w: %w", kv.ErrBusy, err)
	}
	_, err = a.writes.Do(ctx, kv.Write{Key: wire.PassKey(next.Fan, next.Turn), Value: value, Expect: kv.At(e.Revision)})
	return err
}

// tell puts revocations of this event into REVOKED, by the id of the pass.
// Telling it again changes nothing.
func (a *admitter) tell(ctx context.Context, revoked map[string]wire.Revocation) error {
	msgs := make([]kv.Msg, 0, len(revoked))
	for id, v := range revoked {
		raw, _ := json.Marshal(v) // strings and a time: can't fail
		msgs = append(msgs, kv.Msg{Subject: wire.KVSubject(wire.RevokedBucket, wire.RevokedKey(a.id, id)), Data: raw})
	}
	for batch := range slices.Chunk(msgs, kv.MaxBatch) {
		if _, err := kv.Publish(ctx, a.cfg.NATS, batch); err != nil {
			return fmt.Errorf("%s: %w", wire.RevokedBucket, err)
		}
	}
	return nil
}

// mend does at the beginning of a term what the one before may have left: it
// tells again which passes are no longer good, and counts them as ended.
func (a *admitter) mend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, takeOverTimeout)
	defer cancel()
	entries, err := a.guard.Settle(ctx, []string{wire.AllKey})
	if err != nil {
		return err
	}
	now, revoked := a.cfg.Now(), map[string]wire.Revocation{}
	if e, ok := entries[wire.AllKey]; ok {
		// Junk over nothing: none were ever withdrawn.
		a.withdrawn, err = records.Last[wire.Revocation](ctx, a.spoiled, &a.bucket.Stream, e)
		if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
			return fmt.Errorf("record %s: %w", wire.AllKey, err)
		}
		if a.withdrawnRev = e.Revision; err == nil && now.Sub(a.withdrawn.At) < wire.MaxPassLife {
			revoked[wire.RevokedAll] = a.withdrawn
		}
	}
	if err := a.storeBack(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	for p := range a.roll.Passes() {
		if p.Expires.After(now) && p.Was != "" {
			revoked[p.Was] = wire.Revocation{At: now.UTC(), Moved: true}
		}
		if p.Expires.After(now) && !p.Revoked.IsZero() && p.ID != "" {
			revoked[p.ID] = wire.Revocation{At: p.Revoked, Why: p.Why, Device: p.Device}
		}
		a.count(p)
	}
	a.mu.Unlock()
	return a.tell(ctx, revoked)
}

// onRevoke answers what is forwarded to this admitter.
func (a *admitter) onRevoke(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(a.ctx, operatorTimeout)
	defer cancel()
	var req wire.RevokeRequest
	err := decode(m.Data, &req)
	if err == nil {
		err = checkRevoke(req)
	}
	reply := wire.RevokeReply{}
	if err == nil && req.All {
		reply, err = a.revokeAll(ctx, req)
	} else if err == nil {
		reply, err = a.revoke(ctx, req)
	}
	if err != nil {
		var p *wire.Problem
		if !errors.As(err, &p) {
			p = wire.Busy("It may have been done; ask for it again: " + err.Error())
		}
		reply = wire.RevokeReply{Problem: p}
	}
	reply.Event = a.id
	respond(m, reply)
}

func checkRevoke(req wire.RevokeRequest) error {
	switch {
	case req.All == (req.Fan != ""):
		return wire.Refuse(wire.CodeInvalid, `Say {"fan": "f_…"}, or {"all": true} for everybody who has a pass.`)
	case !req.All && !wire.IsFan(req.Fan):
		return wire.Refuse(wire.CodeInvalid, "This is not the id of a fan.")
	case len(req.Why) > maxMessage || len(req.By) > maxMessage:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("why and by have at most %d bytes.", maxMessage))
	}
	return nil
}

// revoke withdraws one fan's pass.
func (a *admitter) revoke(ctx context.Context, req wire.RevokeRequest) (reply wire.RevokeReply, err error) {
	a.mu.Lock()
	p := a.roll.Pass(req.Fan)
	a.mu.Unlock()
	if p == nil {
		return reply, wire.Refuse(wire.CodeNotFound, "This fan has no pass of this event.")
	}
	p.Changing.Lock()
	defer p.Changing.Unlock()
	rec, stored := a.stored(p)
	if rec.ID == "" { // of a record that can't be read: one that no pass has
		rec.ID = rand.Text()
	}
	now := a.cfg.Now().UTC()
	switch {
	case !stored:
		return reply, wire.Busy("His pass is not stored yet. Try again.")
	case !rec.Revoked.IsZero():
		a.release([]string{rec.Fan}, req)
		return wire.RevokeReply{Passes: 1, At: rec.Revoked}, nil
	}
	if err := a.logAct(ctx, a.id, wire.ActRevoke, req.By, req); err != nil {
		return reply, err
	}
	next := rec
	next.Why, next.Revoked = req.Why, now.Truncate(time.Second) // a token counts in whole seconds
	if next.Revoked.Before(rec.At) {
		next.Revoked = rec.At
	}
	if err := a.rewrite(ctx, p, next, map[string]wire.Revocation{rec.ID: {At: next.Revoked, Why: req.Why, Device: rec.Device}}); err != nil {
		return reply, err
	}
	a.release([]string{rec.Fan}, req)
	return wire.RevokeReply{Passes: 1, At: next.Revoked}, nil
}

// revokeAll withdraws all passes given out until now, with one record.
func (a *admitter) revokeAll(ctx context.Context, req wire.RevokeRequest) (reply wire.RevokeReply, err error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	now := a.cfg.Now().UTC()
	if a.withdrawn.At.IsZero() || a.admitted(now) {
		if err := a.logAct(ctx, a.id, wire.ActRevoke, req.By, req); err != nil {
			return reply, err
		}
		// From the next whole second on, so that every pass of this one is among them.
		v := wire.Revocation{At: now.Truncate(time.Second).Add(time.Second), Why: req.Why}
		if err := a.storeWithdrawn(ctx, v); err != nil {
			return reply, err
		}
		a.mu.Lock()
		a.withdrawn = v
		for p := range a.roll.Passes() {
			a.count(p)
		}
		a.mu.Unlock()
	}
	fans := a.withdrawnFans()
	go a.release(fans, req)
	return wire.RevokeReply{Passes: len(fans), At: a.withdrawn.At}, nil
}

// admitted tells whether any fan has a pass.
func (a *admitter) admitted(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll.Expire(now)
	return a.roll.Alive() > 0
}

// withdrawnFans are those whose passes were withdrawn with all others.
func (a *admitter) withdrawnFans() (fans []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.roll.Passes() {
		if p.Revoked.Equal(a.withdrawn.At) {
			fans = append(fans, p.Fan)
		}
	}
	return fans
}

func (a *admitter) storeWithdrawn(ctx context.Context, v wire.Revocation) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	revision, err := a.writes.Do(ctx, kv.Write{Key: wire.AllKey, Value: value, Expect: kv.At(a.withdrawnRev)})
	if err == nil {
		a.withdrawnRev = revision
		a.spoiled.Note(a.bucket.Name(), wire.AllKey, "")
		failpoint.Here(failpoint.PassesWithdrawn)
		if err = a.tell(ctx, map[string]wire.Revocation{wire.RevokedAll: v}); err != nil {
			err = fmt.Errorf("%w: %w", kv.ErrUnknown, err)
		}
	}
	if err != nil && !notStored(err) {
		a.fail(fmt.Errorf("withdraw: %w", err))
	}
	return err
}

// release asks for the seats of revoked fans back, fan by fan, as far as nobody
// pays for them at this moment. Where nobody answers they end by their deadline:
// without a pass they can't be paid for.
func (a *admitter) release(fans []string, req wire.RevokeRequest) {
	by := req.By
	if by == "" {
		by = "operator"
	}
	failed := 0
	for _, fan := range fans {
		raw, _ := json.Marshal(wire.ReleaseRequest{Fan: fan, By: by, Why: "pass revoked: " + req.Why}) // strings: can't fail
		ctx, cancel := context.WithTimeout(a.ctx, releaseTimeout)
		_, err := a.cfg.NATS.RequestWithContext(ctx, wire.SeatsSubject(a.id, wire.ActGiveBack), raw)
		cancel()
		if a.ctx.Err() != nil {
			return
		}
		if err != nil {
			failed++
		}
	}
	if failed > 0 {
		a.log.Warn("holds of revoked fans end by their deadlines", "fans", failed)
	}
}
