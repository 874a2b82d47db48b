package rehearse

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of a request and its repetitions.
const (
	requestTimeout = 20 * time.Second
	idleTimeout    = 90 * time.Second
	maxAnswer      = 16 << 20 // the plan of the largest venue is smaller

	firstBackoff  = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	longestAdvice = 30 * time.Second // of Retry-After; a visitor told to wait longer tries again anyway
)

var (
	// errAway means that the server gave no useful answer for as long as a visitor
	// is patient.
	errAway = errors.New("the server stays away")
	// errGone means that the rehearsal ended while the visitor was there.
	errGone = errors.New("the rehearsal ends")
)

// client sends requests over a few connections, which it keeps open. Requests wait
// for a free one.
type client struct {
	base     *url.URL
	http     *http.Transport
	slots    chan struct{}
	patience time.Duration
	trying   *trying
}

func newClient(base *url.URL, connections int, patience time.Duration, trying *trying) *client {
	return &client{base: base, slots: make(chan struct{}, connections), patience: patience, trying: trying,
		http: &http.Transport{MaxIdleConnsPerHost: connections, IdleConnTimeout: idleTimeout, DisableCompression: true}}
}

// request is one request, which may be sent many times.
type request struct {
	route   route
	method  string
	path    string
	body    string // JSON
	key     string // Idempotency-Key
	pass    string
	cookies cookies
	etag    string
	from    string // address
	looks   *looks // nil: Go's own headers
}

// answer is an answer, read in full.
type answer struct {
	status int
	body   []byte
	header http.Header
	etag   string
	problem
	queued  time.Duration // for a connection, over all tries
	limited time.Duration // time since it was first told to slow down, without queued
}

// problem is the part of a refusal that a client can act on.
type problem struct {
	Type         string   `json:"type"`
	Instead      []string `json:"instead"`
	Order        string   `json:"order"`
	RetryAfterMS int64    `json:"retry_after_ms"`
	Challenge    string   `json:"challenge"` // path
	Skip         bool     `json:"skip"`
	retryAfter   time.Duration
}

// is reports whether the answer is a refusal of the named type.
func (a answer) is(name string) bool { return a.Type == "/problems/"+name }

// busy reports whether repeating the request is safe and called for.
func (a answer) busy() bool {
	return a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError
}

// into decodes a body as the contract promises it.
func (a answer) into(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("status %d with a body that is not as promised: %w", a.status, err)
	}
	return nil
}

// send sends a request once. An error means that there was no answer.
func (c *client) send(ctx context.Context, t *tally, r request) (answer, error) {
	queued := time.Now()
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { <-c.slots }()
	began := time.Now()
	a, err := c.roundTrip(ctx, r)
	if ctx.Err() == nil {
		t.request(r.route, a, err, began.Sub(queued), time.Since(began))
	}
	a.queued = began.Sub(queued)
	return a, err
}

func (c *client) roundTrip(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base.String()+r.path, body)
	if err != nil {
		return answer{}, err
	}
	set := func(name, value string) {
		if value != "" {
			req.Header[name] = []string{value}
		}
	}
	if r.body != "" {
		set("Content-Type", "application/json")
	}
	if r.from != "" {
		set("X-Forwarded-For", r.from)
		set("X-Forwarded-Proto", "https") // as fans do, whatever is between us and the server
	}
	if r.looks != nil {
		r.looks.dress(req.Header, r.route)
	}
	set("Idempotency-Key", r.key)
	set("If-None-Match", r.etag)
	if r.pass != "" {
		set("Authorization", "Bearer "+r.pass)
	}
	set("Cookie", r.cookies.String())
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, etag: resp.Header.Get("Etag")}
	var b bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxAnswer {
		b.Grow(int(n) + bytes.MinRead)
	}
	raw := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" && r.route != routePage { // nobody reads the page
		if raw, err = gzip.NewReader(raw); err != nil {
			return answer{}, err
		}
	}
	if _, err := b.ReadFrom(io.LimitReader(raw, maxAnswer)); err != nil {
		return answer{}, err // half an answer counts as none
	}
	a.body = b.Bytes()
	if a.status >= http.StatusBadRequest {
		a.problem = problemOf(resp.Header, a.body)
	}
	return a, nil
}

func problemOf(h http.Header, body []byte) (p problem) {
	if json.Unmarshal(body, &p) != nil || p.Type == "" {
		p = problem{Type: "none"} // from something between us and the server
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		p.retryAfter = time.Duration(s) * time.Second
	}
	if ms := time.Duration(p.RetryAfterMS) * time.Millisecond; ms > 0 {
		p.retryAfter = ms // finer than whole seconds
	}
	p.retryAfter = min(max(p.retryAfter, 0), longestAdvice)
	return p
}

// insist sends a request until the answer is not "try again". The errors are errAway
// and errGone.
func (c *client) insist(ctx context.Context, t *tally, r request, wait backoff) (answer, error) {
	var queued, before time.Duration // for connections; of that, before it was told to slow down
	var slowed time.Time             // when it was first told
	for began, try := time.Now(), 0; ; try++ {
		a, err := c.send(ctx, t, r)
		queued += a.queued
		if slowed.IsZero() && a.is("slow-down") {
			slowed, before = time.Now(), queued
		}
		a.queued = queued
		if !slowed.IsZero() {
			a.limited = max(time.Since(slowed)-(queued-before), 1)
		}
		switch {
		case ctx.Err() != nil:
			return a, errGone
		case err == nil && !a.busy():
			return a, nil
		case time.Since(began) > c.patience:
			return a, errAway
		}
		t.retry(a, err)
		if try == 0 {
			c.trying.add(r.route, 1)
			defer c.trying.add(r.route, -1)
		}
		if !pause(ctx, wait(try, a.retryAfter)) {
			return a, errGone
		}
	}
}

// trying counts the requests that wait to be sent again.
type trying struct {
	mu sync.Mutex
	by map[route]int
}

func (t *trying) add(r route, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[route]int{}
	}
	t.by[r] += n
}

func (t *trying) now() (all int, by map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	by = map[string]int{}
	for r, n := range t.by {
		by[string(r)] = n
		all += n
	}
	return all, by
}

// backoff returns the pause before another try, from the number of tries so far and
// the server's advice.
type backoff func(tries int, advice time.Duration) time.Duration

// polite returns pauses that grow with full jitter and are never shorter than
// advised.
func polite(tries int, advice time.Duration) time.Duration {
	return advice + rand.N(min(firstBackoff<<min(tries, 10), longestPause))
}

// rude returns the same pause whatever the advice.
func rude(pause time.Duration) backoff {
	return func(int, time.Duration) time.Duration { return pause }
}

// pause waits for d and reports false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
