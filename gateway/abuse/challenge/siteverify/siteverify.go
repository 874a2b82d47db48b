package siteverify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Bounds of a call.
const (
	DefaultTimeout = 3 * time.Second

	maxToken     = 2048 // characters, both providers
	maxReply     = 16 << 10
	maxCalls     = 64
	attempts     = 2 // of a provider that takes an idempotency key
	breakerTrips = 5
	breakerRest  = 15 * time.Second
)

// Outcomes of Verify besides success.
var (
	// ErrRefused means that the token proves nothing: it is forged, expired, used, or made
	// for somebody else.
	ErrRefused = errors.New("token refused")
	// ErrUnavailable means that the provider can't be asked now, so nothing is known.
	ErrUnavailable = errors.New("provider not available")
)

// Provider describes how a provider differs from the other.
type Provider struct {
	Name     string
	URL      string
	Script   string   // URL of the widget's script
	Origins  []string // the widget loads from these, for a Content-Security-Policy
	refusals []string
	repeat   bool // takes an idempotency key, so a call may be repeated
	bound    bool // returns the cdata that the widget was made with
}

// Turnstile returns Cloudflare's provider.
func Turnstile() Provider {
	return Provider{Name: "turnstile", URL: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
		Script: "https://challenges.cloudflare.com/turnstile/v0/api.js", Origins: []string{"https://challenges.cloudflare.com"},
		refusals: []string{"missing-input-response", "invalid-input-response", "timeout-or-duplicate"}, repeat: true, bound: true}
}

// HCaptcha returns Intuition Machines' provider.
func HCaptcha() Provider {
	return Provider{Name: "hcaptcha", URL: "https://api.hcaptcha.com/siteverify", Script: "https://js.hcaptcha.com/1/api.js",
		Origins:  []string{"https://hcaptcha.com", "https://*.hcaptcha.com"},
		refusals: []string{"missing-input-response", "invalid-input-response", "expired-input-response", "already-seen-response", "invalid-or-already-seen-response"}}
}

// Config configures a Client. Provider, SiteKey and Secret are required.
type Config struct {
	Provider Provider
	SiteKey  string // public, for the widget
	Secret   string
	URL      string        // instead of the provider's, for a proxy
	Timeout  time.Duration // of one Verify; 0 means DefaultTimeout
}

// Client asks one provider.
type Client struct {
	cfg     Config
	http    *http.Client
	slots   chan struct{}
	breaker *gobreaker.CircuitBreaker[reply]
}

// New checks cfg.
func New(cfg Config) (*Client, error) {
	if cfg.Provider.Name == "" || cfg.SiteKey == "" || cfg.Secret == "" {
		return nil, errors.New("siteverify: a provider, its site key and its secret are needed")
	}
	if cfg.URL == "" {
		cfg.URL = cfg.Provider.URL
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Client{cfg: cfg, slots: make(chan struct{}, maxCalls), http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		breaker: gobreaker.NewCircuitBreaker[reply](gobreaker.Settings{Name: cfg.Provider.Name, Timeout: breakerRest,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips }})}, nil
}

// Name returns the provider's name, which is the prefix of its tokens.
func (c *Client) Name() string { return c.cfg.Provider.Name }

// SiteKey, Script and Origins return what a page needs to show the widget.
func (c *Client) SiteKey() string   { return c.cfg.SiteKey }
func (c *Client) Script() string    { return c.cfg.Provider.Script }
func (c *Client) Origins() []string { return c.cfg.Provider.Origins }

// Available reports whether the widget is worth showing.
func (c *Client) Available() bool { return c.breaker.State() != gobreaker.StateOpen }

// reply is either provider's answer.
type reply struct {
	Success bool     `json:"success"`
	Codes   []string `json:"error-codes"`
	Data    string   `json:"cdata"`
}

// Verify returns nil if token is good for whom, else ErrRefused or ErrUnavailable. address
// is the fan's, empty if unknown.
func (c *Client) Verify(ctx context.Context, token, whom, address string) error {
	if token == "" || len(token) > maxToken {
		return ErrRefused
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return fmt.Errorf("%w: too many calls are under way", ErrUnavailable)
	}
	form := url.Values{"secret": {c.cfg.Secret}, "response": {token}}
	if address != "" {
		form.Set("remoteip", address)
	}
	tries := 1
	if c.cfg.Provider.repeat {
		form.Set("idempotency_key", keyOf(token))
		tries = attempts
	} else {
		form.Set("sitekey", c.cfg.SiteKey) // hCaptcha: refuses tokens from other pages
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var r reply
	var err error
	for range tries {
		r, err = c.breaker.Execute(func() (reply, error) { return c.ask(ctx, form) })
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !r.Success:
		return fmt.Errorf("%w: %s", ErrRefused, strings.Join(r.Codes, ", "))
	case c.cfg.Provider.bound && r.Data != whom:
		return fmt.Errorf("%w: made for another fan", ErrRefused)
	}
	return nil
}

// ask makes one call. An error means that the provider said nothing about the token; the
// breaker counts these.
func (c *Client) ask(ctx context.Context, form url.Values) (r reply, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return r, errors.New("bad address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.http.Do(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return r, err
	}
	if json.Unmarshal(raw, &r) != nil {
		return reply{}, fmt.Errorf("status %d and no reply that is understood", res.StatusCode)
	}
	if r.Success && res.StatusCode == http.StatusOK {
		return r, nil
	}
	for _, code := range r.Codes {
		if slices.Contains(c.cfg.Provider.refusals, code) {
			r.Success = false
			return r, nil
		}
	}
	return reply{}, fmt.Errorf("status %d: %.100q", res.StatusCode, r.Codes)
}

// keyOf returns a UUID (RFC 9562, version 8) that stands for token, so that a token shown
// again gets the same answer. The caller knows whether it was used.
func keyOf(token string) string {
	b := sha256.Sum256([]byte(token))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
