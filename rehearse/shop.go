package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"frontrow/wire"
)

const (
	// Pauses between reads of an order: often at first, since most are paid at once.
	firstRead, longestRead = 100 * time.Millisecond, 2 * time.Second
	// unknownLimit is how long an accepted order may be unknown to another server.
	unknownLimit = 10 * time.Second
)

// standing is the hold that a visitor has.
type standing struct {
	wire.HoldReply
	card string
}

const (
	goodCard = "tok_visa"
	badCard  = "tok_decline"
	openCard = "tok_3ds" // whose payments wait for the fan to confirm
)

// shop gets seats: it asks for what the visitor wishes and, if others were quicker,
// for other seats and for fewer.
func (v *visitor) shop(ctx context.Context) state {
	count := v.party()
	for v.tries > 0 && !v.over() {
		v.tries--
		body, n, err := v.choose(ctx, count)
		if err != nil {
			return v.failed(err)
		}
		if body == "" { // the map shows nothing
			if !v.pause(ctx, hopes) {
				return v.leave(stopped)
			}
			continue
		}
		a, err := v.hold(ctx, body)
		if err != nil {
			return v.failed(err)
		}
		switch {
		case a.status == http.StatusCreated:
			return v.holds(ctx, a, n)
		case a.status == http.StatusUnauthorized:
			return v.again
		case a.is("gone"):
			return v.leave(tooLate)
		case a.is("challenge-required"):
			return v.leave(unproven)
		case a.is("none-left"):
			count, v.wish = v.secondBest(count)
		case a.is("orphan") && len(a.Instead) > 0:
			if a, err = v.hold(ctx, seatsBody(a.Instead)); err != nil {
				return v.failed(err)
			}
			if a.status == http.StatusCreated {
				return v.holds(ctx, a, n)
			}
		case a.is("resting"):
			v.hindered.rested = true
		case a.is("taken"), a.is("hold-over"), a.is("orphan"), a.is("idempotency-reuse"), a.is("invalid"), // look again
			a.is("limit"): // seats of an order that failed may still be on their way back
		default:
			return v.leave(refused)
		}
		if !v.pause(ctx, hurries) {
			return v.leave(stopped)
		}
	}
	if count == 1 || v.over() {
		return v.leave(nothing)
	}
	return v.leave(lost)
}

// secondBest returns what a visitor asks for when nothing is left of what they wished.
// People take whatever the map still shows. Bots, which don't look at a map, ask for
// ever fewer seats and in the end for accessible ones.
func (v *visitor) secondBest(count int) (int, wish) {
	switch {
	case !v.fake:
		return max(count-1, 1), wishChoose
	case count == 1 && v.wish != wishAccessible:
		return 2, wishAccessible // with the companion's
	}
	return max(count-1, 1), v.wish
}

// pause waits between two tries, in units of Config.Think, and reports false if ctx
// ends first.
func (v *visitor) pause(ctx context.Context, thinks float64) bool {
	if v.fake {
		thinks = hammering
	}
	d := v.thoughts(thinks)
	return pause(ctx, d/2+time.Duration(v.random.Float64()*float64(d)))
}

// party returns how many tickets the visitor wants, within the limit.
func (v *visitor) party() int {
	n := v.tickets
	if n == 0 || n > v.r.limit {
		n = v.r.limit
	}
	if v.wish == wishAccessible {
		n = min(max(n, 2), v.r.limit) // with the companion, whose seat is not sold alone
	}
	return n
}

// choose returns the body of a hold and its number of places. The body is empty if the
// map shows nothing to choose from.
func (v *visitor) choose(ctx context.Context, count int) (body string, n int, err error) {
	if !v.fake { // people look at the map, whatever they ask for
		a, err := v.ask(ctx, request{route: routeMap, method: http.MethodGet, path: v.r.path("/availability")})
		if err != nil {
			return "", 0, err
		}
		if v.wish == wishChoose && a.status == http.StatusOK {
			ids := v.r.venue.choose(a.body, count, v.eager, v.random)
			if len(ids) == 0 {
				return "", 0, nil
			}
			return seatsBody(ids), len(ids), nil
		}
	}
	switch {
	case v.wish == wishArea && len(v.r.venue.areas) > 0:
		area := v.r.venue.areas[v.random.IntN(len(v.r.venue.areas))]
		return mustJSON(map[string]any{"area": area, "count": count}), count, nil
	case v.wish == wishAccessible:
		return mustJSON(map[string]any{"best": wire.Best{Count: count, Accessible: true}}), count, nil
	}
	return mustJSON(map[string]any{"best": wire.Best{Count: count}}), count, nil
}

