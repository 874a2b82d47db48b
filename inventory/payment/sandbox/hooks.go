package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"frontrow/inventory/payment"

	"github.com/cenkalti/backoff/v5"
)

// Bounds of the webhooks.
const (
	maxHooks     = 4096 // under way at once; any more are not sent
	hookTries    = 8
	hookTimeout  = 10 * time.Second
	firstPause   = 250 * time.Millisecond // doubled after each attempt
	maxHookConns = 32
)

// hooks sends webhooks about payments, as unreliably as a method's script
// says. Those under way when the process ends are lost.
type hooks struct {
	secret []byte
	late   time.Duration
	http   *http.Client
	slots  chan struct{}
	busy   sync.WaitGroup

	mu   sync.Mutex
	url  string
	kept map[string]payment.Event // events of reordered payments that wait for the next one, by order
}

func newHooks(c Config) *hooks {
	return &hooks{secret: c.Secret, late: c.Late, url: c.Webhook, slots: make(chan struct{}, maxHooks), kept: map[string]payment.Event{},
		http: &http.Client{Timeout: hookTimeout, Transport: &http.Transport{MaxConnsPerHost: maxHookConns, MaxIdleConnsPerHost: maxHookConns}}}
}

// tell starts sending a payment's new state; it stops when ctx ends.
func (h *hooks) tell(ctx context.Context, e entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.url == "" || ctx.Err() != nil {
		return
	}
	event := payment.Event{ID: "evt_" + rand.Text(), Order: e.Order, State: e.State, At: time.Now().UTC()}
	switch script(e.Method) {
	case scriptSilent:
	case scriptDuplicate:
		for range 3 {
			h.send(ctx, h.url, 0, event)
		}
	case scriptLate:
		h.send(ctx, h.url, h.late, event)
	case scriptReordered:
		before, ok := h.kept[e.Order]
		if !ok {
			h.kept[e.Order] = event
			return
		}
		delete(h.kept, e.Order)
		h.send(ctx, h.url, 0, event, before)
	default:
		h.send(ctx, h.url, 0, event)
	}
}

// send posts events one after another, each until it is accepted.
func (h *hooks) send(ctx context.Context, url string, delay time.Duration, events ...payment.Event) {
	select {
	case h.slots <- struct{}{}:
	default:
		return
	}
	h.busy.Go(func() {
		defer func() { <-h.slots }()
		pause(ctx, delay)
		for _, e := range events {
			_, _ = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, h.post(ctx, url, e) }, backoff.WithMaxTries(hookTries),
				backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: firstPause, Multiplier: 2, MaxInterval: firstPause << hookTries}))
		}
	})
}

func (h *hooks) post(ctx context.Context, url string, e payment.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(payment.SignatureHeader, payment.Sign(h.secret, body, time.Now()))
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode >= 300 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Endings of a method.
const (
	scriptDuplicate = "duplicate"
	scriptLate      = "late"
	scriptReordered = "reordered"
	scriptSilent    = "silent"
)

// script returns how a method's webhooks are sent; kind returns what its payments do.
func script(method string) string {
	for _, s := range []string{scriptDuplicate, scriptLate, scriptReordered, scriptSilent} {
		if strings.HasSuffix(method, "_"+s) {
			return s
		}
	}
	return ""
}

func kind(method string) string {
	if s := script(method); s != "" {
		return strings.TrimSuffix(method, "_"+s)
	}
	return method
}
