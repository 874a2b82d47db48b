package admission

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/admission/roll"
	"frontrow/admission/scene"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// gone is what the admitter says in the roll's stead: the sale is over for
// whoever has no pass.
const gone roll.Verdict = -1

// maxRetry bounds how long a fan is told to wait before he asks again.
const maxRetry = 2 * time.Minute

// onRedeem answers in a goroutine of its own: an answer waits for a batch, and
// all that arrive meanwhile share the next one.
func (a *admitter) onRedeem(m *nats.Msg) {
	select {
	case a.redeems <- struct{}{}:
	default:
		a.metrics.redeems.WithLabelValues(string(wire.CodeUnavailable)).Inc()
		respond(m, wire.RedeemReply{Problem: wire.Busy("Too many fans are coming in at this moment. Try again.")})
		return
	}
	began := time.Now()
	go func() {
		defer func() { <-a.redeems }()
		reply := a.redeem(m.Data)
		outcome := "pass"
		if reply.Problem != nil {
			outcome = string(reply.Problem.Code)
		}
		a.metrics.redeems.WithLabelValues(outcome).Inc()
		a.metrics.seconds.Observe(time.Since(began).Seconds())
		respond(m, reply)
	}()
}

func (a *admitter) redeem(data []byte) wire.RedeemReply {
	req, problem := a.request(data)
	if problem != nil {
		return wire.RedeemReply{Problem: problem}
	}
	place, sure := a.stands(req.Place)
	if !sure {
		return wire.RedeemReply{Problem: wire.Busy("Your place can't be looked up just now. Try again: it is kept.")}
	}
	s := a.scene()
	now := s.Now.UTC()
	limit := s.Event.Spec.Limits.PerFan
	if place.Limit > 0 {
		limit = min(limit, place.Limit)
	}
	p, verdict := a.admit(s, place, wire.PassRecord{
		ID: rand.Text(), Fan: place.Fan, Lane: place.Lane, Region: place.Region, Number: place.Number,
		Limit: limit, Channel: place.Channel, Code: place.Code, Device: req.Device, Session: req.Session, Key: req.Key,
		// A token counts in whole seconds, and the record says what the token says.
		At: now.Truncate(time.Second), Expires: now.Add(time.Duration(s.Event.Spec.Admission.PassTTL)).Truncate(time.Second),
	})
	switch verdict {
	case roll.Granted:
		return a.grant(p, req)
	case roll.Again:
		return a.settled(p, req)
	case roll.Over:
		if rec, ok := a.stored(p); ok && !rec.Revoked.IsZero() {
			return a.answer(rec)
		}
		return refuse(wire.CodeJoinAgain, "Your time to choose seats is over. Join again for a new place at the end of the queue. What you hold or are paying for stays yours.")
	case gone:
		return refuse(wire.CodeGone, goneDetail(s))
	case roll.Full:
		return wire.RedeemReply{Problem: &wire.Problem{Code: wire.CodeWait, RetryAfterMS: a.tickOf(s).Milliseconds(),
			Detail: "It is your turn, and just now there is no room. Your place is kept: you get in as soon as somebody leaves."}}
	}
	return wire.RedeemReply{Problem: a.waitFor(s, place)}
}

