package pages

import (
	"testing"
	"time"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor          int64
		currency       string
		digits         int
		reading, plain string
	}{
		{5450, "EUR", 2, "€54.50", "EUR 54.50"},
		{5, "EUR", 2, "€0.05", "EUR 0.05"},
		{0, "EUR", 2, "Free", "EUR 0.00"},
		{1545000, "JPY", 0, "¥1,545,000", "JPY 1545000"},
		{5450, "KWD", 3, "KWD\u00a05.450", "KWD 5.450"},
		{1999000, "HUF", 2, "HUF\u00a019,990.00", "HUF 19990.00"},
		{99999, "USD", 2, "$999.99", "USD 999.99"},
	} {
		if got := *MoneyOf(c.minor, c.currency, c.digits); got != (Money{c.reading, c.plain}) {
			t.Errorf("%d of %s: %q, want %q, %q", c.minor, c.currency, got, c.reading, c.plain)
		}
	}
}

func TestInstant(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 14, 18, 0, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"UTC":                 "Fri 14 Aug 2026, 18:00 (UTC)",
		"Europe/Berlin":       "Fri 14 Aug 2026, 20:00 (Berlin time)",
		"America/Mexico_City": "Fri 14 Aug 2026, 12:00 (Mexico City time)",
	} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := InstantOf(at, location); *got != (Instant{want, "2026-08-14T18:00:00Z", zone}) {
			t.Errorf("%s: %q, want %q", zone, *got, want)
		}
	}
	if InstantOf(time.Time{}, time.UTC) != nil {
		t.Error("an unknown instant is told")
	}
}
