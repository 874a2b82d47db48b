package wire

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

// How instants are written for people.
const (
	readableInstant = "Mon 2 Jan 2006, 15:04"
	readableClock   = "15:04:05"
)

// Zone is the time zone of the venue, in which the event's instants are written for
// people. It reads the zone's rules each time; keep the result if you need it often.
func (s Spec) Zone() *time.Location {
	if zone, err := LoadZone(s.Timezone); err == nil {
		return zone
	}
	return time.UTC
}

// LoadZone finds a zone of the IANA database by the name that it has everywhere.
func LoadZone(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	bad := fmt.Errorf("timezone %q: use a name of the IANA database such as Europe/Berlin, or UTC", name)
	area, _, ok := strings.Cut(name, "/")
	if !ok || area == "posix" || area == "right" { // "Local", "EST": what they mean depends on the machine or the reader
		return nil, bad
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, bad
	}
	return zone, nil
}

// FormatInstant writes an instant for people, with the zone it is in:
// "Sat 19 Jun 2027, 20:00 (Berlin time)". The pages' script writes the same words.
func FormatInstant(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(readableInstant) + " (" + zoneName(zone.String()) + ")"
}

// FormatClock is FormatInstant for an instant of the same day: "20:00:05 (Berlin time)".
func FormatClock(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(readableClock) + " (" + zoneName(zone.String()) + ")"
}

// zoneName is a zone in words: "Europe/Berlin" is "Berlin time".
func zoneName(zone string) string {
	if i := strings.LastIndexByte(zone, '/'); i > 0 && !strings.HasPrefix(zone, "Etc/") {
		return strings.ReplaceAll(zone[i+1:], "_", " ") + " time"
	}
	return zone
}
