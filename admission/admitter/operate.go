package admitter

import (
	"context"
	"fmt"
	"math"
	"slices"

	"frontrow/admission/pacing"
	"frontrow/internal/bus"
	"frontrow/internal/operator"
	"frontrow/wire"
)

const (
	maxMessage = 500        // bytes of an operator's message on the board
	maxRate    = 10_000_000 // fans a minute
)

// Acts of a MeterRequest.
const (
	ActStatus = "status"
	ActPause  = "pause"
	ActResume = "resume"
	ActRate   = "rate"

	ActMessage = "message"
	ActDrain   = "drain"
)

// onMeter answers what is forwarded to this admitter.
func (a *Admitter) onMeter(m bus.Msg) {
	ctx, cancel := context.WithTimeout(a.ctx, operator.DefaultTimeout)
	defer cancel()
	if err := a.act(ctx, m.Data); err != nil {
		a.respond(m, wire.MeterReply{Event: a.event, Problem: operator.Problem(err)})
		return
	}
	a.respond(m, a.status())
}

// act does an operator's act: durably first, then on the board.
func (a *Admitter) act(ctx context.Context, data []byte) error {
	var req wire.MeterRequest
	if err := (operator.Request{Data: data}).Decode(&req); err != nil {
		return err
	}
	if req.Act == ActStatus {
		return nil
	}
	if err := check(req); err != nil {
		return err
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.logAct(ctx, req.Act, req.By, req); err != nil {
		return err
	}
	a.shared.Lock()
	next := a.shared.state
	a.shared.Unlock()
	switch req.Act {
	case ActPause:
		next.Paused = true
	case ActResume:
		if next.Paused || next.Draining {
			next.Message = ""
		}
		next.Paused, next.Draining = false, false
	case ActDrain:
		next.Draining = true
	case ActRate:
		next.Rate = *req.RatePerMinute
	}
	if req.Message != nil {
		next.Message = *req.Message
	}
	next.At = a.cfg.Now().UTC()
	if err := a.save(ctx, next); err != nil {
		if !notStored(err) {
			a.fail(fmt.Errorf("record: %w", err))
		}
		return wire.Busy("It could not be stored just now: " + err.Error())
	}
	if next.Paused || next.Draining {
		a.turn.spread = pacing.Spread{} // not let out yet, and not to be
	}
	if err := a.publish(ctx, a.snapshot(), true); err != nil {
		a.fail(err)
	}
	return nil
}

func check(req wire.MeterRequest) error {
	switch {
	case !slices.Contains([]string{ActPause, ActResume, ActRate, ActMessage, ActDrain}, req.Act):
		return wire.Refuse(wire.CodeBadRequest, fmt.Sprintf("There is no act %q.", req.Act))
	case req.Act == ActRate && req.RatePerMinute == nil:
		return wire.Refuse(wire.CodeInvalid, `Say {"rate_per_minute": n}; 0 is what the event's spec says.`)
	case req.Act == ActMessage && req.Message == nil:
		return wire.Refuse(wire.CodeInvalid, `Say {"message": text}; "" clears it.`)
	case req.Act != ActRate && req.RatePerMinute != nil:
		return wire.Refuse(wire.CodeInvalid, "rate_per_minute belongs to rate.")
	case req.RatePerMinute != nil && (*req.RatePerMinute < 0 || *req.RatePerMinute > maxRate):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("rate_per_minute is between 0 and %d.", maxRate))
	case req.Message != nil && len(*req.Message) > maxMessage:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("message has at most %d bytes.", maxMessage))
	}
	return nil
}

func (a *Admitter) status() wire.MeterReply {
	s := a.snapshot()
	a.shared.Lock()
	defer a.shared.Unlock()
	a.shared.table.Expire(s.Now)
	show, _ := a.shared.table.Show()
	r := wire.MeterReply{
		Event: a.event, Admitter: a.cfg.Name, Term: a.term, State: a.shared.state, Waiting: a.uncalled(),
		Alive: a.shared.table.Alive(), Coming: int(math.Ceil(a.shared.table.Coming(s.Now))), Show: round(show),
		Buys: round(a.shared.demand.Buys), PerFan: round(a.shared.demand.PerFan()), Free: s.Stock.All.Free, Why: a.shared.why, Absent: a.queues.Absent(), At: s.Now.UTC(),
	}
	for _, l := range a.queues.Lives() {
		r.Joined += l.Joined() - l.From
	}
	return r
}
