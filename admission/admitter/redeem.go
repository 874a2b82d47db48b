package admitter

import (
	"errors"
	"fmt"
	"time"

	"frontrow/admission/passes"
	"frontrow/admission/sale"
	"frontrow/internal/bus"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// gone is the admitter's own verdict, before it asks the table: the sale is over for fans
// without a pass.
const gone passes.Verdict = -1

// maxRetry bounds how long a fan is told to wait before they ask again.
const maxRetry = 2 * time.Minute

// recordRoom and answerRoom are made for a pass before it is encoded, as a record and as an
// answer.
const (
	recordRoom = 384
	answerRoom = 768
)

// onRedeem answers in its own goroutine: an answer waits for a batch, and all requests that
// arrive meanwhile share the next one.
func (a *Admitter) onRedeem(m bus.Msg) {
	select {
	case a.redeems <- struct{}{}:
	default:
		a.cfg.Metrics.redeems.WithLabelValues(string(wire.CodeUnavailable)).Inc()
		a.respond(m, wire.RedeemReply{Problem: wire.Busy("Many fans are coming in at this moment. Your place is kept: try again in a moment.")})
		return
	}
	began := time.Now()
	go func() {
		defer func() { <-a.redeems }()
		reply := a.Redeem(m.Data)
		outcome := "pass"
		if reply.Problem != nil {
			outcome = string(reply.Problem.Code)
		}
		a.cfg.Metrics.redeems.WithLabelValues(outcome).Inc()
		a.cfg.Metrics.seconds.Observe(time.Since(began).Seconds())
		a.respond(m, reply)
	}()
}

func (a *Admitter) Redeem(data []byte) wire.RedeemReply {
	req, problem := a.request(data)
	if problem != nil {
		return wire.RedeemReply{Problem: problem}
	}
	place, sure := a.stands(req.Place)
	if !sure {
		return wire.RedeemReply{Problem: wire.Busy("Your place could not be looked up just now. It is kept: try again in a moment.")}
	}
	s := a.snapshot()
	now := s.Now.UTC()
	limit := s.Event.Spec.Limits.PerFan
	if place.Limit > 0 {
		limit = min(limit, place.Limit)
	}
	p, verdict := a.admit(s, place, wire.PassRecord{
		ID: a.cfg.NewID(), Fan: place.Fan, Lane: place.Lane, Region: place.Region, Number: place.Number,
		Limit: limit, Channel: place.Channel, Code: place.Code, Device: req.Device, Session: req.Session, Key: req.Key, Priced: place.Priced,
		// A token counts in whole seconds, and the record says what the token says.
		At: now.Truncate(time.Second), Expires: now.Add(time.Duration(s.Event.Spec.Admission.PassTTL)).Truncate(time.Second),
	})
	switch verdict {
	case passes.Granted:
		return a.grant(p, req)
	case passes.Again:
		return a.present(p, req)
	case passes.Over:
		if rec, ok := a.stored(p); ok && !rec.Revoked.IsZero() {
			return a.sign(rec)
		}
		return refuse(wire.CodeJoinAgain, "Your time to choose seats is over. Seats you hold or are paying for stay yours. To choose others, join again for a new place at the end of the queue.")
	case gone:
		return refuse(wire.CodeGone, goneDetail(s))
	case passes.Full:
		return wire.RedeemReply{Problem: &wire.Problem{Code: wire.CodeWait, RetryAfterMS: a.tickOf(s).Milliseconds(),
			Detail: "It is your turn, but there is no room at the moment. Your place is kept, and you get in as soon as somebody leaves."}}
	}
	return wire.RedeemReply{Problem: a.waitFor(s, place)}
}

// onStand says whether a place is used up, without reading anything stored.
func (a *Admitter) onStand(m bus.Msg) {
	req, problem := a.request(m.Data)
	if problem != nil {
		a.respond(m, wire.StandReply{Problem: problem})
		return
	}
	a.shared.Lock()
	defer a.shared.Unlock()
	if p := a.shared.table.Pass(req.Place.Fan); p != nil && !p.Revoked.IsZero() {
		a.respond(m, wire.StandReply{Problem: withdrawn()})
		return
	}
	used, turn := a.shared.table.Stand(req.Place, a.cfg.Now())
	a.respond(m, wire.StandReply{Used: used, Turn: turn})
}

func withdrawn() *wire.Problem {
	return wire.Refuse(wire.CodeRevoked, "The organiser has withdrawn your pass, so you can not choose or buy seats of this event. If you think that is a mistake, please ask the organiser.")
}

// request reads a request, and refuses a place of another queue.
func (a *Admitter) request(data []byte) (wire.RedeemRequest, *wire.Problem) {
	var req wire.RedeemRequest
	if err := wire.Unmarshal(data, &req); err != nil {
		return req, wire.Refuse(wire.CodeBadRequest, "The request is not JSON: "+err.Error())
	}
	p := req.Place
	a.shared.Lock()
	known := a.queues.Has(passes.Line{Lane: p.Lane, Region: p.Region})
	a.shared.Unlock()
	switch {
	case p.Event != a.event:
		return req, wire.Refuse(wire.CodeForbidden, "This place is in the queue of another event.")
	case !known:
		return req, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("There is no lane %q of region %q.", p.Lane, p.Region))
	case p.Number == 0 || !wire.IsFan(p.Fan):
		return req, wire.Refuse(wire.CodeInvalid, "The place has no number or no fan.")
	}
	return req, nil
}

