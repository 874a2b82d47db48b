package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// Operator endpoints are NATS micro services: "nats micro ls" lists them and
// "nats req" calls them. Payloads are JSON, an empty one means {}. A refusal
// is a service error (headers Nats-Service-Error, Nats-Service-Error-Code)
// with the Problem as its body. Every act is logged in SALELOG.
//
//	frontrow.event.{apply,open,close}                               frontrow-admission
//	frontrow.admission.{status,pause,resume,rate,message,drain,revoke}.<event>  frontrow-admission
//	frontrow.inventory.{status,block,unblock,release,refund}.<event> frontrow-inventory
//	frontrow.pricing.{status,propose,approve,reject,freeze,resume,set}.<event>  frontrow-pricing
//	frontrow.gateway.status                                         frontrow-gateway
const (
	ServiceAdmission = "frontrow-admission"
	ServiceInventory = "frontrow-inventory"
	ServicePricing   = "frontrow-pricing"
	ServiceGateway   = "frontrow-gateway"

	EventApplySubject = "frontrow.event.apply" // ApplyRequest → ApplyReply
	EventOpenSubject  = "frontrow.event.open"  // EventRequest → Event
	EventCloseSubject = "frontrow.event.close" // EventRequest → Event
)

// OperatorSubject is the subject of an operator endpoint about one event, or
// about any with event "*".
func OperatorSubject(service, act, event string) string {
	return "frontrow." + service + "." + act + "." + event
}

// ApplyRequest puts an event up for sale, or changes what may still be changed
// (name, dates, prices, limits; not the plan). The plan is in PLANS already.
type ApplyRequest struct {
	Spec Spec   `json:"spec"`
	Plan string `json:"plan"` // digest
	By   string `json:"by,omitempty"`
}

// ApplyReply is the event as it now stands.
type ApplyReply struct {
	Event Event `json:"event"`
}

// EventRequest names an event.
type EventRequest struct {
	Event string `json:"event"`
	By    string `json:"by,omitempty"`
}

// MeterRequest is an operator's request to the admitter. Act is status, pause, resume,
// rate, message or drain.
type MeterRequest struct {
	Act           string  `json:"act"`
	RatePerMinute *int    `json:"rate_per_minute,omitempty"` // rate: most fans called a minute, 0 = no limit of its own
	Message       *string `json:"message,omitempty"`         // shown to everybody in the queue; "" clears it
	By            string  `json:"by,omitempty"`
}

