// The public HTTP contract, typed. Every refusal is a Problem (RFC 9457) whose
// detail is a sentence for the fan.

import { proof, publicKey } from "./key";
import type { Task } from "./solver";

export interface Amounts { base: number; service_fee: number; facility_fee: number; total: number; tax?: number }
export interface Level { id: string; name: string; categories: string[]; sections?: string[]; price: Amounts }
export interface EventInfo {
  id: string; name: string; venue: string; currency: string; starts_at?: string; opens_at?: string;
  timezone: string; // the venue's, by its IANA name
  levels: Level[]; limits: { per_fan: number };
  hold: { seconds: number; more_seconds?: number }; // how long seats are kept, and what a fan may add to it once
  plan: string; // digest
  tax?: { rates: { name: string }[] };
  concessions?: { id: string; name: string; levels: string[] }[]; // variants of levels
  promotions?: boolean; // there are codes
}
/** Of a region, or of one life of its queue. */
export interface Head { head: number; joined: number; drawn?: number; upto?: number }
export interface LevelBoard { id: string; name: string; free: number; total: number; from: number; to: number }
export interface Board {
  event: string; seq: number; at: string; state: "scheduled" | "open" | "paused" | "draining" | "sold_out" | "closed";
  lanes: Record<string, { regions: Record<string, Head>; waiting: number; drawn_called?: number }>;
  rate_per_minute: number; currency: string; levels: LevelBoard[] | null; message?: string;
  /** Fans called a minute, nine times in ten between low and high; the seats a called fan takes, and their standard deviation. */
  pace?: { low: number; high: number; per_fan: number; spread: number };
  draw?: { commitment: string; secret?: string };
}
export interface Count { free: number; held: number; sold: number; blocked: number }
export interface Stock { all: Count; sections: Record<string, Count>; levels: Record<string, Count> }
export interface Place {
  place: string; lane: string; region: string; number: number; ahead: number;
  again?: boolean; // a new place at the end: the one before is used up
  joined_at?: string; priced?: number; // the event promises what its board showed then: see promised
  slow?: { why: string[]; detail: string; challenge: string }; // in the slow lane: why, and how to leave it
}
/** All-in prices by level. */
export interface Promised { levels: Record<string, number> }
/** A task whose answer shows that nobody joins a thousand times: ALTCHA's form, and a widget that would do instead. */
export interface Challenge {
  parameters: Task & { data: { tries: number } };
  signature: string; level: "standard" | "strong";
  widget?: { provider: string; site_key: string; script: string; cdata: string };
}
export interface Pass { pass: string; expires_at: string }
/** A link, and a drawing of it: an SVG path in a square of qr_size units. */
export interface Carried { link: string; digits: string; qr: string; qr_size: number; expires_at: string }
/** What a buyer must know of a seat before paying. */
export type SeatNote = "restricted_view" | "accessible" | "companion";
/** Concession is an id while the seat is held, and a name in an order. List is the total without it and without a code. */
export interface SeatQuote { id: string; label: string; level: string; price: Amounts; notes?: SeatNote[]; concession?: string; promotion?: string; list?: number }
export interface Hold {
  hold: string; seats: SeatQuote[]; total: number; currency: string; expires_at: string; why?: string;
  code?: string; // the page's own note: the code whose promotion the quotes have
}
export interface Best { count: number; level?: string; section?: string; accessible?: boolean }
export type HoldWish = { seats: string[] } | { best: Best } | { area: string; count: number };
export interface Order {
  order: string; state: "pending" | "paid" | "failed" | "refunded"; reason?: string;
  seats?: SeatQuote[]; total?: number; refunded?: number; currency?: string; tickets?: string[];
  hold?: { hold: string; expires_at: string }; // of a failed order: the seats are still the fan's
}
export interface Ticket { event: string; seat: string; label: string; state: string; generation: number; barcode: string; concession?: string; notes?: SeatNote[] }
/** Availability is one state a place in plan order: 0 free, 1 held, 2 sold, 3 blocked. */
export interface Availability { seq: number; states: Uint8Array }

/** Problem is a refusal, or code "offline" when there was no answer at all. */
export class Problem extends Error {
  constructor(
    readonly status: number, readonly code: string, detail: string,
    readonly seats: string[] = [], readonly order = "", readonly retryAfter = 0, readonly ahead = 0,
    readonly challenge = "", readonly skip = false, readonly total = 0,
  ) { super(detail); }
}

/** What every call may take at most; a page that waits for ever is worse than one that says so. */
const callTimeout = 15_000;

// Deadlines are the server's instants, and a fan's clock may be hours off: now()
// is the server's time as of its last answer. Small differences are the network.
let skew = 0;
export function now(): number { return Date.now() + skew; }

