package wire

import (
	"strconv"
	"strings"
)

// Buckets and streams. A bucket B is the stream KV_B on the subjects $KV.B.>.
const (
	EventsBucket = "EVENTS" // event → Event
	BoardBucket  = "BOARD"  // event → Board
	StockBucket  = "STOCK"  // event → Stock
	PricesBucket = "PRICES" // event.level → Price, with history
	LeasesBucket = "LEASES" // role.event → who is writer, admitter
	PlansObjects = "PLANS"  // object store: digest → seating plan

	RevokedBucket    = "REVOKED"    // event.<pass id>, event.all → Revocation; kept as long as a pass can live
	SignedOutBucket  = "SIGNEDOUT"  // <fan>.<session>, <fan>.all → SignOut; kept as long as a session can last
	ChallengesBucket = "CHALLENGES" // event.<id> → challenge.Use: who used the answer, and what for; each is used once

	CheckoutsBucket = "CHECKOUTS" // order.<order> → Waiting, payments.<provider> → PaymentHealth; all of it may be lost

	OrdersStream  = "ORDERS"  // order.<event>.<hold> → OrderMessage, worked off by CheckoutConsumer
	SaleLogStream = "SALELOG" // log.<event>.<kind>

	CheckoutConsumer = "checkout" // the durable consumer of ORDERS
)

// SeatsBucket holds one Seat per sellable place, the flushes' log records and
// the writer's fence.
func SeatsBucket(event string) string { return "SEATS_" + event }

// PassesBucket holds one PassRecord per fan and the admitter's record.
func PassesBucket(event string) string { return "PASSES_" + event }

// CodesBucket holds a CodeClaim for each access code used in this region.
func CodesBucket(event string) string { return "CODES_" + event }

// QueueBucket holds one PlaceRecord per fan of a lane; its revision is the place's number.
func QueueBucket(event, lane string) string { return "QUEUE_" + event + "_" + lane }

// Keys inside the buckets of an event. A bucket's name is one token and ends with
// the event, so that no wildcard tells SEATS from QUEUE: what the servers permit goes
// by the keys, which is why no two of these buckets have a kind of key in common.
const (
	SeatPrefix    = "seat."      // seat.<escaped id> → Seat
	LogPrefix     = "log."       // log.<n> → Flush
	WriterKey     = "writer"     // the guard of the writer: rewritten by each new one
	RecordsKey    = "records"    // the guard of the seats' records: likewise
	CheckpointKey = "checkpoint" // Checkpoint: how far the seats' records have come behind the log
	VouchKey      = "vouch"      // Vouch: what the writer stores under its fence when it has nothing else to store
	AdmitterKey   = "admitter"   // Admitter: written with each call
	FenceKey      = "fence"      // the guard of the admitter: rewritten by each new one and with each batch
	DrawKey       = "draw"       // DrawRecord: the secret of the draw, made before the room opens
	AllKey        = "all"        // Revocation of all passes given out until then
	PlacePrefix   = "fan."       // in QUEUE: fan.<fan>, of later turns fan.<fan>.<turn>
	CodePrefix    = "code."      // in CODES: code.<id>
	PassPrefix    = "pass."      // in PASSES: pass.<fan>, of later turns pass.<fan>.<turn>
	ClaimPrefix   = "claim."     // in PASSES: claim.<id> of a code
	RoleWriter    = "writer"
	RoleAdmitter  = "admitter"
	RolePricer    = "pricer"
)

// LogKey is the key of the nth log record, LogNumber the number in such a key; 0 if it has none.
func LogKey(n uint64) string { return LogPrefix + strconv.FormatUint(n, 10) }

func LogNumber(key string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(key, LogPrefix), 10, 64)
	return n
}

// KVStream is the stream behind a bucket, KVSubject the subject of a key of it.
func KVStream(bucket string) string       { return "KV_" + bucket }
func KVSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// InDomain is the subject under which another region writes to a bucket: buckets are
// reached across regions only by their domain. With an empty domain it is subject itself.
func InDomain(domain, subject string) string {
	if domain == "" {
		return subject
	}
	return "$JS." + domain + ".API." + subject
}

// PriceKey is the key of a level's price in PRICES, LeaseKey that of a lease in LEASES.
func PriceKey(event, level string) string { return event + "." + level }
func LeaseKey(role, event string) string  { return role + "." + event }

// WaitingKey and HealthKey are keys of CHECKOUTS, HealthKeys those of all providers.
func WaitingKey(order string) string   { return "order." + order }
func HealthKey(provider string) string { return "payments." + provider }

const HealthKeys = "payments.*"

// ChallengeKey is the key in CHALLENGES of an answer that was used.
func ChallengeKey(event, id string) string { return event + "." + id }

// SplitPriceKey is the inverse of PriceKey.
func SplitPriceKey(key string) (event, level string, ok bool) { return strings.Cut(key, ".") }

// The services, as their NATS users, inboxes and parts of the keyring are named.
const (
	Gateway   = "gateway"
	Admission = "admission"
	Inventory = "inventory"
	Pricing   = "pricing"
)

