package challenge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/gateway/abuse/challenge/siteverify"
	"frontrow/wire"
)

const (
	// Life is how long a challenge is valid. Records of spent answers are kept longer
	// (wire.ChallengesBucket).
	Life = 10 * time.Minute

	// MaxAnswer bounds an answer of any kind, with the provider's name before it.
	MaxAnswer = 2200
	// Skip is the answer of a fan who would rather wait in the slow lane.
	Skip = "skip"

	// issueWait bounds the wait for a processor.
	issueWait = 2 * time.Second
)

// Tries of a proof of work, at most; half as many on average. A slow phone does the first
// in 3 s and the second in 30 s at most: measured in Chromium with the processor slowed
// down four times (docs/capacity.md).
const (
	standardTries = 500
	strongTries   = 5000
)

// Verifier is a widget's provider, such as *siteverify.Client. In bounded time Verify
// returns nil, siteverify.ErrRefused or siteverify.ErrUnavailable; the errors may be
// wrapped.
type Verifier interface {
	Name() string
	Available() bool
	Verify(ctx context.Context, token, whom, address string) error
}

// Spender notes which answers were used. Spend reports whether id was unused, or was used
// for the same act by the same fan. An error means that this is not known.
type Spender interface {
	Spend(ctx context.Context, event, id string, use Use) (bool, error)
}

// Use says who used an answer, and what for.
type Use struct {
	Fan string    `json:"fan"`
	Act string    `json:"act"` // with its own id, if it can be done more than once
	At  time.Time `json:"at"`
}

// Purpose is what a challenge is for.
type Purpose struct {
	Event, Fan string
	Act        string // join, redeem or hold
	ID         string // of the act; empty if the fan does it only once
}

// whom returns what a challenge is bound to. It doesn't reveal the fan's id.
func (p Purpose) whom() string { return wire.Hash([]byte(p.Event + "\n" + p.Fan)) }

// Challenger gives out challenges and checks the answers.
type Challenger struct {
	signer   altcha.Signer
	spender  Spender
	verifier Verifier // nil: none
	now      func() time.Time
	slots    chan struct{} // one for each challenge being made
}

// NewChallenger returns a Challenger. v may be nil.
func NewChallenger(s altcha.Signer, spent Spender, v Verifier, now func() time.Time) *Challenger {
	return &Challenger{signer: s, spender: spent, verifier: v, now: now, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Issue makes a challenge. It returns ErrBusy if too many are being made.
func (c *Challenger) Issue(ctx context.Context, p Purpose, level Level) (altcha.Challenge, error) {
	tries := standardTries
	if level == Strong {
		tries = strongTries
	}
	ctx, cancel := context.WithTimeout(ctx, issueWait)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return altcha.Challenge{}, ErrBusy
	}
	return altcha.New(c.signer, altcha.Task{Act: p.Act, For: p.whom(), Level: int(level), Tries: tries}, c.now().Add(Life))
}

// Whom returns what a widget is made with, so that its token is good for this fan alone.
func (c *Challenger) Whom(p Purpose) string { return p.whom() }

// Check verifies an answer and spends it. address is the fan's, empty if unknown.
func (c *Challenger) Check(ctx context.Context, p Purpose, answer, address string) Attempt {
	switch {
	case answer == "":
		return Attempt{}
	case answer == Skip:
		return Attempt{Skipped: true}
	case len(answer) > MaxAnswer:
		return Attempt{Fault: ErrFailed}
	}
	id, level, err := c.verify(ctx, p, answer, address)
	if err != nil {
		return Attempt{Fault: err}
	}
	use := Use{Fan: p.Fan, Act: p.Act, At: c.now().UTC()}
	if p.ID != "" {
		use.Act += " " + p.ID
	}
	switch first, err := c.spender.Spend(ctx, p.Event, id, use); {
	case err != nil:
		return Attempt{Fault: fmt.Errorf("%w: %w", ErrBusy, err)}
	case !first:
		return Attempt{Fault: fmt.Errorf("%w: it was used before", ErrFailed)}
	}
	return Attempt{Level: level}
}

// verify checks an answer without spending it. "turnstile:…" is a widget's token; an answer
// without such a prefix is a proof of work, whose alphabet has no colon.
func (c *Challenger) verify(ctx context.Context, p Purpose, answer, address string) (id string, level Level, err error) {
	name, token, named := strings.Cut(answer, ":")
	if !named {
		proof, err := altcha.Check(c.signer, answer, p.Act, p.whom(), c.now())
		switch {
		case errors.Is(err, altcha.ErrExpired):
			return "", None, ErrExpired
		case err != nil:
			return "", None, fmt.Errorf("%w: %w", ErrFailed, err)
		}
		return proof.ID, Level(proof.Level), nil
	}
	if c.verifier == nil || c.verifier.Name() != name {
		return "", None, fmt.Errorf("%w: no such provider", ErrFailed)
	}
	switch err := c.verifier.Verify(ctx, token, p.whom(), address); {
	case errors.Is(err, siteverify.ErrRefused):
		return "", None, fmt.Errorf("%w: %w", ErrFailed, err)
	case err != nil:
		return "", None, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return wire.Hash([]byte(answer)), Strong, nil
}
