package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"
)

// webhookPath is the path that the provider sends webhooks to.
const webhookPath = "/webhooks/payments"

// Bounds of the webhooks.
const (
	maxWebhook      = 64 << 10
	maxWakes        = 128             // handled at once; the provider must send any more again
	wakeTimeout     = 8 * time.Second // below what a provider waits for an answer
	rememberedWakes = 1 << 16         // ids of recent webhooks
	webhookRead     = 5 * time.Second
	webhookStop     = 5 * time.Second
)

// Webhooks reads what the provider sends. The error wraps payment.ErrSignature if it is
// not the provider's, payment.ErrNotOurs if it is to be ignored.
type Webhooks interface {
	Event(h http.Header, body []byte, now time.Time) (payment.Event, error)
}

// webhooks receives the provider's webhooks. A webhook only makes us ask the
// provider, whose answer counts, and each step of an order may be repeated. So one
// that comes twice, late, out of order or never does no harm.
type webhooks struct {
	*Checkout
	listener net.Listener
	slots    chan struct{}

	mu    sync.Mutex
	taken map[string]bool // by id
	ids   []string        // the last rememberedWakes of them, in a ring
	next  int
}

func newWebhooks(c *Checkout) (*webhooks, error) {
	l, err := net.Listen("tcp", c.cfg.WebhookAddr)
	if err != nil {
		return nil, fmt.Errorf("checkout: webhooks: %w", err)
	}
	return &webhooks{Checkout: c, listener: l, slots: make(chan struct{}, maxWakes),
		taken: map[string]bool{}, ids: make([]string, rememberedWakes)}, nil
}

// run serves until ctx ends.
func (h *webhooks) run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("POST "+webhookPath, h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: webhookRead, ReadTimeout: webhookRead, WriteTimeout: 2 * wakeTimeout,
		ErrorLog: slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelWarn)}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), webhookStop)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	})
	err := server.Serve(h.listener)
	if stop() { // not because ctx ended
		return fmt.Errorf("checkout: webhooks: %w", err)
	}
	<-stopped
	return nil
}

func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, outcome := h.take(w, r)
	h.metrics.webhooks.WithLabelValues(outcome).Inc()
	w.WriteHeader(status)
}

func (h *webhooks) take(w http.ResponseWriter, r *http.Request) (status int, outcome string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		return http.StatusBadRequest, "refused"
	}
	e, err := h.cfg.Webhooks.Event(r.Header, body, h.cfg.Now())
	switch {
	case errors.Is(err, payment.ErrNotOurs):
		return http.StatusOK, "ignored"
	case errors.Is(err, payment.ErrSignature):
		h.cfg.Logger.Warn("webhook refused", "err", err)
		return http.StatusUnauthorized, "refused"
	case err != nil || !understood(e):
		return http.StatusBadRequest, "refused"
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return http.StatusServiceUnavailable, "shed"
	}
	if !h.begin(e.ID) {
		return http.StatusOK, "duplicate"
	}
	if e.Dispute != nil {
		h.dispute(*e.Dispute)
		return http.StatusOK, "taken"
	}
	failpoint.Here(failpoint.WebhookTaken)
	ctx, cancel := context.WithTimeout(r.Context(), wakeTimeout)
	defer cancel()
	if err := h.Wake(ctx, e); err != nil {
		h.forget(e.ID)
		h.cfg.Logger.Warn("webhook will come again", "order", e.Order, "err", err)
		return http.StatusServiceUnavailable, "failed"
	}
	return http.StatusOK, "taken"
}

// understood reports whether a webhook is about an order of ours, or a dispute.
func understood(e payment.Event) bool {
	return e.ID != "" && (e.Dispute != nil || wire.IsOrder(e.Order) && slices.Contains(payment.Known(), e.State))
}

// dispute tells whoever watches logs and metrics of a payment that is disputed. The
// ledger has no row for it: what becomes of the tickets is the organiser's to say.
func (h *webhooks) dispute(d payment.Dispute) {
	h.metrics.disputes.WithLabelValues(d.Status).Inc()
	h.cfg.Logger.Error("a payment is disputed: the provider's dashboard has the case", "reference", d.Reference, "status", d.Status)
}

// begin remembers an id, and reports false if that webhook was handled before or is
// being handled.
func (h *webhooks) begin(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken[id] {
		return false
	}
	delete(h.taken, h.ids[h.next])
	h.taken[id], h.ids[h.next] = true, id
	h.next = (h.next + 1) % len(h.ids)
	return true
}

func (h *webhooks) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.taken, id) // its place in the ring is used in turn
}

// Wake resumes an order that waits for a change of its payment.
func (c *Checkout) Wake(ctx context.Context, e payment.Event) error {
	if e.State == payment.RequiresAction {
		return nil // its checkout knows
	}
	o, err := c.cfg.Ledger.Order(ctx, e.Order)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil // not one of ours
	}
	if err != nil {
		return err
	}
	switch o.State {
	case wire.OrderFailed:
		if e.State == payment.Authorized || e.State == payment.Captured {
			return c.reclaim(ctx, o.ID)
		}
	case wire.OrderPending:
		p, err := c.cfg.Parking.Parked(ctx, o.ID)
		if errors.Is(err, ledger.ErrNotFound) {
			return nil // a worker is at it; if it is about to park it, it looks again soon
		}
		if err != nil {
			return err
		}
		return c.goOn(ctx, p)
	}
	return nil
}
