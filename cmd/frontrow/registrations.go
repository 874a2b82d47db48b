package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"frontrow/wire"
)

// Bounds of a registration list.
const (
	maxRegistrations = 5_000_000
	maxFaults        = 20 // reported in full
	maxAddress       = 254
)

// registration is one line of a list: somebody who would like a code, and how much the
// organiser knows them as a fan.
type registration struct {
	line       int
	email, fan string
	score      float64
	limit      int    // 0: what all get
	channel    string // empty: that of all
}

// registrant returns whom a code is issued to, as one string.
func (r registration) registrant() string { return strings.ToLower(r.email) + "\n" + r.fan }

// columns of a registration list; the first line names those that it has.
var columns = []string{"email", "fan", "score", "limit", "channel"}

// readRegistrations reads a list in CSV (RFC 4180). Every line that is wrong is
// reported, and then there is no list.
func readRegistrations(in io.Reader) ([]registration, error) {
	buffered := bufio.NewReader(in)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // spreadsheets begin a file with a byte order mark
	}
	r := csv.NewReader(buffered)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: the names of the columns: %w", err)
	}
	at, err := columnsOf(header)
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var list []registration
	var faults []error
	seen := map[string]int{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if err != nil && !(errors.As(err, &parse) && errors.Is(err, csv.ErrFieldCount)) {
			return nil, errors.Join(append(faults, err)...) // from here on nothing can be told
		}
		line, _ := r.FieldPos(0)
		reg, err := registrationOf(record, at, line, err, seen)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("line %d: %w", line, err))
		case len(list) == maxRegistrations:
			return nil, fmt.Errorf("line %d: more than %d registrations", line, maxRegistrations)
		default:
			list = append(list, reg)
		}
	}
	if n := len(faults); n > maxFaults {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d lines more", n-maxFaults))
	}
	return list, errors.Join(faults...)
}

// columnsOf maps the names of columns to where they stand.
func columnsOf(header []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %q: there are %s", name, strings.Join(columns, ", "))
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("column %q stands there twice", name)
		}
		at[name] = i
	}
	_, email := at["email"]
	_, fan := at["fan"]
	_, score := at["score"]
	if !email && !fan || !score {
		return nil, errors.New("email or fan, and score, are needed")
	}
	return at, nil
}

// registrationOf reads one line; seen has the addresses and fans of the lines before.
func registrationOf(record []string, at map[string]int, line int, err error, seen map[string]int) (registration, error) {
	if err != nil {
		return registration{}, fmt.Errorf("has %d fields, the first line has %d", len(record), len(at))
	}
	field := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	r := registration{line: line, email: strings.Clone(field("email")), fan: strings.Clone(field("fan")), channel: strings.Clone(field("channel"))}
	r.score, err = strconv.ParseFloat(field("score"), 64)
	switch {
	case err != nil || math.IsNaN(r.score) || math.IsInf(r.score, 0):
		return r, fmt.Errorf("score %q is no number", field("score"))
	case r.email == "" && r.fan == "":
		return r, errors.New("neither an email nor a fan")
	case r.email != "" && !isAddress(r.email):
		return r, fmt.Errorf("email %q does not look right", r.email)
	case r.fan != "" && !wire.IsFan(r.fan):
		return r, fmt.Errorf("fan %q is not the id of a fan (f_…)", r.fan)
	case r.channel != "" && !wire.IsName(r.channel):
		return r, fmt.Errorf("channel %q: up to 48 of a-z, 0-9 and '-'", r.channel)
	}
	if text := field("limit"); text != "" {
		if r.limit, err = strconv.Atoi(text); err != nil || r.limit < 1 || r.limit > wire.MaxPerFan {
			return r, fmt.Errorf("limit %q: between 1 and %d", text, wire.MaxPerFan)
		}
	}
	for _, who := range []string{strings.ToLower(r.email), r.fan} {
		if before, twice := seen[who]; twice && who != "" {
			return r, fmt.Errorf("%s stands in line %d too", who, before)
		}
		seen[who] = line
	}
	return r, nil
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	_, host, _ := strings.Cut(s, "@")
	// What begins like a formula would be one in the spreadsheet that the codes are opened with.
	return err == nil && !strings.ContainsAny(s[:1], "=+-@") && a.Address == s && len(s) <= maxAddress && strings.Contains(host, ".")
}

// choice is who gets a code, best first, and how many of those with the last
// score were drawn among how many.
type choice struct {
	chosen       []registration
	drawn, among int
}

// choose takes those with the best scores, at least least, at most top of them
// (0: all). Equal scores are ordered by a hash under the seed, which is made
// before anybody looks at the list: so nobody can be favoured, and everybody who
// has seed and list can check it.
func choose(list []registration, least float64, top int, seed string) choice {
	type ranked struct {
		registration
		lot [sha256.Size]byte
	}
	var all []ranked
	for _, r := range list {
		if r.score >= least {
			all = append(all, ranked{r, sha256.Sum256([]byte(seed + "\n" + r.registrant()))})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), bytes.Compare(a.lot[:], b.lot[:]))
	})
	var c choice
	for i, r := range all {
		if top > 0 && i >= top {
			break
		}
		c.chosen = append(c.chosen, r.registration)
	}
	if n := len(c.chosen); n > 0 && n < len(all) && all[n].score == all[n-1].score {
		for i, r := range all {
			if r.score == all[n].score {
				c.among++
				if i < n {
					c.drawn++
				}
			}
		}
	}
	return c
}
