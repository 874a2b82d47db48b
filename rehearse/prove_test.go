package rehearse

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"frontrow/gateway/abuse/challenge/altcha"
	"frontrow/wire"
)

type signer struct{}

func (signer) MACs(context string, message []byte) [][]byte {
	h := hmac.New(sha256.New, []byte(context))
	h.Write(message)
	return [][]byte{h.Sum(nil)}
}

// door is a server that asks every visitor for a proof, and counts.
type door struct {
	skip             bool
	asked, made, let int
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		d.made++
		c, err := altcha.New(signer{}, altcha.Task{Act: "join", For: "me", Level: 1, Tries: 3}, time.Now().Add(time.Minute))
		if err != nil {
			panic(err)
		}
		http.SetCookie(w, &http.Cookie{Name: wire.FanCookie, Value: "me"})
		_ = json.NewEncoder(w).Encode(c)
		return
	}
	d.asked++
	raw, _ := io.ReadAll(r.Body)
	var q struct{ Kept, Challenge string }
	if err := json.Unmarshal(raw, &q); err != nil || q.Kept != "yes" {
		panic(fmt.Sprintf("%s: %v", raw, err))
	}
	if q.Challenge == skipAnswer && d.skip {
		w.WriteHeader(http.StatusCreated)
		return
	}
	if _, err := altcha.Check(signer{}, q.Challenge, "join", "me", time.Now()); err == nil && r.Header.Get("Cookie") == wire.FanCookie+"=me" {
		d.let++
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "/problems/challenge-required", "challenge": "/challenge", "skip": d.skip})
}

func TestProving(t *testing.T) {
	t.Parallel()
	busy := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		habits
		machine          *machine
		skip             bool
		receipt          string
		status           int
		asked, made, let int
		want             hindered // without delay
	}{
		"a fan":                         {habits{}, &machine{}, true, "", 201, 2, 1, 1, hindered{challenged: true, proofs: 1}},
		"a bot that solves":             {habits{fake: true}, &machine{}, true, "", 201, 2, 1, 1, hindered{challenged: true, proofs: 1}},
		"one whose computer is at work": {habits{fake: true}, &machine{free: busy}, true, "", 403, 1, 1, 0, hindered{challenged: true, gaveUp: true}},
		"one that goes slowly":          {habits{fake: true, proving: skips}, &machine{}, true, "", 201, 2, 0, 0, hindered{challenged: true}},
		"one that can't":                {habits{fake: true, proving: skips}, &machine{}, false, "", 403, 1, 0, 0, hindered{challenged: true, gaveUp: true}},
		"one that has a place":          {habits{fake: true, proving: skips}, &machine{}, false, "r", 201, 2, 1, 1, hindered{challenged: true, proofs: 1}},
		"one that never proves":         {habits{fake: true, proving: never}, &machine{}, true, "", 403, 1 + triesUnproven, 0, 0, hindered{challenged: true, gaveUp: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &door{skip: c.skip}
			srv := httptest.NewServer(d)
			defer srv.Close()
			base, _ := url.Parse(srv.URL)
			cfg := crowdConfig()
			cfg.Think = 10 * time.Millisecond
			v := &visitor{r: &rehearsal{cfg: *cfg, solvers: make(solvers, 1), botSolvers: make(solvers, 1)}, habits: c.habits, machine: c.machine, receipt: c.receipt,
				tally: newTally(), client: newClient(base, 1, time.Minute, &trying{}), random: randomOf(1, 1)}
			a, err := v.act(t.Context(), request{route: routeJoin, method: http.MethodPost, path: "/", body: `{"kept":"yes"}`}, v.ask)
			if err != nil || a.status != c.status || d.asked != c.asked || d.made != c.made || d.let != c.let {
				t.Errorf("%d, %v, %+v", a.status, err, d)
			}
			got := v.hindered
			if got.delay <= 0 {
				t.Error("it took no time")
			}
			if got.delay = 0; got != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestMachine checks that a machine makes one proof at a time, and none that would take
// too long.
func TestMachine(t *testing.T) {
	var m machine
	for _, c := range []struct {
		now, work, limit, until float64
		ok                      bool
	}{{0, 10, 60, 10, true}, {1, 10, 60, 20, true}, {2, 50, 60, 70, false}, {3, 7, 60, 27, true}, {100, 5, 60, 105, true}, {100, 61, 60, 0, false}} {
		seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
		until, ok := m.reserve(at(c.now), seconds(c.work), seconds(c.limit))
		if ok != c.ok || ok && !until.Equal(at(c.until)) {
			t.Errorf("%+v: %v, %v", c, until, ok)
		}
	}
}
