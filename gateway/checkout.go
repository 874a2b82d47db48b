package gateway

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"

	"rsc.io/qr"
)

const (
	keyHeader  = "Idempotency-Key"
	maxKey     = 255
	maxMethod  = 255
	quietZone  = 4 // modules of white around a QR code, ISO/IEC 18004
	orderWrite = 5 * time.Second
)

// checkoutRequest is the body of POST /v1/holds/{hold}/checkout.
type checkoutRequest wire.CheckoutWish

// check is a pure rule; it normalizes the buyer's name. Only sending shows whether the
// address takes mail.
func (c *checkoutRequest) check() *wire.Problem {
	name, err := wire.CleanText(c.Buyer.Name, wire.MaxText)
	method := c.Payment.Method
	switch {
	case method == "" || len(method) > maxMethod || strings.ContainsFunc(method, func(r rune) bool { return r < ' ' || r > '~' }):
		return wire.Refuse(wire.CodeInvalid, "Choose how to pay.")
	case err != nil:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("The buyer's name can't be used: %v.", err))
	case name == "":
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("Enter the buyer's name, in at most %d characters.", wire.MaxText))
	case !wire.PlausibleEmail(c.Buyer.Email):
		return wire.Refuse(wire.CodeInvalid, "This e-mail address does not look right. Please check it.")
	}
	c.Buyer.Name = name
	return nil
}

// idempotencyKey returns the request's Idempotency-Key: 1 to maxKey printable ASCII
// characters.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get(keyHeader)
	if key == "" || len(key) > maxKey || len(r.Header.Values(keyHeader)) != 1 ||
		strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", wire.Refuse(wire.CodeBadRequest, "Send one "+keyHeader+" header of printable characters: with it, sending the request twice does it once.")
	}
	return key, nil
}

// checkout answers POST /v1/holds/{hold}/checkout. The writer marks the hold; then the
// order is put into ORDERS under the hold's name and the attempt's number, which works
// once:
//
//	between the two   the fan repeats with the same key and both are done again;
//	                  if they don't, the hold's deadline passes and the inventory
//	                  asks the ledger, which knows no such order, and frees it
//	after the second  the checkout worker finishes the order whatever happens here
func (g *Gateway) checkout(w http.ResponseWriter, r *request) error {
	key, err := idempotencyKey(r.Request)
	if err != nil {
		return err
	}
	var req checkoutRequest
	if err := readJSON(w, r, (*wire.CheckoutWish)(&req), false); err != nil {
		return err
	}
	if p := req.check(); p != nil {
		return p
	}
	canonical, err := wire.Append(nil, wire.CheckoutWish(req)) // as every version does: its hash is compared
	if err != nil {
		return err
	}
	reply, err := askAgain[wire.HoldReply](r.Context(), g, wire.SeatsSubject(r.event.ID(), wire.ActCheckout),
		wire.CheckoutRequest{Hold: r.hold, Fan: r.pass.Subject, Key: wire.Hash([]byte(key)), Body: wire.Hash(canonical), Quoted: req.Quoted})
	g.metrics.checkouts.WithLabelValues(outcome(err, reply.Problem)).Inc()
	if err != nil {
		return err
	}
	if reply.Problem != nil {
		return reply.Problem
	}
	if !wire.IsOrder(reply.Order) {
		return wire.Busy("Your seats are still held, but we could not take the order yet. Please send it again.")
	}
	failpoint.Here(failpoint.CheckoutMarked)
	order := wire.OrderMessage{Order: reply.Order, Hold: r.hold, Event: r.event.ID(), Fan: r.pass.Subject, Seats: reply.Seats,
		Total: reply.Total, Currency: reply.Currency, Payment: req.Payment, Buyer: req.Buyer, At: g.cfg.Now().UTC()}
	if err := g.enqueue(r.Context(), order); err != nil {
		return err
	}
	failpoint.Here(failpoint.OrderPublished)
	w.Header().Set("Location", "/v1/orders/"+order.Order)
	return writeJSON(w, http.StatusAccepted, struct {
		Order string `json:"order"`
	}{order.Order})
}

// enqueue puts the order into ORDERS. If it is there already, or was, that is success: it
// is the same order.
func (g *Gateway) enqueue(ctx context.Context, order wire.OrderMessage) error {
	raw, err := wire.Append(nil, order)
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, orderWrite)
	defer cancel()
	_, err = g.orders.Do(ctx, kv.Write{Key: wire.OrderSubject(order.Event, order.Order), Value: raw, Expect: kv.Absent()})
	if err == nil || errors.Is(err, kv.ErrConflict) && g.taken(ctx, order) {
		return nil
	}
	g.cfg.Logger.Warn("order could not be queued", "event", order.Event, "order", order.Order, "err", err)
	return wire.Busy("Your seats are still held, but we could not take the order yet. Please send it again.")
}

// taken reports whether an order is known to be in ORDERS, or to have left it for the
// ledger. A conflict alone doesn't say so: on replicated streams it also means that another
// write is in flight, which may yet fail.
func (g *Gateway) taken(ctx context.Context, order wire.OrderMessage) bool {
	_, err := g.waiting.Get(ctx, wire.OrderSubject(order.Event, order.Order))
	if !errors.Is(err, kv.ErrNotFound) {
		return err == nil
	}
	o, err := ask[wire.OrderReply](ctx, g, wire.LedgerOrder, wire.OrderQuery{Order: order.Order, Fan: order.Fan})
	return err == nil && o.Problem == nil
}

