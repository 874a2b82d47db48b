package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate checks a spec (with defaults) by itself and against the layout of its plan;
// nil if the plan isn't known. The error joins all faults, each a *Fault.
func (s Spec) Validate(layout *Layout) error {
	var f faults
	if !IsName(s.ID) {
		f.add("id", "%q: use up to 48 of a-z, 0-9 and '-'", s.ID)
	}
	if s.Name == "" {
		f.add("name", "an event has one")
	}
	f.text("name", s.Name)
	f.text("venue", s.Venue)
	if !IsCurrency(s.Currency) {
		f.add("currency", "%q: use the ISO 4217 code of a currency in use, such as %s", s.Currency, likelyCurrency(s.Currency))
	}
	if _, err := LoadZone(s.Timezone); err != nil {
		f.add("timezone", "%v", err)
	}
	s.checkInstants(&f)
	f.number("limits.per_fan", s.Limits.PerFan, 1, MaxPerFan)
	s.Hold.check(&f)
	s.Best.check(&f)
	s.Admission.check(&f)
	if s.Admission.Lottery && s.OpensAt.IsZero() {
		f.add("admission.lottery", "needs opens_at, when it is drawn")
	}
	s.checkLevels(&f)
	s.checkTax(&f)
	s.checkReductions(&f)
	s.checkPricing(&f)
	if layout != nil && len(s.Levels) <= MaxLevels {
		s.checkLayout(&f, layout)
	}
	return errors.Join(f...)
}

func (f *faults) text(key, text string) {
	if _, err := CleanText(text, MaxText); err != nil {
		f.add(key, "%v", err)
	}
}

func (f *faults) number(key string, n, least, most int) {
	if n < least || n > most {
		f.add(key, "%d: write a number between %d and %d", n, least, most)
	}
}

func (f *faults) duration(key string, d, least, most Duration) {
	if d < least || d > most {
		f.add(key, "%v: write a time between %v and %v", d, least, most)
	}
}

// likelyCurrency is what was probably meant by a code that is none.
func likelyCurrency(code string) string {
	if upper := strings.ToUpper(code); IsCurrency(upper) {
		return upper
	}
	return "EUR"
}

// checkInstants compares those that are said: the room opens, then the sale, then
// that ends.
func (s Spec) checkInstants(f *faults) {
	shown := func(t time.Time) string { return FormatInstant(t, s.Zone()) }
	opens, starts, ends, room := s.OpensAt, s.StartsAt, s.SaleEndsAt, s.Admission.RoomOpensAt
	late := !opens.IsZero() && !starts.IsZero() && !opens.Before(starts)
	if late {
		f.add("opens_at", "%s is not before starts_at, %s", shown(opens), shown(starts))
	}
	if !opens.IsZero() && !ends.IsZero() && !opens.Before(ends) && !(late && ends.Equal(starts)) { // starts_at is its default
		f.add("sale_ends_at", "%s is not after opens_at, %s", shown(ends), shown(opens))
	}
	if !room.IsZero() && !opens.IsZero() && room.After(opens) {
		f.add("admission.room_opens_at", "%s is after opens_at, %s", shown(room), shown(opens))
	}
	if !room.IsZero() && !ends.IsZero() && !room.Before(ends) {
		f.add("admission.room_opens_at", "%s is not before the sale ends, %s", shown(room), shown(ends))
	}
}

func (h HoldSpec) check(f *faults) {
	before := len(*f)
	f.duration("hold.ttl", h.TTL, Duration(time.Second), MaxHoldTTL)
	f.duration("hold.checkout", h.Checkout, Duration(10*time.Second), MaxHoldTTL)
	f.duration("hold.more_time", h.MoreTime, 0, MaxHoldTTL)
	if least := h.TTL + h.Checkout; len(*f) == before && (h.Keep < least || h.Keep > 12*MaxHoldTTL) { // its bounds are of the others
		f.add("hold.keep", "%v: write a time between %v, which is ttl and checkout, and %v", h.Keep, least, 12*MaxHoldTTL)
	}
	if !slices.Contains([]string{OrphansOff, OrphansLenient, OrphansStrict}, h.Orphans) {
		f.add("hold.orphans", "%q: write %s, %s or %s", h.Orphans, OrphansOff, OrphansLenient, OrphansStrict)
	}
}

func (b BestSpec) check(f *faults) {
	for i, w := range b.weights() {
		if !(w >= 0 && w <= maxWeight) { // written so that NaN fails
			f.add("best."+[...]string{"rank", "distance", "row", "centre", "restricted"}[i], "%v: write a number between 0 and %v", w, maxWeight)
		}
	}
	if !(*b.Band >= 0 && *b.Band <= 1) {
		f.add("best.band", "%v: write a number between 0 and 1", *b.Band)
	}
}

func (a AdmissionSpec) check(f *faults) {
	f.duration("admission.tick", a.Tick, Duration(time.Second), Duration(5*time.Minute))
	f.duration("admission.pass_ttl", a.PassTTL, Duration(time.Second), Duration(24*time.Hour))
	f.duration("admission.window", a.Window, Duration(time.Second), Duration(24*time.Hour))
	f.duration("admission.region_wait", a.RegionWait, 0, Duration(5*time.Minute))
	f.number("admission.ceiling", a.Ceiling, 1, maxAtOnce)
	f.number("admission.checkouts", a.Checkouts, 1, maxAtOnce)
	f.number("admission.rate_per_minute", a.RatePerMinute, 0, maxAtOnce)
}

func (s Spec) checkLevels(f *faults) {
	if n := len(s.Levels); n == 0 || n > MaxLevels {
		f.add("levels", "%d of them: write between 1 and %d", n, MaxLevels)
		return
	}
	first := map[string]int{} // by id
	for i, l := range s.Levels {
		key := func(of string) string { return fmt.Sprintf("levels[%d].%s", i, of) }
		if !IsName(l.ID) {
			f.add(key("id"), "%q: use up to 48 of a-z, 0-9 and '-'", l.ID)
		} else if before, twice := first[l.ID]; twice {
			f.add(key("id"), "%q is the id of levels[%d] already", l.ID, before)
		} else {
			first[l.ID] = i
		}
		f.text(key("name"), l.Name)
		for _, a := range []struct {
			key   string
			minor int64
		}{{"base", l.Base}, {"service_fee", l.ServiceFee}, {"facility_fee", l.FacilityFee}} {
			if !isPrice(a.minor) {
				f.add(key(a.key), "%d: write between 0 and %d minor units", a.minor, maxMinorUnits)
			}
		}
	}
}

func isPrice(minor int64) bool { return minor >= 0 && minor <= maxMinorUnits }
