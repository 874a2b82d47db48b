package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"
)

// sum is the beginning of a log record's SHA-256: all that is kept of it, since an event may
// have a million.
type sum [16]byte

// owned is in whose hands the acts of the log leave a seat.
type owned struct {
	state wire.State
	hold  string
}

// change is the last flush up to the checkpoint that changed a seat.
type change struct {
	n        uint64
	revision kv.Revision
}

// log is what an audit learns from the flushes, one after the other.
type log struct {
	read     int
	sums     []sum           // by number, from 1; the zero sum: not read
	torn     map[uint64]bool // can't be read
	wanted   map[uint64]sum  // of records not read yet, as the next names them
	holed    bool            // a record is torn, or came late: what its acts did is not known in time
	revision kv.Revision     // of the last
	n, term  uint64          // of the last

	folded   map[string]owned  // by the acts so far
	asOf     map[string]owned  // by the acts up to the record of the seat, if that names no flush
	changed  map[string]change // up to the checkpoint
	verified map[string]bool   // seats whose records are what the log says at their flush

	order, chain, says, follows Check
}

func newLog() log {
	return log{torn: map[uint64]bool{}, wanted: map[uint64]sum{}, folded: map[string]owned{}, asOf: map[string]owned{}, changed: map[string]change{}, verified: map[string]bool{},
		order:   Check{Invariant: "I10", Rule: "the flushes' log records count from 1 without gaps, and terms never go back"},
		chain:   Check{Invariant: "I10", Rule: "each log record names the one before by its digest, as the checkpoint does the one it is of"},
		says:    Check{Invariant: "I10", Rule: "the log replays to what it says of the seats, and to their records"},
		follows: Check{Invariant: "I3", Rule: "each seat's record is what the log says at its flush, none is older than the checkpoint says, and they are those of its sum"}}
}

// has reports whether a record was read.
func (l *log) has(n uint64) bool { return n > 0 && n <= uint64(len(l.sums)) && l.sums[n-1] != sum{} }

// maxFlushes bounds the number that a log record may claim to have.
const maxFlushes = 1 << 26

// flush takes the next log record.
func (a *audit) flush(e kv.Entry) {
	l := &a.log
	f, ok := readable[wire.Flush](a, wire.SeatsBucket(a.event.Spec.ID), e)
	if !ok || f.N == 0 || f.N > maxFlushes {
		l.torn[wire.LogNumber(e.Key)], l.holed = true, true
		return
	}
	late := f.N <= l.n
	if late || f.N != l.n+1 {
		l.holed = true // a record is stored again, or one is missing
	}
	l.link(&f, e)
	a.point(&f, e)
	if !late && f.Term < l.term {
		l.order.breaks("log.%d is of term %d, after term %d", f.N, f.Term, l.term)
	}
	a.replay(&f)
	a.quoted(&f)
	for i := range f.Seats {
		c := &f.Seats[i]
		for k, id := range c.IDs {
			a.say(f.N, e.Revision, late, id, c.Record(k, f.N, uint64(e.Revision)))
		}
	}
	if !late {
		l.n, l.term, l.revision = f.N, f.Term, e.Revision
	}
}

// link compares a record's digest with what the next names, and what it names with the one
// before. Records of a version that names none may come anywhere: while an upgrade is under
// way, writers of both take turns.
func (l *log) link(f *wire.Flush, e kv.Entry) {
	if !l.has(f.N) {
		l.read++
	}
	for uint64(len(l.sums)) < f.N {
		l.sums = append(l.sums, sum{})
	}
	full := sha256.Sum256(e.Value)
	l.sums[f.N-1] = sum(full[:len(sum{})])
	if want, ok := l.wanted[f.N]; ok {
		if delete(l.wanted, f.N); want != l.sums[f.N-1] {
			l.chain.breaks("log.%d is not what log.%d names", f.N, f.N+1)
		}
	}
	named, ok := parseSum(f.Prev)
	switch {
	case f.Prev == "" && f.N > 1 && !f.Old():
		l.chain.breaks("log.%d names no record before it", f.N)
	case f.Prev == "":
	case !ok || f.N == 1:
		l.chain.breaks("log.%d names %q before it", f.N, f.Prev)
	case l.has(f.N - 1):
		if named != l.sums[f.N-2] {
			l.chain.breaks("log.%d is not what log.%d names", f.N-1, f.N)
		}
	default:
		l.wanted[f.N-1] = named
	}
	l.chain.Looked = l.read
}

// parseSum returns the beginning of a digest in hex.
func parseSum(digest string) (s sum, ok bool) {
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != sha256.Size {
		return s, false
	}
	return sum(raw[:len(s)]), true
}

