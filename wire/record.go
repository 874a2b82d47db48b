package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// RecordVersion is the version of the records that this build reads. A record states its
// own in "v"; without it the version is 1. Fields that may be ignored, and lost when a
// service of before rewrites the record, are added without a new version; a change
// that must not be ignored raises it, and then a service that knows only earlier versions
// neither reads nor rewrites the record.
//
// Version 2 has the seats' records and those of their log: the records follow the log, and
// a writer that took them for the truth would sell seats twice.
const RecordVersion = 2

// Kinds of spoiled records.
const (
	SpoiledEmpty = "empty"      // deleted, or nothing was stored
	SpoiledJSON  = "not_json"   // half a value, or none
	SpoiledOther = "other_type" // JSON, but not what belongs under the key
	SpoiledNewer = "newer"      // of a later RecordVersion
)

// Spoiled is the error of a record that can't be read. Its reader goes on with the last
// revision that could be read, or without, and never guesses what it said.
type Spoiled struct {
	Kind string // a constant of Spoiled…
	Why  string
}

func (s *Spoiled) Error() string { return "record is spoiled (" + s.Kind + "): " + s.Why }

// SpoiledKind is the kind that err has, "" for any other error and for nil.
func SpoiledKind(err error) string {
	var s *Spoiled
	if errors.As(err, &s) {
		return s.Kind
	}
	return ""
}

// Record is a value stored under a key of a bucket or, for an act of the sale log, under a
// subject.
type Record[T any] interface {
	*T
	fits(key string) bool // reports whether it is what a record of the key must be
}

// Read reads the record under a key. The error is a *Spoiled, and then the record is zero.
func Read[T any, P Record[T]](key string, raw []byte) (T, error) {
	var record, none T
	if err := Decode(raw, &record); err != nil {
		return none, err
	}
	if !P(&record).fits(key) {
		return none, &Spoiled{SpoiledOther, "it doesn't say what belongs under its key"}
	}
	return record, nil
}

// Decode reads a record of any type, whatever its key. The error is a *Spoiled;
// what is in into then is not to be used.
func Decode(raw []byte, into any) error {
	if len(raw) == 0 {
		return &Spoiled{SpoiledEmpty, "it was deleted, or nothing was stored"}
	}
	plain := Plain(raw, into)
	if v := versionOf(raw, plain); v > RecordVersion {
		return &Spoiled{SpoiledNewer, fmt.Sprintf("it is of version %d, this is frontrow of %d", v, RecordVersion)}
	}
	if plain {
		return nil
	}
	err := json.Unmarshal(raw, into)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return &Spoiled{SpoiledJSON, err.Error()}
	}
	return &Spoiled{SpoiledOther, err.Error()}
}

// maxVersionText is how far into a record that is spelled plainly its version may reach.
const maxVersionText = 32

// versionOf is the version that a record states: one that is spelled plainly first of all.
func versionOf(raw []byte, plain bool) int {
	if plain {
		if m := membersOf(string(raw[:min(len(raw), maxVersionText)])); m.next("v") {
			return m.count()
		}
		return 1
	}
	if !bytes.Contains(raw, []byte(`"v"`)) {
		return 1
	}
	var r struct{ V int }
	if json.Unmarshal(raw, &r) != nil {
		return 1
	}
	return r.V
}

func (e *Event) fits(key string) bool {
	ok := IsName(key) && e.Spec.ID == key && len(e.Spec.Levels) > 0 && len(e.Spec.Levels) <= MaxLevels
	for _, l := range e.Spec.Levels { // no version has ever stored others: somebody wrote them by hand
		ok = ok && isPrice(l.Base) && isPrice(l.ServiceFee) && isPrice(l.FacilityFee)
	}
	return ok
}

func (b *Board) fits(key string) bool { return b.Event == key }
func (s *Stock) fits(key string) bool { return s.Event == key }

func (p *Price) fits(key string) bool {
	return p.Version > 0 && p.Sound()
}

func (a *PriceAct) fits(string) bool {
	ok := a.N > 0 && a.Kind != "" && len(a.Levels) > 0
	for level, l := range a.Levels {
		ok = ok && level != "" && l.Price.fits("")
	}
	return ok
}

func (s *Seat) fits(key string) bool {
	switch s.State {
	case Available, Blocked:
		return true
	case Held:
		return s.Hold != "" && s.Quote != nil && s.Until != nil
	case Sold:
		return s.Hold != "" && s.Quote != nil
	}
	return false
}

func (f *Flush) fits(key string) bool {
	ok := key == LogKey(f.N)
	for i := range f.Seats {
		ok = ok && f.Seats[i].fits()
	}
	return ok
}

func (c *Checkpoint) fits(string) bool { return c.Sum != "" && c.Revision >= c.Flush }

func (a *Admitter) fits(string) bool      { return a.Admitter != "" }
func (d *DrawRecord) fits(string) bool    { return len(d.Secret) > 0 }
func (r *Revocation) fits(string) bool    { return !r.At.IsZero() }
func (s *SignOut) fits(string) bool       { return !s.At.IsZero() }
func (c *CodeClaim) fits(string) bool     { return c.Fan != "" }
func (a *AdmissionAct) fits(string) bool  { return a.Kind != "" }
func (w *Waiting) fits(string) bool       { return !w.Until.IsZero() }
func (r *PassRecord) fits(k string) bool  { return r.ID != "" && PassKey(r.Fan, r.Turn) == k }
func (r *PlaceRecord) fits(k string) bool { return r.Fan != "" && TurnKey(r.Fan, r.Turn) == k }

func (h *PaymentHealth) fits(key string) bool { return HealthKey(h.Provider) == key }

// SplitPassKey is the inverse of PassKey.
func SplitPassKey(key string) (fan string, turn int, ok bool) {
	rest, ok := strings.CutPrefix(key, PassPrefix)
	fan, number, later := strings.Cut(rest, ".")
	if later {
		turn, _ = strconv.Atoi(number)
	}
	return fan, turn, ok && IsFan(fan) && PassKey(fan, turn) == key
}
