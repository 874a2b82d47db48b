package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"frontrow/gateway/live"
	"frontrow/gateway/pages"
	"frontrow/wire"

	"github.com/coder/websocket"
)

// Only this file makes HTTP statuses and WebSocket close codes.

// Codes that only an HTTP edge has, besides those of wire.
const (
	codeMethod wire.Code = "method-not-allowed"

	codeMisdirected wire.Code = "misdirected" // for a host that isn't ours
	codeMedia       wire.Code = "media-type"
	codeInternal    wire.Code = "internal"
)

// refusal is how a code appears over HTTP.
type refusal struct {
	status int
	title  string
}

// refusalOf maps a code to its status (RFC 9110; 425 is from RFC 8470, 429 from RFC 6585)
// and title.
func refusalOf(code wire.Code) refusal {
	switch code {
	case wire.CodeBadRequest:
		return refusal{http.StatusBadRequest, "The request was not understood"}
	case wire.CodeUnauthorized:
		return refusal{http.StatusUnauthorized, "Not admitted"}
	case wire.CodeForbidden:
		return refusal{http.StatusForbidden, "Not allowed"}
	case wire.CodeNotFound:
		return refusal{http.StatusNotFound, "Not found"}
	case codeMisdirected:
		return refusal{http.StatusMisdirectedRequest, "Wrong address"}
	case codeMethod:
		return refusal{http.StatusMethodNotAllowed, "Method not allowed"}
	case codeMedia:
		return refusal{http.StatusUnsupportedMediaType, "JSON expected"}
	case wire.CodeTooLarge:
		return refusal{http.StatusRequestEntityTooLarge, "The request is too large"}
	case wire.CodeTaken:
		return refusal{http.StatusConflict, "Seats were taken"}
	case wire.CodeLimit:
		return refusal{http.StatusConflict, "Ticket limit reached"}
	case wire.CodeResting:
		return refusal{http.StatusConflict, "Others go first"}
	case wire.CodeNoneLeft:
		return refusal{http.StatusConflict, "No free seats match"}
	case wire.CodeCheckoutBusy:
		return refusal{http.StatusConflict, "Checkout is under way"}
	case wire.CodeQuoteChanged:
		return refusal{http.StatusConflict, "Not what you were shown"}
	case wire.CodePriceChanged:
		return refusal{http.StatusConflict, "The price has changed"}
	case wire.CodeOrphan:
		return refusal{http.StatusUnprocessableEntity, "A seat would be left alone"}
	case wire.CodeUnknownSeat:
		return refusal{http.StatusUnprocessableEntity, "Unknown seat"}
	case wire.CodeUnknownArea:
		return refusal{http.StatusUnprocessableEntity, "Unknown section or area"}
	case wire.CodeInvalid:
		return refusal{http.StatusUnprocessableEntity, "The request is not valid"}
	case wire.CodeKeyReused:
		return refusal{http.StatusUnprocessableEntity, "The idempotency key was used for another request"}
	case wire.CodeHoldOver:
		return refusal{http.StatusGone, "The hold has ended"}
	case wire.CodeGone:
		return refusal{http.StatusGone, "No longer available"}
	case wire.CodeJoinAgain:
		return refusal{http.StatusGone, "Join again"}
	case wire.CodeNotPaid:
		return refusal{http.StatusConflict, "The order is not paid"}
	case wire.CodeWait:
		return refusal{http.StatusTooEarly, "Not called yet"}
	case wire.CodeNotOpen:
		return refusal{http.StatusTooEarly, "The sale has not opened"}
	case wire.CodeRevoked:
		return refusal{http.StatusForbidden, "The pass was withdrawn"}
	case wire.CodeOtherDevice:
		return refusal{http.StatusForbidden, "You continued on another device"}
	case wire.CodeProof:
		return refusal{http.StatusUnauthorized, "Proof of the browser's key is needed"}
	case wire.CodeSignedOut:
		return refusal{http.StatusUnauthorized, "You were signed out"}
	case wire.CodeCodeUnknown:
		return refusal{http.StatusForbidden, "Unknown access code"}
	case wire.CodeCodeEvent:
		return refusal{http.StatusForbidden, "The access code is for another event"}
	case wire.CodeCodeExpired:
		return refusal{http.StatusGone, "The access code has expired"}
	case wire.CodeCodeEmail:
		return refusal{http.StatusUnprocessableEntity, "The access code needs an e-mail address"}
	case wire.CodeCodeOwner:
		return refusal{http.StatusForbidden, "The access code belongs to somebody else"}
	case wire.CodeCodeUsed:
		return refusal{http.StatusConflict, "The access code has been used"}
	case wire.CodeConcession:
		return refusal{http.StatusUnprocessableEntity, "Not at this price"}
	case wire.CodePromotion:
		return refusal{http.StatusUnprocessableEntity, "Unknown code"}
	case wire.CodePromoTime:
		return refusal{http.StatusGone, "The code can't be used now"}
	case wire.CodePromoUsedUp:
		return refusal{http.StatusConflict, "The code is used up"}
	case wire.CodePromoIdle:
		return refusal{http.StatusUnprocessableEntity, "The code does nothing for these seats"}
	case wire.CodeLink:
		return refusal{http.StatusNotFound, "This link doesn't work"}
	case wire.CodeLinkExpired:
		return refusal{http.StatusGone, "This link has expired"}
	case wire.CodeLinkDigits:
		return refusal{http.StatusForbidden, "The six digits are needed"}
	case wire.CodeOtherFan:
		return refusal{http.StatusConflict, "This device belongs to another fan"}
	case wire.CodeSlowDown:
		return refusal{http.StatusTooManyRequests, "Too many requests"}
	case wire.CodeChallenge:
		return refusal{http.StatusForbidden, "A proof is needed first"}
	case wire.CodeUnavailable:
		return refusal{http.StatusServiceUnavailable, "Try again"}
	}
	return refusal{http.StatusInternalServerError, "Something went wrong"}
}

