package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"
)

// Kinds of act that change seats.
const (
	ActKindOpen     = "open"      // the records were created
	ActKindHold     = "hold"      //
	ActKindRelease  = "release"   // by the fan, an operator, or a failed checkout
	ActKindExpire   = "expire"    // by the deadline
	ActKindCheckout = "checkout"  //
	ActKindExtend   = "extend"    //
	ActKindReturn   = "return"    // from checkout to held: the payment failed, another may be tried
	ActKindMoreTime = "more-time" //
	ActKindReduce   = "reduce"    // a hold's seats cost something else, as its fan asked
	ActKindSell     = "sell"      //
	ActKindRefund   = "refund"    // sold seats came back
	ActKindBlock    = "block"     //
	ActKindUnblock  = "unblock"   //
	ActKindRepair   = "repair"    // spoiled records were stored again, as they were
	ActKindTell     = "tell"      // what the seats are, of an event whose records were the truth so far
)

// Act is one decision of the writer, as it stands in the sale log.
type Act struct {
	Kind    string     `json:"kind"`
	Hold    string     `json:"hold,omitempty"`
	Order   string     `json:"order,omitempty"`
	Fan     string     `json:"fan,omitempty"`
	Seats   []string   `json:"seats,omitempty"`
	Prices  []Amounts  `json:"prices,omitempty"` // of a hold and its reductions, seat by seat
	Priced  int64      `json:"priced,omitempty"` // of a hold: Claims.Priced
	Until   *time.Time `json:"until,omitempty"`
	By      string     `json:"by,omitempty"` // operator
	Why     string     `json:"why,omitempty"`
	Channel string     `json:"channel,omitempty"` // of a block
	Count   int        `json:"count,omitempty"`   // of records opened
}

// Leaves is the state in which an act leaves its seats; ok is false if it changes none.
// Folding a log's acts in order gives the seats' states.
func (a Act) Leaves() (s State, ok bool) {
	switch a.Kind {
	case ActKindHold:
		return Held, true
	case ActKindSell:
		return Sold, true
	case ActKindRelease, ActKindExpire, ActKindUnblock, ActKindRefund:
		return Available, true
	case ActKindBlock:
		return Blocked, true
	}
	return "", false
}

// Vouch is what a writer stores under its fence when it has answers to give and nothing
// to store: that it could be stored shows that nobody else is the writer yet.
type Vouch struct {
	N      uint64    `json:"n"` // counts those of one term from 1
	Term   uint64    `json:"term"`
	Writer string    `json:"writer"`
	At     time.Time `json:"at"`
}

// Flush is a record of the sale log, under log.<n>: what the writer decided since the one
// before, and what became of the seats. The log is the truth about an event's seats; their
// records follow it. N counts from 1 without gaps over all writers of the event.
type Flush struct {
	V      int       `json:"v,omitempty"` // RecordVersion; of those without, the seats' records were the truth
	N      uint64    `json:"n"`
	Term   uint64    `json:"term"`
	Writer string    `json:"writer"`
	At     time.Time `json:"at"`
	Prev   string    `json:"prev,omitempty"` // Digest of the record before; none before the first
	Acts   []Act     `json:"acts"`           // in the order of their decisions
	Seats  []Change  `json:"seats,omitempty"`
}

// Checkpoint is stored in one batch with the seats' records that a writer writes behind the
// log: they are what the log says up to a flush, or later.
type Checkpoint struct {
	V        int       `json:"v,omitempty"`
	Flush    uint64    `json:"flush"`
	Revision uint64    `json:"revision"` // of that log record,
	Digest   string    `json:"digest"`   // which has this Digest
	Sum      string    `json:"sum"`      // of all seats' records as they are stored with this one: see SumOf
	Term     uint64    `json:"term"`
	Writer   string    `json:"writer"`
	At       time.Time `json:"at"`
}

// SumOf is what a record adds, modulo 2^64, to the sum of the records that a Checkpoint
// states in hex: a record that anybody else has changed, removed or put back gives another.
func SumOf(key string, record []byte) uint64 {
	h := sha256.New()
	h.Write([]byte(key))
	h.Write([]byte{0})
	h.Write(record)
	var sum [sha256.Size]byte
	return binary.LittleEndian.Uint64(h.Sum(sum[:0]))
}

// Old reports whether a flush is of the version before, whose log doesn't say what becomes
// of the seats: their records were stored with it.
func (f *Flush) Old() bool { return len(f.Seats) == 0 && f.Prev == "" }

// Digest is the SHA-256 of a log record as it is stored, in hex: the record that follows
// names it, so that none can be changed, or left out, unseen.
func Digest(record []byte) string {
	sum := sha256.Sum256(record)
	return hex.EncodeToString(sum[:])
}

// Change is what a flush leaves some seats in: each has the state of Seat. Those that are
// held or sold have each its quote, in the order of IDs.
type Change struct {
	IDs    []string    `json:"ids"`
	Was    []uint64    `json:"was"` // by seat, the flush that changed it before; 0: none
	Quotes []SeatQuote `json:"quotes,omitempty"`
	Seat
}

// Record is what the record of seat k of IDs must say, of a flush stored under a revision.
func (c *Change) Record(k int, flush, revision uint64) Seat {
	s := c.Seat
	if k < len(c.Quotes) {
		s.Quote = &c.Quotes[k]
	}
	s.V, s.Flush, s.Revision = RecordVersion, flush, revision
	return s
}

// Before returns the flush that changed a seat before f did; 0 if none did, or f doesn't.
func (f *Flush) Before(seat string) uint64 {
	for _, c := range f.Seats {
		if k := slices.Index(c.IDs, seat); k >= 0 {
			return c.Was[k]
		}
	}
	return 0
}

// fits reports whether the change says for each of its seats what a record must.
func (c *Change) fits() bool {
	owned := c.State == Held || c.State == Sold
	if len(c.IDs) == 0 || len(c.Was) != len(c.IDs) || owned != (len(c.Quotes) == len(c.IDs)) || !owned && len(c.Quotes) > 0 {
		return false
	}
	s := c.Record(0, 0, 0)
	return s.fits("")
}
