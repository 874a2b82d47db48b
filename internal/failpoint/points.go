package failpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Variable of the environment that says where to end: a point's name, or
// name:n for the n-th time it is reached.
const Variable = "FRONTROW_FAILPOINT"

// Point is a place between two steps of the program. Its comment says what is
// durable when it is reached, and what is not.
type Point string

// At the edge (gateway).
const (
	// PlaceStored: the place is in the queue. Its fan has no receipt.
	PlaceStored Point = "place-stored"
	// CodeClaimed: the access code is its fan's in this region. They have no place for it.
	CodeClaimed Point = "code-claimed"
	// HoldGranted: the hold is stored, and the gateway told so. Its fan is not.
	HoldGranted Point = "hold-granted"
	// HoldGivenUp: the seats of a hold are free, and the gateway told so. Its fan is not.
	HoldGivenUp Point = "hold-given-up"
	// CheckoutMarked: the hold is in checkout. ORDERS has no order of it.
	CheckoutMarked Point = "checkout-marked"
	// OrderPublished: the order is in ORDERS. Its fan is not told.
	OrderPublished Point = "order-published"
)

// In the queue (admission).
const (
	// CallStored: the head and the calls are in the admitter's record. Neither
	// the sale log nor the board has them.
	CallStored Point = "call-stored"
	// CallLogged: the calls are in the sale log as well. The board shows the old head.
	CallLogged Point = "call-logged"
	// BoardPublished: the board shows what is stored. The admitter has not noted its revision.
	BoardPublished Point = "board-published"
	// DrawStored: the secret of a draw is in PASSES. No board shows its commitment.
	DrawStored Point = "draw-stored"
	// CodeSpent: PASSES says whose the access code is. They have no pass for it.
	CodeSpent Point = "code-spent"
	// PassStored: the pass is in PASSES. It is not signed.
	PassStored Point = "pass-stored"
	// PassChanged: the pass's record says that it moved to another device, or was
	// revoked. REVOKED doesn't, so it is still good at gateways.
	PassChanged Point = "pass-changed"
	// PassesWithdrawn: PASSES says that all passes so far are revoked. REVOKED doesn't.
	PassesWithdrawn Point = "passes-withdrawn"
	// ActLogged: the operator's act is in the sale log. It is not done.
	ActLogged Point = "act-logged"
	// StreamsMade: the streams of an event are there, and feed the sale log. EVENTS has no record of it.
	StreamsMade Point = "streams-made"
	// EventStored: the event is in EVENTS. The operator who applied it has no answer.
	EventStored Point = "event-stored"
)

// At the prices (pricing).
const (
	// PricesLogged: an act on prices is in the sale log. PRICES says what it said before.
	PricesLogged Point = "prices-logged"
)

// In the register (kv).
const (
	// BatchAcknowledged: a group commit is stored. None of its callers is told:
	// fans who join, passes, orders, leases.
	BatchAcknowledged Point = "batch-acknowledged"
)

// At the seats (inventory).
const (
	// GuardSeized: no earlier writer can store any more. The records are not read.
	GuardSeized Point = "guard-seized"
	// SoldRebuilt: of seats without records, those that the ledger has booked are stored as sold. The others have no record.
	SoldRebuilt Point = "sold-rebuilt"
	// SeatsOpened: some seats are in the log, a flush of them. The others are not, unless it was the last.
	SeatsOpened Point = "seats-opened"
	// SeatsWritten: some seats' records have followed the log, a batch of them. The checkpoint has not moved, unless it was the last.
	SeatsWritten Point = "seats-written"
	// Decided: a batch is decided in the writer's memory. Nothing of it is stored.
	Decided Point = "decided"
	// FlushStored: the batch is stored. Nobody is answered.
	FlushStored Point = "flush-stored"
	// HoldExpired: a hold has ended by its deadline, and that is stored. Its fan is not told.
	HoldExpired Point = "hold-expired"
	// CheckoutSettled: the ledger has said what became of an order whose hold is
	// past its deadline: paid, or failed for good. The hold stands.
	CheckoutSettled Point = "checkout-settled"
	// DifferenceFound: seats and ledger differ. Nothing is repaired.
	DifferenceFound Point = "difference-found"
	// RefundLogged: the operator's refund is in the sale log. Nothing is given back.
	RefundLogged Point = "refund-logged"
	// OrdersRefunded: money and tickets are given back in PostgreSQL. The seats are still sold.
	OrdersRefunded Point = "orders-refunded"
	// SeatsReturned: the seats are free, or blocked, and their fans told. PostgreSQL counts them as returning.
	SeatsReturned Point = "seats-returned"
)

