package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxText is how many characters a name may have.
const MaxText = 200

// Bounds of an e-mail address: RFC 5321, 4.5.3.1 as corrected.
const (
	MaxEmail = 254
	maxLocal = 64
)

// CleanText returns a one-line text in Unicode's composed form, with plain spaces. It
// refuses what PostgreSQL or a reader can't handle: characters that control something,
// change the direction of writing or are invisible. Joiners that scripts and emoji need
// stay, between the characters that they join. The error says what is wrong. An empty
// text stays empty.
func CleanText(s string, most int) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("it is not in UTF-8")
	}
	s = norm.NFC.String(s)
	runes := []rune(s)
	visible := s == ""
	for i, r := range runes {
		switch {
		case r == '\u200c' || r == '\u200d': // zero-width (non-)joiner
			if i == 0 || i == len(runes)-1 || !joins(runes[i-1]) || !joins(runes[i+1]) {
				return "", invisible(r)
			}
		case unicode.Is(unicode.Zs, r):
			runes[i] = ' '
		case r == '\ufe0f', r == '\ufe0e': // how the emoji before is drawn
		case unicode.Is(unicode.Cf, r) && !tag(r), unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), r == '\u3164', r == '\uffa0', r == '\u115f', r == '\u1160', r == '\u034f':
			return "", invisible(r)
		case unicode.Is(unicode.Co, r) || r == utf8.RuneError:
			return "", fmt.Errorf("it has the character %U, which means nothing to others", r)
		default:
			visible = true
		}
	}
	s = strings.TrimSpace(string(runes))
	switch n := utf8.RuneCountInString(s); {
	case !visible:
		return "", fmt.Errorf("it has no visible characters")
	case n > most:
		return "", fmt.Errorf("it has %d characters, more than %d", n, most)
	}
	return s, nil
}

func invisible(r rune) error {
	return fmt.Errorf("it has the character %U, which is invisible: type it again", r)
}

func joins(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r) || r == '\ufe0f'
}

// tag reports whether r is of the tags that flags of regions are spelled with.
func tag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }

// PlausibleEmail reports whether mail could be sent to an address. Providers deliver to
// names that RFC 5322 doesn't allow, such as "try..this", so only sending can tell.
func PlausibleEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal || len(s) > MaxEmail {
		return false
	}
	seen := func(r rune) bool { return unicode.IsPrint(r) && !unicode.IsSpace(r) && r != utf8.RuneError }
	if strings.ContainsFunc(s, func(r rune) bool { return !seen(r) }) || strings.ContainsAny(s[:at], `@<>()[]\,;:"`) {
		return false
	}
	host := s[at+1:]
	if host == "localhost" {
		return true
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsFunc(l, func(r rune) bool {
			return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
		}) {
			return false
		}
	}
	return len(labels) > 1
}
