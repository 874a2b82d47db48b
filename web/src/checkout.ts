// From the hold to the tickets. The quote is locked: what is shown is what is
// paid. Deadlines are the server's instants; the countdown only shows them.

import { type Api, type Hold, now, type Order, Problem } from "./api";
import { busy, by, el, fail, say, show, text } from "./dom";
import type { Notice } from "./live";
import { money, plural } from "./money";
import type { Store } from "./store";

/** A pending order may wait for its fan, who confirms the payment to his bank at url. */
interface Waiting extends Order { action?: { url: string } }

/** Seconds before the deadline at which the fan is warned. */
const warnAt = [60, 20];
const orderPollFirst = 700, orderPollMost = 5_000;

export class Checkout {
  private clock = 0;
  private poll = 0;
  private wait = orderPollFirst;

  constructor(private readonly api: Api, private readonly store: Store, private readonly back: () => void, private readonly lost: (p: Problem) => boolean) {
    by("checkout-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy(by("pay"), () => this.pay());
    });
    by("release").addEventListener("click", () => busy(by("release"), () => this.release()));
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
    by("quote").replaceChildren(...hold.seats.map((s) => el("li", { "data-quoted": s.id },
      el("div", { class: "line" }, el("span", {}, s.label), el("strong", {}, money(s.price.total, hold.currency))),
      el("small", {}, [
        `Ticket ${money(s.price.base, hold.currency)}`,
        s.price.service_fee && `service fee ${money(s.price.service_fee, hold.currency)}`,
        s.price.facility_fee && `facility fee ${money(s.price.facility_fee, hold.currency)}`,
      ].filter(Boolean).join(" + ")))));
    text(by("quote-why"), hold.why ?? "");
    text(by("total"), money(hold.total, hold.currency));
    text(by("pay"), `Pay ${money(hold.total, hold.currency)}`);
    this.tick(hold, Infinity);
  }

  private tick(hold: Hold, before: number): void {
    clearTimeout(this.clock);
    if (document.body.dataset.view !== "checkout") return;
    const left = Math.max(0, Math.ceil((Date.parse(hold.expires_at) - now()) / 1000));
    text(by("countdown"), `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
    by("countdown").classList.toggle("soon", left <= warnAt[0]);
    const warning = warnAt.find((s) => left <= s && before > s && left > 0);
    if (warning && before !== Infinity) say(`${plural(left, "second")} left to pay. Then your seats go back on sale.`);
    if (left === 0) return this.over("Time is up: your seats went back on sale. You can choose again.");
    this.clock = setTimeout(() => this.tick(hold, left), 250);
  }

  private over(message: string): void {
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
      order = (await this.api.checkout(hold.hold, pass?.pass ?? "", key, value("method"), { name: value("name"), email: value("email") })).order;
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
      this.over(n.state === "expired" ? "Time is up: your seats went back on sale. You can choose again." : "Your seats were given back.");
    }
  }

  /** Asks for the order now, and again later while it is pending. */
  async ask(): Promise<void> {
    const id = this.store.saved.order;
    if (!id) return;
    clearTimeout(this.poll);
    try {
      const order = await this.api.order(id);
      if (this.store.saved.order === id) this.render(order);
      if (order.state !== "pending") return;
    } catch (e) {
      const p = e as Problem;
      // A moment after checkout it may not be known yet; it never is if this browser isn't its buyer.
      if (p.status === 401 || p.status === 403) return fail(p.message);
    }
    this.poll = setTimeout(() => this.ask(), this.wait);
    this.wait = Math.min(orderPollMost, this.wait * 1.4);
  }

  /** Sends the fan to his bank, by himself once; after that the link is his to follow. */
  private confirm(order: Waiting): void {
    const shown = document.getElementById("order-action");
    if (order.state !== "pending" || !order.action) return shown?.remove();
    const url = new URL(order.action.url);
    if (shown || !/^https?:$/.test(url.protocol)) return;
    url.searchParams.set("return", location.href);
    by("order-reason").after(el("p", { id: "order-action" }, el("a", { href: url.href }, "Confirm the payment at your bank")));
    try {
      const key = `frontrow:confirm-${order.order}`;
      if (sessionStorage.getItem(key)) return;
      sessionStorage.setItem(key, "sent");
    } catch { return; } // without storage he would be sent again and again
    location.assign(url.href);
  }

  private render(order: Waiting): void {
    const state = by("order-state"), failed = order.state === "failed";
    state.dataset.state = order.state;
    text(state, {
      pending: "Your payment is being made…", paid: "Paid. Here are your tickets.",
      failed: "The payment did not go through.", refunded: "This order was refunded.",
    }[order.state]);
    text(by("order-reason"), order.state === "pending" ? order.reason ?? "You can close this page: the order goes on, and you find it here."
      : failed ? `${order.reason ?? ""} Nothing was charged, and the seats are free again.`.trim() : order.reason ?? "");
    this.confirm(order);
    by("tickets").replaceChildren(...(order.tickets ?? []).map((id, i) =>
      el("li", {}, el("a", { href: `/t/${id}`, "data-ticket": id }, el("span", {}, order.seats?.[i]?.label ?? `Ticket ${i + 1}`), el("small", {}, "Open ticket")))));
    text(by("order-total"), order.total && order.currency && !failed
      ? `Total ${money(order.total, order.currency)}${order.refunded ? `, of which ${money(order.refunded, order.currency)} is refunded` : ""}` : "");
    by("again").hidden = order.state === "pending";
    text(by("again"), failed ? "Choose seats again" : "Buy more tickets");
  }

  private leave(): void {
    this.store.set({ hold: undefined, key: undefined, order: undefined });
    this.back();
  }
}
