package ja4

// Family is the family of a TLS library.
type Family string

// Families. Unknown is not suspicious: new versions and corporate proxies are unknown.
const (
	Unknown  Family = ""
	Chromium Family = "chromium" // Chrome, Edge, Opera, Samsung, Android's web view
	Firefox  Family = "firefox"
	Safari   Family = "safari" // and every browser on iOS
	Tool     Family = "tool"   // a library that no browser uses
)

// wellFormed is the length of a fingerprint, and so the maximum accepted from a header.
const wellFormed = 36

// byCiphers returns the family by the middle part, the hash of the cipher list. A library
// changes its ciphers once every few years, its extensions with every other version.
// Source: FoxIO's ja4plus-mapping.csv.
func byCiphers(part string) Family {
	switch part {
	case "8daaf6152771":
		return Chromium
	case "5b57614c22b0":
		return Firefox
	case "a09f3c656075":
		return Safari
	case "85036bcba153", "c7886603b240", // Python
		"9dc949149365", // Go
		none:
		return Tool
	}
	return Unknown
}

// FamilyOf returns the family of a fingerprint. A client that offers no ALPN, or nothing
// above TLS 1.1, is no browser of this decade.
func FamilyOf(fingerprint string) Family {
	if !Valid(fingerprint) {
		return Unknown
	}
	if f := byCiphers(fingerprint[11:23]); f == Tool {
		return Tool
	}
	if fingerprint[8:10] == "00" {
		return Tool
	}
	switch fingerprint[1:3] {
	case "12", "13":
		return byCiphers(fingerprint[11:23])
	}
	return Tool
}

// Valid reports whether s has the form of a fingerprint, so that one from a header
// may be logged.
func Valid(s string) bool {
	if len(s) != wellFormed || s[10] != '_' || s[23] != '_' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; i != 10 && i != 23 && !alphanumeric(c) {
			return false
		}
	}
	return true
}
