// Package curve is how a sale went: what was sold, held and given back of each level, at which
// prices, from the opening on. It folds the sale log into a curve, writes and reads it as
// CSV, and makes of past curves what a new sale is compared with. It is pure.
//
//	SALELOG log.<event>.seats ───┐
//	        log.<event>.prices ──┼─► Recorder ─► Sale ─► Write ─► CSV ─► Read ─► Sale ─► Comparable
//	EVENTS, STOCK ──► Head ──────┘                                         └─► package simulate
//
// # The file
//
// Head rows of a name and a value, then a row of column names, then one row for each level
// at each sample:
//
//	frontrow sales curve,1                   what it is, and the version of this form
//	event,demo
//	venue,Rehearsal Arena
//	starts_at,2027-06-19T20:00:00+02:00      of the event; empty: not said
//	day,Saturday                             of starts_at
//	opens_at,2027-05-01T10:00:00+02:00       of the sale: sample 0
//	places,20000                             of the house
//	currency,EUR                             of all amounts, which are in minor units
//	every_seconds,60                         between two samples
//	seconds,level,places,sold,held,returned,price,waiting,revenue
//	0,seated,14000,0,0,0,11850,,0
//
// places are those on sale; sold is what was sold and not given back by then, held what
// somebody held; returned counts the sold places that came back so far. price is what a
// place cost in all, revenue the sum of what those who have a place paid. waiting is how
// many fans waited, of the whole event; empty: not known.
//
// # Invariants
//
//  1. What Write writes Read reads, and gives the same Sale.
//  2. Read takes nothing for granted: rows in their order without holes, whole numbers, no
//     more sold than there is, nothing given back that wasn't sold. A file that can't be
//     meant is refused, with the line.
//  3. Memory is bounded by MaxSamples and wire.MaxLevels, however long a file or a sale is.
package curve
