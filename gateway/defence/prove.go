package defence

import (
	"context"
	"errors"
	"net/http"

	"frontrow/gateway/challenge"
	"frontrow/gateway/challenge/altcha"
	"frontrow/gateway/limit"
	"frontrow/gateway/risk"
	"frontrow/wire"
)

// Acts that a suspect has to pay for.
const (
	ActJoin   = "join"
	ActRedeem = "redeem"
	ActHold   = "hold"
)

// Outcomes of a challenge, for the metric and the log of risk acts.
const (
	outcomeAsked       = "challenged"
	outcomePassed      = "passed"
	outcomeSlow        = "slow"
	outcomeFailed      = "failed"
	outcomeExpired     = "expired"
	outcomeUnavailable = "unavailable"
	outcomeIssued      = "issued"
)

// Task is a challenge in ALTCHA's form, and what a page needs to show a
// widget instead.
type Task struct {
	altcha.Challenge
	Level  string  `json:"level"` // standard or strong
	Widget *Widget `json:"widget,omitempty"`
}

// Widget is for the widget of a provider. Its token is sent as "provider:token".
type Widget struct {
	Provider string `json:"provider"` // turnstile or hcaptcha
	SiteKey  string `json:"site_key"`
	Script   string `json:"script"`
	Data     string `json:"cdata"` // that the widget must be made with
}

// challengePath is where a challenge is had: for an act, as strong as the fan's
// score asks for, or a strong one for the act of joining.
func challengePath(event, query string) string { return "/v1/events/" + event + "/challenge?" + query }

// Issue makes a challenge for an act. It is as strong as the fan's score asks for, or
// as level says, whichever is more.
func (d *Defences) Issue(r *http.Request, p challenge.Purpose, level challenge.Level) (Task, error) {
	level = max(level, d.cfg.Thresholds.Needs(d.assess(r, d.caller(r), p).Score))
	c, err := d.desk.Issue(r.Context(), p, level)
	if errors.Is(err, challenge.ErrBusy) {
		return Task{}, wire.Busy("Too many proofs are being made at this moment. Please try again.")
	}
	if err != nil {
		return Task{}, err
	}
	d.metrics.challenges.WithLabelValues(outcomeIssued).Inc()
	t := Task{Challenge: c, Level: level.String()}
	if widget := d.cfg.Widget; widget != nil && widget.Available() {
		t.Widget = &Widget{widget.Name(), widget.SiteKey(), widget.Script(), d.desk.Whom(p)}
	}
	return t, nil
}

// Event is one that fans arrive at.
type Event interface {
	ID() string
	// HasSlowLane reports whether suspects may come in by the slow lane unproven.
	HasSlowLane() bool
	// HasPlace reports whether a fan has a place of a turn in a lane.
	HasPlace(ctx context.Context, lane, fan string, turn int) (bool, error)
}

// Screen says by which lane an arrival may come in who wants to come in by lane:
// by that one, by the slow one, or not before they have proven something. It notes
// score and reasons in rec. A fan who has a place keeps it, however suspicious they
// comes back. An access code is not spent on the slow lane: whoever has one proves.
func (d *Defences) Screen(r *http.Request, ev Event, rec *wire.PlaceRecord, lane, answer string) (string, error) {
	c := d.caller(r)
	_, err := d.env.Fans.Face(r)
	known := err == nil
	d.arrived(c, known)
	p := challenge.Purpose{Event: ev.ID(), Fan: rec.Fan, Act: ActJoin}
	a := d.scored(r, c, p)
	rec.Risk, rec.Reasons = a.Score, a.Reasons
	needs := d.needs(a)
	if needs == challenge.None {
		return lane, nil
	}
	if known { // else they were named just now and have nothing
		lanes := []string{lane, wire.LaneSlow}
		if answer != "" && answer != challenge.Skip {
			lanes = lanes[:1] // they pay to leave the slow lane
		}
		for _, l := range lanes {
			if has, err := ev.HasPlace(r.Context(), l, rec.Fan, rec.Turn); has || err != nil {
				return l, err
			}
		}
	}
	slow := ev.HasSlowLane() && rec.Code == ""
	verdict, problem := d.decide(r, p, c, a, answer, slow)
	if verdict == challenge.Slow {
		return wire.LaneSlow, nil
	}
	if problem != nil {
		return "", problem
	}
	return lane, nil
}