func seatsBody(ids []string) string { return mustJSON(map[string]any{"seats": ids}) }

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(raw)
}

// hold asks for seats under a new idempotency key, so that the request may be repeated.
func (v *visitor) hold(ctx context.Context, body string) (answer, error) {
	v.wishes++
	q := request{route: routeHold, method: http.MethodPost, path: v.r.path("/holds"), body: body, pass: v.pass,
		key: fmt.Sprintf("%d-%d", v.n, v.wishes)}
	if v.doubleClick {
		return v.act(ctx, q, v.twice)
	}
	return v.act(ctx, q, v.ask)
}

// holds decides what a visitor does with the seats they hold.
func (v *visitor) holds(ctx context.Context, a answer, wanted int) state {
	at := time.Now()
	s := &standing{card: goodCard}
	if err := a.into(&s.HoldReply); err != nil {
		return v.failed(fmt.Errorf("hold: %w", err))
	}
	v.standing = s
	v.r.check.held(v.n, s.HoldReply, wanted, at)
	v.tally.add(countHolds, 1)
	v.r.holding.Add(1)
	defer v.r.holding.Add(-1)
	if v.spins > 0 {
		return v.spin(ctx)
	}
	if v.keeps != "" {
		return v.keep(ctx, at)
	}
	if !pause(ctx, v.thinks) {
		return v.leave(stopped)
	}
	if v.abandons {
		if v.leaves {
			return v.leave(abandoned)
		}
		if err := v.release(ctx); err != nil {
			return v.failed(err)
		}
		return v.leave(abandoned)
	}
	return v.pay(ctx)
}

// release gives the seats back. From the moment the request is sent they may be gone.
func (v *visitor) release(ctx context.Context) error {
	v.r.check.ending(v.standing.Hold, time.Now())
	_, err := v.ask(ctx, request{route: routeRelease, method: http.MethodDelete, path: "/v1/holds/" + v.standing.Hold, pass: v.pass})
	return err
}

// spin keeps seats off sale without paying: it holds, releases, and repeats.
func (v *visitor) spin(ctx context.Context) state {
	if v.spins--; v.spins == 0 {
		_ = v.release(ctx)
		return v.leave(spun)
	}
	if !pause(ctx, v.thoughts(hammering)) {
		return v.leave(stopped)
	}
	if err := v.release(ctx); err != nil {
		return v.failed(err)
	}
	return v.shop
}

// keep keeps seats off sale with a checkout that never pays until they are lost, and
// then asks for seats again. The cost to others is counted in seat-seconds.
func (v *visitor) keep(ctx context.Context, since time.Time) state {
	s := v.standing
	v.r.check.ending(s.Hold, time.Now())
	if left := time.Until(s.Expires) - time.Second; !pause(ctx, left) { // the last moment
		return v.leave(stopped)
	}
	kept := func() { v.tally.add(countKept, int(time.Since(since).Seconds())*len(s.Seats)) }
	_, err := v.ask(ctx, request{route: routeCheckout, method: http.MethodPost, path: "/v1/holds/" + s.Hold + "/checkout", pass: v.pass, key: "keep-" + s.Hold,
		body: mustJSON(map[string]any{"payment": wire.Payment{Method: v.keeps}, "buyer": wire.Buyer{Name: "Bot", Email: "bot@example.com"}})})
	for err == nil && !v.over() {
		if !pause(ctx, firstRead*5) {
			kept()
			return v.leave(stopped)
		}
		var a answer
		var o wire.OrderReply
		if a, err = v.ask(ctx, request{route: routeOrder, method: http.MethodGet, path: "/v1/orders/" + wire.OrderOfHold(s.Hold)}); err != nil ||
			a.status != http.StatusOK || a.into(&o) == nil && o.State != wire.OrderPending {
			break
		}
	}
	kept()
	if err != nil {
		return v.failed(err)
	}
	return v.shop
}

