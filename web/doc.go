// Package web is what fans see: HTML templates, a style sheet and scripts.
// The gateway renders the templates with a pages.Page and serves dist under /assets/.
//
//	templates/   the pages; readable without JavaScript, the fan's orders entirely
//	src/         TypeScript and CSS; main.ts, of an event's page, pages.ts, of the
//	             others, and app.css are the entries
//	dist/        what "go run ./web/build" makes of src; committed, so that building
//	             frontrow needs nothing but Go
//
// What must hold, and is tested:
//
//  1. dist is what src builds to, byte for byte.
//  2. The script of an event's page is at most 25 kB, with what prices may be reduced by, where
//     there is any, 2 kB more, that of the other pages 8 kB, the solver of proofs of work,
//     which only suspects load, 4 kB, and the style sheet 6 kB, compressed with gzip.
//  3. Nothing is loaded from anywhere else, and no script or style is inline. The one
//     exception is a widget's script, where the operator has set one up and a strong
//     proof is asked for.
//  4. Whatever the map does the list beside it does too, with the keyboard alone.
//  5. A proof of work needs no act of the fan, is told in words, and can be had without
//     workers and whatever the device's clock says.
//  6. The page is no wider than the window, from 320 px on.
//  7. Choosing holds nothing. What holds or pays is a button marked data-deliberate,
//     which says what and how much; a press counts only if it began on that button, with the
//     same words on it. Taps on the map act at their click, so that no click follows what
//     they move, and notes lie over the page and move nothing.
//  8. Money is written with the server's digits of the currency, and as it writes it;
//     nothing to pay is "Free". Instants are the venue's, in a named zone, with the
//     fan's own beside them where clocks differ.
//  9. What must be known about a seat is said wherever it is named, and not by colour alone.
//
// The event's page is one document with four views, told by <body data-view>:
//
//	waiting ──number reached──▶ seats ──hold──▶ checkout ──pay──▶ order
//	   ▲                         ▲ ▲               │                │
//	   └──────pass ended─────────┘ └──release, deadline, declined───┘
//
// Every state has a way on:
//
//	state                            the way on
//	no place                         join; in words why not, and when, while nobody can
//	waiting, paused, sold out        automatic, when called; the room says what it waits for
//	called, and no room right now    automatic; the server's words instead of "your turn"
//	turn missed, or pass ended       join again at the end of the queue
//	pass withdrawn, cookie lost      join again; the server says why not, if not
//	pass used on another device      continue here instead
//	signed out on another device     said, and nothing is kept here: join as a new fan
//	choosing                         hold; the time left is shown
//	in checkout                      pay, give back, more time once where the event gives it
//	declined, seats still held       back in checkout: another card, for the time left
//	declined, seats gone             choose again or, without a pass, back to the queue
//	order done, or not ours          more tickets or, without a pass, back to the queue
//	queue closing, sale over         said in every view; what is held can still be paid
//	offline                          said; asked again automatically
//
// The browser's own key, which passes are bound to where it has one, is in IndexedDB.
// A reload at any step resumes there: receipt, pass, quote and order id are in
// localStorage; an access code that was not used yet is in sessionStorage, and in
// the address bar for a moment only. Package src/plan.ts reads the compact map of package plan.
package web
