package gateway

import (
	"maps"
	"net/http"
	"slices"

	"frontrow/wire"
)

// drawPage answers GET /e/{event}/draw: the proof of a draw, for everybody.
func (g *Gateway) drawPage(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.find(r.PathValue("event"))
	if err != nil {
		return err
	}
	if !ev.record.Load().Spec.Admission.Lottery {
		return wire.Refuse(wire.CodeNotFound, "There is no draw for this event: fans are called in the order of their arrival.")
	}
	page := &PageDraw{Event: g.pageEvent(ev), Origin: g.origin(r)}
	if b := ev.board.Load(); b != nil && b.Draw != nil {
		page.Commitment, page.Secret = b.Draw.Commitment, b.Draw.Secret
		page.Held = b.Draw.Secret != ""
		page.Lanes = entrants(&b.Board)
	}
	w.Header().Set("Cache-Control", boardCache)
	return g.pages.render(w, http.StatusOK, "draw.html", Page{Title: "The draw for " + page.Event.Name, Draw: page})
}

// entrants are the lanes of a draw that is held.
func entrants(b *wire.Board) []PageLane {
	var lanes []PageLane
	for _, lane := range wire.Lanes() {
		d, ok := b.DrawOf(lane)
		if !ok || d.Total() == 0 {
			continue
		}
		l := PageLane{Lane: lane}
		for _, region := range slices.Sorted(maps.Keys(d.Entrants)) {
			l.Regions = append(l.Regions, PageEntrants{Region: region, Fans: d.Entrants[region]})
		}
		lanes = append(lanes, l)
	}
	return lanes
}
