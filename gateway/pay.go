package gateway

import (
	"net/http"

	"frontrow/gateway/pages"
	"frontrow/wire"
)

// payPage answers GET /pay/{order}. The page holds nothing of the order: its script
// requests that with the fan's cookie.
func (g *Gateway) payPage(w http.ResponseWriter, r *request) error {
	order := r.PathValue("order")
	if g.cfg.CardKey == "" || !wire.IsOrder(order) {
		return wire.Refuse(wire.CodeNotFound, "There is no such page.")
	}
	return g.pages.Render(w, http.StatusOK, "pay.html", pages.Page{Title: "Pay by card", Pay: &pages.Pay{Order: order, Key: g.cfg.CardKey}})
}
