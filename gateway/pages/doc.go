// Package pages renders what fans read: HTML templates and the assets they name.
// What is on a page is a value of type Page; it knows nothing of where that comes from.
//
//	templates/*.html ─┐                      ┌─► Render(name, Page) ─► HTML, with the policy
//	dist/*  ──────────┴─► New, at the start ─┴─► Asset(name) ─► a Document under /assets/name?v=hash
//
// # Invariants
//
//  1. A page is readable without JavaScript, and loads nothing but what we serve and,
//     where the operator has set one up, a widget's provider does.
//  2. A page is rendered whole before the first byte is sent: a broken one is an error.
//  3. The URL of an asset names its content, so it may be kept for ever.
package pages
