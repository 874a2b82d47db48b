package challenge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"frontrow/gateway/challenge/altcha"
	"frontrow/gateway/challenge/siteverify"
	"frontrow/wire"
)

const (
	// Life is how long a challenge is good. Records of what was spent are kept
	// for longer (wire.ChallengesBucket).
	Life = 10 * time.Minute

	// MaxAnswer bounds an answer of any kind, with the provider's name before it.
	MaxAnswer = 2200
	// Skip is the answer of a fan who would rather wait in the slow lane.
	Skip = "skip"

	// issueWait bounds the wait for a processor.
	issueWait = 2 * time.Second
)

// Tries of a proof of work, at most; half of it on average. A slow phone does
// the first in 3 s and the second in 30 s at most: measured in Chromium with the
// processor slowed down four times (docs/capacity.md).
const (
	standardTries = 500
	strongTries   = 5000
)

// Verifier is a widget's provider: *siteverify.Client is one. Verify returns nil,
// siteverify.ErrRefused or siteverify.ErrUnavailable, all of them possibly wrapped,
// in bounded time.
type Verifier interface {
	Name() string
	Available() bool
	Verify(ctx context.Context, token, whom, address string) error
}

// Spender notes what was used. Spend returns whether id was not used before, or
// for the same act by the same fan. Its errors mean that it is not known.
type Spender interface {
	Spend(ctx context.Context, event, id string, use Use) (bool, error)
}

// Use is who used an answer, and what for.
type Use struct {
	Fan string    `json:"fan"`
	Act string    `json:"act"` // with its own id, if it can be done more than once
	At  time.Time `json:"at"`
}

// Purpose is what a challenge is for.
type Purpose struct {
	Event, Fan string
	Act        string // join, redeem or hold
	ID         string // of the act, when it is done; empty if the fan does it once
}

// whom is what a challenge is bound to. Nothing in it tells the fan's id.
func (p Purpose) whom() string { return wire.Hash([]byte(p.Event + "\n" + p.Fan)) }

// Desk gives out challenges and takes the answers.
type Desk struct {
	signer   altcha.Signer
	spender  Spender
	verifier Verifier // nil: none
	now      func() time.Time
	slots    chan struct{} // as many makings as may go on
}

// NewDesk makes a desk. Verifier may be nil.
func NewDesk(s altcha.Signer, spent Spender, v Verifier, now func() time.Time) *Desk {
	return &Desk{signer: s, spender: spent, verifier: v, now: now, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Issue makes a challenge. ErrBusy means that too many are being made.
func (d *Desk) Issue(ctx context.Context, p Purpose, level Level) (altcha.Challenge, error) {
	tries := standardTries
	if level == Strong {
		tries = strongTries
	}
	ctx, cancel := context.WithTimeout(ctx, issueWait)
	defer cancel()
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return altcha.Challenge{}, ErrBusy
	}
	return altcha.New(d.signer, altcha.Task{Act: p.Act, For: p.whom(), Level: int(level), Tries: tries}, d.now().Add(Life))
}

// Whom is what a widget is made with, so that its token is good for this fan alone.
func (d *Desk) Whom(p Purpose) string { return p.whom() }

// Check takes an answer and spends it. Address is the fan's, empty if unknown.
func (d *Desk) Check(ctx context.Context, p Purpose, answer, address string) Attempt {
	switch {
	case answer == "":
		return Attempt{}
	case answer == Skip:
		return Attempt{Skipped: true}
	case len(answer) > MaxAnswer:
		return Attempt{Fault: ErrFailed}
	}
	id, level, err := d.verify(ctx, p, answer, address)
	if err != nil {
		return Attempt{Fault: err}
	}
	use := Use{Fan: p.Fan, Act: p.Act, At: d.now().UTC()}
	if p.ID != "" {
		use.Act += " " + p.ID
	}
	switch first, err := d.spender.Spend(ctx, p.Event, id, use); {
	case err != nil:
		return Attempt{Fault: fmt.Errorf("%w: %w", ErrBusy, err)}
	case !first:
		return Attempt{Fault: fmt.Errorf("%w: it was used before", ErrFailed)}
	}
	return Attempt{Level: level}
}

// verify checks an answer without spending it. "turnstile:…" is a widget's token;
// what has no name before it is a proof of work, whose alphabet has no colon.
func (d *Desk) verify(ctx context.Context, p Purpose, answer, address string) (id string, level Level, err error) {
	name, token, named := strings.Cut(answer, ":")
	if !named {
		proof, err := altcha.Check(d.signer, answer, p.Act, p.whom(), d.now())
		switch {
		case errors.Is(err, altcha.ErrExpired):
			return "", None, ErrExpired
		case err != nil:
			return "", None, fmt.Errorf("%w: %w", ErrFailed, err)
		}
		return proof.ID, Level(proof.Level), nil
	}
	if d.verifier == nil || d.verifier.Name() != name {
		return "", None, fmt.Errorf("%w: no such provider", ErrFailed)
	}
	switch err := d.verifier.Verify(ctx, token, p.whom(), address); {
	case errors.Is(err, siteverify.ErrRefused):
		return "", None, fmt.Errorf("%w: %w", ErrFailed, err)
	case err != nil:
		return "", None, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return wire.Hash([]byte(answer)), Strong, nil
}