// admit asks the table, unless the sale is over for all who have no pass yet.
func (a *Admitter) admit(s sale.Snapshot, place wire.Place, rec wire.PassRecord) (*passes.Pass, passes.Verdict) {
	a.shared.Lock()
	defer a.shared.Unlock()
	if p := a.shared.table.Pass(rec.Fan); p == nil || !p.Expires.After(s.Now) && p.Revoked.IsZero() {
		switch s.State() {
		case wire.SaleClosed, wire.SaleSoldOut:
			return nil, gone
		case wire.SaleScheduled:
			return nil, passes.NotCalled
		}
	}
	if rec.At.Before(a.shared.withdrawn.At) { // all passes until then were withdrawn, less than a second ago
		rec.At = a.shared.withdrawn.At
	}
	return a.shared.table.Admit(place, rec, s.Now)
}

// grant stores the pass, after the claim to its access code if it has one, and only then
// signs it.
func (a *Admitter) grant(p *passes.Pass, req wire.RedeemRequest) wire.RedeemReply {
	a.shared.Lock()
	rec := p.PassRecord // all passes may be withdrawn meanwhile
	a.shared.Unlock()
	problem, err := a.claim(rec)
	if problem == nil && err == nil {
		err = a.create(wire.PassKey(rec.Fan, rec.Turn), rec)
	}
	a.shared.Lock()
	switch {
	case problem == nil && err == nil:
		a.shared.table.Kept(p)
	case problem != nil || notStored(err):
		a.shared.table.Voided(p)
		a.log.Debug("pass not stored", "err", err)
	default:
		// The pass may be stored, or this admitter may have been replaced: the next term
		// reads the truth. Until then the pass counts, and nobody gets it.
		a.fail(fmt.Errorf("pass: %w", err))
	}
	a.shared.Unlock()
	switch {
	case problem != nil:
		return wire.RedeemReply{Problem: problem}
	case err != nil:
		return notNow()
	}
	failpoint.Here(failpoint.PassStored)
	return a.present(p, req)
}

// create stores a record that isn't there yet.
func (a *Admitter) create(key string, record any) error {
	value, err := wire.Append(make([]byte, 0, recordRoom), record)
	if err != nil {
		return err
	}
	_, err = a.writes.Do(a.ctx, kv.Write{Key: key, Value: value, Expect: kv.Absent()})
	return err
}

// claim makes a place's access code the fan's, whichever region took it. If it is somebody
// else's, it returns a problem.
func (a *Admitter) claim(rec wire.PassRecord) (*wire.Problem, error) {
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
		first, err = records.Last[wire.CodeClaim](a.ctx, a.cfg.Spoiled, &a.bucket.Stream, e)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", kv.ErrBusy, err)
	case first.Fan != rec.Fan:
		return wire.Refuse(wire.CodeCodeUsed, "Somebody else has used the access code of this place. You can join the queue without it."), nil
	}
	return nil, nil
}

// lostRace reports whether a write was refused because of what the record is, and
// is certain not to be stored.
func lostRace(err error) bool {
	return errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, kv.ErrFenced)
}

