package seating

import (
	"fmt"
	"time"

	"frontrow/wire"
)

// A fan who doesn't buy keeps seats no longer than Spec.Hold.Keep in all, and no
// hold stands longer than HoldSpec.Life; so the deadline of a hold that isn't paid
// for leaves room for one whole payment before its last. What came back unbought
// rests: for as long as Keep, others may have it, but not who kept it for more than
// most of a hold's time, nor others of a network that keeps more than it buys.

// returns is what came back unbought: which seats, and from whom.
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

// hoards tells whether a network gives back more than it buys. An office or a
// campus buys most of what it holds; for who only keeps seats, a network is one person.
func (r *returns) hoards(net string) bool { return net != "" && len(r.byNet[net]) > r.bought[net] }

// keeper is how long a fan has kept seats without buying them.
type keeper struct {
	total    time.Duration // until at
	at       time.Time
	standing int // holds
}

// spent is how long until now; nothing once they have rested.
func (k *keeper) spent(now time.Time, rest time.Duration) time.Duration {
	switch {
	case k.standing > 0:
		return k.total + now.Sub(k.at)
	case now.Sub(k.at) >= rest:
		return 0
	}
	return k.total
}

// keepers are the fans who hold seats, and those who rest.
type keepers struct {
	of   map[string]*keeper
	idle []end // who holds nothing any more, since when; oldest first
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

// end notes the end of a hold; unbought says that its time counts.
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

// sweep forgets who has rested.
func (k *keepers) sweep(now time.Time, rest time.Duration) {
	old := 0
	for ; old < len(k.idle) && now.Sub(k.idle[old].at) >= rest; old++ {
		if one := k.of[k.idle[old].id]; one != nil && one.standing == 0 && now.Sub(one.at) >= rest {
			delete(k.of, k.idle[old].id)
		}
	}
	k.idle = k.idle[old:]
}

// restored takes over what a record says of a fan: that they had kept seats for
// total until at, and whether a hold of theirs stands.
func (k *keepers) restored(fan string, total time.Duration, at time.Time, standing bool) {
	one := k.of[fan]
	switch {
	case one == nil:
		one = &keeper{total: total, at: at}
		k.of[fan] = one
		k.idle = append(k.idle, end{fan, at})
	case standing && one.standing > 0: // holds of one fan tell the same, or one of them less
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

// rest is how long what was kept and not bought is others'.
func (e *Engine) rest() time.Duration { return time.Duration(e.spec.Hold.Keep) }

// least is the shortest time to choose that is worth giving.
func (e *Engine) least() time.Duration { return time.Duration(e.spec.Hold.TTL) / 4 }

// spent is how long a fan has kept seats without buying.
func (e *Engine) spent(fan string, now time.Time) time.Duration {
	if k := e.keepers.of[fan]; k != nil {
		return k.spent(now, e.rest())
	}
	return 0
}

// usedUp refuses a fan who has kept seats for as long as one may.
func (e *Engine) usedUp(fan string, now time.Time) *wire.Problem {
	hold := e.spec.Hold
	spent := e.spent(fan, now)
	if time.Duration(hold.Keep-hold.Checkout)-spent >= e.least() {
		return nil
	}
	k := e.keepers.of[fan]
	p := wire.Refuse(wire.CodeResting, fmt.Sprintf("You have kept seats for %s without buying them. Pay for those that you hold now; after that others go first for %s.",
		spell(spent), spell(e.rest())))
	if k.standing == 0 {
		again := k.at.Add(e.rest())
		p.RetryAfterMS = again.Sub(now).Milliseconds()
		p.Detail = fmt.Sprintf("You have kept seats for %s without buying them. Others go first until %s; then you can choose again.", spell(spent), e.clock(again))
	}
	return p
}

// usedOf is how much of a hold's time who asks has had of a seat.
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

// resting refuses seats by name that rest from who asks.
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
		by = "somebody of your network"
	}
	again := latest.Until.Add(e.rest())
	p := wire.Refuse(wire.CodeResting, fmt.Sprintf("These seats were held by %s until %s and not bought; others go first until %s. Choose other seats.", by, e.clock(latest.Until), e.clock(again)))
	p.Seats, p.RetryAfterMS = e.ids(back), again.Sub(now).Milliseconds()
	return p
}

// aside takes free seats that rest from who asks out of a layer, and returns how
// many and what puts them back.
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

// lastOf is the last deadline of a hold by the present rules.
func (e *Engine) lastOf(h *hold) time.Time {
	spec := e.spec.Hold
	return h.since.Add(min(time.Duration(spec.Life()), time.Duration(spec.Keep)-h.spent))
}

// plain bounds the deadline of a hold that isn't in checkout: a payment that begins
// just before it has all of its time.
func (e *Engine) plain(h *hold, until time.Time) time.Time {
	if most := h.last.Add(-time.Duration(e.spec.Hold.Checkout)); until.After(most) {
		until = most
	}
	return until.UTC()
}

// unbought notes that a hold's seats come back. Those that come back through no
// fault of the fan's don't rest.
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
	Faultless      bool // not by the fan's doing
}

// Returned lists the holds that have ended without a sale since it was asked last.
func (e *Engine) Returned() []Returned {
	back := e.back
	e.back = nil
	return back
}

// clock writes an instant for people.
func (e *Engine) clock(t time.Time) string { return wire.FormatClock(t, e.zone) }

// spell writes a duration for people.
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
