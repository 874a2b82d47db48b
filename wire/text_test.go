package wire

import (
	"strings"
	"testing"
)

func TestCleanText(t *testing.T) {
	for given, want := range map[string]string{
		"Ann": "Ann", " Ann\u00a0Lee ": "Ann Lee", "Bu\u0308hne": "Bühne", "Nguyễn Thị": "Nguyễn Thị", "محمد": "محمد", "می\u200cخواهم": "می\u200cخواهم", "ශ්\u200dරී": "ශ්\u200dරී", "👩\u200d👧": "👩\u200d👧",
		strings.Repeat("ก", 200): strings.Repeat("ก", 200), "": "", "O’Neil-Šimić": "O’Neil-Šimić",
	} {
		if got, err := CleanText(given, 200); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, bad := range []string{"\u200b", "a\u200bb", "a\u202eb", "a\u2066b", "a\x00b", "a\nb", "\u00a0", "\u200d", "a\u200d", "\u3164", "a\u00adb", "\ufeffa", "\xff", "\ue000", strings.Repeat("é", 201)} {
		if got, err := CleanText(bad, 200); err == nil {
			t.Errorf("%q is taken as %q", bad, got)
		}
	}
}

func TestPlausibleEmail(t *testing.T) {
	for _, good := range []string{"a@example.com", "try..this@docomo.ne.jp", "da.me.@ezweb.ne.jp", "ann+x@example.co.uk", "用户@例子.广告", "a@localhost"} {
		if !PlausibleEmail(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "a", "@example.com", "a@", "a@example", "a\u200b@example.com", "a\u00a0b@example.com", "a b@example.com", "a@b@example.com", "a@-x.com", "a@x..com",
		"Ann <a@example.com>", strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b.", 130) + "com", "a\r\nb@example.com"} {
		if PlausibleEmail(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}
