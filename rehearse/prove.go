package rehearse

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"frontrow/gateway/abuse/challenge/altcha"
)

// Bounds of proofs.
const (
	// maxProofs is how many proofs a visitor gives for one act before giving up.
	maxProofs = 4
	// triesUnproven is how often an act is tried again without a proof.
	triesUnproven = 8
	// proofLimit is the longest that a bot lets its computer work until a proof is
	// done, including those queued before it, and the longest that any visitor waits
	// for a processor of this machine. The server's challenges live longer.
	proofLimit = time.Minute

	skipAnswer = "skip"
)

// hindered is what the defences cost one visitor. Delay leaves out the time they
// waited for one of our connections, which is this machine's doing.
type hindered struct {
	limited, challenged bool
	slow                bool // their place is in the slow lane
	rested              bool // were told that others go first
	gaveUp              bool // would not give a proof, or had too slow a computer
	unsolved            bool // would have given one if this machine had had a processor for it
	proofs              int
	delay               time.Duration
}

func (h *hindered) anyhow() bool { return h.limited || h.challenged || h.slow }

// act performs an act that may require a proof. If the server asks for one, the
// visitor gives it or not, by their habits. The answer is challenge-required if they
// did not.
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

// answerTo returns a visitor's answer to a refusal that asks for a proof, empty if
// they just try again. It reports false if they give up.
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

// withProof returns a body, a JSON object, with the answer to a challenge added.
func withProof(body, answer string) string {
	if answer == "" {
		return body
	}
	fields := map[string]any{}
	_ = json.Unmarshal([]byte(body), &fields) // of ours
	fields["challenge"] = answer
	return mustJSON(fields)
}

// prove gets a challenge and solves it. ok is false if the visitor's computer would
// take too long or this machine has no processor for it.
func (v *visitor) prove(ctx context.Context, path string) (proof string, ok bool, err error) {
	a, err := v.ask(ctx, request{route: routeChallenge, method: http.MethodGet, path: path})
	if err != nil || a.status != http.StatusOK {
		return "", false, err
	}
	v.cookies = v.cookies.with(a.header) // the cookie that it was made for
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

// machine is the computer of one person. It makes one proof at a time.
type machine struct {
	mu   sync.Mutex
	free time.Time // when it has done the work it has taken on
}

// reserve takes on work and returns when it will be done; ok is false, and the work
// not taken on, if that is beyond the limit.
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

// solve solves a challenge; ok is false if no processor was free within proofLimit.
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
