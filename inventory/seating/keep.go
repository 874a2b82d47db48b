package seating

import (
	"fmt"
	"time"

	"frontrow/wire"
)

// A fan who doesn't buy keeps seats for at most Spec.Hold.Keep in all, and no hold stands
// longer than HoldSpec.Life; so the deadline of a hold that isn't being paid for leaves
// room for one whole payment before its last. Seats that come back unbought rest for as
// long as Keep: others may have them, but not a fan who kept them for most of a hold's
// time, nor others in a network that gives back more than it buys.

// returns records the seats that came back unbought, and from whom.
type returns struct {
	kept   map[int]wire.Kept           // by seat, available or blocked
	byFan  map[string]map[int]struct{} // the same by who kept it
	byNet  map[string]map[int]struct{}
	bought map[string]int // seats sold, by network
}

func newReturns() returns {
	return returns{kept: map[int]wire.Kept{}, byFan: map[string]map[int]struct{}{}, byNet: map[string]map[int]struct{}{}, bought: map[string]int{}}
}

func (r *returns) note(seat int, k wire.Kept) {
	r.forget(seat)
	r.kept[seat] = k
	file(r.byFan, k.Fan, seat)
	file(r.byNet, k.Net, seat)
}

func (r *returns) forget(seat int) {
	k, ok := r.kept[seat]
	if !ok {
		return
	}
	delete(r.kept, seat)
	unfile(r.byFan, k.Fan, seat)
	unfile(r.byNet, k.Net, seat)
}

func file(by map[string]map[int]struct{}, who string, seat int) {
	if who == "" {
		return
	}
	if by[who] == nil {
		by[who] = map[int]struct{}{}
	}
	by[who][seat] = struct{}{}
}

func unfile(by map[string]map[int]struct{}, who string, seat int) {
	delete(by[who], seat)
	if len(by[who]) == 0 {
		delete(by, who)
	}
}

// buys counts n more seats sold to a network.
func (r *returns) buys(net string, n int) {
	if net == "" {
		return
	}
	if r.bought[net] += n; r.bought[net] == 0 {
		delete(r.bought, net)
	}
}

// hoards reports whether a network gives back more than it buys. An office or a campus buys
// most of what it holds; a network that only keeps seats counts as one person.
func (r *returns) hoards(net string) bool { return net != "" && len(r.byNet[net]) > r.bought[net] }

// keeper is how long a fan has kept seats without buying them.
type keeper struct {
	total    time.Duration // until at
	at       time.Time
	standing int // holds
}

// spent returns how long they have kept seats by now; 0 once they have rested.
func (k *keeper) spent(now time.Time, rest time.Duration) time.Duration {
	switch {
	case k.standing > 0:
		return k.total + now.Sub(k.at)
	case now.Sub(k.at) >= rest:
		return 0
	}
	return k.total
}

// keepers are the fans who hold seats, and those who are resting.
type keepers struct {
	of   map[string]*keeper
	idle []end // fans who no longer hold anything, and since when; oldest first
}

func (k *keepers) begin(fan string, now time.Time, rest time.Duration) {
	one := k.of[fan]
	if one == nil {
		one = &keeper{}
		k.of[fan] = one
	}
	one.total, one.at = one.spent(now, rest), now
	one.standing++
}

// end notes the end of a hold; its time counts if unbought.
func (k *keepers) end(fan string, unbought bool, now time.Time, rest time.Duration) {
	one := k.of[fan]
	if one == nil || one.standing == 0 {
		return
	}
	if now.Before(one.at) {
		now = one.at
	}
	if unbought {
		one.total, one.at = one.spent(now, rest), now
	}
	if one.standing--; one.standing > 0 {
		return
	}
	one.at = now
	if one.total == 0 {
		delete(k.of, fan)
		return
	}
	k.idle = append(k.idle, end{fan, now})
	k.sweep(now, rest)
}

// sweep forgets the fans who have rested.
func (k *keepers) sweep(now time.Time, rest time.Duration) {
	old := 0
	for ; old < len(k.idle) && now.Sub(k.idle[old].at) >= rest; old++ {
		if one := k.of[k.idle[old].id]; one != nil && one.standing == 0 && now.Sub(one.at) >= rest {
			delete(k.of, k.idle[old].id)
		}
	}
	k.idle = k.idle[old:]
}

// restored takes what a record says about a fan: that they had kept seats for total until
// at, and whether a hold of theirs stands.
func (k *keepers) restored(fan string, total time.Duration, at time.Time, standing bool) {
	one := k.of[fan]
	switch {
	case one == nil:
		one = &keeper{total: total, at: at}
		k.of[fan] = one
		k.idle = append(k.idle, end{fan, at})
	case standing && one.standing > 0: // a fan's holds say the same, or one of them less
		if total > one.total+at.Sub(one.at) {
			one.total, one.at = total, at
		}
	case standing || one.standing == 0 && at.After(one.at):
		one.total, one.at = total, at
	}
	if standing {
		one.standing++
	}
}

// rest returns how long seats kept and not bought are reserved for others.
func (e *Engine) rest() time.Duration { return time.Duration(e.spec.Hold.Keep) }

// least returns the shortest time to choose that is worth granting.
func (e *Engine) least() time.Duration { return time.Duration(e.spec.Hold.TTL) / 4 }

// spent returns how long a fan has kept seats without buying.
func (e *Engine) spent(fan string, now time.Time) time.Duration {
	if k := e.keepers.of[fan]; k != nil {
		return k.spent(now, e.rest())
	}
	return 0
}

