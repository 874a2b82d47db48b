package wire

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Bounds of an event's concessions and promotions.
const (
	MaxConcessions = 16
	MaxPromotions  = 256
	maxUses        = 10_000_000
)

// Off is what a place or an order costs less: one of the two. It never costs less than
// nothing.
type Off struct {
	PercentOff Percent `json:"percent_off,omitzero" file:"default"`
	AmountOff  int64   `json:"amount_off,omitempty" file:"amount,default"`
}

// Of returns what comes off a total.
func (o Off) Of(total int64) int64 {
	return min(total, o.AmountOff+share(total, int64(o.PercentOff), int64(hundred)))
}

// Concession is a named variant of levels, such as a child's ticket. Fans choose it seat by
// seat while they hold the seats; whether they may have it is seen at the gate.
type Concession struct {
	ID     string   `json:"id" file:"required"`
	Name   string   `json:"name" file:"required"`
	Levels []string `json:"levels,omitempty"` // that have it; none: all
	Off
	Total     *int64 `json:"total,omitempty" file:"amount"`      // instead of Off: what the place costs in all, if that is less than the level's
	PerOrder  int    `json:"per_order,omitempty" file:"default"` // most seats of an order; 0: any number
	PerFan    int    `json:"per_fan,omitempty" file:"default"`   // most seats that a fan has, held and bought; 0: any number
	NeedsFull bool   `json:"needs_full,omitempty"`               // each goes with a seat of the same order that has no concession: a companion's
}

// On reports whether a level has the concession.
func (c Concession) On(level string) bool {
	return len(c.Levels) == 0 || slices.Contains(c.Levels, level)
}

// Of returns what a place costs with the concession whose list price is total.
func (c Concession) Of(total int64) int64 {
	if c.Total != nil {
		return min(total, *c.Total)
	}
	return total - c.Off.Of(total)
}

// Promotion is what a code takes off an order. The code itself is a secret: the spec has its
// seal, by the keyring, and all else names the promotion by its id.
type Promotion struct {
	ID     string    `json:"id" file:"required"`
	Seal   string    `json:"seal" file:"required"` // by "frontrow codes seal"
	Levels []string  `json:"levels,omitempty"`     // whose seats it counts for; none: all
	Off              // an amount is of the whole order, and shared by its seats
	From   time.Time `json:"from,omitzero"`                    // zero: at once
	Until  time.Time `json:"until,omitzero"`                   // zero: as long as the sale
	Limit  int       `json:"limit,omitempty" file:"default"`   // orders in all, held and bought; 0: any number
	PerFan int       `json:"per_fan,omitempty" file:"default"` // orders of one fan; default 1
}

// On reports whether the promotion counts for seats of a level.
func (p Promotion) On(level string) bool {
	return len(p.Levels) == 0 || slices.Contains(p.Levels, level)
}

// Concession returns a concession by its id.
func (s Spec) Concession(id string) (c Concession, ok bool) {
	i := slices.IndexFunc(s.Concessions, func(c Concession) bool { return c.ID == id })
	if i < 0 {
		return c, false
	}
	return s.Concessions[i], true
}

// ConcessionName is what a concession is called; one that the spec has no more, by its id.
func (s Spec) ConcessionName(id string) string {
	c, _ := s.Concession(id)
	return cmp.Or(c.Name, id)
}

// Promotion returns a promotion by its id.
func (s Spec) Promotion(id string) (p Promotion, ok bool) {
	i := slices.IndexFunc(s.Promotions, func(p Promotion) bool { return p.ID == id })
	if i < 0 {
		return p, false
	}
	return s.Promotions[i], true
}

// ReductionsRequest asks for other reductions of a standing hold's seats: what is not named any more
// is undone, so the same request twice changes nothing. The prices follow from those of the
// list that the hold was granted with: first the seats' concessions, then the promotion on
// what they come to. Fan must own the hold, which must not be in checkout.
type ReductionsRequest struct {
	Hold        string            `json:"hold"`
	Fan         string            `json:"fan"`
	Concessions map[string]string `json:"concessions,omitempty"` // ids, by seat
	Promotion   string            `json:"promotion,omitempty"`   // id
}

