package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"frontrow/inventory/payment"
)

// Bounds of the client.
const (
	defaultTimeout = 15 * time.Second
	maxReply       = 64 << 10
	maxIdle        = 1024 // as many as are ever open, so none is dialled twice
)

// Client is a payment.Provider that calls a Server.
type Client struct {
	url  string
	http *http.Client
}

var _ payment.Provider = (*Client)(nil)

// NewClient returns a client of the provider at base. timeout bounds each
// request; 0 means 15 s, which exceeds what tok_slow takes.
func NewClient(base string, timeout time.Duration) *Client {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	t := &http.Transport{MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, MaxConnsPerHost: maxIdle, IdleConnTimeout: time.Minute}
	return &Client{url: base, http: &http.Client{Timeout: timeout, Transport: t}}
}

// Authorize implements payment.Provider.
func (c *Client) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	var a payment.Auth
	err := c.do(ctx, http.MethodPost, "/v1/authorizations", r.Order+":authorize", r, &a)
	return a, wrap("authorize", r.Order, err)
}

// Capture implements payment.Provider.
func (c *Client) Capture(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return c.step(ctx, t.Order, t.Reference, "capture")
}

// Void implements payment.Provider.
func (c *Client) Void(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return c.step(ctx, t.Order, t.Reference, "void")
}

// Refund implements payment.Provider.
func (c *Client) Refund(ctx context.Context, r payment.RefundRequest) (payment.Auth, error) {
	var a payment.Auth
	path := "/v1/authorizations/" + url.PathEscape(r.Reference) + "/refunds"
	err := c.do(ctx, http.MethodPost, path, r.Key, r, &a)
	return a, wrap("refund", r.Order, err)
}

// Get implements payment.Provider.
func (c *Client) Get(ctx context.Context, order string) (payment.Auth, error) {
	var a payment.Auth
	err := c.do(ctx, http.MethodGet, "/v1/orders/"+url.PathEscape(order), "", nil, &a)
	return a, wrap("get", order, err)
}

// Outage makes the provider answer every other request with 500 for d.
func (c *Client) Outage(ctx context.Context, d time.Duration) error {
	var none struct{}
	return c.do(ctx, http.MethodPut, "/v1/outage", "", outage{d.String()}, &none)
}

// Totals returns the provider's own totals by state, for audits.
func (c *Client) Totals(ctx context.Context) (map[payment.State]Total, error) {
	var t map[payment.State]Total
	err := c.do(ctx, http.MethodGet, "/v1/totals", "", nil, &t)
	return t, err
}

func (c *Client) step(ctx context.Context, order, reference, step string) (payment.Auth, error) {
	var a payment.Auth
	err := c.do(ctx, http.MethodPost, "/v1/authorizations/"+url.PathEscape(reference)+"/"+step, order+":"+step, struct{}{}, &a)
	return a, wrap(step, order, err)
}

func (c *Client) do(ctx context.Context, method, path, key string, body, into any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, sent)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return err
	}
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound:
		return payment.ErrNotFound
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return fmt.Errorf("status %d", s)
	case s >= 300:
		return fmt.Errorf("%w: status %d: %.200s", payment.ErrPermanent, s, got)
	}
	return json.Unmarshal(got, into)
}

func wrap(step, order string, err error) error {
	if err != nil {
		return fmt.Errorf("%s payment of %s: %w", step, order, err)
	}
	return nil
}
