// The browser's own key, which a pass is bound to: it can be used here, and never be
// copied. Where there is none, on plain HTTP or with storage blocked, a pass is bound
// to the cookies alone.

const database = "frontrow", keys = "keys", own = "own";

export interface PublicKey { kty?: string; crv?: string; x?: string; y?: string }

let pair: Promise<CryptoKeyPair | undefined> | undefined;
function key(): Promise<CryptoKeyPair | undefined> { return pair ??= kept().catch(() => undefined); }

const done = <T>(r: IDBRequest<T>) => new Promise<T>((resolve, reject) => {
  r.onsuccess = () => resolve(r.result);
  r.onerror = () => reject(r.error);
});

/** The key that is kept or, of two tabs that make one at once, the first. */
async function kept(): Promise<CryptoKeyPair | undefined> {
  if (!crypto.subtle) return undefined;
  const open = indexedDB.open(database, 1);
  open.onupgradeneeded = () => open.result.createObjectStore(keys);
  const db = await done(open);
  const store = () => db.transaction(keys, "readwrite").objectStore(keys);
  const old = await done<CryptoKeyPair | undefined>(store().get(own));
  if (old) return old;
  const fresh = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  await done(store().add(fresh, own)).catch(() => {});
  return done(store().get(own));
}

/** The public half, as a pass names it. */
export async function publicKey(): Promise<PublicKey | undefined> {
  const k = await key();
  if (!k) return undefined;
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", k.publicKey);
  return { kty, crv, x, y };
}

const utf8 = (s: string) => new TextEncoder().encode(s);
const base64url = (bytes: ArrayBuffer | Uint8Array) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const part = (v: unknown) => base64url(utf8(JSON.stringify(v)));

/** A proof that this browser makes a request with a pass, at an instant in ms (RFC 9449); nothing without a key. */
export async function proof(method: string, path: string, pass: string, at: number, id: string): Promise<Record<string, string>> {
  const k = await key(), jwk = await publicKey();
  if (!k) return {};
  const ath = base64url(await crypto.subtle.digest("SHA-256", utf8(pass)));
  const signed = `${part({ typ: "dpop+jwt", alg: "ES256", jwk })}.${part({ htm: method, htu: location.origin + path, iat: Math.floor(at / 1000), jti: id, ath })}`;
  return { dpop: `${signed}.${base64url(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, k.privateKey, utf8(signed)))}` };
}
