package payment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is the body of a webhook: an order's payment changed.
type Event struct {
	ID    string    `json:"id"` // the same each time this event is sent
	Order string    `json:"order"`
	State State     `json:"state"` // at that time; Get returns the current one
	At    time.Time `json:"at"`

	Dispute *Dispute `json:"-"` // instead of an order and a state: the payment is disputed
}

// Dispute says that a payment's cardholder wants the money back from their bank
// (a chargeback), or how that has ended.
type Dispute struct {
	Reference string // of the payment
	Status    string // one of those below
}

// What has become of a dispute.
const (
	DisputeOpen = "open" // the provider's dashboard says until when to answer it
	DisputeWon  = "won"
	DisputeLost = "lost"
)

// SignatureHeader of a webhook is t=<unix seconds>,v1=<hex>: the HMAC-SHA256,
// under the shared secret, of the seconds, a dot and the body. There may be
// several v1 while the sender changes from one secret to another.
const SignatureHeader = "Frontrow-Signature"

// SignatureAge is how far a webhook's time may be from the receiver's clock.
const SignatureAge = 5 * time.Minute

// ErrSignature means that a webhook is not signed with the secret, or not recently.
var ErrSignature = errors.New("signature is not valid")

// ErrNotOurs means that a webhook is about nothing that concerns us. Its sender is told
// that it was taken.
var ErrNotOurs = errors.New("a webhook about nothing of ours")

// Signed reads webhooks of the form above, as the sandbox sends them. It is their
// shared secret.
type Signed []byte

// Event verifies a webhook and returns what it says. The error wraps ErrSignature if it
// is not signed.
func (s Signed) Event(h http.Header, body []byte, now time.Time) (e Event, err error) {
	if err := Verify(s, h.Get(SignatureHeader), body, now); err != nil {
		return Event{}, err
	}
	return e, json.Unmarshal(body, &e)
}

// Sign returns the header for a body sent at the given time.
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(signature(secret, t, body))
}

// Verify checks a webhook's header. The error wraps ErrSignature and says why.
func Verify(secret []byte, header string, body []byte, now time.Time) error {
	var t string
	var sums []string
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			t = value
		case "v1":
			sums = append(sums, value)
		}
	}
	sent, err := strconv.ParseInt(t, 10, 64)
	if err != nil || strconv.FormatInt(sent, 10) != t || len(secret) == 0 {
		return fmt.Errorf("%w: no instant, or no secret", ErrSignature)
	}
	want := signature(secret, t, body)
	for _, sum := range sums {
		got, err := hex.DecodeString(sum)
		if err == nil && hex.EncodeToString(got) == sum && hmac.Equal(got, want) {
			if age := now.Sub(time.Unix(sent, 0)); age.Abs() > SignatureAge {
				return fmt.Errorf("%w: it is %v old", ErrSignature, age.Round(time.Second))
			}
			return nil
		}
	}
	return fmt.Errorf("%w: none of %d is right", ErrSignature, len(sums))
}

func signature(secret []byte, t string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return h.Sum(nil)
}
