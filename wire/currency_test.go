package wire

import (
	"testing"

	"pgregory.net/rapid"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"EUR 54.50": FormatAmount(5450, "EUR"), "EUR 0.05": FormatAmount(5, "EUR"), "JPY 5450": FormatAmount(5450, "JPY"),
		"KWD 5.450": FormatAmount(5450, "KWD"), "EUR 0.00": FormatAmount(0, "EUR"), "EUR -0.05": FormatAmount(-5, "EUR"),
		"HUF 19990.00": FormatAmount(1999000, "HUF"), "IDR 750000.00": FormatAmount(75000000, "IDR"), "IQD 1.000": FormatAmount(1000, "IQD"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, bad := range []string{"65", "65.00", "65.0", ".65", "-65.00", "6500.", "", "EUR", " EUR", "65,00 EUR", "65.0 EUR", "65. EUR", "65.000 EUR", "065.00 EUR", "1,065.00 EUR",
		"-1.00 EUR", "65.00 USD", "65.00EUR", "65.00  EUR", "6e1 EUR", "٦٥.00 EUR", "99999999999999999999 EUR"} {
		if got, err := ParseAmount(bad, "EUR"); err == nil {
			t.Errorf("%q was read as %d", bad, got)
		}
	}
	for _, c := range []struct {
		text, currency string
		want           int64 // -1: refused
	}{
		{"65.00 EUR", "EUR", 6500}, {"EUR 0.00", "EUR", 0}, {"6500 JPY", "JPY", 6500}, {"KWD 65.000", "KWD", 65000}, {"65 KWD", "KWD", 65000},
		{"65.00 KWD", "KWD", -1}, {"65.00 JPY", "JPY", -1}, {"65. JPY", "JPY", -1}, {"06500 JPY", "JPY", -1}, {"65 EUR", "KWD", -1},
	} {
		if got, err := ParseAmount(c.text, c.currency); (err == nil) != (c.want >= 0) || err == nil && got != c.want {
			t.Errorf("%s %q is %d, %v; want %d", c.currency, c.text, got, err, c.want)
		}
	}
	for _, code := range []string{"", "€", "EUT", "eur", "DEM", "XXX", "XAU", "XTS", "CLF"} {
		if IsCurrency(code) {
			t.Errorf("%q is no currency to pay in", code)
		}
	}
}

// What is written is read back as the same amount.
func TestAmountsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "HUF"}).Draw(t, "currency")
		minor := rapid.Int64Range(0, 1<<62).Draw(t, "minor")
		got, err := ParseAmount(FormatAmount(minor, currency), currency)
		if err != nil || got != minor {
			t.Fatalf("%d: %d, %v", minor, got, err)
		}
	})
}
