package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"frontrow/wire"
)

// outcome is how a visit ended.
type outcome string

const (
	paid      outcome = "paid"
	absent    outcome = "never came when called"
	tooLate   outcome = "sold out before they were called"
	nothing   outcome = "nothing left that would do"
	lost      outcome = "others were quicker, gave up"
	abandoned outcome = "had seats, abandoned them"
	expired   outcome = "the pass ran out"
	declined  outcome = "the payment was declined"
	refused   outcome = "refused"
	unproven  outcome = "was asked for a proof, gave none"
	away      outcome = "the server stayed away"
	waited    outcome = "waited too long"
	spun      outcome = "held and released" // bots
	stopped   outcome = "the rehearsal ended"
)

// visitor is one browser: a fan, or one of a bot's places.
type visitor struct {
	r      *rehearsal
	n      int
	client *client
	tally  *tally
	habits

	random   *rand.Rand
	machine  *machine
	sent     uint64        // requests, for rotating addresses
	wishes   int           // holds asked for, to number idempotency keys
	queued   time.Duration // time spent waiting for connections
	hindered hindered

	cookies       cookies
	receipt, pass string
	place         place
	joined        time.Time
	standing      *standing
	among         *tally // of the fans who share a network, or nil
	bought        int
	turns         int // that ended before they had what they came for
}

// maxTurns is how often a fan joins again after their time to choose is over.
const maxTurns = 3

// state does one step of a visit and returns the next; nil ends it.
type state func(context.Context) state

func (v *visitor) visit(ctx context.Context) {
	v.random = randomOf(v.r.cfg.Seed^1<<63, v.n)
	ctx, leave := context.WithCancel(ctx)
	defer leave() // ends the socket
	for next := v.arrive; next != nil; {
		next = next(ctx)
	}
	v.tally.hinder(v.hindered)
	if v.among != nil {
		v.among.hinder(v.hindered)
		v.among.add(countSeats, v.bought)
	}
}

func (v *visitor) leave(how outcome) state {
	v.tally.end(string(how))
	return nil
}

// failed ends a visit that can't go on: the server does not answer, or not as the
// contract says.
func (v *visitor) failed(err error) state {
	switch {
	case errors.Is(err, errGone):
		return v.leave(stopped)
	case errors.Is(err, errAway):
		return v.leave(away)
	}
	v.tally.add(countErrors, 1)
	return v.leave(refused)
}

// ask sends a request as the visitor until it is answered.
func (v *visitor) ask(ctx context.Context, q request) (answer, error) {
	v.sign(&q)
	wait := polite
	if v.fake {
		wait = rude(v.thoughts(hammering))
	}
	return v.noted(v.client.insist(ctx, v.tally, q, wait))
}

// sign adds the visitor's identity to a request.
func (v *visitor) sign(q *request) {
	q.cookies, q.from, q.looks = v.cookies, v.from(), &v.r.cfg.wardrobe[v.looks]
}

// noted records what kept the visitor from being answered.
func (v *visitor) noted(a answer, err error) (answer, error) {
	v.queued += a.queued
	if a.limited > 0 {
		v.hindered.limited = true
		v.hindered.delay += a.limited
	}
	return a, err
}

// twice sends a request twice at once, as impatient fingers do. Both answers say
// what was done, unless one came before it was.
func (v *visitor) twice(ctx context.Context, q request) (answer, error) {
	var second sync.WaitGroup
	v.sign(&q)
	var b answer
	second.Go(func() { b, _ = v.client.insist(ctx, v.tally, q, polite) })
	a, err := v.noted(v.client.insist(ctx, v.tally, q, polite))
	second.Wait()
	if err == nil && a.status >= http.StatusBadRequest && b.status != 0 {
		return b, nil
	}
	return a, err
}

// thoughts returns the duration of n times Config.Think.
func (v *visitor) thoughts(n float64) time.Duration {
	return time.Duration(n * float64(v.r.cfg.Think))
}

// from returns the address that a request comes from.
func (v *visitor) from() string {
	if v.rotates {
		v.sent++
		return within(v.address, v.r.cfg.Seed+uint64(v.n)<<20+v.sent).String()
	}
	return v.address.String()
}

// over reports whether no more seats can be had.
func (v *visitor) over() bool {
	select {
	case <-v.r.board.over:
		return true
	default:
		return false
	}
}

func (v *visitor) arrive(ctx context.Context) state {
	if !v.opens {
		return v.join
	}
	a, err := v.ask(ctx, request{route: routePage, method: http.MethodGet, path: "/e/" + v.r.cfg.Event})
	if err != nil {
		return v.failed(err)
	}
	v.cookies = v.cookies.with(a.header)
	if !pause(ctx, v.finds) {
		return v.leave(stopped)
	}
	return v.join
}

