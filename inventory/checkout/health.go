package checkout

import (
	"context"
	"encoding/json"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// Bounds of reporting a provider's health.
const (
	healthFor  = 15 * time.Second // how long a report of an open breaker counts
	healthLook = time.Second
)

// tellHealth keeps the record of the provider's health in CHECKOUTS current, so
// that admission calls no fans while they couldn't pay. While the breaker is open
// the record is renewed: it expires soon after its writer dies.
func (c *Checkout) tellHealth(ctx context.Context) {
	tick := time.NewTicker(healthLook)
	defer tick.Stop()
	var told wire.PaymentHealth
	for {
		now := c.cfg.Now()
		since, open := c.breaker.Paused()
		c.metrics.setPaused(open)
		if open && (!told.Open || told.Until.Sub(now) < healthFor/2) || !open && told.Open {
			h := wire.PaymentHealth{Provider: c.cfg.ProviderName, Open: open}
			if open {
				h.Since, h.Until = since.UTC(), now.Add(healthFor).UTC()
			}
			if err := c.putHealth(ctx, h); err == nil {
				told = h
			} else if ctx.Err() == nil {
				c.cfg.Logger.Warn("health of the payment provider not told", "open", open, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		case <-tick.C:
		}
	}
}

func (c *Checkout) putHealth(ctx context.Context, h wire.PaymentHealth) error {
	value, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = c.waiting.Do(ctx, kv.Write{Key: wire.HealthKey(h.Provider), Value: value})
	return err
}
