package pages

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"frontrow/wire"
)

// Instant is an instant as a page shows it: in the venue's zone, which is named. The script
// adds the fan's own time where it differs (web/src/time.ts, which formats instants alike).
type Instant struct {
	Reading string // "Fri 14 Aug 2026, 20:00 (Berlin time)"
	At      string // RFC 3339 in UTC, for <time datetime>
	Zone    string // by its IANA name
}

// InstantOf returns t in the venue's zone, nil if t is zero.
func InstantOf(t time.Time, zone *time.Location) *Instant {
	if t.IsZero() {
		return nil
	}
	return &Instant{wire.FormatInstant(t, zone), t.UTC().Format(time.RFC3339), zone.String()}
}

// Money is an amount as a page shows it.
type Money struct {
	Reading string // "€54.50", as web/src/money.ts writes it; "Free" if it is nothing
	Plain   string // "EUR 54.50", for <data value>
}

// MoneyOf returns an amount of minor units of a currency with so many digits.
func MoneyOf(minor int64, currency string, digits int) *Money {
	s := strconv.FormatInt(minor, 10)
	for len(s) <= digits {
		s = "0" + s
	}
	whole, part := s[:len(s)-digits], ""
	if digits > 0 {
		part = "." + s[len(s)-digits:]
	}
	m := &Money{Plain: currency + " " + whole + part}
	if m.Reading = sign(currency) + grouped(whole) + part; minor == 0 {
		m.Reading = "Free"
	}
	return m
}

// grouped puts a comma before each three digits from the right.
func grouped(whole string) string {
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole
}

// sign returns what precedes an amount: the currency's sign in English (Unicode CLDR), or
// its code and a no-break space.
func sign(currency string) string {
	s := currency
	switch currency {
	case "AUD":
		s = "A$"
	case "BRL":
		s = "R$"
	case "CAD":
		s = "CA$"
	case "CNY":
		s = "CN¥"
	case "EUR":
		s = "€"
	case "GBP":
		s = "£"
	case "HKD":
		s = "HK$"
	case "ILS":
		s = "₪"
	case "INR":
		s = "₹"
	case "JPY":
		s = "¥"
	case "KRW":
		s = "₩"
	case "MXN":
		s = "MX$"
	case "NZD":
		s = "NZ$"
	case "PHP":
		s = "₱"
	case "TWD":
		s = "NT$"
	case "USD":
		s = "$"
	case "VND":
		s = "₫"
	case "XAF":
		s = "FCFA"
	case "XCD":
		s = "EC$"
	case "XOF":
		s = "F\u202fCFA"
	case "XPF":
		s = "CFPF"
	}
	if last, _ := utf8.DecodeLastRuneInString(s); unicode.IsLetter(last) {
		s += "\u00a0"
	}
	return s
}
