package wire

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// CheckChange refuses changes of an event to what must stay once there are seats, holds
// and orders, which are counted by plan and level and priced in the currency. What fans
// were told about when and how they are called stands once they have come for it. The
// error joins all faults, each a *Fault.
func (e Event) CheckChange(next Event, now time.Time) error {
	var f faults
	was, is := e.Spec.WithDefaults(), next.Spec.WithDefaults()
	begun := !now.Before(was.OpensAt) // an opening of zero: at once
	room := !now.Before(was.Admission.RoomOpensAt)
	const another = "Put it up as another event."
	if e.Plan != next.Plan {
		f.add("plan", "the plan of %q can't change. %s", was.ID, another)
	}
	if was.Currency != is.Currency {
		f.add("currency", "that of %q is %s and can't change. %s", was.ID, was.Currency, another)
	}
	if !slices.Equal(was.levelsByID(), is.levelsByID()) {
		f.add("levels", "the levels of %q, their categories and sections can't change, only names and prices", was.ID)
	}
	switch {
	case begun && now.Before(is.OpensAt):
		f.add("opens_at", "%q is on sale already, so it can't be moved ahead. To stop the sale, close it: %s.", was.ID, EventCloseSubject)
	case begun && was.Admission.Lottery && !was.OpensAt.Equal(is.OpensAt):
		f.add("opens_at", "the draw of %q has been held at it", was.ID)
	}
	if room && now.Before(is.Admission.RoomOpensAt) {
		f.add("admission.room_opens_at", "fans stand in the queue of %q already. To let nobody else join, drain it: %s.", was.ID, OperatorSubject("admission", "drain", was.ID))
	}
	if room && was.Admission.Lottery != is.Admission.Lottery {
		f.add("admission.lottery", "fans have joined %q by the rule that was published: it can't change any more", was.ID)
	}
	if room && was.Pricing.Promises() && !is.Pricing.Promises() {
		f.add("pricing.promise", "fans have joined %q for it: it can't be taken back", was.ID)
	}
	if begun && (was.Tax.Mode != is.Tax.Mode || !slices.EqualFunc(was.Tax.Rates, is.Tax.Rates, TaxRate.same)) {
		f.add("tax", "tickets of %q are sold with the taxes that receipts show: they can't change any more", was.ID)
	}
	if begun {
		was.checkPricingChange(&f, is)
	}
	return errors.Join(f...)
}

// CheckNew refuses an event that is over before it is put up. The error is a *Fault.
func (s Spec) CheckNew(now time.Time) error {
	for _, end := range []struct {
		key string
		at  time.Time
	}{{"starts_at", s.StartsAt}, {"sale_ends_at", s.SaleEndsAt}} {
		if !end.at.IsZero() && !now.Before(end.at) {
			return &Fault{end.key, fmt.Sprintf("the event is over before it is put up: this is %s, and it is %s", FormatInstant(end.at, s.Zone()), FormatInstant(now, s.Zone()))}
		}
	}
	return nil
}

// levelsByID is what of the levels can't change.
func (s Spec) levelsByID() (all []string) {
	for _, l := range s.Levels {
		all = append(all, fmt.Sprintf("%s %q %q", l.ID, slices.Sorted(slices.Values(l.Categories)), slices.Sorted(slices.Values(l.Sections))))
	}
	slices.Sort(all)
	return all
}
