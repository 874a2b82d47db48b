package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"frontrow/gateway/pages"
	"frontrow/wire"
)

const (
	historyPage = 20                      // orders on a page by default
	maxCursor   = 64                      // bytes
	latestMark  = 253_402_300_799_999_999 // microseconds: RFC 3339 ends with the year 9999
)

// history answers GET /v1/orders.
func (g *Gateway) history(w http.ResponseWriter, r *request) error {
	query, err := historyQuery(r.URL.Query())
	if err != nil {
		return err
	}
	h, err := g.findHistory(r.Context(), r.visitor.Fan(), query)
	if err != nil {
		return err
	}
	body := historyReply{Orders: []pastOrder{}, AsOf: h.AsOf}
	for _, o := range h.Orders {
		seats, taxes := g.heldSeats(o.Event, o.Seats)
		body.Orders = append(body.Orders, pastOrder{Order: o.Order, Event: o.Event, State: o.State, Reason: o.Reason, Total: o.Total,
			Refunded: o.Refunded, Currency: o.Currency, Created: o.Created, Seats: seats, Taxes: taxes, Tickets: o.Tickets})
	}
	if h.Next != nil {
		body.Next = cursorOf(*h.Next)
	}
	return writeJSON(w, http.StatusOK, body)
}

// historyReply is a page of a fan's orders, the newest first.
type historyReply struct {
	Orders []pastOrder `json:"orders"`
	Next   string      `json:"next,omitempty"` // before for the next page; empty: this is the last
	AsOf   time.Time   `json:"as_of,omitzero"` // everything settled until then is in it
}

type pastOrder struct {
	Order    string          `json:"order"`
	Event    string          `json:"event"`
	State    wire.OrderState `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	Total    int64           `json:"total"`
	Refunded int64           `json:"refunded,omitempty"` // of the total
	Currency string          `json:"currency"`
	Created  time.Time       `json:"created_at"`
	Seats    []heldSeat      `json:"seats,omitempty"`
	Taxes    []wire.TaxLine  `json:"taxes,omitempty"` // that are in the seats' prices
	Tickets  []string        `json:"tickets,omitempty"`
}

// historyQuery reads limit and before; both may be left out.
func historyQuery(values url.Values) (q wire.HistoryQuery, err error) {
	q.Limit = historyPage
	if limit := values.Get("limit"); values.Has("limit") {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > wire.MaxHistory {
			return q, wire.Refuse(wire.CodeBadRequest, fmt.Sprintf("The limit is 1 to %d, or left out.", wire.MaxHistory))
		}
	}
	if values.Has("before") {
		mark, err := markOf(values.Get("before"))
		if err != nil {
			return q, wire.Refuse(wire.CodeBadRequest, "Set before to the next of the previous page.")
		}
		q.Before = &mark
	}
	return q, nil
}

func (g *Gateway) findHistory(ctx context.Context, fan string, q wire.HistoryQuery) (wire.HistoryReply, error) {
	q.Fan = fan
	h, err := ask[wire.HistoryReply](ctx, g, wire.LedgerHistory, q)
	if err == nil && h.Problem != nil {
		err = h.Problem
	}
	return h, err
}

// cursorOf returns a mark as clients see it: opaque, for the next request alone. It needs
// no signature: with a made-up one a fan still sees only their own orders.
func cursorOf(m wire.OrderMark) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(m.At.UnixMicro(), 36) + "." + m.Order))
}

var errCursor = errors.New("not a cursor of ours")

// markOf returns the inverse of cursorOf.
func markOf(cursor string) (m wire.OrderMark, err error) {
	if len(cursor) > maxCursor {
		return m, errCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return m, errCursor
	}
	at, order, _ := strings.Cut(string(raw), ".")
	micros, err := strconv.ParseInt(at, 36, 64)
	if err != nil || micros <= 0 || micros > latestMark || !wire.IsOrder(order) {
		return m, errCursor
	}
	m = wire.OrderMark{At: time.UnixMicro(micros).UTC(), Order: order}
	if cursorOf(m) != cursor { // another spelling of the same
		return m, errCursor
	}
	return m, nil
}

// ordersPage answers GET /orders. A browser we don't know has no orders.
func (g *Gateway) ordersPage(w http.ResponseWriter, r *request) error {
	page := pages.Page{Title: "My orders", Orders: &pages.Orders{SignedOut: r.FormValue(signedOutMark)}}
	if err := r.visitor.MayEnroll(); err != nil {
		return err
	}
	if r.visitor.Fan() == "" {
		return g.pages.Render(w, http.StatusOK, "orders.html", page)
	}
	page.Orders.Known = true
	query, err := historyQuery(r.URL.Query())
	if err != nil {
		return err
	}
	h, err := g.findHistory(r.Context(), r.visitor.Fan(), query)
	if err != nil {
		return err
	}
	page.Orders.Later = query.Before != nil
	for _, o := range h.Orders {
		page.Orders.List = append(page.Orders.List, g.pageOrder(o))
	}
	if h.Next != nil {
		page.Orders.Older = "/orders?before=" + cursorOf(*h.Next)
	}
	return g.pages.Render(w, http.StatusOK, "orders.html", page)
}

// pageOrder returns an order as a page shows it.
func (g *Gateway) pageOrder(o wire.PastOrder) pages.Order {
	p := pages.Order{ID: o.Order, Event: o.Event, Name: o.Event, State: string(o.State), Reason: o.Reason}
	zone, digits := time.UTC, wire.CurrencyDigits(o.Currency)
	spec := g.specOf(o.Event)
	if ev, err := g.events.Find(o.Event); err == nil {
		p.Name, p.Venue = spec.Name, spec.Venue
		zone = ev.Zone()
		p.Starts = pages.InstantOf(spec.StartsAt, zone)
	}
	p.Placed = pages.InstantOf(o.Created, zone)
	p.Status = map[wire.OrderState]string{wire.OrderPending: "The payment is under way", wire.OrderPaid: "Paid",
		wire.OrderFailed: "Not paid", wire.OrderRefunded: "Refunded"}[o.State]
	if o.State == wire.OrderPaid && o.Refunded > 0 {
		p.Status = "Paid, partly refunded"
	}
	for i, q := range o.Seats {
		s := pages.Seat{Label: q.Label, Notes: g.notes(o.Event, q.ID).Reading(), Concession: spec.ConcessionName(q.Concession)}
		if o.State == wire.OrderPaid && i < len(o.Tickets) {
			s.Ticket = o.Tickets[i]
		}
		p.Seats = append(p.Seats, s)
	}
	if o.State != wire.OrderFailed {
		p.Total = pages.MoneyOf(o.Total, o.Currency, digits)
		for _, t := range spec.Tax.Taxes(o.Seats) {
			p.Taxes = append(p.Taxes, pages.Tax{Name: t.Name, Percent: t.Percent.String(), Amount: pages.MoneyOf(t.Amount, o.Currency, digits)})
		}
	}
	if o.Refunded > 0 {
		p.Refunded = pages.MoneyOf(o.Refunded, o.Currency, digits)
	}
	return p
}