function noteDate(response: Response): void {
  const date = Date.parse(response.headers.get("date") ?? "");
  // A cached answer has an old date.
  if (isNaN(date) || response.headers.get("age")) return;
  const off = date + 500 - Date.now();
  skew = Math.abs(off) > 2000 ? off : 0;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method, headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", signal: AbortSignal.timeout(callTimeout),
    });
  } catch {
    throw new Problem(0, "offline", "No connection right now. Nothing is lost: try again.");
  }
  if (method !== "GET") noteDate(response); // GETs may come from a cache
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.code === "signed-out") signedOut(problem.message);
  throw problem;
}

/** The session was ended on another device, and the cookies are gone with this answer: the page begins anew. */
let signedOut = (_why: string): void => {};
export function onSignedOut(act: (why: string) => void): void { signedOut = act; }

async function problemOf(response: Response): Promise<Problem> {
  const p = await response.json().catch(() => ({})) as Record<string, any>;
  // The type is a URI whose last part is the stable code.
  const code = String(p.type ?? "").split(/[/#:]/).pop() || String(response.status);
  const after = Number(p.retry_after_ms) || 1000 * Number(response.headers.get("retry-after")) || 0;
  return new Problem(response.status, code, p.detail || p.title || "That did not work. Try again.", p.seats, p.order, after, p.ahead,
    p.challenge, p.skip, p.total);
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  return await (await send(method, path, body)).json() as T;
}

/** Sends with a pass, and a proof by the key that it may be bound to. A clock that is off is known from the refusal: once more, by the server's. */
export async function admitted(pass: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const once = async () => send(method, path, body, { authorization: `Bearer ${pass}`, ...await proof(method, path, pass, now(), newKey()).catch(() => ({})), ...headers });
  return once().catch((e) => {
    if (e.code !== "proof") throw e;
    return once();
  });
}

/** Api speaks for one event. */
export class Api {
  private readonly base: string;
  constructor(readonly event: string) { this.base = `/v1/events/${encodeURIComponent(event)}`; }

  info(): Promise<EventInfo> { return json("GET", this.base); }
  /** The digest in the address lets the map be kept for ever. */
  plan(digest: string): Promise<unknown> { return json("GET", `${this.base}/plan/map?v=${digest}`); }
  board(): Promise<Board> { return json("GET", `${this.base}/board`); }
  // A receipt brings back the place that it is of. An answer to a challenge goes with what it was asked for, an address with a code that was sent to it.
  join(place?: string, code?: string, email?: string, challenge?: string): Promise<Place> {
    return json("POST", `${this.base}/places`, { place, code: code || undefined, email: email || undefined, challenge });
  }
  /** What each level costs at most who joined when prices were in a state: it never changes. */
  promised(priced: number): Promise<Promised> { return json("GET", `${this.base}/prices/${priced}`); }
  async redeem(place: string, challenge?: string): Promise<Pass> { return json("POST", `${this.base}/passes`, { place, challenge, key: await publicKey().catch(() => undefined) }); }
  /** Under one key a wish is held once, however often it is sent. */
  async hold(pass: string, wish: HoldWish, expect_total: number, key: string, challenge?: string): Promise<Hold> {
    return (await admitted(pass, "POST", `${this.base}/holds`, { ...wish, expect_total, challenge }, { "idempotency-key": key })).json();
  }

  async availability(places: number): Promise<Availability> {
    const response = await send("GET", `${this.base}/availability`);
    const bits = new Uint8Array(await response.arrayBuffer());
    const states = new Uint8Array(places);
    for (let i = 0; i < places; i++) states[i] = (bits[i >> 2] >> (2 * (i & 3))) & 3;
    return { seq: Number(response.headers.get("frontrow-seq")), states };
  }

  async release(hold: string, pass: string): Promise<void> {
    await admitted(pass, "DELETE", `/v1/holds/${hold}`);
  }
  /** Adds to the hold's deadline what the event allows, once. */
  async moreTime(hold: string, pass: string): Promise<Hold> { return (await admitted(pass, "POST", `/v1/holds/${hold}/more-time`)).json(); }
  async checkout(hold: Hold, pass: string, key: string, method: string, buyer: { name: string; email: string }): Promise<{ order: string }> {
    const quoted = { seats: hold.seats.map((s) => s.id), total: hold.total };
    return (await admitted(pass, "POST", `/v1/holds/${hold.hold}/checkout`, { payment: { method }, buyer, quoted }, { "idempotency-key": key })).json();
  }
  /** A link to another device, for the fan whose receipt this is. */
  carry(place: string): Promise<Carried> { return json("POST", "/v1/carry", { place }); }
  order(id: string): Promise<Order> { return json("GET", `/v1/orders/${id}`); }

  get live(): string {
    return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${this.base}/live`;
  }
}

/** crypto.randomUUID would need a secure context, which a shop on a plain local address is not. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export function getChallenge(path: string): Promise<Challenge> { return json("GET", path); }
export function ticket(id: string): Promise<Ticket> { return json("GET", `/v1/tickets/${encodeURIComponent(id)}`); }
