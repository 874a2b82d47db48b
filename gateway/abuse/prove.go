package abuse

import (
	"context"
	"errors"

	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/gateway/abuse/risk"
	"frontrow/gateway/visitor"
	"frontrow/wire"
)

// Acts that a suspect must pay for.
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

// Task is a challenge in ALTCHA's form, with what a page needs to show a widget instead.
type Task struct {
	altcha.Challenge
	Level  string  `json:"level"` // standard or strong
	Widget *Widget `json:"widget,omitempty"`
}

// Widget describes a provider's widget. Its token is sent as "provider:token".
type Widget struct {
	Provider string `json:"provider"` // turnstile or hcaptcha
	SiteKey  string `json:"site_key"`
	Script   string `json:"script"`
	Data     string `json:"cdata"` // which the widget must be made with
}

// challengePath returns the path of a challenge: for an act, as strong as the fan's score
// requires, or a strong one for joining.
func challengePath(event, query string) string { return "/v1/events/" + event + "/challenge?" + query }

// Issue makes a challenge for a visitor's act. It is as strong as their score or level
// requires, whichever is more.
func (d *Defences) Issue(ctx context.Context, v *visitor.Visitor, ev Event, act string, level challenge.Level) (Task, error) {
	p := challenge.Purpose{Event: ev.ID(), Fan: v.Fan(), Act: act}
	level = max(level, d.cfg.Thresholds.Needs(d.assess(v, ev, act).Score))
	c, err := d.challenges.Issue(ctx, p, level)
	if errors.Is(err, challenge.ErrBusy) {
		return Task{}, wire.Busy("Too many proofs are being made at this moment. Please try again.")
	}
	if err != nil {
		return Task{}, err
	}
	d.metrics.challenges.WithLabelValues(outcomeIssued).Inc()
	t := Task{Challenge: c, Level: level.String()}
	if widget := d.cfg.Widget; widget != nil && widget.Available() {
		t.Widget = &Widget{widget.Name(), widget.SiteKey(), widget.Script(), d.challenges.Whom(p)}
	}
	return t, nil
}

// Event is an event that fans come to.
type Event interface {
	ID() string
	Places() int
	// HasSlowLane reports whether suspects may come in by the slow lane without a proof.
	HasSlowLane() bool
	// HasPlace reports whether a fan has a place for a turn in a lane.
	HasPlace(ctx context.Context, lane, fan string, turn int) (bool, error)
}

// Screen decides by which lane an arrival who asks for one may come in: by that one, by the
// slow one, or only after a proof. It notes score and reasons in rec. A fan who has a place
// keeps it, however suspicious they look when they come back. An access code is not spent
// on the slow lane: its holder must give a proof.
func (d *Defences) Screen(ctx context.Context, v *visitor.Visitor, ev Event, rec *wire.PlaceRecord, lane, answer string) (string, error) {
	d.arrived(v)
	a := d.scored(v, ev, ActJoin)
	rec.Risk, rec.Reasons = a.Score, a.Reasons
	if d.needs(a) == challenge.None {
		return lane, nil
	}
	if known(v) { // else they were named just now and have nothing
		lanes := []string{lane, wire.LaneSlow}
		if answer != "" && answer != challenge.Skip {
			lanes = lanes[:1] // they must pay to leave the slow lane
		}
		for _, l := range lanes {
			if has, err := ev.HasPlace(ctx, l, rec.Fan, rec.Turn); has || err != nil {
				return l, err
			}
		}
	}
	slow := ev.HasSlowLane() && rec.Code == ""
	verdict, problem := d.decide(ctx, v, challenge.Purpose{Event: ev.ID(), Fan: v.Fan(), Act: ActJoin}, a, answer, slow)
	if verdict == challenge.Slow {
		return wire.LaneSlow, nil
	}
	if problem != nil {
		return "", problem
	}
	return lane, nil
}

// Pays lets a visitor do an act, or says what they must prove first. id is the act's, if it
// can be done more than once. There is no slow lane after the queue.
func (d *Defences) Pays(ctx context.Context, v *visitor.Visitor, ev Event, act, id, answer string) error {
	a := d.scored(v, ev, act)
	if d.needs(a) == challenge.None {
		return nil
	}
	if _, problem := d.decide(ctx, v, challenge.Purpose{Event: ev.ID(), Fan: v.Fan(), Act: act, ID: id}, a, answer, false); problem != nil {
		return problem
	}
	return nil
}

func (d *Defences) needs(a risk.Assessment) challenge.Level {
	if d.cfg.off(Challenges) {
		return challenge.None
	}
	return d.cfg.Thresholds.Needs(a.Score)
}

// scored is assess, with metrics.
func (d *Defences) scored(v *visitor.Visitor, ev Event, act string) risk.Assessment {
	a := d.assess(v, ev, act)
	d.metrics.risk.Observe(float64(a.Score))
	for _, reason := range a.Reasons {
		d.metrics.reasons[reason]().Inc()
	}
	return a
}

// decide checks the answer of a suspect, says what follows, and logs it.
func (d *Defences) decide(ctx context.Context, v *visitor.Visitor, p challenge.Purpose, a risk.Assessment, answer string, slow bool) (challenge.Verdict, *wire.Problem) {
	address := ""
	if v.Addr.IsValid() {
		address = v.Addr.String()
	}
	needs := d.needs(a)
	attempt := d.challenges.Check(ctx, p, answer, address)
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
	d.evidence.add(p.Event, wire.RiskAct{Fan: p.Fan, Score: a.Score, Reasons: a.Reasons, Outcome: outcome, Act: p.Act, Gateway: d.name, At: d.env.Now().UTC()})
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

// askWords returns the sentence that tells a fan why they are asked for a proof, and a
// program what to do.
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

// WhySlow explains to a visitor why the place that they got, or already had, is in the slow
// lane.
func (d *Defences) WhySlow(v *visitor.Visitor, ev Event) *Slow {
	why := d.table.Words(d.assess(v, ev, ActJoin).Reasons)
	if len(why) == 0 {
		why = []string{"The request looked like a program's when you joined."}
	}
	return &Slow{Why: why, Challenge: challengePath(ev.ID(), "level=strong"),
		Detail: "You are in the slower queue, which is called after the others. A stronger proof, which takes your browser up to half a minute, gets you a place in the general queue."}
}
