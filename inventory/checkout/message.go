package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/internal/consume"
	"frontrow/internal/failpoint"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// maxSeats bounds the seats of an order, as the limit per fan does.
const maxSeats = wire.MaxPerFan

// decode reads a checkout and refuses one that contradicts itself: the ledger's
// constraints would refuse it every time.
func decode(m jetstream.Msg) (wire.OrderMessage, error) {
	var o wire.OrderMessage
	err := wire.Unmarshal(m.Data(), &o)
	if err == nil {
		err = check(o)
	}
	if err == nil && m.Subject() != wire.OrderSubject(o.Event, o.Order) {
		err = errors.New("event and order are not those of the subject")
	}
	if err != nil {
		return o, fmt.Errorf("%w: %w", consume.ErrPoison, err)
	}
	return o, nil
}

func check(o wire.OrderMessage) error {
	switch {
	case !wire.IsName(o.Event) || !wire.IsHold(o.Hold) || !wire.IsFan(o.Fan):
		return errors.New("event, hold and fan must be well-formed")
	case !wire.IsOrder(o.Order) || wire.HoldOfOrder(o.Order) != o.Hold:
		return errors.New("the order is not that of its hold")
	case len(o.Currency) != 3:
		return errors.New("the currency is no ISO 4217 code")
	case len(o.Seats) == 0 || len(o.Seats) > maxSeats:
		return fmt.Errorf("%d seats, want between 1 and %d", len(o.Seats), maxSeats)
	}
	seen := map[string]bool{}
	var total int64
	for _, q := range o.Seats {
		if q.ID == "" || seen[q.ID] {
			return errors.New("a seat has no id, or comes twice")
		}
		if !q.Sound() {
			return errors.New("a price is not the sum of its parts, or above the list's")
		}
		for _, s := range []string{q.ID, q.Label, q.Level, q.Concession, q.Promotion} {
			if strings.ContainsRune(s, 0) {
				return errors.New("a text has a zero byte")
			}
		}
		seen[q.ID] = true
		total += q.Price.Total
	}
	if total != o.Total {
		return fmt.Errorf("the total is %d and its parts add up to %d", o.Total, total)
	}
	if strings.ContainsRune(o.Buyer.Name+o.Buyer.Email, 0) {
		return errors.New("a text has a zero byte")
	}
	return nil
}

// LogPoison is the kind of the record of a buried checkout, in the sale log under
// log.<event>.poison.
const LogPoison = "poison"

// Poison is the record of a buried checkout. It says where the message was, never
// what it held, which may be personal.
type Poison struct {
	Subject  string    `json:"subject"`
	Sequence uint64    `json:"sequence"` // in ORDERS
	Size     int       `json:"size"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

func (c *Checkout) bury(ctx context.Context, m jetstream.Msg, reason error) error {
	md, err := m.Metadata()
	if err != nil {
		return err
	}
	record, err := json.Marshal(Poison{Subject: m.Subject(), Sequence: md.Sequence.Stream, Size: len(m.Data()),
		Reason: reason.Error(), At: c.cfg.Now().UTC()})
	if err != nil {
		return err
	}
	event := strings.Split(m.Subject(), ".")[1] // ORDERS takes order.> only
	err = c.cfg.Orders.Bury(ctx, wire.LogSubject(event, LogPoison), fmt.Sprintf("%s.%d", LogPoison, md.Sequence.Stream), record)
	if err == nil {
		failpoint.Here(failpoint.PoisonLogged)
		c.metrics.orders.WithLabelValues("poison").Inc()
	}
	return err
}
