package live

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"frontrow/gateway/document"
	"frontrow/kv"
	"frontrow/wire"
)

// seatmap is the live state of every place of an event, fed by one watch. It
// informs: the writer decides, and a place shown as free may just have gone.
//
//	watch ──apply──► bits, changed ──tick──► snapshot for GET …/availability
//	                                   └───► one frame per changed section
type seatmap struct {
	venue     *Venue
	sectionOf []int32 // by place

	mu      sync.Mutex
	bits    []byte // place i at bits 2*(i%4) of byte i/4
	seq     uint64 // revision of the last change applied
	loaded  bool   // every stored seat has been applied
	fresh   bool   // the next tick is the first after loading
	changed [][]int32
	dirty   []bool   // by place: it is in changed
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

// apply takes a record that the watch delivered. It reports whether the records
// began anew below what was seen before: then nothing that was told holds, and
// viewers must read everything again.
func (m *seatmap) apply(e kv.Entry) (again bool) {
	seat, ok := wire.SeatOfKey(e.Key)
	if !ok {
		return false
	}
	i, ok := m.venue.Index.Lookup(seat)
	if !ok {
		return false
	}
	state := stateOf(e.Value).Bits()
	m.mu.Lock()
	defer m.mu.Unlock()
	if uint64(e.Revision) < m.seq {
		again, m.loaded = m.loaded, false
		m.snapshot.Store(nil)
	}
	m.seq = uint64(e.Revision)
	shift := 2 * (i % 4)
	if m.bits[i/4]>>shift&3 == state {
		return again
	}
	m.bits[i/4] = m.bits[i/4]&^(3<<shift) | state<<shift
	if !m.dirty[i] {
		m.dirty[i] = true
		s := m.sectionOf[i]
		m.changed[s] = append(m.changed[s], int32(i))
	}
	return again
}

// arrived says that every stored record has been applied.
func (m *seatmap) arrived() {
	m.mu.Lock()
	m.loaded, m.fresh = true, true
	m.mu.Unlock()
	m.tick() // what was loaded is the first snapshot; nobody could view before
}

// change is what happened in one section between two ticks.
type change struct {
	section int
	frame   wire.LiveFrame
}

// tick publishes a snapshot of the present, if anything has changed, and returns
// the changes section by section. A section's frames are a chain: From of each
// is To of the one before, so a viewer notices a frame that was missed.
func (m *seatmap) tick() []change {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last := m.snapshot.Load(); !m.loaded || last != nil && last.seq == m.seq {
		return nil
	}
	// The snapshot comes first: a viewer who is told of To must find it there.
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

// standing is an empty frame that says where a section's chain stands: the
// answer to a watch, by which a viewer knows whether their snapshot will do.
func (m *seatmap) standing(s int) wire.LiveFrame {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wire.LiveFrame{T: wire.FrameSeats, Section: m.venue.sections[s].id, From: m.sent[s], To: m.sent[s]}
}

// stateOf reads the state of a seat's record. Ours begin with it, and a sale
// moves tens of thousands a second, so the rest is not decoded.
func stateOf(record []byte) wire.State {
	if state, ok := glance(record); ok {
		return state
	}
	var s struct {
		State wire.State `json:"state"`
	}
	if wire.Decode(record, &s) != nil || wire.StateOfBits(s.State.Bits()) != s.State {
		return wire.Blocked // unreadable is not for sale
	}
	return s.State
}

// Readable tells at a glance that a record looks like ours.
func Readable(record []byte) bool {
	_, ok := glance(record)
	return ok
}

// glance is the state that a record of our making begins with.
func glance(record []byte) (s wire.State, ok bool) {
	rest, ok := bytes.CutPrefix(record, []byte(`{"state":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 || rest[len(rest)-1] != '}' {
		return "", false
	}
	s = wire.State(rest[:end])
	return s, wire.StateOfBits(s.Bits()) == s
}

// Snapshot is the availability at one revision, encoded at most once a form.
type Snapshot struct {
	venue *Venue
	seq   uint64
	bits  []byte

	onceBinary, onceJSON sync.Once
	binary, text         *document.Document
}

// Seq is the revision in decimal.
func (s *Snapshot) Seq() string { return strconv.FormatUint(s.seq, 10) }

func (s *Snapshot) etag(form string) string {
	return s.venue.digest[:min(12, len(s.venue.digest))] + "-" + s.Seq() + form
}

// Binary is 2 bits a place in plan order.
func (s *Snapshot) Binary() *document.Document {
	s.onceBinary.Do(func() {
		s.binary = document.New("application/octet-stream", s.etag(""), s.bits)
	})
	return s.binary
}

// JSON is {seq, counts, seats: {id: state}}.
func (s *Snapshot) JSON() *document.Document {
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
		s.text = document.New("application/json", s.etag("-json"), []byte(raw))
	})
	return s.text
}
