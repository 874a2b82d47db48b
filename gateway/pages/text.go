package pages

import (
	"fmt"
	"time"
)

const reading = "Mon 2 Jan 2006, 15:04 UTC"

// Instant writes an instant for reading, and for <time datetime>; both are empty
// when it is unknown.
func Instant(t time.Time) (forPeople, forMachines string) {
	if t.IsZero() {
		return "", ""
	}
	return t.UTC().Format(reading), t.UTC().Format(time.RFC3339)
}

// Money writes minor units with the decimals of the currency (ISO 4217).
func Money(minor int64, currency string) string {
	digits := 2
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		digits = 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		digits = 3
	}
	s := fmt.Sprintf("%0*d", digits+1, minor)
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	return currency + " " + s
}
