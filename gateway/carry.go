package gateway

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/events"
	"frontrow/gateway/pages"
	"frontrow/keyring"
	"frontrow/wire"
)

// A place belongs to the fan, not to the device. They carry it to another device by a link,
// which they can get only where they are known, and which makes them known where it is
// opened:
//
//	here   POST /v1/carry {place}   cookie and receipt are theirs ─► sealed link, 10 min, and six digits
//	there  GET  /c/{token}          a page that asks; nothing changes
//	       POST /c/{token} digits   from that page alone, once ─► fr_fan
//
// The digits stand beside the link and not in it: somebody with the link alone, from a
// picture, a history or a forwarded message, has five tries at a million numbers. Opening
// the link makes the device the fan's, with their orders. And somebody tricked into opening
// another's link would buy in that fan's name. So nothing happens without a tap on our own
// page, and a device that is another fan's is asked twice.

// carriedMark tells the event's page that the place was just carried here.
const carriedMark = "#carried"

// carryReply is a link for another device. QR is the SVG path of its QR code, a square of
// QRSize units.
type carryReply struct {
	Link    string    `json:"link"`
	Digits  string    `json:"digits"` // six, to be typed where it is opened
	QR      string    `json:"qr"`
	QRSize  int       `json:"qr_size"`
	Expires time.Time `json:"expires_at"`
}

// carry answers POST /v1/carry. A receipt alone is not enough: it says which place, and the
// fan's cookie whose.
func (g *Gateway) carry(w http.ResponseWriter, r *request) error {
	var req struct {
		Place string `json:"place"`
	}
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	place, err := g.receipt(req.Place, r.visitor.Fan())
	if err != nil {
		return err
	}
	if _, err := g.events.Find(place.Event); err != nil {
		return err
	}
	expires := g.cfg.Now().Add(keyring.CarryTTL).UTC().Truncate(time.Second)
	token := g.cfg.Keys.SignCarry(place, expires)
	link := r.visitor.Origin + "/c/" + token
	path, side, err := qrPath(link)
	if err != nil {
		return fmt.Errorf("draw link: %w", err)
	}
	return writeJSON(w, http.StatusOK, carryReply{Link: link, Digits: g.cfg.Keys.CarryDigits(token), QR: path, QRSize: side, Expires: expires})
}

// carried is what a link carries here.
type carried struct {
	place wire.Place
	made  time.Time
	event *events.Event
	same  bool // this device already is that fan's
	other bool // it is another fan's
}

func (g *Gateway) carried(r *request) (c carried, err error) {
	c.place, c.made, err = g.cfg.Keys.OpenCarry(r.PathValue("token"), g.cfg.Now())
	switch {
	case err == nil && g.visitors.SignOuts.Since(c.place.Fan, c.made):
		return c, wire.Refuse(wire.CodeLinkExpired, "This link was made before other devices were signed out. Make a new one in the waiting room you came from.")
	case errors.Is(err, keyring.ErrCarryExpired):
		return c, wire.Refuse(wire.CodeLinkExpired, "This link has expired. Make a new one in the waiting room you came from: it works for ten minutes.")
	case err != nil:
		return c, wire.Refuse(wire.CodeLink, "This link is not valid. Scan the code again, or copy the whole link.")
	}
	if c.event, err = g.events.Find(c.place.Event); err != nil {
		return c, err
	}
	if fan := r.visitor.Fan(); fan != "" {
		c.same, c.other = fan == c.place.Fan, fan != c.place.Fan
	}
	return c, nil
}

// carryPage answers GET /c/{token}: it asks, and changes nothing.
func (g *Gateway) carryPage(w http.ResponseWriter, r *request) error {
	c, err := g.carried(r)
	if err != nil {
		return err
	}
	return g.renderCarry(w, http.StatusOK, c, "")
}

func (g *Gateway) renderCarry(w http.ResponseWriter, status int, c carried, wrong string) error {
	return g.pages.Render(w, status, "carry.html", pages.Page{Title: "Continue here", Carry: &pages.Carry{Number: c.place.Number,
		Event: c.event.Record().Spec.Name, EventID: c.event.ID(), ThisFan: c.same, OtherFan: c.other, Wrong: wrong}})
}

// digits says why the digits that were typed don't open the link. Typing none costs no try.
// The last wrong try ends the link.
func (g *Gateway) digits(r *request) *wire.Problem {
	token := r.PathValue("token")
	typed := strings.Join(strings.Fields(r.PostFormValue("digits")), "")
	switch {
	case typed == "":
		return wire.Refuse(wire.CodeLinkDigits, "Enter the six digits shown beside the link on your other device.")
	case !g.defences.Try(wire.Hash([]byte(token))):
		return wire.Refuse(wire.CodeLinkExpired, "Wrong digits were entered too often, so this link no longer works. Make a new one in the waiting room you came from. If it was not you who entered them, keep the next link to yourself.")
	case subtle.ConstantTimeCompare([]byte(typed), []byte(g.cfg.Keys.CarryDigits(token))) != 1:
		return wire.Refuse(wire.CodeLinkDigits, "These digits are wrong. Check the ones beside the link on your other device: after five wrong tries the link stops working.")
	}
	return nil
}

// acceptCarry answers POST /c/{token}, which only our own page can send.
func (g *Gateway) acceptCarry(w http.ResponseWriter, r *request) error {
	c, err := g.carried(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if c.other && r.PostFormValue("replace") != "yes" {
		return wire.Refuse(wire.CodeOtherFan, "This device is in use by another fan. To continue here, go back and agree that their places and orders will no longer be shown on it.")
	}
	if !c.same {
		if p := g.digits(r); p != nil && p.Code == wire.CodeLinkDigits {
			return g.renderCarry(w, refusalOf(p.Code).status, c, p.Detail)
		} else if p != nil {
			return p
		}
	}
	g.visitors.GiveDevice(w, r.visitor)
	if !c.same {
		first, err := g.defences.Once(r.Context(), c.event.ID(), wire.Hash([]byte(r.PathValue("token"))), "carry to "+r.visitor.Device, c.place.Fan)
		switch {
		case err != nil:
			return wire.Busy("The link can't be opened right now. Please try again.")
		case !first:
			return wire.Refuse(wire.CodeLinkExpired, "This link has already been opened on another device: a link opens once. If that was not you, make a new one and tell us.")
		}
		g.visitors.SignIn(w, r.visitor, c.place.Fan)
	}
	g.visitors.KeepPlace(w, r.visitor, c.place)
	w.Header().Set("Location", "/e/"+c.event.ID()+carriedMark)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
