package rehearse

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"frontrow/gateway/challenge/altcha"
)

// Bounds of proving something.
const (
	// maxProofs is how often an act is answered with another proof before its
	// visitor gives up.
	maxProofs = 4
	// triesUnproven is how often an act is tried again without a proof.
	triesUnproven = 8
	// proofLimit is the longest that a bot lets its computer work at one proof, those
	// that are to be made before it included, and the longest that anybody waits for
	// a processor of this machine. The server's challenges live longer.
	proofLimit = time.Minute

	skipAnswer = "skip"
)

// hindered is what the defences cost one visitor. Delay leaves out what they waited
// for a connection of ours: that is this machine's doing.
type hindered struct {
	limited, challenged bool
	slow                bool // their place is in the slow lane
	rested              bool // was told that others go first
	gaveUp              bool // would not prove, or on a computer too slow
	unsolved            bool // would have proven, had this machine had a processor for it
	proofs              int
	delay               time.Duration
}

func (h *hindered) anyhow() bool { return h.limited || h.challenged || h.slow }

// act does what a suspect has to pay for, and pays: it asks, and when it is told
// to prove something first, it does or does not, by the visitor's habits. The
// answer is challenge-required if they did not.
func (v *visitor) act(ctx context.Context, q request, ask func(context.Context, request) (answer, error)) (answer, error) {
	a, err := ask(ctx, q)
	if err != nil || !a.is("challenge-required") {
		return a, err
	}
	v.hindered.challenged = true
	began, queued, before := time.Now(), v.queued, v.hindered.delay
	defer func() { v.hindered.delay = before + time.Since(began) - (v.queued - queued) }()
	body := q.body
	for try := 1; a.is("challenge-required"); try++ {
		answer, ok, err := v.answerTo(ctx, a, try)
		if err != nil {
			return a, err
		}
		if !ok {
			v.hindered.gaveUp = true
			return a, nil
		}
		q.body = withProof(body, answer)
		if a, err = ask(ctx, q); err != nil {
			return a, err
		}
	}
	return a, nil
}

// answerTo is what a visitor answers to a refusal that asks for a proof: nothing
// at all if they just try again. False: they give up.
func (v *visitor) answerTo(ctx context.Context, a answer, try int) (string, bool, error) {
	switch {
	case v.proving == never && try <= triesUnproven:
		if !v.pause(ctx, hammering) {
			return "", false, errGone
		}
		return "", true, nil
	case v.proving == skips && a.Skip && try <= maxProofs:
		return skipAnswer, true, nil
	case (v.proving == solves || v.proving == skips && v.receipt != "") && try <= maxProofs:
		return v.prove(ctx, a.Challenge)
	}
	return "", false, nil
}

// withProof is a body, an object, with the answer to a challenge in it.
func withProof(body, answer string) string {
	if answer == "" {
		return body
	}
	fields := map[string]any{}
	_ = json.Unmarshal([]byte(body), &fields) // of ours
	fields["challenge"] = answer
	return mustJSON(fields)
}

// prove gets a challenge and works it out. False: the visitor's computer would
// take too long, or this machine has no processor for it.
func (v *visitor) prove(ctx context.Context, path string) (proof string, ok bool, err error) {
	a, err := v.ask(ctx, request{route: routeChallenge, method: http.MethodGet, path: path})
	if err != nil || a.status != http.StatusOK {
		return "", false, err
	}
	v.cookies = v.cookies.with(a.header) // whom it was made for
	var c altcha.Challenge
	if err := a.into(&c); err != nil {
		return "", false, err
	}
	limit := proofLimit
	if !v.fake {
		limit = v.r.cfg.Patience
	}
	tries := 1 + v.random.IntN(max(c.Parameters.Data.Tries, 1))
	until, ok := v.machine.reserve(time.Now(), time.Duration(tries)*v.r.cfg.wardrobe[v.looks].try, limit)
	if !ok {
		return "", false, nil
	}
	pool := v.r.solvers
	if v.fake {
		pool = v.r.botSolvers
	}
	proof, ok, err = pool.solve(ctx, c)
	switch {
	case ctx.Err() != nil:
		return "", false, errGone
	case err != nil:
		return "", false, err
	case !ok:
		v.hindered.unsolved = true
		return "", false, nil
	}
	v.hindered.proofs++
	if !pause(ctx, time.Until(until)) {
		return "", false, errGone
	}
	return proof, true, nil
}

// machine is the computer of one person. It makes one proof after the other.
type machine struct {
	mu   sync.Mutex
	free time.Time // when it is done with what it has taken on
}

// reserve takes a work on and tells until when it is done; not if that is beyond
// the limit.
func (m *machine) reserve(now time.Time, work, limit time.Duration) (until time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until = now
	if m.free.After(now) {
		until = m.free
	}
	if until = until.Add(work); until.Sub(now) > limit {
		return until, false
	}
	m.free = until
	return until, true
}

// solvers bounds how many proofs this machine works out at a time.
type solvers chan struct{}

// solve works a challenge out; false if no processor was free within proofLimit.
func (s solvers) solve(ctx context.Context, c altcha.Challenge) (proof string, ok bool, err error) {
	enough := time.NewTimer(proofLimit)
	defer enough.Stop()
	select {
	case s <- struct{}{}:
	case <-enough.C:
		return "", false, nil
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	defer func() { <-s }()
	proof, err = altcha.Solve(ctx, c)
	return proof, err == nil, err
}