// Pays lets a fan do an act, or says what they have to prove first. There is no slow
// lane after the queue.
func (d *Defences) Pays(r *http.Request, p challenge.Purpose, answer string) error {
	c := d.caller(r)
	a := d.scored(r, c, p)
	if d.needs(a) == challenge.None {
		return nil
	}
	if _, problem := d.decide(r, p, c, a, answer, false); problem != nil {
		return problem
	}
	return nil
}

// house is an event by its size.
func (d *Defences) house(event string) limit.House {
	h := limit.House{Event: event}
	if d.env.Places != nil {
		h.Places = d.env.Places(event)
	}
	return h
}

func (d *Defences) needs(a risk.Assessment) challenge.Level {
	if d.cfg.off(Challenges) {
		return challenge.None
	}
	return d.cfg.Thresholds.Needs(a.Score)
}

// scored is assess with the metrics.
func (d *Defences) scored(r *http.Request, c caller, p challenge.Purpose) risk.Assessment {
	a := d.assess(r, c, p)
	d.metrics.risk.Observe(float64(a.Score))
	for _, reason := range a.Reasons {
		d.metrics.reasons.WithLabelValues(reason).Inc()
	}
	return a
}

// decide checks the answer of a suspect, says what follows, and logs it.
func (d *Defences) decide(r *http.Request, p challenge.Purpose, c caller, a risk.Assessment, answer string, slow bool) (challenge.Verdict, *wire.Problem) {
	address := ""
	if c.Addr.IsValid() {
		address = c.Addr.String()
	}
	needs := d.needs(a)
	attempt := d.desk.Check(r.Context(), p, answer, address)
	if errors.Is(attempt.Fault, challenge.ErrBusy) {
		d.env.Logger.Warn("answer could not be noted", "event", p.Event, "err", attempt.Fault)
		return challenge.Ask, wire.Busy("The proof can't be checked right now. Please send it again.")
	}
	verdict := challenge.Decide(needs, attempt, slow)
	said := faultOf(attempt.Fault)
	if said != "" {
		d.metrics.challenges.WithLabelValues(said).Inc()
	}
	outcome := map[challenge.Verdict]string{challenge.Enter: outcomePassed, challenge.Ask: outcomeAsked, challenge.Slow: outcomeSlow}[verdict]
	d.metrics.challenges.WithLabelValues(outcome).Inc()
	d.verdicts[verdict].Add(1)
	d.evidence.Add(p.Event, wire.RiskAct{Fan: p.Fan, Score: a.Score, Reasons: a.Reasons, Outcome: outcome, Act: p.Act, Gateway: d.name, At: d.env.Now().UTC()})
	if verdict != challenge.Ask {
		return verdict, nil
	}
	problem := wire.Refuse(wire.CodeChallenge, askWords(attempt, said))
	problem.Challenge, problem.Skip = challengePath(p.Event, "act="+p.Act), slow
	return verdict, problem
}

func faultOf(err error) string {
	switch {
	case errors.Is(err, challenge.ErrFailed):
		return outcomeFailed
	case errors.Is(err, challenge.ErrExpired):
		return outcomeExpired
	case errors.Is(err, challenge.ErrUnavailable):
		return outcomeUnavailable
	}
	return ""
}

// askWords tells a fan why they are asked for a proof, and a program what to do.
func askWords(a challenge.Attempt, fault string) string {
	const how = " Your browser gets a new task and works it out by itself in a few seconds; a program sends the answer as \"challenge\"."
	switch {
	case fault == outcomeFailed:
		return "The proof was wrong or was used before." + how
	case fault == outcomeExpired:
		return "The proof came too late." + how
	case fault == outcomeUnavailable:
		return "The service that checks this proof can't be reached; another kind of proof will do." + how
	case a.Level > challenge.None:
		return "A stronger proof is needed now." + how
	}
	return "Prove first that you are not a robot." + how
}

// Slow tells a fan in the slow lane why they are there and how to get out.
type Slow struct {
	Why       []string `json:"why"`
	Detail    string   `json:"detail"`
	Challenge string   `json:"challenge"` // where to get the task whose answer gives a place in the general lane
}

// WhySlow is for a fan whose place in an event's slow lane this request gave or found.
func (d *Defences) WhySlow(r *http.Request, event, fan string) *Slow {
	why := d.table.Words(d.assess(r, d.caller(r), challenge.Purpose{Event: event, Fan: fan, Act: ActJoin}).Reasons)
	if len(why) == 0 {
		why = []string{"The request looked like a program's when you joined."}
	}
	return &Slow{Why: why, Challenge: challengePath(event, "level=strong"),
		Detail: "You are in the slower queue, which is called after the others. A stronger proof, which takes your browser up to half a minute, gets you a place in the general queue."}
}