// onStand says whether a place is used up, without looking at anything stored.
func (a *admitter) onStand(m *nats.Msg) {
	req, problem := a.request(m.Data)
	if problem != nil {
		respond(m, wire.StandReply{Problem: problem})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.roll.Pass(req.Place.Fan); p != nil && !p.Revoked.IsZero() {
		respond(m, wire.StandReply{Problem: withdrawn()})
		return
	}
	used, turn := a.roll.Stand(req.Place, a.cfg.Now())
	respond(m, wire.StandReply{Used: used, Turn: turn})
}

func withdrawn() *wire.Problem {
	return wire.Refuse(wire.CodeRevoked, "Your pass was withdrawn by the organiser.")
}

// request reads a request, and refuses a place of another queue.
func (a *admitter) request(data []byte) (wire.RedeemRequest, *wire.Problem) {
	var req wire.RedeemRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return req, wire.Refuse(wire.CodeBadRequest, "The request is not JSON: "+err.Error())
	}
	p := req.Place
	a.mu.Lock()
	known := a.queues.Has(roll.Line{Lane: p.Lane, Region: p.Region})
	a.mu.Unlock()
	switch {
	case p.Event != a.id:
		return req, wire.Refuse(wire.CodeForbidden, "This place is in the queue of another event.")
	case !known:
		return req, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("There is no lane %q of region %q.", p.Lane, p.Region))
	case p.Number == 0 || !wire.IsFan(p.Fan):
		return req, wire.Refuse(wire.CodeInvalid, "The place has no number or no fan.")
	}
	return req, nil
}

// admit asks the roll, unless the sale is over for all who have no pass yet.
func (a *admitter) admit(s scene.Scene, place wire.Place, rec wire.PassRecord) (*roll.Pass, roll.Verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.roll.Pass(rec.Fan); p == nil || !p.Expires.After(s.Now) && p.Revoked.IsZero() {
		switch s.State() {
		case wire.SaleClosed, wire.SaleSoldOut:
			return nil, gone
		case wire.SaleScheduled:
			return nil, roll.NotCalled
		}
	}
	if rec.At.Before(a.withdrawn.At) { // that was for those before, less than a second ago
		rec.At = a.withdrawn.At
	}
	return a.roll.Admit(place, rec, s.Now)
}

// grant stores the pass, behind the claim to its access code if it has one, and
// signs it only then.
func (a *admitter) grant(p *roll.Pass, req wire.RedeemRequest) wire.RedeemReply {
	a.mu.Lock()
	rec := p.PassRecord // all passes may be withdrawn meanwhile
	a.mu.Unlock()
	problem, err := a.claim(rec)
	if problem == nil && err == nil {
		err = a.create(wire.PassKey(rec.Fan, rec.Turn), rec)
	}
	a.mu.Lock()
	switch {
	case problem == nil && err == nil:
		a.roll.Kept(p)
	case problem != nil || notStored(err):
		a.roll.Voided(p)
		a.log.Debug("pass not stored", "error", err)
	default:
		// It may be stored, or this admitter is none any more: the next term
		// reads what is true. Until then the pass counts, and nobody gets it.
		a.fail(fmt.Errorf("pass: %w", err))
	}
	a.mu.Unlock()
	switch {
	case problem != nil:
		return wire.RedeemReply{Problem: problem}
	case err != nil:
		return notNow()
	}
	failpoint.Here(failpoint.PassStored)
	return a.settled(p, req)
}

// create stores a record that isn't there yet.
func (a *admitter) create(key string, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return err
	}
	_, err = a.writes.Do(a.ctx, kv.Write{Key: key, Value: value, Expect: kv.Absent()})
	return err
}

// claim makes the access code of a place the fan's, whichever region took it: it
// is his, or a problem says that it is somebody else's.
func (a *admitter) claim(rec wire.PassRecord) (*wire.Problem, error) {
	if rec.Code == "" {
		return nil, nil
	}
	key := wire.ClaimKey(rec.Code)
	err := a.create(key, wire.CodeClaim{Fan: rec.Fan, At: rec.At})
	if err == nil {
		failpoint.Here(failpoint.CodeSpent)
	}
	if !lostRace(err) {
		return nil, err
	}
	e, err := a.bucket.Get(a.ctx, key)
	var first wire.CodeClaim
	if err == nil {
		first, err = records.Last[wire.CodeClaim](a.ctx, a.spoiled, &a.bucket.Stream, e)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", kv.ErrBusy, err)
	case first.Fan != rec.Fan:
		return wire.Refuse(wire.CodeCodeUsed, "The access code of this place has been used by somebody else. You can join the queue without it."), nil
	}
	return nil, nil
}

