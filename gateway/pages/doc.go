// Package pages renders what fans read: HTML templates and the assets they name.
// The content of a page is a Page; this package knows nothing of where that comes from. A
// Document is a body that is encoded once and sent to many: an asset, a plan, a board.
//
//	templates/*.html ─┐                      ┌─► Render(name, Page) ─► HTML, with the policy
//	dist/*  ──────────┴─► New, at the start ─┴─► Asset(name) ─► a Document under /assets/name?v=hash
//
// # Invariants
//
//  1. A page is readable without JavaScript, and loads only from us and from the provider
//     of a widget, if the operator has set one up.
//  2. A page is rendered completely before the first byte is sent: a broken template is an
//     error.
//  3. The URL of an asset names its content, so it may be kept for ever.
package pages
