package refund

import (
	"context"
	"errors"

	"frontrow/internal/operator"
	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// maxRefused bounds the orders of one answer.
const maxRefused = 200

// Captures are those that the payment provider refuses for good. Their orders are paid and
// their tickets valid, until an operator has one of three things done: the provider is
// asked again, the money is written off, or the order is refunded, which then returns
// nothing. Each call may be repeated; package ledger says what else holds.
type Captures interface {
	Refused(ctx context.Context, event, after string, n int) ([]ledger.Refused, error)
	RetryCaptures(ctx context.Context, event, order string) (int, error)
	WriteOff(ctx context.Context, order string) (ledger.Sum, error)
}

// Refused lists refused captures of an event.
func (s *Refunds) Refused(ctx context.Context, event string, asked wire.RefusedRequest) (reply wire.RefusedReply, err error) {
	found, err := s.cfg.Captures.Refused(ctx, event, asked.After, maxRefused+1)
	if err != nil {
		return reply, wire.Busy("The ledger can't be asked just now: " + err.Error())
	}
	if len(found) > maxRefused {
		found = found[:maxRefused]
		reply.Next = found[maxRefused-1].Order
	}
	reply.Refused = []wire.RefusedCapture{} // not null
	for _, c := range found {
		reply.Refused = append(reply.Refused, wire.RefusedCapture{Order: c.Order, Fan: c.Fan, Amount: c.Amount, Currency: c.Currency,
			Why: c.Why, At: c.At.UTC(), Attempts: c.Attempts})
	}
	return reply, nil
}

// RetryCaptures has the provider asked again for what it refused to capture.
func (s *Refunds) RetryCaptures(ctx context.Context, e wire.Event, asked wire.CaptureRequest) (reply wire.CaptureReply, err error) {
	if asked.All == (asked.Order != "") {
		return reply, wire.Refuse(wire.CodeInvalid, `Name one order, or say "all":true for every refused capture of the event.`)
	}
	if err := s.begin(ctx, e.Spec.ID, "retry-capture", asked); err != nil {
		return reply, err
	}
	reply.Captures, err = s.cfg.Captures.RetryCaptures(ctx, e.Spec.ID, asked.Order)
	return reply, unknown(err)
}

// WriteOff gives up the money of an order, and leaves the fan their tickets.
func (s *Refunds) WriteOff(ctx context.Context, e wire.Event, asked wire.CaptureRequest) (reply wire.CaptureReply, err error) {
	if asked.All || asked.Order == "" {
		return reply, wire.Refuse(wire.CodeInvalid, "Name one order.")
	}
	if err := s.begin(ctx, e.Spec.ID, "write-off", asked); err != nil {
		return reply, err
	}
	lost, err := s.cfg.Captures.WriteOff(ctx, asked.Order)
	if errors.Is(err, ledger.ErrNotRefused) {
		return reply, wire.Refuse(wire.CodeInvalid, "The provider has not refused for good to capture "+asked.Order+"; nothing was done.")
	}
	return wire.CaptureReply{Captures: lost.Count, Amount: lost.Amount, Currency: e.Spec.Currency}, unknown(err)
}

// begin logs an act on the captures of an event, unless it makes no sense.
func (s *Refunds) begin(ctx context.Context, event, act string, asked wire.CaptureRequest) error {
	if asked.Order != "" && !wire.IsOrder(asked.Order) {
		return wire.Refuse(wire.CodeInvalid, asked.Order+" is no order.")
	}
	if err := operator.Said(asked.Why, asked.By); err != nil {
		return err
	}
	if asked.Order != "" {
		if _, err := s.orderOf(ctx, event, asked.Order); err != nil {
			return err
		}
	}
	return operator.Log(ctx, s.saleLog, event, wire.OperatorAct{Act: act, By: asked.By, At: s.cfg.Now().UTC(), Payload: asked})
}

// unknown is what an operator reads of an act that may be done.
func unknown(err error) error {
	if err == nil {
		return nil
	}
	return wire.Busy("It is not known whether this was done; ask again, and it is done once: " + err.Error())
}
