package wire

import (
	"testing"
	"time"
)

func TestZones(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 6, 19, 18, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"Europe/Berlin": "Sat 19 Jun 2027, 20:00 CEST", "America/Sao_Paulo": "Sat 19 Jun 2027, 15:00 UTC-03:00", "UTC": "Sat 19 Jun 2027, 18:00 UTC",
		"Asia/Kathmandu": "Sat 19 Jun 2027, 23:45 UTC+05:45",
	} {
		zone, err := LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatInstant(at, zone); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"", "Local", "CEST", "Europe/Berlim", "posix/Europe/Berlin", "../etc/passwd", "+02:00"} {
		if _, err := LoadZone(bad); err == nil {
			t.Errorf("%q was taken for a zone", bad)
		}
	}
}
