package challenge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/gateway/abuse/challenge/siteverify"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/keyring"
)

func TestNeeds(t *testing.T) {
	t.Parallel()
	th := DefaultThresholds()
	for score, want := range map[int]Level{0: None, 49: None, 50: Standard, 74: Standard, 75: Strong, 100: Strong} {
		if got := th.Needs(score); got != want {
			t.Errorf("%d: %s", score, got)
		}
	}
	if (Thresholds{Standard: 50, Strong: 101}).Needs(100) != Standard {
		t.Error("101 is not never")
	}
	for _, bad := range []Thresholds{{}, {0, 50}, {60, 50}, {50, 102}} {
		if bad.Validate() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	failed := Attempt{Fault: fmt.Errorf("%w: forged", ErrFailed)}
	for _, c := range []struct {
		name  string
		needs Level
		a     Attempt
		slow  bool
		want  Verdict
	}{
		{"nothing to prove", None, Attempt{}, true, Enter},
		{"nothing to prove, and failed at it", None, failed, true, Enter},
		{"nothing to prove, but proven: a fan who gets out of the slow lane", None, Attempt{Level: Strong}, true, Enter},
		{"first time", Standard, Attempt{}, true, Ask},
		{"first time, no slow lane", Standard, Attempt{}, false, Ask},
		{"proven", Standard, Attempt{Level: Standard}, true, Enter},
		{"proven more than needed", Standard, Attempt{Level: Strong}, false, Enter},
		{"proven too little", Strong, Attempt{Level: Standard}, true, Ask},
		{"proven enough", Strong, Attempt{Level: Strong}, true, Enter},
		{"skipped", Standard, Attempt{Skipped: true}, true, Slow},
		{"skipped, no slow lane", Standard, Attempt{Skipped: true}, false, Ask},
		{"failed", Strong, failed, true, Slow},
		{"failed, no slow lane", Strong, failed, false, Ask},
		{"too late", Standard, Attempt{Fault: ErrExpired}, true, Ask},
		{"the provider is away", Standard, Attempt{Fault: ErrUnavailable}, true, Ask},
	} {
		if got := Decide(c.needs, c.a, c.slow); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// widget is a provider that the test speaks for.
type widget struct{ verdict error }

func (w *widget) Name() string    { return "turnstile" }
func (w *widget) Available() bool { return true }
func (w *widget) Verify(context.Context, string, string, string) error {
	return w.verdict
}

// challenger is one over a real bucket.
func challenger(t *testing.T, env *natstest.Env, w Verifier, now func() time.Time) *Challenger {
	t.Helper()
	js := env.JetStream(t)
	if err := streams.CreateCore(t.Context(), js, env.Replicas); err != nil {
		t.Fatal(err)
	}
	spent := NewSpent(js, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = spent.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return NewChallenger(keyring.New(), spent, w, now)
}

// easy is a challenge that takes few tries.
func easy(t *testing.T, d *Challenger, p Purpose, level Level) string {
	t.Helper()
	c, err := altcha.New(d.signer, altcha.Task{Act: p.Act, For: p.whom(), Level: int(level), Tries: 3}, d.now().Add(Life))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := altcha.Solve(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnswerIsGoodOnce(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		d := challenger(t, env, nil, time.Now)
		ann := Purpose{Event: "demo", Fan: "f_ann", Act: "join"}
		bob := Purpose{Event: "demo", Fan: "f_bob", Act: "join"}
		answer := easy(t, d, ann, Standard)
		for range 3 { // the same act of the same fan, repeated
			if a := d.Check(t.Context(), ann, answer, ""); a != (Attempt{Level: Standard}) {
				t.Fatalf("%+v", a)
			}
		}
		elsewhere := Purpose{Event: "other", Fan: "f_ann", Act: "join"}
		redeem := Purpose{Event: "demo", Fan: "f_ann", Act: "redeem"}
		for name, p := range map[string]Purpose{"another fan": bob, "another event": elsewhere, "another act": redeem} {
			if a := d.Check(t.Context(), p, answer, ""); !errors.Is(a.Fault, ErrFailed) || a.Level != None {
				t.Errorf("%s: %+v", name, a)
			}
		}
		// A hold is done many times; an answer pays for one of them, whoever comes first.
		hold := func(id string) Purpose { return Purpose{Event: "demo", Fan: "f_ann", Act: "hold", ID: id} }
		answer = easy(t, d, hold(""), Strong)
		const parallel = 20
		results := make([]Attempt, parallel)
		var all sync.WaitGroup
		for i := range results {
			all.Go(func() { results[i] = d.Check(t.Context(), hold(fmt.Sprint("h_", i)), answer, "") })
		}
		all.Wait()
		good := 0
		for i, a := range results {
			if a.Level == Strong {
				good++
				if again := d.Check(t.Context(), hold(fmt.Sprint("h_", i)), answer, ""); again.Level != Strong {
					t.Errorf("the same hold again: %+v", again)
				}
			} else if !errors.Is(a.Fault, ErrFailed) {
				t.Errorf("%+v", a)
			}
		}
		if good != 1 {
			t.Errorf("one answer paid for %d holds", good)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	at := time.Now()
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	w := &widget{}
	d := challenger(t, natstest.Run(t), w, now)
	p := Purpose{Event: "demo", Fan: "f_ann", Act: "join"}
	late := easy(t, d, p, Standard)
	mu.Lock()
	at = at.Add(Life + time.Second)
	mu.Unlock()
	for name, c := range map[string]struct {
		answer  string
		verdict error
		want    Attempt
	}{
		"none":           {"", nil, Attempt{}},
		"skipped":        {Skip, nil, Attempt{Skipped: true}},
		"garbage":        {"garbage", nil, Attempt{Fault: ErrFailed}},
		"oversized":      {strings.Repeat("A", MaxAnswer+1), nil, Attempt{Fault: ErrFailed}},
		"expired":        {late, nil, Attempt{Fault: ErrExpired}},
		"a token":        {"turnstile:good", nil, Attempt{Level: Strong}},
		"refused":        {"turnstile:bad", siteverify.ErrRefused, Attempt{Fault: ErrFailed}},
		"away":           {"turnstile:whatever", fmt.Errorf("%w: 500", siteverify.ErrUnavailable), Attempt{Fault: ErrUnavailable}},
		"in some way":    {"turnstile:strange", errors.New("panic"), Attempt{Fault: ErrUnavailable}},
		"other provider": {"hcaptcha:good", nil, Attempt{Fault: ErrFailed}},
		"no provider":    {":good", nil, Attempt{Fault: ErrFailed}},
	} {
		w.verdict = c.verdict
		a := d.Check(t.Context(), p, c.answer, "192.0.2.7")
		if a.Level != c.want.Level || a.Skipped != c.want.Skipped || !errors.Is(a.Fault, c.want.Fault) {
			t.Errorf("%s: %+v, want %+v", name, a, c.want)
		}
	}
	bob := Purpose{Event: "demo", Fan: "f_bob", Act: "join"}
	w.verdict = nil
	if a := d.Check(t.Context(), bob, "turnstile:good", ""); !errors.Is(a.Fault, ErrFailed) {
		t.Errorf("a token that another fan has used: %+v", a)
	}
}

// Without the servers an answer is neither good nor wrong.
func TestNoServers(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	d := challenger(t, env, nil, time.Now)
	p := Purpose{Event: "demo", Fan: "f_ann", Act: "join"}
	answer := easy(t, d, p, Standard)
	env.StopServer(0)
	if a := d.Check(t.Context(), p, answer, ""); !errors.Is(a.Fault, ErrBusy) || a.Level != None {
		t.Errorf("%+v", a)
	}
	env.StartServer(0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for d.Check(ctx, p, answer, "").Level != Standard { // nothing is lost
		if ctx.Err() != nil {
			t.Fatal("the answer is not taken after the outage")
		}
	}
}

func TestIssue(t *testing.T) {
	t.Parallel()
	d := NewChallenger(keyring.New(), nil, nil, time.Now)
	p := Purpose{Event: "demo", Fan: "f_ann", Act: "join"}
	standard, err := d.Issue(t.Context(), p, Standard)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := d.Issue(t.Context(), p, Strong)
	if err != nil {
		t.Fatal(err)
	}
	if s, g := standard.Parameters.Data, strong.Parameters.Data; s.Level != 1 || g.Level != 2 || g.Tries < 5*s.Tries || s.For != d.Whom(p) || strings.Contains(s.For, "ann") {
		t.Errorf("%+v %+v", s, g)
	}
	for range cap(d.slots) { // everybody is busy
		d.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Issue(ctx, p, Standard); !errors.Is(err, ErrBusy) {
		t.Errorf("without a free slot: %v", err)
	}
}
