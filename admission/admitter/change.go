package admitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"frontrow/admission/passes"
	"frontrow/internal/bus"
	"frontrow/internal/failpoint"
	"frontrow/internal/operator"
	"frontrow/kv"
	"frontrow/wire"
)

// What becomes of a pass that was given out:
//
//	given ──redeemed on another device──► given under another id; the old one is revoked
//	  └──revoked by an operator──► revoked, for good
//
// The record in PASSES changes first, under the fence; then REVOKED, which gateways watch;
// then what this admitter counts. So the next admitter can see from PASSES what REVOKED may
// lack, and writes it again (catchUp).

const (
	maxMoves       = 16              // of one pass from device to device
	releaseTimeout = 2 * time.Second // of giving back one fan's holds
)

// move takes a pass to another device of its fan: under another id, with the same expiry.
// The previous id is no longer good.
func (a *Admitter) move(p *passes.Pass, req wire.RedeemRequest) wire.RedeemReply {
	changing := a.changing(req.Place.Fan)
	changing.Lock()
	defer changing.Unlock()
	rec, stored := a.stored(p)
	switch {
	case !stored:
		return notNow()
	case !rec.Revoked.IsZero(), !elsewhere(rec, req): // meanwhile
		return a.sign(rec)
	case rec.Moves >= maxMoves:
		return refuse(wire.CodeOtherDevice, "Your place has moved between devices too often. Go on with the device that had it last.")
	}
	next := rec
	next.ID, next.Was, next.Moves = a.cfg.NewID(), rec.ID, rec.Moves+1
	next.Device, next.Session, next.Key = req.Device, req.Session, req.Key
	if err := a.rewrite(a.ctx, p, next, map[string]wire.Revocation{rec.ID: {At: a.cfg.Now().UTC(), Moved: true}}); err != nil {
		return notNow()
	}
	rec, _ = a.stored(p)
	return a.sign(rec)
}

// rewrite changes a pass's record by compare-and-swap, tells gateways which ids are no
// longer good, and counts the pass in its new state. An error that leaves doubt ends the
// term. Its caller holds changing.
func (a *Admitter) rewrite(ctx context.Context, p *passes.Pass, next wire.PassRecord, revoked map[string]wire.Revocation) error {
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
	a.shared.Lock()
	defer a.shared.Unlock()
	p.PassRecord = next
	a.count(p)
	return nil
}

// count ends a pass that was withdrawn, by its record or with all others. A pass that had
// already expired was not withdrawn: its fan may join again. Its caller holds shared.
func (a *Admitter) count(p *passes.Pass) {
	if p.Revoked.IsZero() && p.At.Before(a.shared.withdrawn.At) && p.Expires.After(a.shared.withdrawn.At) {
		p.Revoked, p.Why = a.shared.withdrawn.At, a.shared.withdrawn.Why
	}
	if !p.Revoked.IsZero() {
		a.shared.table.End(p)
	}
}

// replace stores the next record of a pass, expecting the present one.
func (a *Admitter) replace(ctx context.Context, next wire.PassRecord) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	e, err := a.bucket.Get(ctx, wire.PassKey(next.Fan, next.Turn))
	if err != nil {
		return fmt.Errorf("%w: %w", kv.ErrBusy, err)
	}
	_, err = a.writes.Do(ctx, kv.Write{Key: wire.PassKey(next.Fan, next.Turn), Value: value, Expect: kv.At(e.Revision)})
	return err
}

// tell puts revocations of this event into REVOKED, by pass id. Repeating it changes
// nothing.
func (a *Admitter) tell(ctx context.Context, revoked map[string]wire.Revocation) error {
	bucket, msgs := kv.NewBucket(a.cfg.Store, wire.RevokedBucket), make([]kv.Msg, 0, len(revoked))
	for _, id := range slices.Sorted(maps.Keys(revoked)) {
		raw, _ := json.Marshal(revoked[id]) // strings and a time: can't fail
		msgs = append(msgs, kv.Msg{Subject: bucket.Subject(wire.RevokedKey(a.event, id)), Data: raw})
	}
	for batch := range slices.Chunk(msgs, kv.MaxBatch) {
		if _, err := bucket.Publish(ctx, batch); err != nil {
			return fmt.Errorf("%s: %w", wire.RevokedBucket, err)
		}
	}
	return nil
}

