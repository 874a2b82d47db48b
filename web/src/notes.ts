// What a buyer must know of a seat before paying, in words: the same on the map,
// in the list, the basket, the quote, the order and on the ticket.

import type { SeatNote } from "./api";
import { Accessible, Companion, Restricted } from "./plan";

const words: Record<SeatNote, string> = { restricted_view: "Restricted view", accessible: "Wheelchair place", companion: "Companion seat" };

/** noteWords is "Wheelchair place, restricted view"; empty for an ordinary seat. */
export function noteWords(notes: SeatNote[] | undefined): string {
  return (notes ?? []).map((n, i) => { const w = words[n] ?? n.replaceAll("_", " "); return i ? w.toLowerCase() : w; }).join(", ");
}

/** notesOf reads the kind of a seat, as the plan has it. */
export function notesOf(kind: number): SeatNote[] {
  const notes: SeatNote[] = [];
  if ((kind & 3) === Accessible) notes.push("accessible");
  if ((kind & 3) === Companion) notes.push("companion");
  if (kind & Restricted) notes.push("restricted_view");
  return notes;
}
