package wire

import "time"

// Operator endpoints are NATS micro services: "nats micro ls" lists them and
// "nats req" calls them. Payloads are JSON, an empty one means {}. A refusal
// is a service error (headers Nats-Service-Error, Nats-Service-Error-Code)
// with the Problem as its body. Every act is logged in SALELOG.
//
//	frontrow.event.{apply,open,close}                               frontrow-admission
//	frontrow.admission.{status,pause,resume,rate,message,drain,revoke}.<event>  frontrow-admission
//	frontrow.inventory.{status,block,unblock,release}.<event>       frontrow-inventory
//	frontrow.pricing.status.<event>                                 frontrow-pricing
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

// MeterRequest is what an operator asks of the admitter. Act is status, pause,
// resume or rate.
type MeterRequest struct {
	Act           string  `json:"act"`
	RatePerMinute *int    `json:"rate_per_minute,omitempty"` // rate: most fans called a minute, 0 = no limit of its own
	Message       *string `json:"message,omitempty"`         // pause, resume: shown to everybody in the queue
	By            string  `json:"by,omitempty"`
}

// MeterReply shows the admitter's state.
type MeterReply struct {
	Event    string    `json:"event,omitempty"`
	Admitter string    `json:"admitter,omitempty"`
	Term     uint64    `json:"term,omitempty"`
	State    Admitter  `json:"state,omitzero"`
	Joined   uint64    `json:"joined"`
	Alive    int       `json:"passes_alive"`
	Called   int       `json:"called_not_redeemed"` // still within their window
	Free     int       `json:"free"`
	At       time.Time `json:"at,omitzero"`
	Problem  *Problem  `json:"problem,omitempty"`
}

// Admitter is the admitter's durable state, under "admitter" in
// PASSES_<event>, written in batches that the guard under "fence" fences.
type Admitter struct {
	Admitter string    `json:"admitter"` // who
	Term     uint64    `json:"term"`
	Board    uint64    `json:"board"` // number of the last board
	Head     uint64    `json:"head"`
	Calls    []Call    `json:"calls,omitempty"` // within the window, oldest first
	Paused   bool      `json:"paused"`
	Rate     int       `json:"rate_per_minute"` // operator's limit; 0: the spec's
	Message  string    `json:"message,omitempty"`
	At       time.Time `json:"at"`
}

// Call says that the head was moved up to To at an instant.
type Call struct {
	To uint64    `json:"to"`
	At time.Time `json:"at"`
}

// AdmissionAct is a record of log.<event>.admission.
type AdmissionAct struct {
	Kind string    `json:"kind"` // call
	From uint64    `json:"from,omitempty"`
	To   uint64    `json:"to,omitempty"`
	Term uint64    `json:"term"`
	At   time.Time `json:"at"`
	Why  string    `json:"why,omitempty"`
}

// Revocation ends a pass before its time, or all passes of an event that were
// issued before At: a record of REVOKED, which every gateway watches.
type Revocation struct {
	At  time.Time `json:"at"`
	Why string    `json:"why,omitempty"`
}

// RevokedKey is the key of a pass's revocation, or with id "all" that of an event's.
func RevokedKey(event, id string) string { return event + "." + id }

// DrawRecord is the value under "draw" in PASSES_<event>.
type DrawRecord struct {
	Secret []byte    `json:"secret"`
	At     time.Time `json:"at"`
}

// RiskAct is a record of log.<event>.risk: why an arrival was not let through
// at once.
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
