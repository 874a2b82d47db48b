package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"
)

// fan uses the public API as a browser would: with a cookie jar, an address in a
// network of their own, and nothing else.
type fan struct {
	http    *http.Client
	base    string
	event   string
	address string
	place   string
	pass    string
	wishes  int
}

func newFan(t testing.TB, base, event string, n int) *fan {
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &fan{base: base, event: event, address: fmt.Sprintf("10.%d.%d.1", n>>8&255, n&255),
		http: &http.Client{Jar: jar, Timeout: patience, Transport: http.DefaultTransport}}
}

type answer struct {
	Status int
	Header http.Header
	Body   map[string]any
}

func (a answer) text(key string) string {
	s, _ := a.Body[key].(string)
	return s
}

// do sends one request. err is a transport error: the server is away.
func (f *fan) do(ctx context.Context, method, path string, body any, header ...string) (answer, error) {
	var content io.Reader
	if raw, ok := body.([]byte); ok {
		content = bytes.NewReader(raw)
	} else if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, content)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-Forwarded-For", f.address)
	if f.pass != "" {
		req.Header.Set("Authorization", "Bearer "+f.pass)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: resp.StatusCode, Header: resp.Header}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &a.Body); err != nil {
			return answer{}, fmt.Errorf("%s %s: %w: %s", method, path, err, raw)
		}
	}
	return a, nil
}

// insist repeats a request while the server is away or says "try again", as a
// client should; anything else is an answer.
func (f *fan) insist(ctx context.Context, method, path string, body any, header ...string) (answer, error) {
	for {
		a, err := f.do(ctx, method, path, body, header...)
		if err == nil && a.Status != http.StatusServiceUnavailable {
			return a, nil
		}
		if ctx.Err() != nil {
			return answer{}, fmt.Errorf("%s %s: %w", method, path, ctx.Err())
		}
		breathe(ctx)
	}
}

// admit joins and waits for the pass.
func (f *fan) admit(ctx context.Context) error { return f.admitWith(ctx, map[string]any{}) }

// admitWith is admit for a fan who has something to say when they join.
func (f *fan) admitWith(ctx context.Context, join map[string]any) error {
	if err := f.join(ctx, join); err != nil {
		return err
	}
	a, err := f.redeem(ctx)
	if err == nil && a.Status != 201 {
		err = fmt.Errorf("redeem: %d %v", a.Status, a.Body)
	}
	return err
}

func (f *fan) join(ctx context.Context, join map[string]any) error {
	a, err := f.insist(ctx, "POST", "/v1/events/"+f.event+"/places", join)
	if err != nil {
		return err
	}
	if a.Status != 201 && a.Status != 200 {
		return fmt.Errorf("join: %d %v", a.Status, a.Body)
	}
	f.place = a.text("place")
	return nil
}

// redeem waits for the call and returns what the fan is answered then.
func (f *fan) redeem(ctx context.Context) (answer, error) {
	for {
		a, err := f.insist(ctx, "POST", "/v1/events/"+f.event+"/passes", map[string]any{"place": f.place})
		if err != nil || a.Status != 425 {
			f.pass = a.text("pass")
			return a, err
		}
		breathe(ctx)
	}
}

func (f *fan) hold(ctx context.Context, wish map[string]any) (answer, error) {
	f.wishes++ // a wish keeps its key however often it must be sent
	return f.insist(ctx, "POST", "/v1/events/"+f.event+"/holds", wish, "Idempotency-Key", fmt.Sprint("wish-", f.wishes))
}

// buy checks out a hold and waits for its order to be settled.
func (f *fan) buy(ctx context.Context, hold, method string) (answer, error) {
	a, err := f.insist(ctx, "POST", "/v1/holds/"+hold+"/checkout", map[string]any{
		"payment": map[string]string{"method": method}, "buyer": map[string]string{"name": "Ada Fan", "email": "ada@example.com"},
	}, "Idempotency-Key", "key-"+hold+method)
	if err != nil || a.Status != 202 {
		return a, err
	}
	return f.settled(ctx, a.text("order"))
}

func (f *fan) settled(ctx context.Context, order string) (answer, error) {
	for {
		a, err := f.insist(ctx, "GET", "/v1/orders/"+order, nil)
		if err != nil {
			return a, err
		}
		if a.Status != 200 {
			return a, fmt.Errorf("order %s: %d %v", order, a.Status, a.Body)
		}
		if a.text("state") != "pending" {
			return a, nil
		}
		breathe(ctx)
	}
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
