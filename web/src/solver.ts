// The proof of work: tries keys until one begins as the challenge says (ALTCHA,
// version 2, with scrypt: RFC 7914). Loaded only when a proof is asked for: as a
// worker, or as a module by a page that can't have workers.
//
// All of scrypt is here, on 32-bit words, because WebCrypto has no scrypt, and is
// there on HTTPS alone.

export interface Task {
  nonce: string; salt: string; keyPrefix: string; // hex
  cost: number; memoryCost: number; parallelism: number; keyLength: number;
}
export interface Solution { counter: number; derivedKey: string }

/** How long one stretch of work lasts: between two, progress is told and the page may breathe. */
const stretch = 40;
/** No challenge takes more tries. */
const most = 1 << 20;

const K = new Uint32Array(64), H = new Uint32Array(8);
for (let n = 2, found = 0; found < 64; n++) { // SHA-256's constants are the fractions of roots of the first primes
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
  if (!prime) continue;
  if (found < 8) H[found] = (Math.sqrt(n) % 1) * 2 ** 32;
  K[found++] = (Math.cbrt(n) % 1) * 2 ** 32;
}

const W = new Uint32Array(64);

function sha256(...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, p) => sum + p.length, 0);
  const padded = new Uint8Array((length + 72) >> 6 << 6);
  let at = 0;
  for (const p of parts) {
    padded.set(p, at);
    at += p.length;
  }
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, length * 8);
  const state = H.slice();
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) W[i] = view.getUint32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = W[i - 15], y = W[i - 2];
      W[i] = W[i - 16] + W[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const t = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + W[i] | 0;
      const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
      h = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
    }
    state.set([a + state[0], b + state[1], c + state[2], d + state[3], e + state[4], f + state[5], g + state[6], h + state[7]]);
  }
  const out = new Uint8Array(32), words = new DataView(out.buffer);
  state.forEach((w, i) => words.setUint32(4 * i, w));
  return out;
}

/** PBKDF2 with HMAC-SHA-256 and one round, which is all that scrypt asks for. Keys here are below 64 bytes. */
function pbkdf2(password: Uint8Array, salt: Uint8Array, length: number): Uint8Array {
  const inner = new Uint8Array(64).fill(0x36), outer = new Uint8Array(64).fill(0x5c);
  password.forEach((byte, i) => { inner[i] ^= byte; outer[i] ^= byte; });
  const out = new Uint8Array(length), number = new Uint8Array(4);
  for (let at = 0, block = 1; at < length; at += 32, block++) {
    new DataView(number.buffer).setUint32(0, block);
    out.set(sha256(outer, sha256(inner, salt, number)).subarray(0, length - at), at);
  }
  return out;
}

/** One Salsa20/8 of x ^ from[at…], into x. */
function salsa(x: Int32Array, from: Int32Array, at: number): void {
  for (let i = 0; i < 16; i++) x[i] ^= from[at + i];
  let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = x, t = 0;
  for (let round = 0; round < 4; round++) {
    t = a + m; e ^= t << 7 | t >>> 25; t = e + a; i ^= t << 9 | t >>> 23; t = i + e; m ^= t << 13 | t >>> 19; t = m + i; a ^= t << 18 | t >>> 14;
    t = f + b; j ^= t << 7 | t >>> 25; t = j + f; n ^= t << 9 | t >>> 23; t = n + j; b ^= t << 13 | t >>> 19; t = b + n; f ^= t << 18 | t >>> 14;
    t = k + g; o ^= t << 7 | t >>> 25; t = o + k; c ^= t << 9 | t >>> 23; t = c + o; g ^= t << 13 | t >>> 19; t = g + c; k ^= t << 18 | t >>> 14;
    t = p + l; d ^= t << 7 | t >>> 25; t = d + p; h ^= t << 9 | t >>> 23; t = h + d; l ^= t << 13 | t >>> 19; t = l + h; p ^= t << 18 | t >>> 14;
    t = a + d; b ^= t << 7 | t >>> 25; t = b + a; c ^= t << 9 | t >>> 23; t = c + b; d ^= t << 13 | t >>> 19; t = d + c; a ^= t << 18 | t >>> 14;
    t = f + e; g ^= t << 7 | t >>> 25; t = g + f; h ^= t << 9 | t >>> 23; t = h + g; e ^= t << 13 | t >>> 19; t = e + h; f ^= t << 18 | t >>> 14;
    t = k + j; l ^= t << 7 | t >>> 25; t = l + k; i ^= t << 9 | t >>> 23; t = i + l; j ^= t << 13 | t >>> 19; t = j + i; k ^= t << 18 | t >>> 14;
    t = p + o; m ^= t << 7 | t >>> 25; t = m + p; n ^= t << 9 | t >>> 23; t = n + m; o ^= t << 13 | t >>> 19; t = o + n; p ^= t << 18 | t >>> 14;
  }
  x[0] += a; x[1] += b; x[2] += c; x[3] += d; x[4] += e; x[5] += f; x[6] += g; x[7] += h;
  x[8] += i; x[9] += j; x[10] += k; x[11] += l; x[12] += m; x[13] += n; x[14] += o; x[15] += p;
}

