package wire

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

// readableInstant is how an instant is written for people.
const readableInstant = "Mon 2 Jan 2006, 15:04"

// Zone is where the event takes place: the zone that its instants are written in
// for people. It reads the zone's rules each time; who asks often keeps it.
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
// "Sat 19 Jun 2027, 20:00 CEST", "Sat 19 Jun 2027, 20:00 UTC-03:00".
func FormatInstant(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	name, _ := t.Zone()
	if strings.Trim(name, "+-0123456789") == "" { // a zone without a name of its own
		name = "UTC" + t.Format("-07:00")
	}
	return t.Format(readableInstant) + " " + name
}
