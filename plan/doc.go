// Package plan is the seating plan of a venue: what there is to sell and where it is. It is pure: it reads and writes
// bytes, knows nothing of events and prices, and imports only the standard library.
//
//	pretix JSON ──ImportPretix─┐
//	own JSON ─────Read, Decode─┼─▶ Plan ──Check──▶ Encode, Digest   what is stored, and its name
//	Spec ─────────Generate─────┘     └──NewIndex─▶ Index             every sellable place, numbered
//	                                                 └──Compact──▶   the map form for browsers
//
// A section has rows, and a row has seats; an area is general admission and has standing places; an event maps a price
// level onto each category. A place is what can be sold: a seat or a standing place.
//
// Coordinates are in plan units of about one centimetre, x to the right, y downwards.
//
// Every Plan that has passed [Check] has these properties:
//
//  1. Each place has one id, unique in the plan: a seat its own, a standing place "<area id>/<n>", n from 1.
//  2. Each seat and area belongs to a category of the plan.
//  3. Each companion seat names an accessible seat of the plan.
//  4. Every seat lies inside the plan, and every size is within the bounds declared with [MaxSeats].
//  5. Two plans with the same [Digest] are the same plan and number their places alike.
//
// Places are numbered in plan order: sections, rows and seats as listed, then the places of each area. In availability,
// the compact map and the seat engine, place i is place i of this order.
package plan
