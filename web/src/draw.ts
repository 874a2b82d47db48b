// The draw, computed by each browser for itself: the same permutation as the
// server's (wire.Draw), from what the board shows.

import { sha256 } from "./sha256";

const commitContext = "frontrow draw commitment v1\n", keyContext = "frontrow draw key v1\n";
const rounds = 10;

export interface Draw { secret: string; event: string; lane: string; entrants: Record<string, number> }

const utf8 = (s: string): Uint8Array => new TextEncoder().encode(s);

function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { all.set(p, at); at += p.length; }
  return all;
}

export function fromBase64url(s: string): Uint8Array {
  return Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}

export function toBase64url(b: Uint8Array): string {
  return btoa(String.fromCharCode(...b)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** HMAC-SHA-256 (RFC 2104). */
function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const pad = (with_: number) => {
    const b = new Uint8Array(64).fill(with_);
    key.forEach((v, i) => b[i] ^= v);
    return b;
  };
  return sha256(concat(pad(0x5c), sha256(concat(pad(0x36), message))));
}

/** What must have been on the board before anybody could join. */
export function commitment(event: string, secret: string): string {
  return toBase64url(sha256(concat(utf8(commitContext + event + "\n"), fromBase64url(secret))));
}

export function total(d: Draw): number { return Object.values(d.entrants).reduce((n, k) => n + k, 0); }

/** The rank of a place, from 1; 0 when it takes no part, because it came later. */
export function rank(d: Draw, region: string, number: number): number {
  if (number < 1 || number > (d.entrants[region] ?? 0)) return 0;
  const regions = Object.keys(d.entrants).sort();
  const offset = regions.filter((r) => r < region).reduce((n, r) => n + d.entrants[r], 0);
  const counts = regions.map((r) => `${r}=${d.entrants[r]}`).join(",");
  const key = hmac(fromBase64url(d.secret), utf8(`${keyContext}${d.event}\n${d.lane}\n${counts}`));
  return 1 + permute(key, offset + number - 1, total(d));
}

/** A Feistel network over the next power of four, walked until it falls below n. */
function permute(key: Uint8Array, v: number, n: number): number {
  const half = Math.max(1, Math.ceil(bits(n - 1) / 2));
  do v = feistel(key, v, half); while (v >= n);
  return v;
}

function bits(n: number): number {
  let b = 0;
  while (n >= 1) { n /= 2; b++; }
  return b;
}

function feistel(key: Uint8Array, v: number, half: number): number {
  const size = 2 ** half; // below 2^27: numbers stay exact
  let left = Math.floor(v / size), right = v % size;
  const block = new Uint8Array(key.length + 9), view = new DataView(block.buffer);
  block.set(key);
  for (let i = 0; i < rounds; i++) {
    block[key.length] = i;
    view.setUint32(key.length + 5, right);
    const f = new DataView(sha256(block).buffer).getUint32(4) % size;
    [left, right] = [right, (left ^ f) >>> 0];
  }
  return left * size + right;
}
