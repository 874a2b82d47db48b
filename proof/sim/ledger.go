package sim

import (
	"context"
	"errors"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// ledgerLimit is how long a process waits for a transaction.
const ledgerLimit = 10 * time.Second

// refundBatch is how many orders RefundEvent takes at once: few, so that there are batches.
const refundBatch = 3

// ledgerOf is PostgreSQL as one process reaches it: each transaction of books is done as a
// whole or not at all. What is lost or late is the call, or its answer.
type ledgerOf struct{ *process }

var errDatabase = errors.New("the database is away")

func transact[T any](ctx context.Context, p ledgerOf, what string, do func(*books) (T, error)) (T, error) {
	w := p.w
	return ask(ctx, p.process, ledgerLimit, "ledger", what, func() (v T, err error) {
		if w.faulty() && (during(w.ledgerAway) || w.chance(0.01)) {
			return v, errDatabase
		}
		w.booksMu.Lock()
		defer w.booksMu.Unlock()
		v, err = do(w.books)
		w.check.limits()
		return v, err
	})
}

func (p ledgerOf) PutEvent(ctx context.Context, e wire.Event, seats []string) error {
	_, err := transact(ctx, p, "put event", func(b *books) (struct{}, error) { b.putEvent(e.Spec.ID, seats); return struct{}{}, nil })
	return err
}

func (p ledgerOf) Begin(ctx context.Context, m wire.OrderMessage) (ledger.Order, error) {
	return transact(ctx, p, "begin "+m.Order, func(b *books) (ledger.Order, error) { return b.begin(m) })
}

func (p ledgerOf) Commit(ctx context.Context, c ledger.Purchase) (ledger.Committed, error) {
	return transact(ctx, p, "commit "+c.Order.Order, func(b *books) (ledger.Committed, error) {
		if a := b.orders[c.Order.Order]; a != nil {
			switch a.State {
			case wire.OrderFailed:
				p.w.counts.LateCommits++
			case wire.OrderPending:
				defer func() {
					if a.State == wire.OrderPaid {
						p.w.counts.Paid++
					}
				}()
			}
		}
		return b.commit(c)
	})
}

func (p ledgerOf) Fail(ctx context.Context, order, reason string, declined bool) (ledger.Order, error) {
	return transact(ctx, p, "fail "+order, func(b *books) (ledger.Order, error) {
		return b.fail(order, reason, declined)
	})
}

func (p ledgerOf) GiveUp(ctx context.Context, order, event, fan string) (wire.OrderReply, error) {
	return transact(ctx, p, "give up "+order, func(b *books) (wire.OrderReply, error) {
		if p.w.cfg.Bugs.GiveUpBlindly { // says that it has failed and lets it go on
			return wire.OrderReply{Order: order, Event: event, State: wire.OrderFailed, Reason: ledger.ReasonGivenUp}, nil
		}
		o, err := b.giveUp(order, event, fan)
		if o.State == wire.OrderPaid {
			p.w.counts.DeadlinePaid++
		} else {
			p.w.counts.DeadlineFailed++
		}
		return o.Reply(), err
	})
}

func (p ledgerOf) Order(ctx context.Context, id string) (ledger.Order, error) {
	return transact(ctx, p, "order "+id, func(b *books) (ledger.Order, error) { return b.load(id) })
}

func (p ledgerOf) Bookings(ctx context.Context, event string) ([]ledger.Booking, error) {
	return transact(ctx, p, "bookings", func(b *books) ([]ledger.Booking, error) { return b.bookings(event), nil })
}

func (p ledgerOf) Reopen(ctx context.Context, event string, revision uint64) ([]ledger.Booking, error) {
	return transact(ctx, p, "reopen", func(b *books) ([]ledger.Booking, error) { return b.reopen(event, revision), nil })
}

// Claim asks twice a second, and mostly for nothing: that is answered at once. The driver
// changes the books only while all else is still, so that the answer depends on no race.
func (p ledgerOf) Claim(ctx context.Context, n int, lease time.Duration) ([]ledger.Task, error) {
	if p.isDead() {
		return nil, errNoAnswer
	}
	p.w.booksMu.Lock()
	due := p.w.books.due()
	p.w.booksMu.Unlock()
	if !due {
		return nil, nil
	}
	return transact(ctx, p, "claim", func(b *books) ([]ledger.Task, error) { return b.claim(n, lease), nil })
}

func (p ledgerOf) Finish(ctx context.Context, ends []ledger.End) error {
	_, err := transact(ctx, p, "finish", func(b *books) (struct{}, error) { b.finish(ends); return struct{}{}, nil })
	return err
}

func (p ledgerOf) Settle(ctx context.Context, f ledger.Found) (ledger.Order, error) {
	return transact(ctx, p, "settle "+f.Order, func(b *books) (ledger.Order, error) { return b.settle(f) })
}

func (p ledgerOf) Unsettled(ctx context.Context, after ledger.Unsettled, n int) ([]ledger.Unsettled, error) {
	return transact(ctx, p, "unsettled", func(b *books) ([]ledger.Unsettled, error) { return b.unsettled(after, n), nil })
}

func (p ledgerOf) Refund(ctx context.Context, r ledger.RefundOrder) (ledger.Refunded, error) {
	return transact(ctx, p, "refund "+r.Order, func(b *books) (ledger.Refunded, error) {
		done, err := b.refund([]ledger.RefundOrder{r})
		if err != nil {
			return ledger.Refunded{}, err
		}
		return done[0], nil
	})
}

func (p ledgerOf) RefundEvent(ctx context.Context, r ledger.RefundEvent) ([]ledger.Refunded, error) {
	return transact(ctx, p, "refund event", func(b *books) ([]ledger.Refunded, error) { return b.refundEvent(r, refundBatch) })
}

func (p ledgerOf) Told(ctx context.Context, refunds []ledger.Refunded) error {
	_, err := transact(ctx, p, "told", func(b *books) (struct{}, error) { b.told(refunds); return struct{}{}, nil })
	return err
}

func (p ledgerOf) Remaining(ctx context.Context, event string) (ledger.Remaining, error) {
	return transact(ctx, p, "remaining", func(b *books) (ledger.Remaining, error) { return b.remaining(event), nil })
}