func (v *visitor) join(ctx context.Context) state {
	a, err := v.places(ctx)
	if err != nil {
		return v.failed(err)
	}
	switch {
	case a.status == http.StatusCreated, a.status == http.StatusOK:
	case a.status == http.StatusTooEarly: // the waiting room is not open yet
		if time.Since(v.r.began) > v.r.cfg.Patience {
			return v.leave(waited)
		}
		if !pause(ctx, max(a.retryAfter, firstBackoff)) {
			return v.leave(stopped)
		}
		return v.join
	case a.status == http.StatusGone:
		return v.leave(tooLate)
	case a.is("challenge-required"):
		return v.leave(unproven)
	default:
		return v.leave(refused)
	}
	if v.turns == 0 {
		v.tally.add(countPlaces, 1)
	}
	v.joined = time.Now()
	if v.secondTab {
		if err := v.joinAgain(ctx); err != nil {
			return v.failed(err)
		}
	}
	if v.socket && v.turns == 0 {
		go v.live(ctx, v.cookies)
	}
	v.r.loot.drop(v)
	if v.forges {
		v.forge(ctx)
	}
	v.r.waiting.Add(1)
	defer v.r.waiting.Add(-1)
	return v.wait(ctx)
}

// again joins at the end of the queue, as a fan's page does when their time to choose
// is over. Bots, and fans who have done so often enough, leave.
func (v *visitor) again(context.Context) state {
	if v.turns++; v.fake || v.turns > maxTurns || v.over() {
		return v.leave(expired)
	}
	v.r.check.usedUp(v.n)
	v.receipt, v.pass = "", ""
	return v.join
}

// places joins the queue, or finds the place taken before.
func (v *visitor) places(ctx context.Context) (answer, error) {
	body := "{}"
	if v.receipt != "" {
		body = mustJSON(map[string]string{"place": v.receipt})
	}
	a, err := v.act(ctx, request{route: routeJoin, method: http.MethodPost, path: v.r.path("/places"), body: body}, v.ask)
	if err != nil || a.status != http.StatusCreated && a.status != http.StatusOK {
		return a, err
	}
	var p struct {
		Place  string `json:"place"`
		Lane   string `json:"lane"`
		Region string `json:"region"`
		Number uint64 `json:"number"`
	}
	if err := a.into(&p); err != nil {
		return a, fmt.Errorf("join: %w", err)
	}
	v.cookies = v.cookies.with(a.header)
	v.receipt, v.place = p.Place, place{lane{p.Lane, p.Region}, p.Number}
	v.hindered.slow = p.Lane == wire.LaneSlow
	v.r.check.placed(v.n, v.place)
	return a, nil
}

// joinAgain joins from a second tab or a reloaded page: the place stays the same.
func (v *visitor) joinAgain(ctx context.Context) error {
	_, err := v.places(ctx)
	return err
}

// wait ends when the place is called, when no more seats can be had, or when the
// visitor has waited long enough.
func (v *visitor) wait(ctx context.Context) state {
	if v.hammers {
		return v.redeem
	}
	enough := time.NewTimer(v.r.cfg.Patience)
	defer enough.Stop()
	var reload <-chan time.Time
	if v.reload > 0 {
		t := time.NewTimer(v.reload)
		defer t.Stop()
		reload = t.C
	}
	called := v.r.board.called(v.place)
	for {
		select {
		case <-ctx.Done():
			return v.leave(stopped)
		case <-called:
			if v.absent {
				return v.leave(absent)
			}
			if !pause(ctx, v.late) {
				return v.leave(stopped)
			}
			return v.redeem
		case <-v.r.board.over:
			return v.leave(tooLate)
		case <-enough.C:
			return v.leave(waited)
		case <-reload:
			if err := v.joinAgain(ctx); err != nil {
				return v.failed(err)
			}
		}
	}
}

// redeem turns the place into a pass. A visitor who is told to wait, because they
// came after their window or were not called yet, asks again until they get it or
// the sale is over.
func (v *visitor) redeem(ctx context.Context) state {
	if v.client == v.r.outside {
		v.client = v.r.inside
	}
	for began := time.Now(); time.Since(began) < v.r.cfg.Patience; {
		a, err := v.act(ctx, request{route: routeRedeem, method: http.MethodPost, path: v.r.path("/passes"), body: `{"place":"` + v.receipt + `"}`}, v.ask)
		if err != nil {
			return v.failed(err)
		}
		switch a.status {
		case http.StatusCreated:
			return v.admitted(ctx, a)
		case http.StatusTooEarly:
			wait := a.retryAfter
			if v.fake {
				wait = v.thoughts(hammering)
			}
			if v.over() {
				return v.leave(tooLate)
			}
			if !pause(ctx, wait) {
				return v.leave(stopped)
			}
		case http.StatusGone:
			if a.is("join-again") {
				return v.again
			}
			return v.leave(tooLate)
		default:
			if a.is("challenge-required") {
				return v.leave(unproven)
			}
			return v.leave(refused)
		}
	}
	return v.leave(waited)
}

func (v *visitor) admitted(ctx context.Context, a answer) state {
	at := time.Now()
	var p struct {
		Pass string `json:"pass"`
	}
	if err := a.into(&p); err != nil {
		return v.failed(fmt.Errorf("redeem: %w", err))
	}
	v.cookies = v.cookies.with(a.header)
	first := v.pass == ""
	v.pass = p.Pass
	v.r.check.admitted(v.n, v.place, v.pass, at)
	if !first {
		return v.shop
	}
	v.tally.add(countPasses, 1)
	v.r.loot.drop(v)
	if v.forges {
		v.forge(ctx)
	}
	if v.reload > 0 { // reloaded meanwhile: the same pass
		v.reload = 0
		return v.redeem
	}
	return v.shop
}