// MeterReply shows the admitter's state.
type MeterReply struct {
	Event    string    `json:"event,omitempty"`
	Admitter string    `json:"admitter,omitempty"`
	Term     uint64    `json:"term,omitempty"`
	State    Admitter  `json:"state,omitzero"`
	Joined   uint64    `json:"joined"`
	Waiting  uint64    `json:"waiting"`
	Alive    int       `json:"passes_alive"`
	Coming   int       `json:"called_and_expected"` // of those called within their window
	Show     float64   `json:"show_rate"`           // of those called, who comes
	Buys     float64   `json:"conversion"`          // of the passes, who buys
	PerFan   float64   `json:"seats_per_fan"`       // that a pass takes
	Free     int       `json:"free"`
	Why      string    `json:"why,omitempty"` // what bounded the last call
	Absent   []string  `json:"absent_regions,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Problem  *Problem  `json:"problem,omitempty"`
}

// PriceRequest asks for an act on the prices of a level, or for freeze and resume of all.
type PriceRequest struct {
	Level string `json:"level,omitempty"`
	Total *int64 `json:"total,omitempty"` // set, propose: minor units, with all fees
	On    int64  `json:"on,omitempty"`    // approve, reject: the act with the proposal
	By    string `json:"by"`
	Why   string `json:"why"`
}

// RefundOrder asks for money and seats to be given back: for an order, for some of its
// seats or, with All, for every order of the event. Seats go back on sale or, with Block,
// off sale. Repeating it changes nothing that is done, and does what was left undone.
type RefundOrder struct {
	Order string   `json:"order,omitempty"`
	Seats []string `json:"seats,omitempty"` // none: all of the order
	All   bool     `json:"all,omitempty"`
	Block bool     `json:"block,omitempty"`
	By    string   `json:"by"`
	Why   string   `json:"why"`
}

// RefundReply is the outcome of a RefundOrder.
type RefundReply struct {
	Refunded int        `json:"refunded"` // orders of which this request gave something back
	Amount   int64      `json:"amount"`   // that it gave back, in minor units
	Currency string     `json:"currency,omitempty"`
	State    OrderState `json:"state,omitempty"`    // of the order asked for
	Left     int        `json:"left"`               // orders and holds of the event that the same request still has to deal with
	Pending  int        `json:"pending,omitempty"`  // of those, payments under way: they are refunded once they are paid
	Standing int        `json:"holds,omitempty"`    // of those, holds that may still be paid for: the event is not closed, or the writer does not know it yet
	Released int        `json:"released,omitempty"` // holds that this request gave back
	Stuck    int        `json:"stuck,omitempty"`    // refunds, in Left or not, whose money waits for a capture that often failed, or was refused for good
}

// CaptureRequest asks for something to be done about captures that the provider has refused
// for good: of an order or, with All, of all orders of the event.
type CaptureRequest struct {
	Order string `json:"order,omitempty"`
	All   bool   `json:"all,omitempty"`
	By    string `json:"by"`
	Why   string `json:"why"`
}

// CaptureReply is the outcome of a CaptureRequest.
type CaptureReply struct {
	Captures int    `json:"captures"`           // of which something was done
	Amount   int64  `json:"amount,omitempty"`   // written off, in minor units
	Currency string `json:"currency,omitempty"` // of Amount
}

// RefusedRequest asks for a page of RefusedReply, from the order after After.
type RefusedRequest struct {
	After string `json:"after,omitempty"`
}

// RefusedReply lists orders that are paid, but whose money the provider refuses for good
// to capture. With Next there are more.
type RefusedReply struct {
	Refused []RefusedCapture `json:"refused"`
	Next    string           `json:"next,omitempty"` // RefusedRequest.After of the next page
}

// RefusedCapture is an order of a RefusedReply.
type RefusedCapture struct {
	Order    string    `json:"order"`
	Fan      string    `json:"fan"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
	Why      string    `json:"why"` // in the provider's words
	At       time.Time `json:"at"`
	Attempts int       `json:"attempts"`
}

// Admitter is the admitter's durable state, under "admitter" in
// PASSES_<event>, written in batches that the guard under "fence" fences.
type Admitter struct {
	Admitter string    `json:"admitter"` // who
	Term     uint64    `json:"term"`
	Board    uint64    `json:"board"` // number of the last board
	Lines    []Line    `json:"lines,omitempty"`
	Lives    []Life    `json:"lives,omitempty"` // of the queues, as they were seen last; oldest first
	Drawn    []Drawn   `json:"drawn,omitempty"` // once the draw is held
	Paused   bool      `json:"paused"`
	Draining bool      `json:"draining,omitempty"`
	SoldOut  bool      `json:"sold_out,omitempty"` // when the lines were last moved
	Rate     int       `json:"rate_per_minute"`    // operator's limit; 0: the spec's
	Message  string    `json:"message,omitempty"`
	At       time.Time `json:"at"`
}

// Line is how far the places of a lane in a region, or without a region the ranks of the
// lane's draw, have been called in one life of the queue.
type Line struct {
	Lane   string `json:"lane"`
	Region string `json:"region,omitempty"`
	Head   uint64 `json:"head"`            // the highest that was ever called
	Calls  []Call `json:"calls,omitempty"` // within the window, oldest first; the last one's To may redeem
}

// Call says that a line was moved up to To at an instant.
type Call struct {
	To uint64    `json:"to"`
	At time.Time `json:"at"`
}

// Drawn is how many places of a lane in a region took part in its draw.
type Drawn struct {
	Lane   string `json:"lane"`
	Region string `json:"region"`
	Places uint64 `json:"places"`
}