// usedUp refuses a fan who has kept seats for as long as allowed.
func (e *Engine) usedUp(fan string, now time.Time) *wire.Problem {
	hold := e.spec.Hold
	spent := e.spent(fan, now)
	if time.Duration(hold.Keep-hold.Checkout)-spent >= e.least() {
		return nil
	}
	k := e.keepers.of[fan]
	p := wire.Refuse(wire.CodeResting, fmt.Sprintf("You have kept seats for %s without buying them. Pay for the seats that you hold now. After that, others go first for %s.",
		spell(spent), spell(e.rest())))
	if k.standing == 0 {
		again := k.at.Add(e.rest())
		p.RetryAfterMS = again.Sub(now).Milliseconds()
		p.Detail = fmt.Sprintf("You have kept seats for %s without buying them. Others go first until %s. Then you can choose again.", spell(spent), e.clock(again))
	}
	return p
}

// usedOf returns for how much of a hold's time the requester has had a seat.
func (e *Engine) usedOf(seat int, c *wire.Claims, now time.Time) time.Duration {
	k, ok := e.returns.kept[seat]
	if !ok || now.Sub(k.Until) >= e.rest() || k.Fan != c.Fan && (k.Net != c.Net || !e.returns.hoards(k.Net)) {
		return 0
	}
	return k.Until.Sub(k.Since)
}

func (e *Engine) rests(seat int, c *wire.Claims, now time.Time) bool {
	return e.usedOf(seat, c, now) > time.Duration(e.spec.Hold.TTL)-e.least()
}

// resting refuses named seats that rest from the requester.
func (e *Engine) resting(seats []int, c *wire.Claims, now time.Time) *wire.Problem {
	if len(e.returns.kept) == 0 {
		return nil
	}
	var back []int
	var latest wire.Kept
	for _, i := range seats {
		if !e.rests(i, c, now) {
			continue
		}
		back = append(back, i)
		if k := e.returns.kept[i]; k.Until.After(latest.Until) {
			latest = k
		}
	}
	if back == nil {
		return nil
	}
	by := "you"
	if latest.Fan != c.Fan {
		by = "somebody on your network"
	}
	again := latest.Until.Add(e.rest())
	p := wire.Refuse(wire.CodeResting, fmt.Sprintf("These seats were held by %s until %s and not bought, so others go first until %s. Choose other seats.", by, e.clock(latest.Until), e.clock(again)))
	p.Seats, p.RetryAfterMS = e.ids(back), again.Sub(now).Milliseconds()
	return p
}

// aside removes the free seats that rest from the requester from a layer. It returns how
// many, and a function that puts them back.
func (e *Engine) aside(l *layer, c *wire.Claims, now time.Time) (n int, back func()) {
	var hidden []int
	hide := func(seats map[int]struct{}) {
		for i := range seats {
			if l.available(i) && e.rests(i, c, now) {
				e.finder.put(l, i, false)
				hidden = append(hidden, i)
			}
		}
	}
	hide(e.returns.byFan[c.Fan])
	if e.returns.hoards(c.Net) {
		hide(e.returns.byNet[c.Net])
	}
	return len(hidden), func() {
		for _, i := range hidden {
			e.finder.put(l, i, true)
		}
	}
}

// grant sets the terms of a new hold: when its keeping began, its last deadline,
// and the one it has now, which leaves room for a payment.
func (e *Engine) grant(h *hold, c *wire.Claims, now time.Time) {
	spec := e.spec.Hold
	var used time.Duration
	for _, i := range h.seats {
		used = max(used, e.usedOf(i, c, now))
	}
	spent := e.spent(h.fan, now)
	h.net, h.since, h.spent = c.Net, now.Add(-used).UTC(), spent-used
	h.last = e.lastOf(h)
	h.until = e.plain(h, h.since.Add(time.Duration(spec.TTL)))
}

// lastOf returns the last deadline of a hold under the present rules.
func (e *Engine) lastOf(h *hold) time.Time {
	spec := e.spec.Hold
	return h.since.Add(min(time.Duration(spec.Life()), time.Duration(spec.Keep)-h.spent))
}

// plain bounds the deadline of a hold that isn't in checkout, so that a payment that begins
// just before it has all of its time.
func (e *Engine) plain(h *hold, until time.Time) time.Time {
	if most := h.last.Add(-time.Duration(e.spec.Hold.Checkout)); until.After(most) {
		until = most
	}
	return until.UTC()
}

// unbought notes that a hold's seats come back. Those that come back through no fault of
// the fan don't rest.
func (e *Engine) unbought(h *hold, faultless bool, now time.Time) {
	if h.until.Before(now) { // we are late
		now = h.until
	}
	e.keepers.end(h.fan, !faultless, now, e.rest())
	e.back = append(e.back, Returned{Hold: h.id, Fan: h.fan, Net: h.net, Seats: len(h.seats), Faultless: faultless})
	if faultless {
		return
	}
	k := wire.Kept{Fan: h.fan, Net: h.net, Since: h.since, Until: now, Spent: wire.Duration(e.spent(h.fan, now))}
	for _, i := range h.seats {
		e.returns.note(i, k)
	}
}

// Returned is a hold that ended without a sale.
type Returned struct {
	Hold, Fan, Net string
	Seats          int
	Faultless      bool // not caused by the fan
}

// Returned lists the holds that have ended without a sale since its last call.
func (e *Engine) Returned() []Returned {
	back := e.back
	e.back = nil
	return back
}

// clock formats an instant for people.
func (e *Engine) clock(t time.Time) string { return wire.FormatClock(t, e.zone) }

// spell formats a duration for people.
func spell(d time.Duration) string {
	unit, n := "second", int(d.Round(time.Second)/time.Second)
	if n >= 120 {
		unit, n = "minute", int(d.Round(time.Minute)/time.Minute)
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