func notNow() wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Busy("Your pass could not be saved just now. Your place is kept: try again in a moment.")}
}

// present answers a fan who has a pass, once it is known to be stored. From another device
// they take the pass there. Within a session a pass stays with the browser's key: a client
// with another key, or none, has copied its cookies.
func (a *Admitter) present(p *passes.Pass, req wire.RedeemRequest) wire.RedeemReply {
	rec, stored := a.stored(p)
	switch {
	case !stored:
		return notNow()
	case rec.Revoked.IsZero() && copied(rec, req):
		return refuse(wire.CodeOtherDevice, "Your pass belongs to another browser, and this one can not prove that it is the same. Go on in that browser, or open “Take your place with you” there to go on here.")
	case rec.Revoked.IsZero() && elsewhere(rec, req):
		return a.move(p, req)
	}
	return a.sign(rec)
}

func copied(rec wire.PassRecord, req wire.RedeemRequest) bool {
	return rec.Key != "" && rec.Key != req.Key && rec.Session == req.Session
}

func elsewhere(rec wire.PassRecord, req wire.RedeemRequest) bool {
	return rec.Device != "" && req.Device != "" && rec.Device != req.Device || rec.Key != "" && rec.Key != req.Key
}

// stored waits until a pass is stored and returns its record as it is now; false
// if it is not stored, or this term is over.
func (a *Admitter) stored(p *passes.Pass) (wire.PassRecord, bool) {
	select {
	case <-p.Decided():
	case <-a.ctx.Done():
	}
	a.shared.Lock()
	defer a.shared.Unlock()
	return p.PassRecord, !p.Lost() && a.ctx.Err() == nil
}

// sign answers with a stored pass, unless it was withdrawn.
func (a *Admitter) sign(rec wire.PassRecord) wire.RedeemReply {
	if !rec.Revoked.IsZero() {
		return wire.RedeemReply{Problem: withdrawn()}
	}
	if rec.ID == "" {
		return unreadablePass(rec)
	}
	token, err := a.cfg.Keys.SignPass(keyring.NewPass(a.event, rec))
	if err != nil {
		a.log.Error("pass not signed", "err", err)
		return wire.RedeemReply{Problem: wire.Busy("Your pass could not be issued just now. Your place is kept: try again in a moment.")}
	}
	return wire.RedeemReply{Pass: token, Expires: rec.Expires}
}

// waitFor tells a fan who isn't called how many are ahead, and when asking again makes
// sense: not before the next tick, nor much before the pace of the last minute reaches
// them.
func (a *Admitter) waitFor(s sale.Snapshot, p wire.Place) *wire.Problem {
	a.shared.Lock()
	l, number := a.shared.table.Stands(p.Lane, p.Region, p.Number)
	ahead := wire.Ahead(number, a.shared.table.Open(l))
	pace := a.shared.table.CalledSince(s.Now, time.Minute)
	a.shared.Unlock()
	wait := a.tickOf(s)
	if pace > 0 {
		wait = max(wait, time.Duration(float64(ahead+1)/float64(pace)*float64(time.Minute)))
	}
	detail := "It is not your turn yet. Your place is kept."
	if opens := s.Event.Spec.OpensAt; s.State() == wire.SaleScheduled {
		wait = max(wait, opens.Sub(s.Now))
		detail = "The sale has not opened yet. Your place is kept."
	}
	return &wire.Problem{Code: wire.CodeWait, Detail: detail, Ahead: ahead, RetryAfterMS: min(wait, maxRetry).Milliseconds()}
}

func (a *Admitter) tickOf(s sale.Snapshot) time.Duration {
	return max(time.Duration(s.Event.Spec.Admission.Tick), minTick)
}

func goneDetail(s sale.Snapshot) string {
	if s.Event.State == wire.EventClosed {
		return "The sale is closed: no more tickets are sold."
	}
	return "Everything is sold. Your place is kept: if tickets come back, they are offered in the order of the queue."
}

func refuse(code wire.Code, detail string) wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Refuse(code, detail)}
}

func unreadablePass(rec wire.PassRecord) wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Busy("Your pass was damaged on our side, and the organiser has been told. Try again later; if it is not repaired by then, you can join again from " +
		rec.Expires.UTC().Format(time.RFC3339) + ".")}
}
