package admission

import (
	"container/heap"
	"slices"
	"sort"
	"sync"
	"time"

	"frontrow/wire"
)

// roll knows who was called and who has a pass, and lets nobody in beyond the
// ceiling. It is a pure state machine; its owner locks it.
//
//	waiting ──call──► called ──redeem──► admitted ──expiry──► over
//	                    │                   ▲
//	                    └──window──► late ──┘ if there is room
//
// Alive passes and called fans within their window together never exceed the
// ceiling, so a called fan who comes in time always finds room.
type roll struct {
	lane, region string
	ceiling      int
	window       time.Duration

	spans   []span // contiguous, oldest first
	calling uint64 // places about to be called: they take room, but aren't called yet
	callAt  time.Time

	passes map[string]*pass // by fan, expired ones too
	expiry expiryHeap
	alive  int
}

// span is a run of places called together: (from, to].
type span struct {
	from, to uint64
	at       time.Time // zero: longer ago than any window
	redeemed int
}

// pass is a fan's pass. settled is closed once it is known to be stored, or lost.
type pass struct {
	wire.PassRecord
	alive   bool
	settled chan struct{}
	lost    bool

	changing sync.Mutex // held by who changes its record, once it is settled
}

// newRoll rebuilds the roll from the admitter's record and the passes stored.
func newRoll(lane, region string, calls []wire.Call, passes []wire.PassRecord, now time.Time) *roll {
	r := &roll{lane: lane, region: region, passes: make(map[string]*pass, len(passes))}
	from := uint64(0)
	for _, c := range calls {
		r.spans = append(r.spans, span{from: from, to: c.To, at: c.At})
		from = c.To
	}
	settled := make(chan struct{})
	close(settled)
	for _, rec := range passes {
		r.add(&pass{PassRecord: rec, settled: settled}, now)
	}
	return r
}

func (r *roll) add(p *pass, now time.Time) {
	r.passes[p.Fan] = p
	r.redeemed(p.PassRecord, +1)
	if p.Expires.After(now) {
		p.alive = true
		r.alive++
		heap.Push(&r.expiry, p)
	}
}

func (r *roll) end(p *pass) {
	if p.alive {
		p.alive = false
		r.alive--
	}
}

// limits sets what the event's spec says, which may change during the sale.
func (r *roll) limits(s wire.AdmissionSpec) {
	r.ceiling, r.window = s.Ceiling, time.Duration(s.Window)
}

// expire lets passes end whose time has come.
func (r *roll) expire(now time.Time) {
	for len(r.expiry) > 0 && !r.expiry[0].Expires.After(now) {
		r.end(heap.Pop(&r.expiry).(*pass))
	}
}

// head is the highest place called.
func (r *roll) head() uint64 {
	if len(r.spans) == 0 {
		return 0
	}
	return r.spans[len(r.spans)-1].to
}

// outstanding is how many called fans may still redeem in time.
func (r *roll) outstanding(now time.Time) int {
	n := int(r.calling)
	for _, s := range slices.Backward(r.spans) {
		if !r.inTime(s, now) {
			break
		}
		n += int(s.to-s.from) - s.redeemed
	}
	return n
}

func (r *roll) inTime(s span, now time.Time) bool { return now.Sub(s.at) < r.window }

// calledSince is how many fans were called within d before now.
func (r *roll) calledSince(now time.Time, d time.Duration) int {
	n := uint64(0)
	for _, s := range slices.Backward(r.spans) {
		if now.Sub(s.at) >= d {
			break
		}
		n += s.to - s.from
	}
	return int(n)
}

// spanOf finds the span of a called place; nil if it is older than the list.
func (r *roll) spanOf(number uint64) *span {
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].to >= number })
	if i == len(r.spans) || number <= r.spans[i].from {
		return nil
	}
	return &r.spans[i]
}

func (r *roll) redeemed(rec wire.PassRecord, by int) {
	if rec.Lane != r.lane || rec.Region != r.region {
		return
	}
	if s := r.spanOf(rec.Number); s != nil {
		s.redeemed += by
	}
}

// A call is made in two steps: propose takes the room and returns the calls as
// they are to be recorded, and once that is durable, called moves the head.
func (r *roll) propose(n int, now time.Time) []wire.Call {
	if i := len(r.spans); i > 0 && now.Before(r.spans[i-1].at) {
		now = r.spans[i-1].at // the clock of the admitter before was ahead
	}
	r.calling, r.callAt = uint64(n), now
	var calls []wire.Call
	for _, s := range r.proposed() {
		calls = append(calls, wire.Call{To: s.to, At: s.at})
	}
	return calls
}

func (r *roll) called() { r.spans, r.calling = r.proposed(), 0 }

func (r *roll) proposed() []span {
	spans := slices.Clone(r.spans)
	if r.calling > 0 {
		spans = append(spans, span{from: r.head(), to: r.head() + r.calling, at: r.callAt})
	}
	return compact(spans, r.keep(), r.callAt)
}

func (r *roll) keep() time.Duration { return max(r.window, time.Minute) }

// compact bounds the list to fewer than maxCalls: calls of the same second, and
// those older than a minute of the same fiftieth of keep, are joined under the
// later instant, so that no fan's window gets shorter by it. Of the calls older
// than keep one stays, without its instant, to say where the next begins.
func compact(spans []span, keep time.Duration, now time.Time) []span {
	const coarse = 50 // 50 + 2 + a second each of the last minute < maxCalls
	granule := func(s span) time.Duration {
		if now.Sub(s.at) < time.Minute {
			return time.Second
		}
		return max(keep/coarse, time.Second)
	}
	var out []span
	for _, s := range spans {
		if now.Sub(s.at) >= keep {
			out = append(out[:0], span{from: s.from, to: s.to})
			continue
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			g := granule(*last)
			if g == granule(s) && last.at.Truncate(g).Equal(s.at.Truncate(g)) {
				last.to, last.at, last.redeemed = s.to, s.at, last.redeemed+s.redeemed
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// maxCalls bounds the calls in the admitter's record.
const maxCalls = 120

// verdict is what the roll says to a fan who wants to redeem.
type verdict int

const (
	granted   verdict = iota // the pass is his once it is stored
	again                    // he has one; it may be on its way to being stored
	over                     // his pass has expired
	notCalled                // his place is beyond the head
	full                     // he came after his window, and there is no room just now
	gone                     // the sale is over for whoever has no pass
)

// admit decides on a place. When it grants, rec is counted from now on, and is
// to be followed by stored or voided.
func (r *roll) admit(rec wire.PassRecord, now time.Time) (*pass, verdict) {
	r.expire(now)
	if p, ok := r.passes[rec.Fan]; ok {
		if !p.Expires.After(now) {
			return p, over
		}
		return p, again
	}
	if rec.Number > r.head() {
		return nil, notCalled
	}
	room := r.ceiling - r.alive
	if s := r.spanOf(rec.Number); s == nil || !r.inTime(*s, now) {
		room -= r.outstanding(now)
	}
	if room <= 0 {
		return nil, full
	}
	p := &pass{PassRecord: rec, settled: make(chan struct{})}
	r.add(p, now)
	return p, granted
}

// kept says that a granted pass is stored.
func (r *roll) kept(p *pass) { close(p.settled) }

// voided takes back what admit granted: it is certain that it was not stored.
func (r *roll) voided(p *pass) {
	p.lost = true
	delete(r.passes, p.Fan)
	r.redeemed(p.PassRecord, -1)
	r.end(p)
	close(p.settled)
}

// expiryHeap has the pass that expires first on top.
type expiryHeap []*pass

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(*pass)) }
func (h *expiryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
