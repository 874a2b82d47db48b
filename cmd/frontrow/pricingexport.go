package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"frontrow/pricing"
	"frontrow/pricing/curve"
)

type pricingExportCmd struct {
	natsFlags
	Event string        `arg:"" help:"Event id."`
	Every time.Duration `placeholder:"TIME" help:"Time between two samples, in whole seconds. Without it, whole minutes of which 2,000 cover the sale."`
	Out   string        `short:"o" default:"-" placeholder:"FILE" help:"Output file."`
}

func (*pricingExportCmd) Help() string {
	return `It writes how a sale went, so far or to its end, as CSV: of each level what was sold, held and given back, the price, the
revenue, and how many fans waited, from the opening on. "frontrow pricing import" and "frontrow pricing simulate" read it.`
}

func (e *pricingExportCmd) Run(ctx context.Context, c terminal) error {
	if e.Every < 0 || e.Every%time.Second != 0 {
		return usageError{fmt.Errorf("--every %v: write whole seconds, like 30s or 5m", e.Every)}
	}
	js, err := e.jetStream("frontrow-pricing-export")
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	sale, err := pricing.Export(ctx, js, e.Event, e.Every, time.Now())
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := curve.Write(&text, sale); err != nil {
		return err
	}
	return c.save(e.Out, text.Bytes())
}

// save writes what a command has made to a file, or to standard output if that is "-".
func (c terminal) save(file string, raw []byte) error {
	if file == "-" {
		_, err := c.stdout.Write(raw)
		return err
	}
	return os.WriteFile(file, raw, 0o644)
}
