package sim

import (
	"context"
	"time"

	"frontrow/inventory/refund"
	"frontrow/inventory/writer"
	"frontrow/wire"
)

// Bounds of an operator.
const (
	refundTimeout = 60 * time.Second
	refundAgain   = 5 * time.Second
)

// refund has an operator give an order back, through the code that every worker answers operators with:
// the same request again, until it is said to be done. Its chance is the driver's.
func (w *world) refund() {
	var paid []string
	for _, id := range w.books.ids() {
		if a := w.books.orders[id]; a.State == wire.OrderPaid {
			paid = append(paid, id)
		}
	}
	if len(paid) == 0 {
		return
	}
	order := w.books.orders[paid[w.IntN(len(paid))]]
	r := wire.RefundOrder{Order: order.ID, Block: w.chance(0.4), By: "ops", Why: "ill"}
	if w.chance(0.4) {
		r.Seats = []string{order.Seats[w.IntN(len(order.Seats))].ID}
	}
	p := w.process("operator")
	refunds, err := refund.New(refund.Config{Store: storeOf{p}, Bus: busOf{p}, Writer: writer.Client{Bus: busOf{p}}, Ledger: ledgerOf{p}})
	if err != nil {
		panic(err) // the config is complete
	}
	w.refunding.Add(1)
	w.note("%s refunds %s %v", p.name, r.Order, r.Seats)
	go func() {
		defer w.refunding.Add(-1)
		for {
			ctx, cancel := context.WithTimeout(p.ctx, refundTimeout)
			_, err := refunds.Refund(ctx, w.event, r)
			cancel()
			if err == nil || p.isDead() {
				return
			}
			select {
			case <-time.After(refundAgain):
			case <-p.dead:
				return
			}
		}
	}()
}
