package live

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"frontrow/gateway/pages"
	"frontrow/internal/salelog"
	"frontrow/wire"
)

// seatmap is the live state of every place of an event, as the log has it. It informs; the
// writer decides, and a place shown as free may just have gone.
//
//	log ──all, flush──► bits, changed ──tick──► snapshot for GET …/availability
//	                                      └───► one frame per changed section
type seatmap struct {
	venue     *Venue
	sectionOf []int32 // by place

	mu      sync.Mutex
	bits    []byte // place i at bits 2*(i%4) of byte i/4
	seq     uint64 // revision of the last flush applied
	loaded  bool   // whether everything stored has been applied
	fresh   bool   // whether the next tick is the first after loading
	changed [][]int32
	dirty   []bool   // by place: whether it is in changed
	sent    []uint64 // by section: To of its last frame

	snapshot atomic.Pointer[Snapshot] // nil until loaded
}

func newSeatmap(v *Venue) *seatmap {
	n := v.Index.Len()
	m := &seatmap{venue: v, sectionOf: make([]int32, n), bits: make([]byte, (n+3)/4), dirty: make([]bool, n),
		changed: make([][]int32, len(v.sections)), sent: make([]uint64, len(v.sections))}
	for s, sec := range v.sections {
		for i := sec.Start; i < sec.End; i++ {
			m.sectionOf[i] = int32(s)
		}
	}
	return m
}

// all takes the states of all places as of a revision. It reports whether they are those of
// other records than before: then nothing sent holds, and viewers must read everything
// again.
func (m *seatmap) all(states []wire.State, at uint64, anew bool) (again bool) {
	m.mu.Lock()
	if anew {
		again, m.loaded = m.loaded, false
		m.snapshot.Store(nil)
	}
	for i, s := range states {
		m.set(i, s)
	}
	m.seq = at
	first := !m.loaded
	m.loaded, m.fresh = true, m.fresh || first
	m.mu.Unlock()
	if first {
		m.tick() // what was loaded is the first snapshot; there were no viewers before
	}
	return again
}

// flush takes what one flush has changed: all of it or none is in a snapshot.
func (m *seatmap) flush(changes []salelog.Change, at uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq = at
	for _, c := range changes {
		m.set(c.Place, c.State)
	}
}

// set notes the state of place i. Its caller holds mu.
func (m *seatmap) set(i int, s wire.State) {
	state, shift := s.Bits(), 2*(i%4)
	if m.bits[i/4]>>shift&3 == state {
		return
	}
	m.bits[i/4] = m.bits[i/4]&^(3<<shift) | state<<shift
	if !m.dirty[i] {
		m.dirty[i] = true
		in := m.sectionOf[i]
		m.changed[in] = append(m.changed[in], int32(i))
	}
}

// change is what happened in one section between two ticks.
type change struct {
	section int
	frame   wire.LiveFrame
}

// tick publishes a new snapshot, if anything has changed, and returns the changes by
// section. A section's frames are a chain, From of each being To of the previous one, so a
// viewer notices a missed frame.
func (m *seatmap) tick() []change {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last := m.snapshot.Load(); !m.loaded || last != nil && last.seq == m.seq {
		return nil
	}
	// The snapshot comes first: a viewer who gets a frame must find its To there.
	m.snapshot.Store(&Snapshot{venue: m.venue, seq: m.seq, bits: bytes.Clone(m.bits)})
	var changes []change
	for s, places := range m.changed {
		if len(places) == 0 && !m.fresh {
			continue
		}
		if !m.fresh {
			f := wire.LiveFrame{T: wire.FrameSeats, Section: m.venue.sections[s].id, From: m.sent[s], To: m.seq,
				Changes: make([][2]int, len(places))}
			for k, i := range places {
				f.Changes[k] = [2]int{int(i), int(m.bits[i/4] >> (2 * (i % 4)) & 3)}
			}
			changes = append(changes, change{s, f})
		}
		for _, i := range places {
			m.dirty[i] = false
		}
		m.changed[s] = places[:0]
		m.sent[s] = m.seq
	}
	m.fresh = false
	return changes
}

// standing returns an empty frame that says where a section's chain stands. It answers a
// watch, and tells a viewer whether their snapshot is recent enough.
func (m *seatmap) standing(s int) wire.LiveFrame {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wire.LiveFrame{T: wire.FrameSeats, Section: m.venue.sections[s].id, From: m.sent[s], To: m.sent[s]}
}

// Snapshot is the availability at one revision, encoded at most once per form.
type Snapshot struct {
	venue *Venue
	seq   uint64
	bits  []byte

	onceBinary, onceJSON sync.Once
	binary, text         *pages.Document
}

// Seq returns the revision in decimal.
func (s *Snapshot) Seq() string { return strconv.FormatUint(s.seq, 10) }

func (s *Snapshot) etag(form string) string {
	return s.venue.digest[:min(12, len(s.venue.digest))] + "-" + s.Seq() + form
}

// Binary returns 2 bits per place, in plan order.
func (s *Snapshot) Binary() *pages.Document {
	s.onceBinary.Do(func() {
		s.binary = pages.NewDocument("application/octet-stream", s.etag(""), s.bits)
	})
	return s.binary
}

// JSON returns {seq, counts, seats: {id: state}}.
func (s *Snapshot) JSON() *pages.Document {
	s.onceJSON.Do(func() {
		var n [4]int
		var b strings.Builder
		for i := range s.venue.Index.Len() {
			state := s.bits[i/4] >> (2 * (i % 4)) & 3
			n[state]++
			if i > 0 {
				b.WriteByte(',')
			}
			id, _ := json.Marshal(s.venue.Index.ID(i)) // a string can't fail
			b.Write(id)
			b.WriteString(`:"` + string(wire.StateOfBits(state)) + `"`)
		}
		counts, _ := json.Marshal(wire.Count{Free: n[0], Held: n[1], Sold: n[2], Blocked: n[3]}) // numbers can't
		raw := `{"seq":` + s.Seq() + `,"counts":` + string(counts) + `,"seats":{` + b.String() + `}}`
		s.text = pages.NewDocument("application/json", s.etag("-json"), []byte(raw))
	})
	return s.text
}