/** Scrypt with memory that is kept from one key to the next. */
class Scrypt {
  private readonly words: number; // of a block
  private readonly v: Int32Array;
  private readonly y: Int32Array;
  private readonly x = new Int32Array(16);

  constructor(private readonly n: number, r: number, private readonly p: number, private readonly length: number) {
    this.words = 32 * r;
    this.v = new Int32Array(n * this.words);
    this.y = new Int32Array(this.words);
  }

  key(password: Uint8Array, salt: Uint8Array): Uint8Array {
    const bytes = pbkdf2(password, salt, this.p * 4 * this.words);
    const view = new DataView(bytes.buffer);
    const b = new Int32Array(bytes.length / 4).map((_, i) => view.getInt32(4 * i, true));
    for (let i = 0; i < this.p; i++) this.mix(b.subarray(i * this.words, (i + 1) * this.words));
    b.forEach((w, i) => view.setInt32(4 * i, w, true));
    return pbkdf2(password, bytes, this.length);
  }

  private mix(b: Int32Array): void {
    const { n, words, v } = this;
    for (let i = 0; i < n; i++) {
      v.set(b, i * words);
      this.block(b);
    }
    for (let i = 0; i < n; i++) {
      const at = (b[words - 16] & (n - 1)) * words;
      for (let k = 0; k < words; k++) b[k] ^= v[at + k];
      this.block(b);
    }
  }

  private block(b: Int32Array): void {
    const { words, x, y } = this;
    x.set(b.subarray(words - 16));
    for (let at = 0, even = 0; at < words; at += 32, even += 16) {
      salsa(x, b, at);
      y.set(x, even);
      salsa(x, b, at + 16);
      y.set(x, even + words / 2);
    }
    b.set(y);
  }
}

const fromHex = (s: string) => Uint8Array.from(s.match(/../g) ?? [], (h) => parseInt(h, 16));
const toHex = (b: Uint8Array) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

/** Solve tells its progress in tries, and ends early when told to. */
export async function solve(task: Task, progress: (tries: number) => void, over: () => boolean = () => false): Promise<Solution | undefined> {
  const nonce = fromHex(task.nonce), salt = fromHex(task.salt), prefix = task.keyPrefix;
  const scrypt = new Scrypt(task.cost, task.memoryCost, task.parallelism, task.keyLength);
  const password = new Uint8Array(nonce.length + 4);
  password.set(nonce);
  let pause = performance.now() + stretch;
  for (let counter = 0; counter < most && !over(); counter++) {
    new DataView(password.buffer).setUint32(nonce.length, counter);
    const derivedKey = toHex(scrypt.key(password, salt));
    if (derivedKey.startsWith(prefix)) return { counter, derivedKey };
    if (performance.now() > pause) {
      progress(counter);
      await new Promise((r) => setTimeout(r));
      pause = performance.now() + stretch;
    }
  }
  return undefined;
}

if (typeof document === "undefined") {
  onmessage = async (e: MessageEvent<Task>) => postMessage(await solve(e.data, (tries) => postMessage(tries)));
}