// lostRace tells whether a write was refused because of what the record is, and
// is certain not to be stored.
func lostRace(err error) bool {
	return errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, kv.ErrFenced)
}

func notNow() wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Busy("Your pass could not be stored just now. Try again: your place is kept.")}
}

// settled answers a fan who has a pass, once it is known to be stored. From
// another device than before he takes the pass there. In one session a pass stays
// with the browser's key: who has another key, or none, has copied its cookies.
func (a *admitter) settled(p *roll.Pass, req wire.RedeemRequest) wire.RedeemReply {
	rec, stored := a.stored(p)
	switch {
	case !stored:
		return notNow()
	case rec.Revoked.IsZero() && copied(rec, req):
		return refuse(wire.CodeOtherDevice, "Your pass belongs to the browser that it was given to, and this one can't show that it is the same. Go on there, or open “Take your place with you” there to go on here.")
	case rec.Revoked.IsZero() && elsewhere(rec, req):
		return a.move(p, req)
	}
	return a.answer(rec)
}

func copied(rec wire.PassRecord, req wire.RedeemRequest) bool {
	return rec.Key != "" && rec.Key != req.Key && rec.Session == req.Session
}

func elsewhere(rec wire.PassRecord, req wire.RedeemRequest) bool {
	return rec.Device != "" && req.Device != "" && rec.Device != req.Device || rec.Key != "" && rec.Key != req.Key
}

// stored waits until a pass is stored and returns its record as it is now; false
// if it is not stored, or this term is over.
func (a *admitter) stored(p *roll.Pass) (wire.PassRecord, bool) {
	select {
	case <-p.Settled():
	case <-a.ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return p.PassRecord, !p.Lost() && a.ctx.Err() == nil
}

// answer signs a stored pass, unless it was withdrawn.
func (a *admitter) answer(rec wire.PassRecord) wire.RedeemReply {
	if !rec.Revoked.IsZero() {
		return wire.RedeemReply{Problem: withdrawn()}
	}
	if rec.ID == "" {
		return unreadablePass(rec)
	}
	token, err := a.cfg.Keys.SignPass(wire.NewPass(a.id, rec))
	if err != nil {
		a.log.Error("pass not signed", "error", err)
		return wire.RedeemReply{Problem: wire.Busy("Your pass could not be signed. Try again: your place is kept.")}
	}
	return wire.RedeemReply{Pass: token, Expires: rec.Expires}
}

// waitFor tells a fan who isn't called how many are ahead, and when asking
// again may make sense: not before the next tick, nor much before the pace of
// the last minute reaches him.
func (a *admitter) waitFor(s scene.Scene, p wire.Place) *wire.Problem {
	a.mu.Lock()
	l, number := a.roll.Stands(p.Lane, p.Region, p.Number)
	ahead := wire.Ahead(number, a.roll.Open(l))
	pace := a.roll.CalledSince(s.Now, time.Minute)
	a.mu.Unlock()
	wait := a.tickOf(s)
	if pace > 0 {
		wait = max(wait, time.Duration(float64(ahead+1)/float64(pace)*float64(time.Minute)))
	}
	detail := "Your place is not called yet."
	if opens := s.Event.Spec.OpensAt; s.State() == wire.SaleScheduled {
		wait = max(wait, opens.Sub(s.Now))
		detail = "The sale has not opened yet. Your place is kept."
	}
	return &wire.Problem{Code: wire.CodeWait, Detail: detail, Ahead: ahead, RetryAfterMS: min(wait, maxRetry).Milliseconds()}
}

func (a *admitter) tickOf(s scene.Scene) time.Duration {
	return max(time.Duration(s.Event.Spec.Admission.Tick), minTick)
}

func goneDetail(s scene.Scene) string {
	if s.Event.State == wire.EventClosed {
		return "The sale is closed."
	}
	return "Everything is sold. Your place is kept: tickets that come back are offered in the order of the queue."
}

func refuse(code wire.Code, detail string) wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Refuse(code, detail)}
}
