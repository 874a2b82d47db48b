package wire

import (
	"strings"
	"testing"
	"time"
)

func TestZones(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 6, 19, 18, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"UTC":                         "Sat 19 Jun 2027, 18:00 (UTC)",
		"Europe/Berlin":               "Sat 19 Jun 2027, 20:00 (Berlin time)",
		"America/Sao_Paulo":           "Sat 19 Jun 2027, 15:00 (Sao Paulo time)",
		"Pacific/Kiritimati":          "Sun 20 Jun 2027, 08:00 (Kiritimati time)",
		"Etc/GMT+5":                   "Sat 19 Jun 2027, 13:00 (Etc/GMT+5)",
		"America/Kentucky/Monticello": "Sat 19 Jun 2027, 14:00 (Monticello time)",
	} {
		zone, err := LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatInstant(at, zone); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		day, clock, _ := strings.Cut(want, ", ")
		if got := FormatClock(at, zone); got != strings.Replace(clock, " (", ":00 (", 1) {
			t.Errorf("%s: %q is not the clock of %s, %q", name, got, day, clock)
		}
	}
	for _, bad := range []string{"", "Local", "CEST", "Europe/Berlim", "posix/Europe/Berlin", "../etc/passwd", "+02:00"} {
		if _, err := LoadZone(bad); err == nil {
			t.Errorf("%q was taken for a zone", bad)
		}
	}
}
