package admission

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

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
	place, problem := a.place(data)
	if problem != nil {
		return wire.RedeemReply{Problem: problem}
	}
	s := a.scene()
	now := s.now.UTC()
	p, verdict := a.admit(s, wire.PassRecord{
		ID: rand.Text(), Fan: place.Fan, Lane: place.Lane, Region: place.Region, Number: place.Number,
		Limit: cmp.Or(place.Limit, s.event.Spec.Limits.PerFan), Channel: place.Channel, Code: place.Code,
		// A token counts in whole seconds, and the record says what the token says.
		At: now.Truncate(time.Second), Expires: now.Add(time.Duration(s.event.Spec.Admission.PassTTL)).Truncate(time.Second),
	})
	switch verdict {
	case granted:
		return a.grant(p)
	case again:
		return a.settled(p)
	case over:
		return refuse(wire.CodeGone, "Your time to choose seats is over.")
	case gone:
		return refuse(wire.CodeGone, goneDetail(s))
	case full:
		return wire.RedeemReply{Problem: &wire.Problem{Code: wire.CodeWait, RetryAfterMS: a.tickOf(s).Milliseconds(),
			Detail: "It is your turn, and just now there is no room. Your place is kept: you get in as soon as somebody leaves."}}
	}
	return wire.RedeemReply{Problem: a.waitFor(s, place)}
}

// place reads a request, and refuses a place of another queue.
func (a *admitter) place(data []byte) (wire.Place, *wire.Problem) {
	var req wire.RedeemRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return req.Place, wire.Refuse(wire.CodeBadRequest, "The request is not JSON: "+err.Error())
	}
	p := req.Place
	switch {
	case p.Event != a.id:
		return p, wire.Refuse(wire.CodeForbidden, "This place is in the queue of another event.")
	case !slices.ContainsFunc(a.queues.list, func(q *queue) bool { return q.line == line{p.Lane, p.Region} }):
		return p, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("There is no lane %q of region %q.", p.Lane, p.Region))
	case p.Number == 0 || !wire.IsFan(p.Fan):
		return p, wire.Refuse(wire.CodeInvalid, "The place has no number or no fan.")
	}
	return p, nil
}

// admit asks the roll, unless the sale is over for all who have no pass yet.
func (a *admitter) admit(s scene, rec wire.PassRecord) (*pass, verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, has := a.roll.passes[rec.Fan]; !has {
		switch s.saleState() {
		case wire.SaleClosed, wire.SaleSoldOut:
			return nil, gone
		case wire.SaleScheduled:
			return nil, notCalled
		}
	}
	return a.roll.admit(rec, s.now)
}

// grant stores the pass, and signs it only then.
func (a *admitter) grant(p *pass) wire.RedeemReply {
	value, err := json.Marshal(p.PassRecord)
	if err == nil {
		_, err = a.writes.Do(a.ctx, kv.Write{Key: wire.PlaceKey(p.Fan), Value: value, Expect: kv.Absent()})
	}
	a.mu.Lock()
	switch {
	case err == nil:
		a.roll.kept(p)
	case notStored(err):
		a.roll.voided(p)
		a.log.Debug("pass not stored", "error", err)
	default:
		// It may be stored, or this admitter is none any more: the next term
		// reads what is true. Until then the pass counts, and nobody gets it.
		a.fail(fmt.Errorf("pass: %w", err))
	}
	a.mu.Unlock()
	if err != nil {
		return notNow()
	}
	failpoint.Here(failpoint.PassStored)
	return a.sign(p)
}

func notNow() wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Busy("Your pass could not be stored just now. Try again: your place is kept.")}
}

// settled answers a fan who has a pass, once it is known to be stored.
func (a *admitter) settled(p *pass) wire.RedeemReply {
	select {
	case <-p.settled:
	case <-a.ctx.Done():
	}
	a.mu.Lock()
	lost := p.lost
	a.mu.Unlock()
	if lost || a.ctx.Err() != nil {
		return notNow()
	}
	return a.sign(p)
}

func (a *admitter) sign(p *pass) wire.RedeemReply {
	token, err := a.cfg.Keys.SignPass(wire.NewPass(a.id, p.PassRecord))
	if err != nil {
		a.log.Error("pass not signed", "error", err)
		return wire.RedeemReply{Problem: wire.Busy("Your pass could not be signed. Try again: your place is kept.")}
	}
	return wire.RedeemReply{Pass: token, Expires: p.Expires}
}

// waitFor tells a fan who isn't called how many are ahead, and when asking
// again may make sense: not before the next tick, nor much before the pace of
// the last minute reaches him.
func (a *admitter) waitFor(s scene, p wire.Place) *wire.Problem {
	a.mu.Lock()
	l, number := a.roll.stands(p.Lane, p.Region, p.Number)
	ahead := wire.Ahead(number, a.roll.of(l).open())
	pace := a.roll.calledSince(s.now, time.Minute)
	a.mu.Unlock()
	wait := a.tickOf(s)
	if pace > 0 {
		wait = max(wait, time.Duration(float64(ahead+1)/float64(pace)*float64(time.Minute)))
	}
	detail := "Your place is not called yet."
	if opens := s.event.Spec.OpensAt; s.saleState() == wire.SaleScheduled {
		wait = max(wait, opens.Sub(s.now))
		detail = "The sale has not opened yet. Your place is kept."
	}
	return &wire.Problem{Code: wire.CodeWait, Detail: detail, Ahead: ahead, RetryAfterMS: min(wait, maxRetry).Milliseconds()}
}

func (a *admitter) tickOf(s scene) time.Duration {
	return max(time.Duration(s.event.Spec.Admission.Tick), minTick)
}

func goneDetail(s scene) string {
	if s.event.State == wire.EventClosed {
		return "The sale is closed."
	}
	return "Everything is sold. Your place is kept: tickets that come back are offered in the order of the queue."
}

func refuse(code wire.Code, detail string) wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Refuse(code, detail)}
}
