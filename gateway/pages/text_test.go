package pages

import "testing"

func TestMoney(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"EUR 54.50": Money(5450, "EUR"), "EUR 0.05": Money(5, "EUR"), "JPY 5450": Money(5450, "JPY"),
		"KWD 5.450": Money(5450, "KWD"), "EUR 0.00": Money(0, "EUR"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