// problemBody is RFC 9457's problem details with our members.
type problemBody struct {
	Type         string   `json:"type"` // "/problems/<code>"
	Title        string   `json:"title"`
	Status       int      `json:"status"`
	Detail       string   `json:"detail"`
	Seats        []string `json:"seats,omitempty"`
	Instead      []string `json:"instead,omitempty"`
	Order        string   `json:"order,omitempty"`
	Ahead        *uint64  `json:"ahead,omitempty"` // of a place that isn't called yet
	RetryAfterMS int64    `json:"retry_after_ms,omitempty"`
	Challenge    string   `json:"challenge,omitempty"`    // where to get the task of a proof
	Skip         bool     `json:"skip,omitempty"`         // the answer "skip" gives a place in the slow lane
	Expected     *int64   `json:"expect_total,omitempty"` // of a price that has changed: what the fan was shown,
	Total        *int64   `json:"total,omitempty"`        // and what it is now
}

// problemOf returns the refusal that err stands for: err itself, or one that reveals
// nothing of our internals.
func problemOf(err error) *wire.Problem {
	var p *wire.Problem
	if errors.As(err, &p) {
		return p
	}
	return wire.Refuse(codeInternal, "Something went wrong on our side. Please try again.")
}

// refuse writes p as application/problem+json.
func refuse(w http.ResponseWriter, p *wire.Problem) {
	r := refusalOf(p.Code)
	refuseHeader(w, p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.status)
	body := problemBody{Type: "/problems/" + string(p.Code), Title: r.title, Status: r.status,
		Detail: p.Detail, Seats: p.Seats, Instead: p.Instead, Order: p.Order, RetryAfterMS: p.RetryAfterMS,
		Challenge: p.Challenge, Skip: p.Skip}
	if p.Code == wire.CodeWait {
		body.Ahead = &p.Ahead
	}
	if p.Code == wire.CodePriceChanged {
		body.Expected, body.Total = &p.Expected, &p.Total
	}
	raw, _ := json.Marshal(body) // can't fail
	_, _ = w.Write(raw)
}

// refusePage is refuse as an HTML page. If it fails, nothing has been written.
func (g *Gateway) refusePage(w http.ResponseWriter, p *wire.Problem) error {
	r := refusalOf(p.Code)
	refuseHeader(w, p)
	return g.pages.Render(w, r.status, "problem.html", pages.Page{Title: r.title,
		Problem: &pages.Problem{Status: r.status, Title: r.title, Detail: p.Detail}})
}

// refuseHeader sets the headers that a client acts on without reading the body. Retry-After
// is rounded up to whole seconds.
func refuseHeader(w http.ResponseWriter, p *wire.Problem) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	if p.RetryAfterMS > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryAfterMS+999)/1000, 10))
	}
	if refusalOf(p.Code).status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="frontrow"`)
		if p.Code == wire.CodeProof {
			h.Set("WWW-Authenticate", `DPoP error="invalid_dpop_proof", algs="ES256"`)
		}
	}
}

// statusClass returns a status as a metric label.
func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }

// closeCode returns the close code of a live socket (RFC 6455, 7.4.1 and the IANA
// registry). What a client does follows from the range:
//
//	1001, 1012         come back after a random pause: this gateway leaves
//	1013               come back with back-off and read everything again: you were too slow, or we are full
//	1003, 1008, 1009   stop: what you send is not what this socket takes
//	1000, 1006         come back with back-off: idle, end of a long life, or the network
func closeCode(e live.Ending) websocket.StatusCode {
	switch e {
	case live.Life:
		return websocket.StatusGoingAway
	case live.Deploy:
		return websocket.StatusServiceRestart
	case live.Overload:
		return websocket.StatusTryAgainLater
	case live.Data:
		return websocket.StatusUnsupportedData
	}
	return websocket.StatusPolicyViolation
}
