package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Identifiers are a prefix that shows their kind and 128 random bits in base64url (22
// characters), so they can't be guessed and are safe in subjects, keys and paths. An
// order is named after its hold and the attempt to pay for it.
const (
	fanPrefix    = "f_"
	holdPrefix   = "h_"
	orderPrefix  = "o_"
	ticketPrefix = "t_"
)

// NewFan returns the id of a fan never seen before.
func NewFan() string { return random(fanPrefix) }

// NewHold returns a fresh hold id.
func NewHold() string { return random(holdPrefix) }

// HoldOfKey is the id of the hold that a fan asks for under an idempotency key: the same
// key stands for the same hold.
func HoldOfKey(event, fan, key string) string {
	sum := sha256.Sum256([]byte(event + "\n" + fan + "\n" + key))
	return holdPrefix + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// NewTicket returns a fresh ticket id.
func NewTicket() string { return random(ticketPrefix) }

// MaxAttempts is how often a fan may try to pay for a hold: while its time lasts, a
// payment that fails leaves the seats for the next attempt. Each attempt is an order of
// its own with its own payment, and at most one order of a hold is ever paid.
const MaxAttempts = 5

// OrderOfHold is the order of the first attempt to pay for a hold.
func OrderOfHold(hold string) string { return OrderOfAttempt(hold, 1) }

// OrderOfAttempt is the only order that an attempt, from 1 to MaxAttempts, can ever
// have. Attempts after the first are in its name: o_…-2.
func OrderOfAttempt(hold string, attempt int) string {
	order := orderPrefix + strings.TrimPrefix(hold, holdPrefix)
	if attempt > 1 {
		order += "-" + strconv.Itoa(attempt)
	}
	return order
}

// HoldOfOrder is the hold of an attempt's order.
func HoldOfOrder(order string) string {
	rest := strings.TrimPrefix(order, orderPrefix)
	return holdPrefix + rest[:min(len(rest), idLength)]
}

// AttemptOf returns which attempt to pay for its hold an order is.
func AttemptOf(order string) int {
	if len(order) == len(orderPrefix)+idLength+2 {
		return int(order[len(order)-1] - '0')
	}
	return 1
}

// idLength is that of 128 bits in base64url.
const idLength = 22

// IsHold, IsOrder, IsTicket and IsFan report whether s is well-formed, so that
// nothing a client sends becomes part of a subject unchecked.
func IsHold(s string) bool { return isID(holdPrefix, s) }
func IsOrder(s string) bool {
	attempt := AttemptOf(s)
	return 1 <= attempt && attempt <= MaxAttempts && isID(orderPrefix, orderPrefix+HoldOfOrder(s)[len(holdPrefix):]) && s == OrderOfAttempt(HoldOfOrder(s), attempt)
}
func IsTicket(s string) bool { return isID(ticketPrefix, s) }
func IsFan(s string) bool    { return isID(fanPrefix, s) }

func isID(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != idLength {
		return false
	}
	for _, c := range []byte(rest) {
		if !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func random(prefix string) string {
	var b [16]byte
	rand.Read(b[:])                         // never fails since Go 1.24
	var id [len(holdPrefix) + idLength]byte // all prefixes are as long
	base64.RawURLEncoding.Encode(id[copy(id[:], prefix):], b[:])
	return string(id[:])
}

// maxName bounds a name.
const maxName = 48

// IsName reports whether s may name an event, a region or a price level, and so be part of
// stream names, subjects and URLs: letters, digits and, but not first, hyphens.
func IsName(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// SeatKey is the key of a seat's record in SEATS_<event>. Plan ids are
// escaped to the KV alphabet: a byte other than a letter, a digit, '-', '_'
// or '/' becomes '=' and two hex digits.
func SeatKey(seat string) string {
	plain := true
	for i := 0; i < len(seat); i++ {
		if !seatByte(seat[i]) {
			plain = false
			break
		}
	}
	if plain {
		return SeatPrefix + seat
	}
	var b strings.Builder
	b.WriteString(SeatPrefix)
	for i := 0; i < len(seat); i++ {
		if c := seat[i]; seatByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// SeatOfKey is the inverse of SeatKey; ok is false for any other key, and for
// another spelling of one.
func SeatOfKey(key string) (seat string, ok bool) {
	seat, ok = unescape(key)
	return seat, ok && SeatKey(seat) == key
}

func unescape(key string) (seat string, ok bool) {
	esc, ok := strings.CutPrefix(key, SeatPrefix)
	if !ok {
		return "", false
	}
	if !strings.Contains(esc, "=") {
		return esc, true
	}
	var b strings.Builder
	for i := 0; i < len(esc); i++ {
		if esc[i] != '=' {
			b.WriteByte(esc[i])
			continue
		}
		c, err := hex.DecodeString(esc[min(i+1, len(esc)):min(i+3, len(esc))])
		if err != nil || len(c) != 1 {
			return "", false
		}
		b.Write(c)
		i += 2
	}
	return b.String(), true
}

func seatByte(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' || c == '/' }

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Hash is what is stored of a key or a body that must be compared but not kept.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}