// ReductionsWish is what a fan asks a gateway for.
type ReductionsWish struct {
	Concessions map[string]string `json:"concessions"` // ids, by seat; seats that are left out have none
	Code        string            `json:"code"`        // of a promotion; empty: none
}

// checkReductions refuses concessions and promotions that contradict themselves.
func (s Spec) checkReductions(f *faults) {
	if n := len(s.Concessions); n > MaxConcessions {
		f.add("concessions", "%d of them: write up to %d", n, MaxConcessions)
	}
	if n := len(s.Promotions); n > MaxPromotions {
		f.add("promotions", "%d of them: write up to %d", n, MaxPromotions)
	}
	seen := map[string]bool{}
	for i, c := range s.Concessions {
		key := fmt.Sprintf("concessions[%d].", i)
		f.once(key, c.ID, seen)
		if c.Name == "" {
			f.add(key+"name", "a concession has one")
		}
		f.text(key+"name", c.Name)
		s.checkLevelNames(f, key+"levels", c.Levels)
		f.number(key+"per_order", c.PerOrder, 0, MaxPerFan)
		f.number(key+"per_fan", c.PerFan, 0, MaxPerFan)
		if c.Total == nil {
			c.Off.check(f, key)
			continue
		}
		if c.Off != (Off{}) {
			f.add(key+"total", "write either a total, or percent_off, or amount_off")
		}
		if !isPrice(*c.Total) {
			f.add(key+"total", "%d: write between 0 and %d minor units", *c.Total, maxMinorUnits)
		}
	}
	seen = map[string]bool{}
	seals := map[string]string{}
	for i, p := range s.Promotions {
		key := fmt.Sprintf("promotions[%d].", i)
		f.once(key, p.ID, seen)
		if other, twice := seals[p.Seal]; twice {
			f.add(key+"seal", "it is that of %q too: a code is one promotion's", other)
		}
		if seals[p.Seal] = p.ID; p.Seal == "" || len(p.Seal) > maxSeal {
			f.add(key+"seal", "write the seal of the code, from \"frontrow codes seal\"")
		}
		s.checkLevelNames(f, key+"levels", p.Levels)
		p.Off.check(f, key)
		f.number(key+"limit", p.Limit, 0, maxUses)
		f.number(key+"per_fan", p.PerFan, 1, MaxPerFan)
		if !p.From.IsZero() && !p.Until.IsZero() && !p.From.Before(p.Until) {
			f.add(key+"until", "%s is not after from, %s", FormatInstant(p.Until, s.Zone()), FormatInstant(p.From, s.Zone()))
		}
	}
}

// maxSeal bounds the seal of a code.
const maxSeal = 256

// once refuses an id that is none, or comes twice.
func (f *faults) once(key, id string, seen map[string]bool) {
	switch {
	case !IsName(id):
		f.add(key+"id", "%q: use up to 48 of a-z, 0-9 and '-'", id)
	case seen[id]:
		f.add(key+"id", "%q comes twice", id)
	}
	seen[id] = true
}

func (o Off) check(f *faults, key string) {
	switch {
	case (o.PercentOff == 0) == (o.AmountOff == 0):
		f.add(key+"percent_off", "write what it costs less: either percent_off or amount_off")
	case o.PercentOff < 0 || o.PercentOff > hundred:
		f.add(key+"percent_off", "%v: write a percentage above 0, up to %v", o.PercentOff, hundred)
	case o.AmountOff < 0 || o.AmountOff > maxMinorUnits:
		f.add(key+"amount_off", "%d: write between 1 and %d minor units", o.AmountOff, maxMinorUnits)
	}
}

// withPromotions is the promotions with their defaults.
func (s Spec) withPromotions() []Promotion {
	all := slices.Clone(s.Promotions)
	for i := range all {
		all[i].PerFan = cmp.Or(all[i].PerFan, 1)
	}
	return all
}
