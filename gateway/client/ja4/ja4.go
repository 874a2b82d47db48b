package ja4

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// TLS extensions that the fingerprint treats specially (IANA registry).
const (
	extServerName = 0
	extALPN       = 16
)

// none stands for the hash of an empty list.
const none = "000000000000"

// Hello has the parts of a ClientHello that make the fingerprint.
type Hello struct {
	Versions   []uint16 // offered
	Ciphers    []uint16
	Extensions []uint16
	Signatures []uint16 // signature algorithms
	ALPN       []string
}

// Of returns the fingerprint of a ClientHello that crypto/tls has read.
func Of(h *tls.ClientHelloInfo) string {
	signatures := make([]uint16, len(h.SignatureSchemes))
	for i, s := range h.SignatureSchemes {
		signatures[i] = uint16(s)
	}
	return Hello{Versions: h.SupportedVersions, Ciphers: h.CipherSuites, Extensions: h.Extensions,
		Signatures: signatures, ALPN: h.SupportedProtos}.Fingerprint()
}

// Fingerprint returns JA4 of h, as seen over TCP.
func (h Hello) Fingerprint() string {
	ciphers, extensions := plain(h.Ciphers), plain(h.Extensions)
	name := "i"
	if slices.Contains(extensions, extServerName) {
		name = "d"
	}
	a := fmt.Sprintf("t%s%s%02d%02d%s", version(h.Versions), name, min(len(ciphers), 99), min(len(extensions), 99), alpn(h.ALPN))
	slices.Sort(ciphers)
	kept := slices.DeleteFunc(slices.Clone(extensions), func(e uint16) bool { return e == extServerName || e == extALPN })
	slices.Sort(kept)
	signed := list(kept)
	if signatures := plain(h.Signatures); len(signatures) > 0 {
		signed += "_" + list(signatures)
	}
	if len(kept) == 0 {
		signed = ""
	}
	return a + "_" + short(list(ciphers)) + "_" + short(signed)
}

// plain returns the values without GREASE (RFC 8701: both bytes alike, 0x?A).
func plain(values []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(values), func(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff })
}

func version(offered []uint16) string {
	offered = plain(offered)
	if len(offered) == 0 {
		return "00"
	}
	switch slices.Max(offered) {
	case tls.VersionTLS13:
		return "13"
	case tls.VersionTLS12:
		return "12"
	case tls.VersionTLS11:
		return "11"
	case tls.VersionTLS10:
		return "10"
	case 0x0300:
		return "s3"
	}
	return "00"
}

// alpn returns the first and last character of the first value, or of its hex form if
// either is not a letter or digit.
func alpn(values []string) string {
	if len(values) == 0 || values[0] == "" {
		return "00"
	}
	v := values[0]
	if !alphanumeric(v[0]) || !alphanumeric(v[len(v)-1]) {
		v = hex.EncodeToString([]byte(v))
	}
	return v[:1] + v[len(v)-1:]
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func list(values []uint16) string {
	hexes := make([]string, len(values))
	for i, v := range values {
		hexes[i] = fmt.Sprintf("%04x", v)
	}
	return strings.Join(hexes, ",")
}

func short(s string) string {
	if s == "" {
		return none
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
