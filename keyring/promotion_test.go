package keyring

import (
	"strings"
	"testing"
)

// People type a code in any case and with spaces of any kind; what only looks like it is another,
// or none.
func TestCodesAsTheyAreTyped(t *testing.T) {
	k := New()
	seal, err := k.SealPromotion("show", "Spring-24")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"SPRING-24", "spring-24", "sPrInG-24", " spring - 24\t", "spring\u00a0-24", "\u2003spring-\n24"} {
		if k.FindPromotion("show", code, []string{"", seal}) != 1 {
			t.Errorf("%q isn't found", code)
		}
		if k.FindPromotion("other", code, []string{seal}) != -1 {
			t.Errorf("%q is of another event, too", code)
		}
	}
	for _, code := range []string{"", "spr", "SPRING24", "SPRING-2", "SPRING-244", "S\u0420RING-24", "\u017fpring-24", "spr\u0131ng-24", "\uff33PRING-24",
		"SPRING\u201024", "SPRING-\u0662\u0664", "spring-24\u200b", "spring-24\x00", "\xffspring-24", strings.Repeat("SPRING-24", 1200)} {
		if k.FindPromotion("show", code, []string{seal}) != -1 {
			t.Errorf("%.40q is found", code)
		}
	}
	for _, code := range []string{"abc", "\u017fpring", "spr\u0131ng", "Frühling", strings.Repeat("A", MaxPromotionCode+1)} {
		if seal, err := k.SealPromotion("show", code); err == nil {
			t.Errorf("%q is sealed as %s", code, seal)
		}
	}
}
