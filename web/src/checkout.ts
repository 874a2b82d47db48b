// From the hold to the tickets. The quote is locked: what is shown is what is
// paid. Deadlines are the server's instants; the countdown only shows them.

import { admitted, type Api, type EventInfo, type Hold, newKey, now, type Order, Problem, type SeatQuote } from "./api";
import { busy, by, el, fail, fill, say, show, text } from "./dom";
import type { Notice } from "./live";
import { money, plural } from "./money";
import { noteWords } from "./notes";
import type { Store } from "./store";
import { span } from "./time";

/** A pending order may wait for its fan, who confirms the payment to their bank at url. */
interface Waiting extends Order { action?: { url: string } }

/** Seconds before the deadline at which the fan is warned. */
const warnAt = [60, 20];
const orderPollFirst = 700, orderPollMost = 5_000;
/** How often an order may be unknown: a moment after checkout it is, later it never will be known. */
const unknownMost = 8;
const timeUp = "Time is up: your seats went back on sale. Nothing was charged.";

export class Checkout {
  private clock = 0;
  private poll = 0;
  private wait = orderPollFirst;
  private unknown = 0;

  constructor(
    private readonly api: Api, readonly store: Store, readonly info: () => Promise<EventInfo>,
    private readonly back: () => void, readonly lost: (p: Problem) => boolean,
  ) {
    by("checkout-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy(by("pay"), () => this.pay());
    });
    by("release").addEventListener("click", () => busy(by("release"), () => this.release()));
    by("more").addEventListener("click", () => busy(by("more"), () => this.more()));
    by("again").addEventListener("click", () => this.leave());
    // What was typed outlives a reload and a second purchase, in this browser alone.
    for (const id of ["name", "email"]) {
      const field = by<HTMLInputElement>(id), key = `frontrow:buyer-${id}`;
      try {
        field.value ||= localStorage.getItem(key) ?? "";
        field.addEventListener("input", () => localStorage.setItem(key, field.value));
      } catch { /* storage is blocked: typed again, then */ }
    }
  }

  /** Shows a standing hold. */
  open(hold: Hold): void {
    show("checkout");
    fill(by("quote"), ...hold.seats.map((s) => quoted(s, hold.currency)));
    text(by("quote-why"), hold.why ?? "");
    text(by("total"), money(hold.total, hold.currency));
    text(by("pay"), hold.total ? `Pay ${money(hold.total, hold.currency)}` : `Get ${plural(hold.seats.length, "ticket")}`);
    by("payment").hidden = !hold.total; // nothing to pay needs no card
    this.offerMore(hold);
    this.tick(hold, Infinity);
    const reductions = document.body.dataset.reductions;
    if (reductions) import(reductions).then((m: typeof import("./reductions")) => m.offer(this, hold, { admitted, money, say, fail }));
  }

  /** More time can be had once a hold, where the event gives any. */
  private async offerMore(hold: Hold): Promise<void> {
    const more = by("more");
    more.hidden = true;
    const seconds = (await this.info().catch(() => undefined))?.hold?.more_seconds ?? 0;
    if (!seconds || this.store.saved.more === hold.hold) return;
    text(more, `I need more time: keep my seats ${span(seconds)} longer`);
    more.hidden = false;
  }

  private async more(): Promise<void> {
    const { hold, pass } = this.store.saved;
    if (!hold) return this.back();
    try {
      const { expires_at } = await this.api.moreTime(hold.hold, pass?.pass ?? "");
      const longer = { ...hold, expires_at };
      this.store.set({ hold: longer, more: hold.hold });
      this.tick(longer, Infinity);
      say(`Your seats are held longer: you now have ${span(this.left(longer))}.`);
    } catch (e) {
      const p = e as Problem;
      if (this.lost(p)) return;
      if (p.status === 410 || p.status === 404) return this.over(p.message);
      if (p.status >= 400 && p.status < 500) this.store.set({ more: hold.hold }); // asking again gives no other answer
      fail(p.message);
    }
    by("more").hidden = this.store.saved.more === hold.hold;
    by("countdown").focus({ preventScroll: true }); // the button may be gone
  }

  private left(hold: Hold): number { return Math.max(0, Math.ceil((Date.parse(hold.expires_at) - now()) / 1000)); }

  private tick(hold: Hold, before: number): void {
    clearTimeout(this.clock);
    if (document.body.dataset.view !== "checkout") return;
    const left = this.left(hold);
    text(by("countdown"), `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
    by("countdown").classList.toggle("soon", left <= warnAt[0]);
    const warning = warnAt.find((s) => left <= s && before > s && left > 0);
    if (warning && before !== Infinity) {
      say(`${plural(left, "second")} left. Then your seats go back on sale.${by("more").hidden ? "" : " If you need longer, there is a button for more time."}`);
    }
    if (left === 0) return this.over(timeUp);
    this.clock = setTimeout(() => this.tick(hold, left), 250);
  }

  over(message: string): void {
    clearTimeout(this.clock);
    this.store.set({ hold: undefined, key: undefined });
    this.back();
    fail(message);
  }

  private async release(): Promise<void> {
    const { hold, pass } = this.store.saved;
    if (!hold) return this.back();
    try {
      await this.api.release(hold.hold, pass?.pass ?? "");
    } catch (e) {
      const p = e as Problem;
      if (this.lost(p)) return;
      if (p.status !== 404 && p.status !== 410) return fail(p.message); // else it has ended already
    }
    clearTimeout(this.clock);
    this.store.set({ hold: undefined, key: undefined });
    this.back();
    say("Your seats were given back.");
  }

  private async pay(): Promise<void> {
    const { hold, pass, key } = this.store.saved;
    if (!hold || !key) return this.back();
    const value = (id: string) => by<HTMLInputElement>(id).value.trim();
    let order = "";
    try {
      order = (await this.api.checkout(hold, pass?.pass ?? "", key, value("method"), { name: value("name"), email: value("email") })).order;
    } catch (e) {
      const p = e as Problem;
      if (this.lost(p)) return;
      if (p.status === 410) return this.over(p.message);
      // An earlier attempt got through, though its answer didn't: that one counts.
      if ((p.code === "checkout-busy" || p.code === "idempotency-reuse") && p.order) order = p.order;
      else return fail(p.message);
    }
    this.store.set({ order });
    this.follow(order);
  }

  /** Follows an order to its end. */
  follow(order: string): void {
    clearTimeout(this.clock);
    show("order");
    this.wait = orderPollFirst;
    this.unknown = 0;
    if (by("order-state").dataset.order !== order) {
      by("order-state").dataset.order = order;
      this.render({ order, state: "pending" });
    }
    this.ask();
  }

  notice(n: Notice): void {
    const { order, hold } = this.store.saved;
    if (n.kind === "order" && n.order === order) this.ask();
    if (n.kind === "hold" && !order && hold && n.hold === hold.hold && document.body.dataset.view === "checkout") {
      this.over(n.state === "expired" ? timeUp : "Your seats were given back.");
    }
  }

  /** Asks for the order now, and again later while it is pending. */
  async ask(): Promise<void> {
    const id = this.store.saved.order;
    if (!id) return;
    clearTimeout(this.poll);
    try {
      const order = await this.api.order(id);
      if (this.store.saved.order !== id) return;
      if (this.anotherCard(order)) return;
      this.render(order);
      if (order.state !== "pending") return;
    } catch (e) {
      const p = e as Problem;
      // A moment after checkout it may not be known yet; it never is if this browser isn't its buyer.
      if (p.status === 401 || p.status === 403 || p.status === 404 && ++this.unknown > unknownMost) return this.notOurs(p);
    }
    this.poll = setTimeout(() => this.ask(), this.wait);
    this.wait = Math.min(orderPollMost, this.wait * 1.4);
  }

  /** A payment that failed leaves the seats with their fan until the hold's own deadline. */
  private anotherCard(order: Order): boolean {
    const kept = order.state === "failed" ? order.hold : undefined;
    if (!kept || Date.parse(kept.expires_at) <= now()) return false;
    const hold: Hold = { seats: order.seats ?? [], total: order.total ?? 0, currency: order.currency ?? "", ...this.store.saved.hold, ...kept };
    this.store.set({ hold, key: newKey(), order: undefined });
    this.open(hold);
    fail(`${order.reason ?? "The payment did not go through."} Nothing was charged, and your seats are still yours for ${span(this.left(hold))}: try again, or use another card.`);
    return true;
  }

  /** The order can't be followed from here. */
  private notOurs(p: Problem): void {
    text(by("order-state"), "This order can't be shown here.");
    by("order-state").dataset.state = "failed";
    text(by("order-reason"), p.status === 404 ? `${p.message} Look under My orders before you buy again.` : p.message);
    this.offerAgain(false);
  }

  /** Where the fan goes on from an order: the seats, or the queue if the time to choose is over. */
  private offerAgain(failed: boolean): void {
    by("again").hidden = false;
    text(by("again"), !this.store.pass ? "Back to the queue" : failed ? "Choose seats again" : "Buy more tickets");
  }

  /** Sends the fan to their bank, unasked once; after that the link is theirs to follow. */
  private confirm(order: Waiting): void {
    const shown = document.getElementById("order-action");
    if (order.state !== "pending" || !order.action) return shown?.remove();
    const url = new URL(order.action.url);
    if (shown || !/^https?:$/.test(url.protocol)) return;
    url.searchParams.set("return", location.href);
    by("order-reason").after(el("p", { id: "order-action" }, el("a", { href: url.href }, "Go on with the payment")));
    try {
      const key = `frontrow:confirm-${order.order}`;
      if (sessionStorage.getItem(key)) return;
      sessionStorage.setItem(key, "sent");
    } catch { return; } // without storage they would be sent again and again
    location.assign(url.href);
  }

  private render(order: Waiting): void {
    const state = by("order-state"), failed = order.state === "failed";
    state.dataset.state = order.state;
    text(state, {
      pending: order.total === 0 ? "Your tickets are being issued…" : "Your payment is being processed…", paid: order.total === 0 ? "Here are your tickets." : "Paid. Here are your tickets.",
      failed: "The order did not go through.", refunded: "This order was refunded.",
    }[order.state]);
    text(by("order-reason"), order.state === "pending" ? order.reason ?? "You can close this page: the order goes on, and you will find it here."
      : failed ? `${order.reason ?? ""} Nothing was charged, and the seats are free again.`.trim() : order.reason ?? "");
    this.confirm(order);
    fill(by("tickets"), ...(order.tickets ?? []).map((id, i) =>
      el("li", {}, el("a", { href: `/t/${id}`, "data-ticket": id }, seatWords(order.seats?.[i], `Ticket ${i + 1}`), el("small", {}, "Open ticket")))));
    text(by("order-total"), order.currency && !failed
      ? `Total ${money(order.total, order.currency)}${order.refunded ? `, of which ${money(order.refunded, order.currency)} is refunded` : ""}` : "");
    if (order.state === "pending") by("again").hidden = true;
    else this.offerAgain(failed);
  }

  private leave(): void {
    this.store.set({ hold: undefined, key: undefined, order: undefined });
    this.back();
  }
}

/** A seat by its label, with what must be known of it. */
function seatWords(seat: SeatQuote | undefined, instead: string): HTMLElement {
  const notes = noteWords(seat?.notes);
  return el("span", {}, seat?.label ?? instead, ...(notes ? [el("small", { class: "note" }, notes)] : []));
}

/** A seat of the quote: what is shown is what is paid. */
function quoted(s: SeatQuote, currency: string): HTMLElement {
  const parts = [`Ticket ${money(s.price.base, currency)}`];
  if (s.price.service_fee) parts.push(`service fee ${money(s.price.service_fee, currency)}`);
  if (s.price.facility_fee) parts.push(`facility fee ${money(s.price.facility_fee, currency)}`);
  return el("li", { "data-quoted": s.id },
    el("div", { class: "line" }, seatWords(s, s.id), el("strong", {}, money(s.price.total, currency))),
    ...(s.price.total ? [el("small", {}, parts.join(" + "))] : []));
}