// onRevoke answers what is forwarded to this admitter.
func (a *Admitter) onRevoke(m bus.Msg) {
	ctx, cancel := context.WithTimeout(a.ctx, operator.DefaultTimeout)
	defer cancel()
	var req wire.RevokeRequest
	err := operator.Request{Data: m.Data}.Decode(&req)
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
	reply.Event = a.event
	a.respond(m, reply)
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
func (a *Admitter) revoke(ctx context.Context, req wire.RevokeRequest) (reply wire.RevokeReply, err error) {
	a.shared.Lock()
	p := a.shared.table.Pass(req.Fan)
	a.shared.Unlock()
	if p == nil {
		return reply, wire.Refuse(wire.CodeNotFound, "This fan has no pass of this event.")
	}
	changing := a.changing(req.Fan)
	changing.Lock()
	defer changing.Unlock()
	rec, stored := a.stored(p)
	if rec.ID == "" { // of an unreadable record: an id that no pass has
		rec.ID = a.cfg.NewID()
	}
	now := a.cfg.Now().UTC()
	switch {
	case !stored:
		return reply, wire.Busy("The fan's pass is being saved at this moment, and nothing was done. Try again.")
	case !rec.Revoked.IsZero():
		a.release([]string{rec.Fan}, req)
		return wire.RevokeReply{Passes: 1, At: rec.Revoked}, nil
	}
	if err := a.logAct(ctx, wire.ActRevoke, req.By, req); err != nil {
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
func (a *Admitter) revokeAll(ctx context.Context, req wire.RevokeRequest) (reply wire.RevokeReply, err error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	now := a.cfg.Now().UTC()
	if a.shared.withdrawn.At.IsZero() || a.admitted(now) {
		if err := a.logAct(ctx, wire.ActRevoke, req.By, req); err != nil {
			return reply, err
		}
		// From the next whole second on, so that every pass of this one is among them.
		v := wire.Revocation{At: now.Truncate(time.Second).Add(time.Second), Why: req.Why}
		if err := a.storeWithdrawn(ctx, v); err != nil {
			return reply, err
		}
		a.shared.Lock()
		a.shared.withdrawn = v
		for p := range a.shared.table.Passes() {
			a.count(p)
		}
		a.shared.Unlock()
	}
	fans := a.withdrawnFans()
	go a.release(fans, req)
	return wire.RevokeReply{Passes: len(fans), At: a.shared.withdrawn.At}, nil
}

// admitted reports whether any fan has a pass.
func (a *Admitter) admitted(now time.Time) bool {
	a.shared.Lock()
	defer a.shared.Unlock()
	a.shared.table.Expire(now)
	return a.shared.table.Alive() > 0
}

// withdrawnFans returns those whose passes were withdrawn with all others.
func (a *Admitter) withdrawnFans() (fans []string) {
	a.shared.Lock()
	defer a.shared.Unlock()
	for p := range a.shared.table.Passes() {
		if p.Revoked.Equal(a.shared.withdrawn.At) {
			fans = append(fans, p.Fan)
		}
	}
	return fans
}

func (a *Admitter) storeWithdrawn(ctx context.Context, v wire.Revocation) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	revision, err := a.writes.Do(ctx, kv.Write{Key: wire.AllKey, Value: value, Expect: kv.At(a.turn.withdrawnRev)})
	if err == nil {
		a.turn.withdrawnRev = revision
		a.cfg.Spoiled.Note(a.bucket.Name(), wire.AllKey, "")
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

// release asks for the seats of revoked fans to be given back, fan by fan, except those
// being paid for at this moment. If nobody answers, the holds end by their deadline:
// without a pass they can't be paid for.
func (a *Admitter) release(fans []string, req wire.RevokeRequest) {
	by := req.By
	if by == "" {
		by = "operator"
	}
	failed := 0
	for _, fan := range fans {
		raw, _ := json.Marshal(wire.ReleaseRequest{Fan: fan, By: by, Why: "pass revoked: " + req.Why}) // strings: can't fail
		ctx, cancel := context.WithTimeout(a.ctx, releaseTimeout)
		_, err := a.cfg.Bus.Request(ctx, wire.SeatsSubject(a.event, wire.ActGiveBack), raw)
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
