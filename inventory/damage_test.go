package inventory

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/wire"
)

// Whatever becomes of the records behind the log, the next writer sells on: the log says what
// every seat is. The damage is counted, logged and found by an audit, no map shows a seat as
// free that is taken, and the records are whole again soon.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	h := newHurt(t, natstest.Run(t))
	free := func(id string) []byte {
		s := wire.Seat{V: wire.RecordVersion, State: wire.Available, At: time.Now(), Flush: h.n + 1000, Revision: 1 << 40}
		return s.AppendJSON(nil)
	}
	for _, c := range []struct {
		name, found string
		damage      func()
	}{
		{"one deleted", "SEATS_demo seat.", func() { h.put(h.of(wire.Sold)[0], nil) }},
		{"one purged", "has no record", func() { h.purge(h.of(wire.Sold)[0]) }},
		{"all purged", "has no record", func() { h.purge(wire.SeatPrefix + ">") }},
		{"all purged, and the checkpoint", "", func() { h.purge(wire.SeatPrefix + ">"); h.purge(wire.CheckpointKey) }}, // as if none had been written yet
		{"overwritten with junk", "SEATS_demo seat.", func() { h.put(h.of(wire.Sold)[0], []byte("x")) }},
		{"overwritten with another's", "the record of seat ", func() { h.put(h.of(wire.Sold)[0], h.values()[h.of(wire.Available)[0]]) }},
		{"forged, of a flush to come", "which says nothing of it", func() {
			for _, key := range slices.Concat(h.of(wire.Sold), h.of(wire.Held)) {
				h.put(key, free(key))
			}
		}},
		{"forged, of the version before", "the log says", func() { h.put(h.of(wire.Sold)[0], []byte(`{"state":"available","at":"2026-11-30T12:00:00Z"}`)) }},
		{"put back from a backup under a newer log", "is older than", func() {
			for key, value := range h.olden {
				if strings.HasPrefix(key, wire.SeatPrefix) {
					h.put(key, value)
				}
			}
		}},
		{"put back from a backup, and the checkpoint", "", func() { // nothing is wrong: they are of an earlier flush
			for key, value := range h.olden {
				if strings.HasPrefix(key, wire.SeatPrefix) {
					h.put(key, value)
				}
			}
			h.put(wire.CheckpointKey, h.olden[wire.CheckpointKey])
		}},
		{"checkpoint deleted", "SEATS_demo checkpoint", func() { h.put(wire.CheckpointKey, nil) }},
		{"checkpoint purged", "", func() { h.purge(wire.CheckpointKey) }},
		{"checkpoint malformed", "SEATS_demo checkpoint", func() { h.put(wire.CheckpointKey, []byte(`{"flush":"x"}`)) }},
		{"checkpoint of another event", "is not what the checkpoint names", func() {
			h.point(func(c *wire.Checkpoint) { c.Flush, c.Revision, c.Digest, c.Sum = 2, 7, wire.Digest(nil), "abc" })
		}},
		{"checkpoint of a later flush", "the checkpoint is of log.", func() { h.point(func(c *wire.Checkpoint) { c.Flush += 5 }) }},
		{"checkpoint of an earlier flush", "is not what the checkpoint names", func() { h.point(func(c *wire.Checkpoint) { c.Flush-- }) }},
		{"checkpoint of another revision", "", func() { h.point(func(c *wire.Checkpoint) { c.Revision++ }) }},
		{"checkpoint with a wrong sum", "sum", func() { h.point(func(c *wire.Checkpoint) { c.Sum = "1" }) }},
		{"junk behind the log", "SEATS_demo log.", func() { h.put(wire.LogKey(h.n+1), []byte("x")) }},
		{"junk far behind the log", "SEATS_demo log.", func() { h.put(wire.LogKey(h.n+1000), []byte("x")); h.put(wire.LogKey(1024), []byte("x")) }},
	} {
		if !t.Run(c.name, func(t *testing.T) {
			h.T = t
			h.remember()
			c.damage()
			h.shows(h.truth)
			if found := h.audit(); c.found != "" && !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, c.found) }) {
				t.Errorf("the audit finds %q", found)
			}
			w := h.start()
			ask[wire.Stock](h.fixture, wire.ActStatus, nil)
			h.kept()
			h.whole()
			if n := h.rebuilt(); c.found != "" && (n == 0 || !strings.Contains(h.log(), `"level":"ERROR"`)) {
				t.Errorf("%v are counted, and said is %s", n, h.log())
			}
			h.trade()
			h.whole()
			h.clear()
			h.shows(h.Records())
			if found := h.audit(); len(found) > 0 && !strings.HasPrefix(c.name, "junk far") {
				t.Errorf("afterwards the audit finds %q", found)
			}
			w.Stop()
		}) {
			return
		}
	}
}

