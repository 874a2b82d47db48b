// Taking a place to another device: a link that works for some minutes, as text
// and as a QR code, and six digits that are typed there. It is made when the fan asks for it, and again when it ends
// while they look at it.

import { type Api, now, type Problem } from "./api";
import { busy, by, fail, say, text } from "./dom";
import type { Store } from "./store";

/** A link is replaced so long before its end, in ms. */
const renewBefore = 20_000;

/** The event's page has this mark when a place has just been brought to it. */
const arrived = "#carried";

export class Carry {
  private timer = 0;

  constructor(private readonly api: Api, private readonly store: Store) {
    this.box.addEventListener("toggle", () => this.renew());
    document.addEventListener("visibilitychange", () => this.renew());
    by("carry-copy").addEventListener("click", () => busy(by("carry-copy"), () => this.copy()));
  }

  private get box(): HTMLDetailsElement { return by<HTMLDetailsElement>("carry"); }

  /** There is something to take along. */
  show(place: boolean): void { this.box.hidden = !place; }

  private async renew(): Promise<void> {
    clearTimeout(this.timer);
    const { place } = this.store.saved;
    if (!this.box.open || !place || document.hidden) return;
    try {
      const c = await this.api.carry(place.place);
      const link = by<HTMLAnchorElement>("carry-link"), qr = document.getElementById("carry-qr")!;
      link.href = c.link;
      text(link, c.link);
      text(by("carry-digits"), c.digits.replace(/^.../, "$& "));
      qr.setAttribute("viewBox", `0 0 ${c.qr_size} ${c.qr_size}`);
      qr.querySelector("path")!.setAttribute("d", c.qr);
      text(by("carry-until"), new Date(c.expires_at).toLocaleTimeString(undefined, { timeStyle: "short" }));
      this.timer = setTimeout(() => this.renew(), Math.max(1_000, Date.parse(c.expires_at) - now() - renewBefore));
    } catch (e) {
      this.box.open = false;
      fail((e as Problem).message);
    }
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(by<HTMLAnchorElement>("carry-link").href);
      say("The link is copied.");
    } catch {
      getSelection()?.selectAllChildren(by("carry-link")); // without leave to write the clipboard, it is at least marked
    }
  }
}

/** Tells whether a place has just been brought here, once. Whatever this browser had saved is another fan's. */
export function brought(store: Store): boolean {
  if (location.hash !== arrived) return false;
  history.replaceState(null, "", location.pathname + location.search);
  store.clear();
  return true;
}
