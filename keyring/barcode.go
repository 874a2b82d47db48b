package keyring

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A barcode is what opens the gate, checked offline with a public key:
//
//	FR1:<kid>:<event>:<ticket>:<generation>:<seat, base64url>:<Ed25519 signature, base64url>
//
// The signature covers everything before its colon, after barcodeContext.
// Ed25519 is deterministic (RFC 8032), so each generation of a ticket has exactly one
// barcode, and nothing needs to be stored.
type Barcode struct {
	Event, Ticket, Seat string
	Generation          int
}

const (
	barcodeVersion = "FR1"
	barcodeContext = "frontrow barcode v1\n"
	maxBarcode     = 512
)

// ErrBarcode is any barcode that does not open the gate.
var ErrBarcode = errors.New("barcode is not valid")

// SignBarcode renders the barcode with the keyring's present barcode key; empty if it
// has none that signs.
func (k *Keyring) SignBarcode(b Barcode) string {
	key := Signer(k.ring.Load().Barcode, k.now())
	if len(key.Seed) == 0 {
		return ""
	}
	head := b.head(key.ID)
	sig := ed25519.Sign(key.private(), []byte(barcodeContext+head))
	return head + ":" + base64.RawURLEncoding.EncodeToString(sig)
}

// head is what is signed.
func (b Barcode) head(kid string) string {
	return strings.Join([]string{barcodeVersion, kid, b.Event, b.Ticket, strconv.Itoa(b.Generation),
		base64.RawURLEncoding.EncodeToString([]byte(b.Seat))}, ":")
}

// VerifyBarcode checks the signature, and that s is the barcode's only spelling: two
// spellings would be two tickets to a gate that compares texts. Whether the generation
// is the live one is for the gate's revocation list to say.
func (p *PublicKeys) VerifyBarcode(s string) (Barcode, error) {
	cut := strings.LastIndexByte(s, ':')
	if len(s) > maxBarcode || cut < 0 {
		return Barcode{}, ErrBarcode
	}
	part := strings.Split(s[:cut], ":")
	if len(part) != 6 || part[0] != barcodeVersion {
		return Barcode{}, ErrBarcode
	}
	key, ok := p.barcode[part[1]]
	if !ok {
		return Barcode{}, fmt.Errorf("%w: unknown key", ErrBarcode)
	}
	sig, err := base64.RawURLEncoding.DecodeString(s[cut+1:])
	if err != nil || base64.RawURLEncoding.EncodeToString(sig) != s[cut+1:] || !ed25519.Verify(key, []byte(barcodeContext+s[:cut]), sig) {
		return Barcode{}, ErrBarcode
	}
	seat, err1 := base64.RawURLEncoding.DecodeString(part[5])
	gen, err2 := strconv.Atoi(part[4])
	if err1 != nil || err2 != nil {
		return Barcode{}, ErrBarcode
	}
	b := Barcode{Event: part[2], Ticket: part[3], Generation: gen, Seat: string(seat)}
	if b.head(part[1]) != s[:cut] {
		return Barcode{}, ErrBarcode
	}
	return b, nil
}
