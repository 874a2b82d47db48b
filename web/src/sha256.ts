// SHA-256 (FIPS 180-4), synchronous: crypto.subtle answers later, and only to
// pages that came over HTTPS.

const K = constants();

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function constants(): Uint32Array {
  const k = new Uint32Array(64);
  for (let n = 0, p = 2; n < 64; p++) {
    let prime = true;
    for (let d = 2; d * d <= p; d++) if (p % d === 0) { prime = false; break; }
    if (prime) k[n++] = fraction(Math.cbrt(p));
  }
  return k;
}

function fraction(x: number): number { return Math.floor((x - Math.floor(x)) * 2 ** 32); }

const W = new Uint32Array(64);

export function sha256(data: Uint8Array): Uint8Array {
  const h = new Uint32Array([2, 3, 5, 7, 11, 13, 17, 19].map((p) => fraction(Math.sqrt(p))));
  const padded = new Uint8Array(((data.length + 8) >> 6 << 6) + 64);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(data.length / 2 ** 29));
  view.setUint32(padded.length - 4, data.length << 3);
  for (let at = 0; at < padded.length; at += 64) block(h, view, at);
  const out = new DataView(new ArrayBuffer(32));
  h.forEach((v, i) => out.setUint32(4 * i, v));
  return new Uint8Array(out.buffer);
}

function block(h: Uint32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) W[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    W[i] = W[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >>> 3) + W[i - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ y >>> 10);
  }
  let [a, b, c, d, e, f, g, j] = h;
  for (let i = 0; i < 64; i++) {
    const t = j + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + K[i] + W[i] | 0;
    const u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
    j = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
  }
  [a, b, c, d, e, f, g, j].forEach((v, i) => h[i] += v);
}

function rotate(x: number, n: number): number { return x >>> n | x << 32 - n; }
