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
)

// Bounds of the webhooks.
const (
	maxHooks     = 4096 // under way at once; what comes beyond is not sent
	hookTries    = 8
	hookTimeout  = 10 * time.Second
	firstBackoff = 250 * time.Millisecond
	maxHookConns = 32
)

// hooks tells a receiver what became of payments, as unreliably as a method's
// script says. What is under way when the process ends is lost.
type hooks struct {
	secret []byte
	late   time.Duration
	http   *http.Client
	slots  chan struct{}
	busy   sync.WaitGroup

	mu   sync.Mutex
	url  string
	kept map[string]payment.Event // of reordered payments, by order: waits for the next one
}

func newHooks(c Config) *hooks {
	return &hooks{secret: c.Secret, late: c.Late, url: c.Webhook, slots: make(chan struct{}, maxHooks), kept: map[string]payment.Event{},
		http: &http.Client{Timeout: hookTimeout, Transport: &http.Transport{MaxConnsPerHost: maxHookConns, MaxIdleConnsPerHost: maxHookConns}}}
}

// tell sends word of a payment's new state until ctx ends.
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

// send posts events one after the other, each until it is taken.
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
			backoff := firstBackoff
			for try := 1; h.post(ctx, url, e) != nil && try < hookTries && ctx.Err() == nil; try++ {
				pause(ctx, backoff)
				backoff *= 2
			}
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

// What a method may end in.
const (
	scriptDuplicate = "duplicate"
	scriptLate      = "late"
	scriptReordered = "reordered"
	scriptSilent    = "silent"
)

// script is how a method's webhooks are sent, kind what its payments do.
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
