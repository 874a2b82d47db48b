// Package limit counts what clients do and says when it is too much: joins a minute from
// one address, from its network, or by one fan. All gateways of a region count together,
// and none asks another before it answers.
//
//	request ─► Limits.Take(route, who)
//	             │  fan, then address, then network: a budget each
//	             ▼
//	           Store ── own count + what others told ≤ limit? ─► let through, or a Refusal
//	             ▲ │ changed counts above a fraction of their limit
//	             │ ▼
//	           Gossip ◄──── core NATS subject of the region ────► the other gateways
//
// # Window
//
// Windows are aligned to the clock, so that a number means the same window at every
// gateway. The count is that of the present window plus that of the previous one, weighted
// by how much of it a window ending now would still cover. So a limit holds for any such
// span, not only between two ticks of the clock, and can never be had twice at a boundary.
// Refusals are not counted: a client that waits as long as it was told is let in.
//
// # Gossip
//
// A gateway sends its own count of a key, not the difference: the greatest it has sent
// holds, so messages may be lost, doubled or reordered.
//
//	growth of a count since it was told     told
//	below 1/16 of the limit in all          never
//	below 1/8 of the limit                  with the next tick, 4 a second, and once more after it
//	1/8 of the limit                        at once (but 20 ms apart)
//
// # Invariants
//
//	L1  Alone, a gateway lets no more through than the limit in any window's length,
//	    give or take what the part of the former window is estimated wrong by.
//	L2  N gateways let through at most the limit, and for each but one of them an
//	    eighth of it and what that one lets through until its message arrives.
//	    (docs/adr/0002 has the measurement.)
//	L3  Losing, doubling and reordering messages never makes a count greater than
//	    the truth, so nobody is refused for what nobody did.
//	L4  Memory is bounded by Config.MaxKeys, whoever rotates how many addresses. The
//	    keys that were used least recently go first: an address that hammers stays.
//	L5  Take never waits for anything but a lock that is held for moments.
//
// # What a crash leaves
//
// A gateway that starts counts from zero, and hears of the others' counts with
// their next messages; what the one that ended had counted is forgotten by the
// others with its window.
package limit
