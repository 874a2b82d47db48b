package main

import (
	"context"
	"errors"

	"frontrow/pricing"
)

// errPrices: some price is another.
var errPrices = errors.New("a price is not what its rules make of its signals")

type pricingReplayCmd struct {
	natsFlags
	Event string `arg:"" help:"Event id."`
}

func (*pricingReplayCmd) Help() string {
	return `The sale log has each change of a price with the rules and signals that it was decided by. Each is computed again, and
compared to the minor unit with what the log and PRICES say.`
}

func (r *pricingReplayCmd) Run(ctx context.Context, c terminal) error {
	js, err := r.jetStream("frontrow-pricing-replay")
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	replay, err := pricing.Recompute(ctx, js, r.Event)
	if err != nil {
		return err
	}
	if err := c.report(replay); err != nil {
		return err
	}
	if len(replay.Wrong) > 0 {
		return errPrices
	}
	return nil
}
