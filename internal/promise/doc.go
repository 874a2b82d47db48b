// Package promise says what an event's prices have been, so that a fan pays no more than the
// board showed when they joined the queue (wire.PromiseJoin). It is pure.
//
//	board ─ Priced ─► place ─► receipt ─► pass ─► hold ─► the sale log's act
//	  ▲ a number                                   │ writer: no more than Past.Most
//	PRICES ◄─ log.<event>.prices ──────► Past ─────┴─► audit: the same, from the log alone
//
// What goes with the fan is one number, wire.PriceState: it is in the record of the place,
// sealed in the receipt and signed in the pass, so that it is the same whatever device the
// fan goes on with and whoever is gateway, admitter, pricer or writer by then. What the
// number means is in the log of prices, which Past folds.
//
// # Invariants
//
//  1. Of each level, Most is at most what any board or gateway showed that named the number:
//     its price in that state, and if the number is between two, the lower of theirs.
//  2. Of a number beyond what was folded, nothing is known: whoever has to keep the promise
//     waits for the log.
//
// Of acts that a log restored from a backup has lost, the states before and after are known
// alone: a number between them stands for one of those.
package promise