// Where it is the log that is damaged nobody knows whose the seats are: the event stands, and
// the writer names the command that puts the log back. Then all is as it was.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	h := newHurt(t, natstest.Run(t))
	changed := 0
	unpoint := func() { h.put(wire.CheckpointKey, nil) } // so that all of the log is read
	for _, c := range []struct {
		name   string
		blind  bool // what is lost no map can know
		damage func()
	}{
		{"restored from an older backup", true, h.restore},
		{"restored from an older backup, under newer records", false, func() {
			now := h.values()
			h.restore()
			for _, key := range slices.Sorted(maps.Keys(now)) {
				if strings.HasPrefix(key, wire.SeatPrefix) {
					h.put(key, now[key])
				}
			}
			h.put(wire.CheckpointKey, now[wire.CheckpointKey])
		}},
		{"the last is purged", false, func() { h.purge(h.logKey(0)) }},
		{"the last are purged", false, func() { h.purge(h.logKey(0)); h.purge(h.logKey(1)); h.purge(h.logKey(2)) }},
		{"the last are purged, and the checkpoint", true, func() { h.purge(h.logKey(0)); h.purge(h.logKey(1)); unpoint() }},
		{"all is purged", false, func() { h.purge(wire.LogPrefix + "*") }},
		{"all is purged, and the checkpoint", false, func() { h.purge(wire.LogPrefix + "*"); h.purge(wire.CheckpointKey) }},
		{"one is missing in the middle", false, func() { h.purge(h.logKey(4)); unpoint() }},
		{"two are missing in the middle", false, func() { h.purge(h.logKey(4)); h.purge(h.logKey(7)); unpoint() }},
		{"one is deleted", false, func() { h.put(h.logKey(0), nil) }},
		{"one is deleted in the middle", false, func() { h.put(h.logKey(5), nil); unpoint() }},
		{"one is changed", false, func() {
			h.put(h.logKey(5), bytes.Replace(h.values()[h.logKey(5)], []byte(`"writer":"`), []byte(`"writer":"x`), 1))
			unpoint()
		}},
		{"the last is changed", false, func() {
			h.put(h.logKey(0), bytes.Replace(h.values()[h.logKey(0)], []byte(`"writer":"`), []byte(`"writer":"x`), 1))
		}},
		{"two are swapped", false, func() {
			now := h.values()
			h.put(h.logKey(5), now[h.logKey(4)])
			h.put(h.logKey(4), now[h.logKey(5)])
			unpoint()
		}},
		{"the last two are swapped", false, func() {
			now := h.values()
			h.put(h.logKey(1), now[h.logKey(0)])
			h.put(h.logKey(0), now[h.logKey(1)])
		}},
		{"what the bucket keeps of it is junk", false, func() {
			for range 10 {
				h.put(h.logKey(0), []byte("x"))
			}
		}},
	} {
		if !t.Run(c.name, func(t *testing.T) {
			h.T = t
			h.copied()
			h.remember()
			c.damage()
			if !c.blind {
				h.shows(h.truth)
			}
			w := h.start()
			h.repair()
			ask[wire.Stock](h.fixture, wire.ActStatus, nil)
			h.kept()
			h.trade()
			h.whole()
			h.clear()
			h.shows(h.Records())
			changed += strings.Count(c.name, "changed")
			if found := h.audit(); len(found) != changed { // the sale log has both for ever
				t.Errorf("afterwards the audit finds %q", found)
			}
			w.Stop()
		}) {
			return
		}
	}
}
