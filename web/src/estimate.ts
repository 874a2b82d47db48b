// What a fan who waits is told about their turn, in sentences: pure. Numbers are
// rounded so that they promise no more than the board knows.

import type { Board, Place } from "./api";
import { chance, type Turn, wait } from "./turn";
import { count } from "./money";

/** The lanes in the order in which they are called. */
const order = ["priority", "general", "slow"];

/** How many fans are called before this one, over all lanes and regions. Within a lane regions are called by arrival: as far as this fan has come in their queue, the others have in theirs. */
export function before(board: Board, place: Place, mine: Turn): number {
  const at = order.indexOf(place.lane);
  let fans = order.slice(0, at).reduce((n, lane) => n + (board.lanes[lane]?.waiting ?? 0), 0);
  const lane = board.lanes[place.lane], own = lane?.regions[place.region]; // a lane is shown once it has fans
  if (!own || mine.rank || own.joined <= own.head) return fans + mine.ahead; // a draw is over all regions
  const part = Math.min(1, mine.ahead / (own.joined - own.head));
  for (const [region, h] of Object.entries(lane.regions)) {
    fans += region === place.region ? mine.ahead : Math.round(share(region, place.region, part) * Math.max(0, h.joined - h.head));
  }
  return fans;
}

/** A queue that was lost goes on in another line, "home~2", whose fans come after all of the line before. */
function share(line: string, own: string, part: number): number {
  const [region, life = "1"] = line.split("~"), [mine, at = "1"] = own.split("~");
  return region !== mine ? part : Number(life) < Number(at) ? 1 : 0;
}

/** How long it takes, as a range, and the least of it in minutes when that is known. */
export function waiting(board: Board, mine: Turn, ahead: number): { sentence: string; minutes?: number } {
  switch (board.state) {
    case "scheduled": return { sentence: "Fans are called once the sale opens." };
    case "paused": return { sentence: "Nobody is being called right now. The wait goes on when the sale does." };
    case "draining": return { sentence: "Nobody else will be called: the queue is being closed." };
    case "sold_out": return { sentence: "Tickets that come back are offered in queue order. If it is your turn, you are let in automatically." };
    case "closed": return { sentence: "" };
  }
  if (mine.called) return { sentence: "It is your turn: you are being let in." };
  const range = wait(board, ahead);
  if (!range) return { sentence: ahead === 0 ? "You are next." : "An estimate follows once fans are being called." };
  const from = Math.max(1, Math.floor(range.from)), to = Math.max(from + 1, Math.ceil(range.to));
  let sentence = `About ${span(from)} to ${span(to)}`;
  if (range.to <= 1) sentence = "About a minute";
  else if (to === Infinity) sentence = `At least ${span(from)}`;
  else if (to < 120) sentence = `About ${from} to ${to} minutes`;
  return { sentence, minutes: range.from };
}

function span(minutes: number): string {
  if (minutes < 120) return `${count(minutes)} minutes`;
  return `${count(Math.round(minutes / 60))} hours`;
}

/** Whether tickets will be left, in words; empty while that is not known. */
export function left(board: Board, mine: Turn, ahead: number): string {
  const p = board.state === "open" && !mine.called ? chance(board, ahead) : undefined;
  if (p === undefined) return "";
  if (p > 0.95) return "As it looks now, there will be tickets left when it is your turn.";
  if (p > 0.7) return "There will probably be tickets left when it is your turn.";
  if (p > 0.3) return "Tickets may be gone before it is your turn.";
  if (p > 0.02) return "It is unlikely that there will be tickets left when it is your turn.";
  return "As it looks now, tickets will be gone before it is your turn. Some may come back: your place is kept for those.";
}

/** What the draw gave this fan, or will. */
export function drawn(board: Board, mine: Turn): string {
  if (!board.draw) return "";
  if (!board.draw.secret) return "Everybody who joins before the sale opens takes part in a draw. When you joined makes no difference.";
  if (mine.rank) return `You were drawn as number ${count(mine.rank)} of ${count(mine.of!)}.`;
  return "You joined after the draw: those who took part in it are called first.";
}
