// Package web is what fans see: HTML templates, one style sheet and one script.
// The gateway renders the templates with a pages.Page and serves dist under /assets/.
//
//	templates/   the pages; readable without JavaScript, the fan's orders wholly so
//	src/         TypeScript and CSS; main.ts and app.css are the entries
//	dist/        what "go run ./web/build" makes of src; committed, so that building
//	             frontrow needs nothing but Go
//
// What must hold, and is tested:
//
//  1. dist is what src builds to, byte for byte.
//  2. The script is at most 25 kB, the solver of proofs of work, which only suspects
//     load, 4 kB, and the style sheet 6 kB, compressed with gzip.
//  3. Nothing is loaded from anywhere else, and no script or style is inline. The one
//     exception is a widget's script, where the operator has set one up and a strong
//     proof is asked for.
//  4. Whatever the map does the list beside it does too, with the keyboard alone.
//  5. A proof of work needs no act of the fan, is told in words, and can be had without
//     workers and whatever his clock says.
//  6. The page is no wider than the window, from 320 px on.
//
// The event's page is one document with four views, told by <body data-view>:
//
//	waiting ──number reached──▶ seats ──hold──▶ checkout ──pay──▶ order
//	   ▲                         ▲ ▲               │                │
//	   └──────pass ended─────────┘ └──release, deadline, declined───┘
//
// A reload at any step resumes there: receipt, pass, quote and order id are in
// localStorage; an access code that was not used yet is in sessionStorage, and in
// the address bar for a moment only. Package src/plan.ts reads the compact map of package plan.
package web