// From ORDERS to the ticket (inventory/checkout).
const (
	// OrderDelivered: a worker has the message. PostgreSQL knows nothing of the order.
	OrderDelivered Point = "order-delivered"
	// OrderBegun: the order is pending in PostgreSQL. Its hold has the old deadline.
	OrderBegun Point = "order-begun"
	// HoldExtended: the hold outlasts the attempt to pay. The provider is not asked.
	HoldExtended Point = "hold-extended"
	// ConfirmationAsked: the provider waits for the fan's confirmation. PostgreSQL has the
	// order as pending alone, and the fan is not told.
	ConfirmationAsked Point = "confirmation-asked"
	// OrderParked: PostgreSQL knows that the order waits for its fan, and all it takes to
	// go on with it. The fan is not told, and the message not acknowledged.
	OrderParked Point = "order-parked"
	// ParkedDue: orders that wait for their fans are this worker's until its lease ends.
	// The provider is not asked.
	ParkedDue Point = "parked-due"
	// ParkedEnded: an order that waited has ended, seats and fan know. PostgreSQL still has
	// it among those that wait.
	ParkedEnded Point = "parked-ended"
	// WebhookTaken: the provider has told us of a payment, once. Nothing is done about it.
	WebhookTaken Point = "webhook-taken"
	// PaymentAuthorized: the provider keeps the amount for us. The order is pending.
	PaymentAuthorized Point = "payment-authorized"
	// OrderCommitted: the order is paid in PostgreSQL, with bookings, tickets and
	// the task to capture under a lease; or failed there, since a seat was gone. The
	// seats are still held.
	OrderCommitted Point = "order-committed"
	// SaleConfirmed: the seats are sold in their records as well. The fan is not told.
	SaleConfirmed Point = "sale-confirmed"
	// OrderFailed: the order is failed in PostgreSQL. Its seats are still held.
	OrderFailed Point = "order-failed"
	// FailureReleased: the seats of a failed order are free. The fan is not told.
	FailureReleased Point = "failure-released"
	// OrderConcluded: the fan is told. The message is not acknowledged.
	OrderConcluded Point = "order-concluded"
	// PoisonLogged: a message that can't be understood is in the sale log. It is not terminated yet.
	PoisonLogged Point = "poison-logged"
)

// To the payment provider and back (inventory/checkout).
const (
	// TasksClaimed: tasks of the outbox are this relay's until its lease ends, captures
	// since their orders were committed. The provider is not told.
	TasksClaimed Point = "tasks-claimed"
	// CaptureTold: the money is captured. PostgreSQL has the task as undone.
	CaptureTold Point = "capture-told"
	// VoidTold: the authorisation is given up. PostgreSQL has the task as undone.
	VoidTold Point = "void-told"
	// RefundTold: the money is given back. PostgreSQL has the task as undone.
	RefundTold Point = "refund-told"
	// PaymentSettled: PostgreSQL knows how the provider has the payment of a failed
	// order, and the task that follows from it. The provider is not told.
	PaymentSettled Point = "payment-settled"
)

// In PostgreSQL (inventory/ledger).
const (
	// TransactionWritten: a group of orders is written, in a transaction that is open. Nothing is committed.
	TransactionWritten Point = "transaction-written"
	// TransactionCommitted: the transaction is committed. None of its callers is told.
	TransactionCommitted Point = "transaction-committed"
)

// All lists every point, in the order of a purchase where that applies.
func All() []Point {
	return []Point{
		ActLogged, StreamsMade, EventStored, PricesLogged, GuardSeized, SoldRebuilt, SeatsOpened, SeatsWritten,
		DrawStored, CodeClaimed, PlaceStored, BatchAcknowledged, CallStored, CallLogged, BoardPublished, CodeSpent, PassStored, PassChanged, PassesWithdrawn,
		Decided, FlushStored, HoldGranted, HoldGivenUp, HoldExpired, CheckoutMarked, OrderPublished,
		OrderDelivered, OrderBegun, HoldExtended, ConfirmationAsked, OrderParked, ParkedDue, ParkedEnded, WebhookTaken, PaymentAuthorized,
		TransactionWritten, TransactionCommitted, OrderCommitted, SaleConfirmed, OrderFailed, FailureReleased, OrderConcluded, PoisonLogged,
		TasksClaimed, CaptureTold, VoidTold, RefundTold, PaymentSettled,
		CheckoutSettled, DifferenceFound, RefundLogged, OrdersRefunded, SeatsReturned,
	}
}

// parse reads the value of Variable. Without a point there is nowhere to end.
func parse(value string) (p Point, n int64, err error) {
	if value == "" {
		return "", 0, nil
	}
	name, count, counted := strings.Cut(value, ":")
	n = 1
	if counted {
		n, err = strconv.ParseInt(count, 10, 64)
	}
	if err != nil || n < 1 {
		return "", 0, fmt.Errorf("%s=%s: write a number from 1 on behind the colon", Variable, value)
	}
	if p = Point(name); !slices.Contains(All(), p) {
		return "", 0, fmt.Errorf("%s=%s: there is no point %q", Variable, value, name)
	}
	return p, n, nil
}
