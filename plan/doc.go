// Package plan is the seating plan of a venue: what there is to sell and where it is. It is pure: it reads and
// writes bytes, knows nothing of events or prices, and imports only the standard library.
//
//	pretix JSON ──ImportPretix─┐
//	own JSON ─────Read, Decode─┼─▶ Plan ──Check──▶ Encode, Digest   what is stored, and its name
//	Spec ─────────Generate─────┘     └──NewIndex─▶ Index             every sellable place, numbered
//	                                                 └──Compact──▶   the map form for browsers
//
// Words: a section has rows, a row has seats; an area is general admission and has standing places; a category is what
// an event maps a price level onto. A place is what can be sold: a seat or a standing place.
//
// Units: coordinates are plan units of about one centimetre, x to the right, y downwards.
//
// What holds of every Plan that passed [Check]:
//
//  1. Each place has one id, unique in the plan: a seat its own, a standing place "<area id>/<n>", n from 1.
//  2. Each seat and area belongs to a category of the plan.
//  3. Each companion seat names an accessible seat of the plan.
//  4. Every seat lies inside the plan, and every size is within the bounds named beside [MaxSeats].
//  5. Two plans with the same [Digest] are the same plan, and number their places the same.
//
// Plan order numbers the places: sections, rows and seats as listed, then the places of each area. Availability,
// the compact map and the seat engine all speak of place i in this order.
package plan