// AdmissionAct is a record of log.<event>.admission. Each names all lines, including those
// that it didn't move, so that the last record shows how far all of them are.
type AdmissionAct struct {
	Kind  string      `json:"kind"` // call, draw
	Lines []LineMoved `json:"lines,omitempty"`
	Drawn []Drawn     `json:"drawn,omitempty"`
	Term  uint64      `json:"term"`
	At    time.Time   `json:"at"`
	Why   string      `json:"why,omitempty"`
}

// LineMoved is the places or ranks after From up to To.
type LineMoved struct {
	Lane   string `json:"lane"`
	Region string `json:"region,omitempty"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
}

// Revocation ends a pass before its time, or all passes of an event that were
// issued before At: a record of REVOKED, which every gateway watches.
type Revocation struct {
	At    time.Time `json:"at"`
	Why   string    `json:"why,omitempty"`
	Moved bool      `json:"moved,omitempty"` // the fan goes on with another device, under another pass

	Device string `json:"dev,omitempty"` // that had the pass, as in its record: it can't join again as somebody else
}

// RevokeRequest asks the admitter to revoke the pass of a fan, or all passes that the
// event has issued. It is permanent: their places are used up.
type RevokeRequest struct {
	Fan string `json:"fan,omitempty"`
	All bool   `json:"all,omitempty"`
	Why string `json:"why,omitempty"`
	By  string `json:"by,omitempty"`
}

// RevokeReply says what was revoked, now or by the same request before.
type RevokeReply struct {
	Event   string    `json:"event,omitempty"`
	Passes  int       `json:"passes"` // alive until then
	At      time.Time `json:"at,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}

// RevokedKey is the key of a pass's revocation, or with id RevokedAll that of an event's.
func RevokedKey(event, id string) string { return event + "." + id }

// RevokedAll stands for all passes of an event, in place of a pass's id.
const RevokedAll = "all"

// SplitRevokedKey is the inverse of RevokedKey.
func SplitRevokedKey(key string) (event, id string, ok bool) { return strings.Cut(key, ".") }

// DrawRecord is the value under "draw" in PASSES_<event>.
type DrawRecord struct {
	Secret []byte    `json:"secret"`
	At     time.Time `json:"at"`
}

// RiskAct is a record of log.<event>.risk: why an arrival was not let through at once.
type RiskAct struct {
	Fan     string    `json:"fan"`
	Score   int       `json:"score"`
	Reasons []string  `json:"reasons"`
	Outcome string    `json:"outcome"`       // challenged, passed, slow
	Act     string    `json:"act,omitempty"` // join, redeem, hold
	Gateway string    `json:"gateway,omitempty"`
	At      time.Time `json:"at"`
}

// OperatorAct is a record of log.<event>.operator.
type OperatorAct struct {
	Act     string    `json:"act"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
	Payload any       `json:"payload,omitempty"`
}

// DecodeStrictly reads an operator's payload, one JSON value with known fields:
// otherwise a misspelt field would be ignored silently.
func DecodeStrictly(data []byte, into any) *Problem {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows it")
		}
	}
	if err != nil {
		return Refuse(CodeBadRequest, "The payload is not the JSON this endpoint takes: "+err.Error())
	}
	return nil
}

// SeatRequest asks what a seat is now.
type SeatRequest struct {
	Seat string `json:"seat"`
}

// SeatReply is what a seat is, by the log, and what was done to it last, the latest first.
type SeatReply struct {
	Seat    Seat      `json:"seat"`
	Acts    []SeatAct `json:"acts,omitempty"`
	Problem *Problem  `json:"problem,omitempty"`
}

// SeatAct is an act, and the log record that has it.
type SeatAct struct {
	Flush  uint64    `json:"flush"`
	Writer string    `json:"writer"`
	At     time.Time `json:"at"`
	Act
}

// LogReply says how many records were put back: that which was asked for, and those behind
// it. The next record that isn't as its writer left it the writer names.
type LogReply struct {
	Restored int `json:"restored"`
}

// LogRequest asks that log.<n> be put back as its writer left it, and those behind it.
type LogRequest struct {
	N   uint64 `json:"n"`
	Why string `json:"why"`
	By  string `json:"by"`
}
