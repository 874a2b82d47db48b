package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"frontrow/inventory/payment"
)

// challengePage stands in for the page of a fan's bank in 3-D Secure.
const challengePage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Confirm your payment</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem }
button { font: inherit; padding: .7rem 1.4rem; margin-right: .5rem; min-height: 44px }
</style>
<h1>Sandbox bank</h1>
{{if .Open}}<p>Do you confirm this payment of <strong>{{.Amount}}</strong>?</p>
<form method="post">
<input type="hidden" name="return" value="{{.Return}}">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>
{{else}}<p role="status">This payment is {{.State}}.</p>
{{end}}{{if .Return}}<p><a href="{{.Return}}">Back to the tickets</a></p>
{{end}}</html>
`

// challenge shows the page and, on POST, takes the fan's decision and redirects
// them to the "return" parameter.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	ref, back := r.PathValue("ref"), r.FormValue("return")
	if u, err := url.Parse(back); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		back = ""
	}
	if r.Method == http.MethodPost {
		to, reason := payment.Declined, "The bank did not confirm the payment."
		if r.FormValue("decision") == "approve" {
			to, reason = payment.Authorized, ""
		}
		e, fresh, err := s.book.step(context.WithoutCancel(r.Context()), ref, to, reason)
		if fresh && err == nil {
			s.hooks.tell(s.life, e)
		}
		if err != nil && !errors.Is(err, errState) {
			s.reply(w, 0, e, err)
			return
		}
		if back != "" {
			http.Redirect(w, r, back, http.StatusSeeOther)
			return
		}
	}
	e, ok := s.book.reference(ref)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	_ = s.page.Execute(w, struct {
		Open                  bool
		Amount, State, Return string
	}{e.State == payment.RequiresAction, fmt.Sprintf("%d.%02d %s", e.Amount/100, e.Amount%100, e.Currency), string(e.State), back})
}

// challengeURL returns the page on which the fan confirms a payment.
func (s *Server) challengeURL(e entry) string { return s.cfg.Public + "/challenge/" + e.Reference }

// delayed plays a provider that loses the answer and finishes much later: it
// makes the payment when Config.Late has passed.
func (s *Server) delayed(key string, r payment.AuthRequest) {
	if s.life.Err() != nil {
		return
	}
	s.hooks.busy.Go(func() {
		select {
		case <-s.life.Done():
			return
		case <-time.After(s.cfg.Late):
		}
		if e, fresh, err := s.book.authorize(context.WithoutCancel(s.life), key, r); err == nil && fresh {
			s.hooks.tell(s.life, e)
		}
	})
}