// pay checks out and waits for the order to be settled.
func (v *visitor) pay(ctx context.Context) state {
	s := v.standing
	if v.declined {
		s.card, v.declined = badCard, false
		v.r.check.ending(s.Hold, time.Now())
	}
	began := time.Now()
	q := request{route: routeCheckout, method: http.MethodPost, path: "/v1/holds/" + s.Hold + "/checkout", pass: v.pass, key: "pay-" + s.card + "-" + s.Hold,
		body: mustJSON(map[string]any{"payment": wire.Payment{Method: s.card}, "quoted": s.Quoted(),
			"buyer": wire.Buyer{Name: "Fan " + fmt.Sprint(v.n), Email: fmt.Sprintf("fan%d@example.com", v.n)}})}
	ask := v.ask
	if v.doubleClick {
		ask = v.twice
	}
	a, err := ask(ctx, q)
	if err != nil {
		return v.failed(err)
	}
	switch {
	case a.status == http.StatusAccepted:
	case a.is("hold-over"):
		v.r.check.over(s.Hold, time.Now())
		v.thinks /= 2 // too long
		return v.shop
	case a.status == http.StatusUnauthorized:
		return v.again
	default:
		return v.leave(refused)
	}
	var reply struct {
		Order string `json:"order"`
	}
	if err := a.into(&reply); err != nil {
		return v.failed(fmt.Errorf("checkout: %w", err))
	}
	v.r.check.ordered(s.Hold, reply.Order, s.card == goodCard)
	return v.awaitOrder(ctx, reply.Order, began)
}

// awaitOrder reads the order until it is paid or has failed.
func (v *visitor) awaitOrder(ctx context.Context, order string, began time.Time) state {
	unknown := time.Time{}
	for wait := firstRead; ; wait = min(2*wait, longestRead) {
		a, err := v.ask(ctx, request{route: routeOrder, method: http.MethodGet, path: "/v1/orders/" + order})
		if err != nil {
			return v.failed(err)
		}
		var o wire.OrderReply
		switch {
		case a.status == http.StatusNotFound && unknown.IsZero():
			unknown = time.Now()
		case a.status == http.StatusNotFound && time.Since(unknown) > unknownLimit:
			v.r.check.missing(order)
			return v.leave(refused)
		case a.status == http.StatusNotFound:
		case a.status != http.StatusOK || a.into(&o) != nil:
			return v.leave(refused)
		default:
			unknown = time.Time{}
		}
		if o.State != "" {
			v.r.check.orderRead(v.standing.Hold, o, time.Now())
		}
		switch o.State {
		case wire.OrderPaid:
			v.tally.took(timeToPaid, time.Since(began))
			return v.enjoy(ctx, o)
		case wire.OrderFailed, wire.OrderRefunded:
			v.tally.add(countFailed, 1)
			if v.standing.card == badCard && o.Hold != nil { // with the other card
				v.standing.card = goodCard
				return v.pay
			}
			if v.standing.card == badCard {
				return v.shop // with the other card
			}
			return v.leave(declined)
		}
		if time.Since(began) > settleLimit {
			v.r.check.unsettled(order, time.Since(began))
			return v.leave(away)
		}
		if !pause(ctx, wait) {
			return v.leave(stopped)
		}
	}
}

// enjoy looks at one of the tickets.
func (v *visitor) enjoy(ctx context.Context, o wire.OrderReply) state {
	v.tally.add(countOrders, 1)
	v.tally.add(countSeats, len(o.Seats))
	v.bought += len(o.Seats)
	if v.fake || len(o.Tickets) == 0 {
		return v.leave(paid)
	}
	a, err := v.ask(ctx, request{route: routeTicket, method: http.MethodGet, path: "/v1/tickets/" + o.Tickets[0]})
	if err != nil {
		return v.failed(err)
	}
	var t wire.TicketReply
	if a.status == http.StatusOK && a.into(&t) == nil {
		v.r.check.ticket(v.standing.Hold, t)
	}
	return v.leave(paid)
}

func samePrices(a, b []wire.SeatQuote) bool {
	price := make(map[string]wire.Amounts, len(a))
	for _, q := range a {
		price[q.ID] = q.Price
	}
	for _, q := range b {
		if p, ok := price[q.ID]; !ok || p != q.Price {
			return false
		}
	}
	return len(a) == len(b)
}

func sumOf(seats []wire.SeatQuote) (sum int64) {
	for _, q := range seats {
		sum += q.Price.Total
	}
	return sum
}

func idsOf(seats []wire.SeatQuote) []string {
	ids := make([]string, len(seats))
	for i, q := range seats {
		ids[i] = q.ID
	}
	return ids
}
