package wire

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unknownDigits is assumed for a currency that the table doesn't have: one that was
// withdrawn after an event was applied in it.
const unknownDigits = 2

// IsCurrency reports whether code is an ISO 4217 currency that people pay in: one in use,
// and not one of the codes for metals, funds, units of account and tests.
func IsCurrency(code string) bool {
	_, ok := minorDigits(code)
	return ok
}

// CurrencyDigits is how many decimals an amount in the currency has: minor units
// are the amount times ten to that power. ISO 4217 says it, whatever people do
// with the coins: of 2 are HUF and IDR too.
func CurrencyDigits(code string) int {
	if digits, ok := minorDigits(code); ok {
		return digits
	}
	return unknownDigits
}

// minorDigits is ISO 4217, table A.1, as of 2026. It is the only table of its kind
// here: pages are told the digits with the event.
func minorDigits(code string) (digits int, ok bool) {
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0, true
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, true
	case "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND", "BOB", "BRL",
		"BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD",
		"EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF",
		"IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD",
		"MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK",
		"NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK",
		"SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD",
		"TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG":
		return 2, true
	}
	return 0, false
}

// FormatAmount writes minor units in the currency's own form: "EUR 54.50", "JPY 5450".
func FormatAmount(minor int64, currency string) string {
	sign, abs := "", uint64(minor)
	if minor < 0 {
		sign, abs = "-", -abs
	}
	digits := CurrencyDigits(currency)
	s := fmt.Sprintf("%0*d", digits+1, abs)
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	return currency + " " + sign + s
}

// ParseAmount reads an amount as people write it, with its currency before or after it:
// "EUR 54.50", "54.50 EUR", "54 EUR". It is exact: the decimals are all of the currency's
// or none. A bare "54.50" is refused, since elsewhere a bare number counts minor units.
// Other notations are read in one way here and in another there.
func ParseAmount(text, currency string) (minor int64, err error) {
	digits := CurrencyDigits(currency)
	bad := fmt.Errorf("write it with its currency, such as %q, or as a whole number of minor units", FormatAmount(65*int64(math.Pow10(digits)), currency))
	number, named := strings.CutSuffix(text, " "+currency)
	if !named {
		number, named = strings.CutPrefix(text, currency+" ")
	}
	whole, decimals, dot := strings.Cut(number, ".")
	switch {
	case !named, !isWhole(whole), dot && len(decimals) != digits, dot && digits == 0, strings.Trim(decimals, "0123456789") != "":
		return 0, bad
	case !dot:
		decimals = strings.Repeat("0", digits)
	}
	if minor, err = strconv.ParseInt(whole+decimals, 10, 64); err != nil {
		return 0, errors.New("it is too large")
	}
	return minor, nil
}

// isWhole reports whether s is a whole number as people write it: digits, and no
// zero before others.
func isWhole(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}
