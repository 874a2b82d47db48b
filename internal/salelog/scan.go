package salelog

import (
	"encoding/json"
	"strconv"
	"strings"

	"frontrow/kv"
	"frontrow/wire"
)

// said is what a log record says of one seat.
type said struct {
	id    string
	state wire.State
}

// flush is a log record, as far as the seats' states go.
type flush struct {
	n     uint64
	old   bool // of a version whose records of seats are stored with it
	seats []said
}

// How the members of a log record that matter here look as package wire encodes them. Inside
// a JSON string every quote has a backslash before it, so these are never part of a text.
const (
	scanHead  = `"n":`
	scanPrev  = `,"prev":"`
	scanActs  = `,"acts":[`
	scanSeats = `],"seats":[{"ids":[`
	scanNext  = `},{"ids":[`
	scanWas   = `,"was":[`
	scanState = `],"state":"`
	scanEnd   = `}]}`
	scanTried = `,"tried":[`
	scanWhy   = `,"why":"`
)

// scan reads a log record that is encoded as package wire does; ok is false if it isn't, and
// then it may be right all the same. It skips what it doesn't need: of thousands of records
// a second the map needs the states. Seats are appended to into.
func scan(record string, into []said) (f flush, ok bool) {
	n, ok := number(record)
	if !ok {
		return f, false
	}
	head, rest, ok := strings.Cut(record, scanActs)
	if !ok {
		return f, false
	}
	f = flush{n: n, old: !strings.Contains(head, scanPrev), seats: into}
	_, rest, ok = strings.Cut(rest, scanSeats)
	if !ok {
		return f, false // of the version before, or without seats: hardly ever read here
	}
	f.old = false
	for more := true; more; {
		var one string
		if one, rest, more = strings.Cut(rest, scanNext); !more {
			if one, ok = strings.CutSuffix(one, scanEnd); !ok || strings.Contains(one, scanTried) || strings.Contains(one, scanWhy) {
				return f, false // half a record may end like this as well
			}
		}
		if f.seats, ok = scanChange(one, f.seats); !ok {
			return f, false
		}
	}
	return f, true
}

// members returns a record of ours from its first member on, or from that behind its version.
func members(record string) string {
	rest, ok := strings.CutPrefix(record, `{"v":2,`)
	if !ok {
		rest, _ = strings.CutPrefix(record, "{")
	}
	return rest
}

// number returns the number with which a record of ours begins.
func number(record string) (n uint64, ok bool) {
	rest, ok := strings.CutPrefix(members(record), scanHead)
	digits := strings.IndexByte(rest, ',')
	if !ok || digits < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(rest[:digits], 10, 64)
	return n, err == nil
}

// NumberOf returns the number that a log record has, whether or not the rest can be read; 0
// if it has none.
func NumberOf(record []byte) uint64 {
	if n, ok := number(string(record[:min(len(record), 32)])); ok {
		return n
	}
	var r struct{ N uint64 }
	if json.Unmarshal(record, &r) != nil {
		return 0
	}
	return r.N
}

// scanChange reads a change from behind the bracket of its ids.
func scanChange(change string, into []said) (_ []said, ok bool) {
	ids, rest, ok := strings.Cut(change, `]`+scanWas)
	_, rest, found := strings.Cut(rest, scanState)
	end := strings.IndexByte(rest, '"')
	if !ok || !found || end < 0 {
		return into, false
	}
	state := wire.State(rest[:end])
	if wire.StateOfBits(state.Bits()) != state {
		return into, false
	}
	for more := true; more; {
		var id string
		id, ids, more = strings.Cut(ids, ",")
		if len(id) < 3 || id[0] != '"' || id[len(id)-1] != '"' || strings.ContainsAny(id[1:len(id)-1], `"\`) {
			return into, false // a comma or an escape in an id: left to encoding/json
		}
		into = append(into, said{id[1 : len(id)-1], state})
	}
	return into, true
}

// readFlush reads a log record, whoever has encoded it. The error is a *wire.Spoiled.
func readFlush(key string, value []byte, into []said) (flush, error) {
	if f, ok := scan(string(value), into); ok && key == wire.LogKey(f.n) {
		return f, nil
	}
	r, err := wire.Read[wire.Flush](key, value)
	if err != nil {
		return flush{}, err
	}
	f := flush{n: r.N, old: r.Old(), seats: into}
	for i := range r.Seats {
		for _, id := range r.Seats[i].IDs {
			f.seats = append(f.seats, said{id, r.Seats[i].State})
		}
	}
	return f, nil
}

// readSeat reads the state in a seat's record, and as of when it is. The error is a
// *wire.Spoiled. Ours begin with version and state and end with the flush, if they name one; the rest
// is not decoded, since a gateway reads tens of thousands before it shows a map.
func readSeat(e kv.Entry) (wire.State, Version, error) {
	if state, ok := glance(string(e.Value)); ok {
		flush, revision, ok := named(string(e.Value))
		if !ok {
			return state, Version{Revision: e.Revision}, nil
		}
		return state, Version{flush, kv.Revision(revision)}, nil
	}
	seat, err := wire.Read[wire.Seat](e.Key, e.Value)
	return seat.State, VersionOf(&seat, e.Revision), err
}

// glance returns the state with which a record of ours begins.
func glance(record string) (s wire.State, ok bool) {
	rest, ok := strings.CutPrefix(members(record), `"state":"`)
	end := strings.IndexByte(rest, '"')
	if !ok || end < 0 || rest[len(rest)-1] != '}' {
		return "", false
	}
	s = wire.State(rest[:end])
	return s, wire.StateOfBits(s.Bits()) == s
}

// named returns the flush that a record of ours names at its end, and that flush's revision.
func named(record string) (flush, revision uint64, ok bool) {
	rest, ok := strings.CutSuffix(record, "}")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 {
		return 0, 0, false
	}
	revision, err := strconv.ParseUint(rest[at+1:], 10, 64)
	rest, ok = strings.CutSuffix(rest[:at], `,"revision"`)
	at = strings.LastIndexByte(rest, ':')
	if err != nil || !ok || at < 0 {
		return 0, 0, false
	}
	flush, err = strconv.ParseUint(rest[at+1:], 10, 64)
	return flush, revision, err == nil && strings.HasSuffix(rest[:at], `,"flush"`)
}