// point compares the record that the checkpoint is of with what that says of it.
func (a *audit) point(f *wire.Flush, e kv.Entry) {
	if p := a.checkpoint; p.Flush == f.N && p.Digest != wire.Digest(e.Value) {
		a.log.chain.breaks("log.%d is not what the checkpoint names", f.N)
	}
}

// replay applies the acts of a flush, and compares the outcome with what it says of the
// seats.
func (a *audit) replay(f *wire.Flush) {
	l := &a.log
	acted := map[string]bool{}
	for _, act := range f.Acts {
		state, changes := act.Leaves()
		if !changes {
			continue
		}
		to := owned{state: state}
		if state == wire.Held || state == wire.Sold {
			to.hold = act.Hold
		}
		for _, id := range act.Seats {
			l.folded[id], acted[id] = to, true
			if r, ok := a.written[id]; ok && r.Flush == 0 && l.revision < r.revision {
				l.asOf[id] = to // the record was stored by this flush or a later one
			}
		}
	}
	for i := range f.Seats {
		c := &f.Seats[i]
		says := owned{c.State, c.Hold}
		for _, id := range c.IDs {
			l.says.Looked++
			if was := l.state(l.folded, id); was != says && !l.holed {
				l.says.breaks("log.%d says that seat %s is %s %s, the acts that it is %s %s", f.N, id, says.state, says.hold, was.state, was.hold)
			}
			l.folded[id] = says
			delete(acted, id)
		}
	}
	if !f.Old() {
		for id := range acted {
			l.says.breaks("log.%d has an act of seat %s and doesn't say what it is then", f.N, id)
		}
	}
}

func (l *log) state(in map[string]owned, id string) owned {
	if o, ok := in[id]; ok {
		return o
	}
	return owned{state: wire.Available}
}

// say takes what a flush says of a seat: its record must say the same if it is of that flush,
// and is behind if it is of an earlier one.
func (a *audit) say(n uint64, revision kv.Revision, late bool, id string, says wire.Seat) {
	l := &a.log
	if r, ok := a.written[id]; ok && r.Flush == n {
		same := r.Seat
		if late { // it was stored again
			same.Revision = says.Revision
		}
		if l.verified[id] = true; !bytes.Equal(same.AppendJSON(nil), says.AppendJSON(nil)) {
			l.follows.breaks("the record of seat %s is not what log.%d says", id, n)
		}
	}
	if n <= a.checkpoint.Flush && n >= l.changed[id].n {
		l.changed[id] = change{n, revision}
	}
	known, ok := a.records[id]
	if ok && late && known.Flush == 0 {
		return
	}
	if (salelog.Version{Flush: n, Revision: revision}).After(known.version()) {
		a.records[id] = record{Seat: says, revision: revision}
	}
}

// logHasNoGaps, the first of the rules about the log, also names what it lacks.
func (a *audit) logHasNoGaps() Check {
	l := &a.log
	c := l.order
	c.Looked = l.read
	for i := range l.sums {
		if n := uint64(i + 1); !l.has(n) && !l.torn[n] {
			c.breaks("log.%d is missing", n)
		}
	}
	return c
}

func (a *audit) logIsAChain() Check {
	c := a.log.chain
	if p := a.checkpoint; p.Flush > uint64(len(a.log.sums)) && !a.log.torn[p.Flush] {
		c.breaks("the checkpoint is of log.%d, the log ends with log.%d", p.Flush, len(a.log.sums))
	}
	return c
}

// logReplays compares also the records that name no flush with the acts, each as of the
// flush that wrote it: its log record is the first one after it.
func (a *audit) logReplays() Check {
	c := a.log.says
	for _, id := range slices.Sorted(maps.Keys(a.written)) {
		r := a.written[id]
		if r.Flush > 0 {
			continue
		}
		c.Looked++
		if want := a.log.state(a.log.asOf, id); (r.State != want.state || r.Hold != want.hold) && !a.log.holed {
			c.breaks("seat %s is %s %s, the log says %s %s", id, r.State, r.Hold, want.state, want.hold)
		}
	}
	return c
}

func (a *audit) recordsFollowTheLog() Check {
	l := &a.log
	c := l.follows
	c.Looked = len(a.written)
	if a.wrongSum {
		c.breaks("the records are not those that the checkpoint is of: its sum is another")
	}
	for _, id := range slices.Sorted(maps.Keys(a.written)) {
		r, last := a.written[id], l.changed[id]
		switch {
		case r.Flush > 0 && !l.verified[id] && !l.torn[r.Flush]:
			c.breaks("the record of seat %s is of log.%d, which says nothing of it", id, r.Flush)
		case last.n > 0 && (salelog.Version{Flush: last.n, Revision: last.revision}).After(r.version()):
			c.breaks("the record of seat %s is older than log.%d, and the checkpoint is of log.%d", id, last.n, a.checkpoint.Flush)
		}
	}
	return c
}
