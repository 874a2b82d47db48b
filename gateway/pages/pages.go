package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

const (
	assetsPath = "/assets/"
	lang       = "en"
)

// Pages renders the templates and holds the assets.
type Pages struct {
	templates *template.Template
	policy    string
	names     map[string]string    // of assets: logical name → URL
	assets    map[string]*Document // by logical name
}

// New reads all of templates/ and dist/, so that what is missing or broken is found at the
// start and not by a fan. Pages may load from the origins in widget.
func New(files fs.FS, widget []string) (*Pages, error) {
	p := &Pages{policy: policyOf(widget), names: map[string]string{}, assets: map[string]*Document{}}
	var err error
	if p.templates, err = template.ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	for _, name := range []string{"index.html", "event.html", "ticket.html", "orders.html", "carry.html", "draw.html", "prices.html", "pay.html", "problem.html"} {
		if p.templates.Lookup(name) == nil {
			return nil, fmt.Errorf("pages: no templates/%s", name)
		}
	}
	err = fs.WalkDir(files, "dist", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "dist/")
		sum := sha256.Sum256(raw)
		a := NewDocument(assetType(name), hex.EncodeToString(sum[:8]), raw)
		p.assets[name], p.names[name] = a, assetsPath+name+"?v="+a.ETag()
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return p, nil
}

// policyOf returns the Content-Security-Policy, which allows what we and a widget's
// provider serve. 'self' covers the WebSocket of the same host (CSP level 3).
func policyOf(widget []string) string {
	var b strings.Builder
	for _, kind := range []string{"default", "style", "script", "connect", "frame"} {
		fmt.Fprintf(&b, "%s-src 'self'", kind)
		for _, origin := range widget {
			if kind != "default" {
				b.WriteString(" " + origin)
			}
		}
		b.WriteString("; ")
	}
	b.WriteString("img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	return b.String()
}

// payPolicy is the policy of the page that takes a card, and of no other: what Stripe's
// script needs, as Stripe documents it, and neither a widget nor anybody else.
const payPolicy = "default-src 'none'; script-src 'self' https://js.stripe.com https://*.js.stripe.com; " +
	"frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com; connect-src 'self' https://api.stripe.com; " +
	"style-src 'self'; img-src 'self' data: https://*.stripe.com; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// assetType returns a Content-Type; for what we build it doesn't depend on the machine's
// own table.
func assetType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".map", ".json", ".webmanifest":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// Render writes a page. It renders first, so that a broken template becomes a refusal.
func (p *Pages) Render(w http.ResponseWriter, status int, name string, data Page) error {
	data.Lang, data.Assets = lang, p.names
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	if data.Pay != nil {
		h.Set("Content-Security-Policy", payPolicy)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// Asset returns a file of dist/, nil if there is none of that name.
func (p *Pages) Asset(name string) *Document { return p.assets[name] }
