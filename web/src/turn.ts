// Where a place stands, by the board: pure, the same rules as the server's
// (wire.Board.Turn).

import type { Board, Place } from "./api";
import { type Draw, rank, total } from "./draw";

/** The draw of a lane, once it is held. */
export function drawOf(board: Board, lane: string): Draw | undefined {
  const l = board.lanes[lane];
  if (!board.draw?.secret || !l) return undefined;
  return { secret: board.draw.secret, event: board.event, lane, entrants: Object.fromEntries(Object.entries(l.regions).map(([r, h]) => [r, h.drawn ?? 0])) };
}

export interface Turn { ahead: number; called: boolean; rank?: number; of?: number }

export function turn(board: Board, place: Place): Turn | undefined {
  const lane = board.lanes[place.lane], head = lane?.regions[place.region];
  if (!lane || !head) return undefined;
  const d = drawOf(board, place.lane);
  if (d) {
    const called = lane.drawn_called ?? 0, r = ranked(d, place);
    if (r) return { ahead: Math.max(0, r - called - 1), called: r <= called, rank: r, of: total(d) };
    const left = total(d) - called;
    if (left > 0) return { ahead: left + place.number - (head.drawn ?? 0) - 1, called: false };
  }
  return { ahead: Math.max(0, place.number - head.head - 1), called: place.number <= head.head };
}

// A rank is some hundred hashes, and doesn't change.
let known: { key: string; rank: number } | undefined;
function ranked(d: Draw, place: Place): number {
  const key = JSON.stringify([d, place.region, place.number]);
  if (known?.key !== key) known = { key, rank: rank(d, place.region, place.number) };
  return known.rank;
}

/** The wait for so many fans, in minutes: a range, or nothing until the board knows at what pace fans are called. The calls of the first minute say nothing of the next. */
export function wait(board: Board, ahead: number): { from: number; to: number } | undefined {
  const { low, high } = board.pace ?? { low: 0, high: 0 };
  if (high <= 0) return undefined;
  return { from: ahead / Math.max(high, board.rate_per_minute), to: low > 0 ? ahead / low : Infinity };
}

/** How sure the mean is of which the board tells: it is learned from those before. */
const meanError = 0.1;

/** The chance that tickets are left after so many fans, between 0 and 1; nothing while nobody knows what fans take. */
export function chance(board: Board, ahead: number): number | undefined {
  if (!board.pace?.per_fan) return undefined;
  const free = (board.levels ?? []).reduce((n, l) => n + l.free, 0);
  if (free === 0) return 0;
  const fans = ahead + 1, mean = fans * board.pace.per_fan;
  const sd = Math.sqrt(fans * board.pace.spread ** 2 + (meanError * mean) ** 2);
  return normal((free - mean + 0.5) / Math.max(sd, 0.5));
}

/** The normal distribution (Abramowitz and Stegun, 26.2.17). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}
