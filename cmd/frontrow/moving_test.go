package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
)

// Prices move every second while fans join, hold and pay, and the pricer, the writer and the
// admitter are killed. Nobody pays anything but what they were quoted, nor is quoted more than
// they were promised on joining, or have said that they were shown; and the log says so too.
func TestPaidIsQuotedWhilePricesMove(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		d := deploy(t, env.URL(), env.Replicas)
		for i := range 2 {
			for _, name := range []string{"admission", "inventory", "pricing"} {
				d.start(fmt.Sprint(name, i), name)
			}
		}
		at := d.gateway("gateway")
		var tiers []string
		at0, last := time.Now().Add(3*time.Second), time.Time{}
		for i := range 25 {
			last = at0.Add(time.Duration(i) * time.Second)
			tiers = append(tiers, fmt.Sprintf("{from: %s, total: EUR %d.00}", last.UTC().Format(time.RFC3339), 90+i*37%60))
		}
		d.tool("event", "apply", "-f", eventFileOf(t, theatreOf(t, "dear", "480s")+fmt.Sprintf(`pricing:
  mode: tiers
  promise: join
  rails:
    - {level: all, tiers: [%s]}
`, strings.Join(tiers, ", "))))
		ctx := deadline(t)
		var bought, kept, dearer atomic.Int64
		over := make(chan struct{})
		go func() {
			defer close(over)
			each(16, func(i int) {
				for n := 0; time.Now().Before(last); n++ {
					s := shopper{newFan(t, at, "dear", 100*i+n), t, i%2 == 0}
					if err := s.buy(ctx, &kept, &dearer); err != nil {
						t.Errorf("fan %d of %d: %v", n, i, err)
						return
					}
					bought.Add(2)
				}
			})
		}()
		reached := func(tickets int64) {
			until(t, "fans have bought", func() bool { return bought.Load() >= tickets || ctx.Err() != nil })
		}
		for n, name := range []string{"pricing0", "inventory0", "admission0"} {
			reached(int64(40 * (n + 1)))
			d.kill(name)
		}
		<-over
		d.sold("dear", int(bought.Load()))
		if kept.Load() == 0 || dearer.Load() == 0 {
			t.Errorf("%d holds were cheaper by a promise, %d would have cost more than was shown: nothing was tried", kept.Load(), dearer.Load())
		}
		if r := string(d.tool("pricing", "replay", "dear")); strings.Contains(r, "wrong") {
			t.Error(r)
		}
	})
}

// shopper is a fan who compares what they pay with all that they were told before.
type shopper struct {
	*fan
	t    *testing.T
	says bool // what they were shown, when they hold
}

// buy buys two tickets.
func (s *shopper) buy(ctx context.Context, kept, dearer *atomic.Int64) error {
	place, err := s.insist(ctx, "POST", "/v1/events/dear/places", map[string]any{})
	for ; err == nil && place.Status == http.StatusTooEarly; breathe(ctx) { // before the first prices
		place, err = s.insist(ctx, "POST", "/v1/events/dear/places", map[string]any{})
	}
	if err != nil || place.Status != http.StatusCreated {
		return fmt.Errorf("join: %d %v %w", place.Status, place.Body, err)
	}
	s.place = place.text("place")
	most, err := s.promised(ctx, place.Body["priced"])
	if err != nil {
		return err
	}
	if pass, err := s.redeem(ctx); err != nil || pass.Status != http.StatusCreated {
		return fmt.Errorf("redeem: %d %v %w", pass.Status, pass.Body, err)
	}
	cheapest, before, err := s.seen(ctx)
	if err != nil {
		return err
	}
	wish, shown := map[string]any{"best": map[string]any{"count": 2}}, 2*cheapest
	if s.says {
		wish["expect_total"] = shown
	}
	hold, err := s.hold(ctx, wish)
	for ; err == nil && hold.Status == http.StatusConflict && hold.Body["expect_total"] == shown; hold, err = s.hold(ctx, wish) {
		if dearer.Add(1); hold.Body["total"].(float64) <= shown {
			s.t.Errorf("refused as dearer than %v: %v", shown, hold.Body)
		}
		shown = hold.Body["total"].(float64)
		wish["expect_total"] = shown
	}
	if err != nil || hold.Status != http.StatusCreated {
		return fmt.Errorf("hold: %d %v %w", hold.Status, hold.Body, err)
	}
	quoted := hold.Body["total"].(float64)
	if quoted > 2*most || s.says && quoted > shown {
		s.t.Errorf("quoted %v, promised %v each, shown %v", quoted, most, shown)
	}
	if seat := hold.Body["seats"].([]any)[0].(map[string]any); seat["price_version"].(float64) < before {
		kept.Add(1)
	}
	order, err := s.fan.buy(ctx, hold.text("hold"), "tok_visa")
	if err != nil || order.text("state") != "paid" || order.Body["total"] != quoted {
		return fmt.Errorf("quoted %v, order: %d %v %w", quoted, order.Status, order.Body, err)
	}
	return nil
}

// promised is what a place's number means, once the gateway knows it.
func (s *shopper) promised(ctx context.Context, priced any) (most float64, err error) {
	for ; ctx.Err() == nil; breathe(ctx) {
		a, err := s.do(ctx, "GET", fmt.Sprintf("/v1/events/dear/prices/%v", priced), nil)
		if err == nil && a.Status == http.StatusOK {
			return a.Body["levels"].(map[string]any)["all"].(float64), nil
		}
	}
	return 0, fmt.Errorf("nobody knows what %v promises: %w", priced, ctx.Err())
}

// seen is the lowest price so far, for a fan who has been looking at an old page, and the
// newest version.
func (s *shopper) seen(ctx context.Context) (cheapest, version float64, err error) {
	a, err := s.insist(ctx, "GET", "/v1/events/dear/prices", nil)
	if err != nil || a.Status != http.StatusOK {
		return 0, 0, fmt.Errorf("prices: %d %v %w", a.Status, a.Body, err)
	}
	for i, p := range a.Body["levels"].([]any)[0].(map[string]any)["history"].([]any) {
		total := p.(map[string]any)["total"].(float64)
		if i == 0 {
			cheapest, version = total, p.(map[string]any)["version"].(float64)
		}
		cheapest = min(cheapest, total)
	}
	return cheapest, version, nil
}
