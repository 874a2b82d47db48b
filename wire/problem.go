package wire

// Code classes every refusal; it is stable, and the gateway alone maps it to
// an HTTP status and a problem type (RFC 9457).
type Code string

const (
	CodeBadRequest   Code = "bad-request"        // not understood
	CodeUnauthorized Code = "no-pass"            // no pass, or one that can't be trusted or has expired
	CodeForbidden    Code = "forbidden"          // not yours, or for another event
	CodeNotFound     Code = "not-found"          // no such event, hold, order or ticket
	CodeTooLarge     Code = "too-large"          // body over the limit
	CodeTaken        Code = "taken"              // Seats lists the seats that went to others
	CodeLimit        Code = "limit"              // more tickets than one fan may have
	CodeResting      Code = "resting"            // kept before and not bought: others go first, for RetryAfterMS; Seats lists those asked for by name
	CodeUnknownSeat  Code = "unknown-seat"       // Seats lists the ids that the plan doesn't know
	CodeUnknownArea  Code = "unknown-area"       //
	CodeInvalid      Code = "invalid"            // understood, but makes no sense: a count of -1, no seats at all
	CodeOrphan       Code = "orphan"             // Seats would be left alone; Instead leaves none
	CodeNoneLeft     Code = "none-left"          // nothing free matches the wish
	CodeHoldOver     Code = "hold-over"          // the hold ended: released, expired or sold
	CodeCheckoutBusy Code = "checkout-busy"      // the hold is in checkout under another idempotency key
	CodeQuoteChanged Code = "quote-changed"      // the hold isn't what the buyer says that they were shown
	CodePriceChanged Code = "price-changed"      // the seats cost more than the fan was shown: Total, not Expected. Nothing is held
	CodeKeyReused    Code = "idempotency-reuse"  // same idempotency key, another body
	CodeWait         Code = "not-called"         // the place isn't called yet; Ahead and RetryAfterMS say more
	CodeGone         Code = "gone"               // the sale is over, nothing can be left, or a ticket is void
	CodeJoinAgain    Code = "join-again"         // the place is used up; joining again gives a new one at the end
	CodeNotPaid      Code = "not-paid"           // a refund of an order that is pending or has failed
	CodeNotOpen      Code = "not-open"           // the sale hasn't opened
	CodeSlowDown     Code = "slow-down"          // too often, or too much at once; RetryAfterMS says when again
	CodeChallenge    Code = "challenge-required" // a proof is needed first; Challenge is where to get the task
	CodeUnavailable  Code = "unavailable"        // try again: no writer just now, queue full, outcome unknown

	CodeRevoked     Code = "revoked"      // the pass was withdrawn
	CodeProof       Code = "proof"        // the pass names a key: send a proof by it, for this request and now
	CodeSignedOut   Code = "signed-out"   // this session of the fan was ended; its cookies are cleared
	CodeOtherDevice Code = "other-device" // the pass is in use on another device of the fan, and may be taken back

	CodeCodeUnknown Code = "code-unknown" // an access code that is not ours
	CodeCodeEvent   Code = "code-event"   // of another event
	CodeCodeExpired Code = "code-expired" //
	CodeCodeEmail   Code = "code-email"   // send the address that it was sent to with it
	CodeCodeOwner   Code = "code-owner"   // it was issued to somebody else
	CodeCodeUsed    Code = "code-used"    // somebody else has used it

	CodeConcession  Code = "concession"          // a concession that these seats can't have, or not so often; Seats lists which
	CodePromotion   Code = "promotion-unknown"   // no promotion of this event has the code
	CodePromoTime   Code = "promotion-time"      // its time has not begun, or is over
	CodePromoUsedUp Code = "promotion-used-up"   // in all, or by this fan
	CodePromoIdle   Code = "promotion-no-effect" // it takes nothing off these seats

	CodeLink        Code = "link"         // a link to another device that is not ours
	CodeLinkExpired Code = "link-expired" // one that came too late, or was opened before
	CodeLinkDigits  Code = "link-digits"  // the digits that are shown where it was made are needed with it
	CodeOtherFan    Code = "other-fan"    // this device is another fan's, who has to agree first
)

// Problem is a refusal. It crosses services unchanged, inside a reply, and is
// an error in Go. Detail is a sentence that a fan can act on.
type Problem struct {
	Code         Code     `json:"code"`
	Detail       string   `json:"detail"`
	Seats        []string `json:"seats,omitempty"`
	Instead      []string `json:"instead,omitempty"` // seats to choose instead
	Order        string   `json:"order,omitempty"`
	Ahead        uint64   `json:"ahead,omitempty"`
	RetryAfterMS int64    `json:"retry_after_ms,omitempty"`
	Challenge    string   `json:"challenge,omitempty"` // path
	Skip         bool     `json:"skip,omitempty"`      // the answer "skip" gives a place in the slow lane instead
	Expected     int64    `json:"expect_total,omitempty"`
	Total        int64    `json:"total,omitempty"` // minor units
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// Refuse builds a Problem.
func Refuse(code Code, detail string) *Problem { return &Problem{Code: code, Detail: detail} }

// Busy is the answer when an act could not be settled now. Nothing is lost by
// repeating it with the same id.
func Busy(detail string) *Problem {
	return &Problem{Code: CodeUnavailable, Detail: detail, RetryAfterMS: 500}
}

// Reply is the answer to an act that returns nothing but success.
type Reply struct {
	Problem *Problem `json:"problem,omitempty"`
}