// Inbox is the prefix under which a service receives its answers, where the servers let
// nobody else listen. Operators use the client's default, _INBOX.
func Inbox(service string) string { return anyInbox + "_" + service }

const anyInbox = "_INBOX" // what every inbox begins with

// Asked reports whether somebody waits for the answer to a command; a command that nobody
// waits for is ignored. The servers deliver stored messages to any subject that a request
// names, without checking permissions there, so a client that may not publish a command
// could have the servers publish it. Messages sent that way have no inbox to answer to.
func Asked(reply string) bool { return strings.HasPrefix(reply, anyInbox) }

// Commands to the writer of an event's seats: seats.<event>.<act>, or many in one message
// (together.go). Only the process that holds the writer's lease listens; if nobody listens,
// there is no writer at the moment, and the caller answers "try again".
const (
	ActHold     = "hold"      // HoldRequest → HoldReply
	ActRelease  = "release"   // ReleaseRequest → StandingReply; by the fan alone: Hold and Fan count
	ActGiveBack = "give-back" // ReleaseRequest → StandingReply; by the checkout, admission or an operator
	ActStanding = "standing"  // StandingRequest → StandingReply
	ActCheckout = "checkout"  // CheckoutRequest → HoldReply
	ActExtend   = "extend"    // ExtendRequest → ExtendReply
	ActConfirm  = "confirm"   // ConfirmRequest → Reply
	ActBlock    = "block"     // BlockRequest → BlockReply
	ActMoreTime = "more-time" // MoreTimeRequest → HoldReply
	ActReduce   = "reduce"    // ReductionsRequest → HoldReply
	ActRefund   = "refund"    // RefundRequest → Reply
	ActClear    = "clear"     // ClearRequest → ClearReply
	ActStatus   = "status"    // empty → Stock
	ActSeat     = "seat"      // SeatRequest → SeatReply
)

// SeatsSubject addresses one act of the writer of an event's seats, SeatsAll all of them.
func SeatsSubject(event, act string) string { return "seats." + event + "." + act }
func SeatsAll(event string) string          { return "seats." + event + ".*" }

// SplitSeats is the inverse of SeatsSubject.
func SplitSeats(subject string) (event, act string, ok bool) {
	rest, ok := strings.CutPrefix(subject, "seats.")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

// Commands to the admitter of an event: passes.<event>.<act>.
const (
	ActRedeem = "redeem" // RedeemRequest → RedeemReply
	ActMeter  = "meter"  // MeterRequest → MeterReply; what operators see and set
	ActRevoke = "revoke" // RevokeRequest → RevokeReply
	ActStand  = "stand"  // StandRequest → StandReply
)

// PassesSubject addresses one act of the admitter of an event, PassesAll all of them.
func PassesSubject(event, act string) string { return "passes." + event + "." + act }
func PassesAll(event string) string          { return "passes." + event + ".*" }

// Reads of the ledger, answered by any inventory worker (queue group "ledger").
const (
	LedgerOrder   = "ledger.order"   // OrderQuery → OrderReply
	LedgerTicket  = "ledger.ticket"  // TicketQuery → TicketReply
	LedgerHistory = "ledger.history" // HistoryQuery → HistoryReply
	LedgerQueue   = "ledger"
)

// OrderSubject is where an order waits in ORDERS: under its hold, with the attempt
// if that is not the first. It is created once (expected last sequence 0), so a
// checkout sent twice is one order. Event may be "*".
func OrderSubject(event, order string) string {
	return "order." + event + "." + holdPrefix + strings.TrimPrefix(order, orderPrefix)
}

// OrdersOf is the wildcard of an event's orders.
func OrdersOf(event string) string { return "order." + event + ".*" }

// OrderOfSubject is the order that waits under a subject.
func OrderOfSubject(subject string) string {
	return orderPrefix + strings.TrimPrefix(subject[strings.LastIndexByte(subject, '.')+1:], holdPrefix)
}

const OrdersAll = "order.>"

// LogSubject is the sale log's subject for a kind of record about an event.
// Kind "seats" is fed by JetStream itself from the writer's log records.
func LogSubject(event, kind string) string { return "log." + event + "." + kind }

const (
	LogAll       = "log.>"
	LogSeats     = "seats"     // Flush
	LogAdmission = "admission" // AdmissionAct
	LogOperator  = "operator"  // OperatorAct
	LogRisk      = "risk"      // RiskAct: arrivals that were challenged or slowed down
)

// LimitsSubject carries what the gateways of a region have let through to each
// other (package gateway/abuse/limit): core NATS, best effort.
func LimitsSubject(region string) string { return "gateway." + region + ".limits" }

// NoticeSubject carries notices for one fan's open sockets (a hold that ended, an order
// that was settled): core NATS, best effort. The truth is what GET answers.
func NoticeSubject(event, fan string) string { return "notify." + event + "." + fan }
func NoticeAll(event string) string          { return "notify." + event + ".*" }