// orderReply is an order as its buyer sees it.
type orderReply struct {
	Order    string             `json:"order"`
	Event    string             `json:"event"`
	State    wire.OrderState    `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Action   *wire.Action       `json:"action,omitempty"`
	Tickets  []string           `json:"tickets"`
	Seats    []heldSeat         `json:"seats"`
	Taxes    []wire.TaxLine     `json:"taxes,omitempty"` // that are in the seats' prices
	Hold     *wire.StandingHold `json:"hold,omitempty"`  // still the fan's after a failed payment
	Total    int64              `json:"total"`
	Refunded int64              `json:"refunded,omitempty"` // of the total
	Currency string             `json:"currency"`
}

// order answers GET /v1/orders/{order}.
func (g *Gateway) order(w http.ResponseWriter, r *request) error {
	id := r.PathValue("order")
	if !wire.IsOrder(id) {
		return wire.Refuse(wire.CodeNotFound, "There is no such order.")
	}
	o, err := g.findOrder(r.Context(), id, r.visitor.Fan())
	if err != nil {
		return err
	}
	if o.Problem != nil {
		return o.Problem
	}
	if o.Tickets == nil {
		o.Tickets = []string{}
	}
	seats, taxes := g.heldSeats(o.Event, o.Seats)
	return writeJSON(w, http.StatusOK, orderReply{Order: o.Order, Event: o.Event, State: o.State, Reason: o.Reason, Action: o.Action, Hold: o.Hold,
		Tickets: o.Tickets, Seats: seats, Taxes: taxes, Total: o.Total, Refunded: o.Refunded, Currency: o.Currency})
}

// findOrder asks the ledger. An order that the ledger doesn't know yet may still wait in
// ORDERS, which it leaves only once the ledger has it. An order found in neither may have
// moved between the two looks, so the ledger is asked again.
func (g *Gateway) findOrder(ctx context.Context, id, fan string) (wire.OrderReply, error) {
	query := wire.OrderQuery{Order: id, Fan: fan}
	o, err := ask[wire.OrderReply](ctx, g, wire.LedgerOrder, query)
	if err != nil || o.Problem == nil || o.Problem.Code != wire.CodeNotFound {
		return o, err
	}
	e, err := g.waiting.Get(ctx, wire.OrderSubject("*", id))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return ask[wire.OrderReply](ctx, g, wire.LedgerOrder, query)
	case err != nil:
		return o, wire.Busy("The order can't be read right now. Please try again.")
	}
	var m wire.OrderMessage
	if err := wire.Unmarshal(e.Value, &m); err != nil {
		return o, fmt.Errorf("read queued order: %w", err)
	}
	if m.Fan != fan {
		return o, nil // for anybody else it doesn't exist
	}
	return wire.OrderReply{Order: m.Order, Event: m.Event, State: wire.OrderPending, Seats: m.Seats, Total: m.Total, Currency: m.Currency}, nil
}

// findTicket returns the ticket named in the path, if the fan holds it.
func (g *Gateway) findTicket(r *request) (wire.TicketReply, error) {
	id := r.PathValue("ticket")
	if !wire.IsTicket(id) {
		return wire.TicketReply{}, wire.Refuse(wire.CodeNotFound, "There is no such ticket.")
	}
	t, err := ask[wire.TicketReply](r.Context(), g, wire.LedgerTicket, wire.TicketQuery{Ticket: id, Fan: r.visitor.Fan()})
	if err == nil && t.Problem != nil {
		err = t.Problem
	}
	t.Notes = g.notes(t.Event, t.Seat)
	t.Concession = g.specOf(t.Event).ConcessionName(t.Concession)
	return t, err
}

// ticket answers GET /v1/tickets/{ticket}.
func (g *Gateway) ticket(w http.ResponseWriter, r *request) error {
	t, err := g.findTicket(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, t)
}

// ticketQR answers GET /v1/tickets/{ticket}/qr.svg.
func (g *Gateway) ticketQR(w http.ResponseWriter, r *request) error {
	t, err := g.findTicket(r)
	if err != nil {
		return err
	}
	if t.Barcode == "" {
		return wire.Refuse(wire.CodeGone, "This ticket is no longer valid at the gate.")
	}
	svg, err := qrSVG(t.Barcode, t.Label)
	if err != nil {
		return fmt.Errorf("barcode of ticket: %w", err)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(svg)
	return nil
}

// qrSVG draws text as a QR code, a complete SVG image.
func qrSVG(text, label string) ([]byte, error) {
	path, side, err := qrPath(text)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-label="%s">`+
		`<rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		side, side, html.EscapeString("Ticket barcode: "+label), side, side, path), nil
}

// qrPath draws text as a QR code of error correction level M: the dark modules as one SVG
// path of horizontal runs, in a square of side units.
func qrPath(text string) (path string, side int, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", 0, err
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return b.String(), code.Size + 2*quietZone, nil
}
