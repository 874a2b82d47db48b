package wire

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"time"
)

// Kept says of a held seat how long it may be kept, and of one that came back
// unbought who kept it. It is all that a new writer needs to hold both to the
// event's bound (Spec.Hold.Keep).
type Kept struct {
	Fan string `json:"fan,omitempty"` // who kept it; of a held seat Seat.Fan says it
	Net string `json:"net,omitempty"` // likewise

	// Since is when its keeping began. Whoever takes a seat again that they gave
	// back goes on with the time that they had: then it is as much earlier.
	Since time.Time `json:"since"`
	// Until is, of a held seat, the last deadline that the hold may have; of
	// another, when it came back.
	Until time.Time `json:"until"`
	// Spent is how long the fan had kept seats unbought: of a held seat until Since,
	// of another until Until. It is below zero when Since was moved back by what
	// somebody else of the network had kept.
	Spent Duration `json:"spent"`
}

// Life is the longest that a hold stands by its fan's doing: the time to choose,
// the time more, and one payment.
func (h HoldSpec) Life() Duration { return h.TTL + h.MoreTime + h.Checkout }

const tagContext = "frontrow network v1\n"

// tagBytes of a network's tag: enough that the networks of a sale have tags of their own.
const tagBytes = 9

// NetTag stands for a network in what is stored about an event. It is a keyed hash:
// nobody without the keyring can tell the network, and at another event or under
// another signing key the same network has another tag.
func (k *Keyring) NetTag(event string, network netip.Prefix) string {
	if !network.IsValid() {
		return ""
	}
	return netTags(k.MACs(tagContext, tagMessage(event, network))[:1])[0]
}

// IsNetTag reports whether a tag is a network's, under whichever key.
func (k *Keyring) IsNetTag(tag, event string, network netip.Prefix) bool {
	return tag != "" && network.IsValid() && slices.Contains(netTags(k.MACs(tagContext, tagMessage(event, network))), tag)
}

func tagMessage(event string, network netip.Prefix) []byte {
	return []byte(event + "\n" + network.Masked().String())
}

func netTags(sums [][]byte) []string {
	tags := make([]string, len(sums))
	for i, sum := range sums {
		tags[i] = base64.RawURLEncoding.EncodeToString(sum[:tagBytes])
	}
	return tags
}
