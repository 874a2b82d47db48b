package checkout

import (
	"context"
	"encoding/json"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// Bounds of what is told of a provider's health.
const (
	healthFor  = 15 * time.Second // what is told of an open breaker is believed
	healthLook = time.Second
)

// tellHealth keeps the record of the provider's health in CHECKOUTS true, so
// that admission calls nobody whose payment could not be made. An open breaker
// is told again and again: whoever stops telling is not believed for long.
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
				c.cfg.Logger.Warn("health of the payment provider not told", "open", open, "error", err)
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
