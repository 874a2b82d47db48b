// Taxes, concessions and codes of a hold at the checkout. It is a module of its own, which
// only pages of events that have any of them load.

import type { EventInfo, Hold, Problem } from "./api";

/** What it needs of the page's own module. */
export interface Page {
  store: { saved: { hold?: Hold; pass?: { pass: string } }; set(to: { hold: Hold }): void };
  info(): Promise<EventInfo>;
  open(hold: Hold): void;
  over(message: string): void;
  lost(p: Problem): boolean;
}
interface Tools {
  admitted: typeof import("./api").admitted;
  money(amount: number | undefined, currency: string): string;
  say(message: string): void;
  fail(message: string): void;
}

/** Shows the taxes in a hold's prices, the variants of each seat's level, and a field for a code. */
export async function offer(page: Page, hold: Hold, tools: Tools): Promise<void> {
  const form = document.getElementById("code-form") as HTMLFormElement, taxes = document.getElementById("taxes")!, quote = document.getElementById("quote")!;
  const field = document.getElementById("code") as HTMLInputElement;
  const inForce = hold.seats.some((s) => s.promotion) ? hold.code ?? "" : "";
  const ask = (code: string) => put(page, hold, tools, code);
  const info = await page.info().catch(() => undefined);
  if (!info || page.store.saved.hold?.hold !== hold.hold) return;
  const tax = hold.seats.reduce((sum, s) => sum + (s.price.tax ?? 0), 0);
  taxes.textContent = tax ? `including ${[...new Set(info.tax?.rates.map((r) => r.name))].join(" and ") || "tax"} ${tools.money(tax, hold.currency)}` : "";
  form.hidden = !info.promotions;
  field.value ||= inForce; // after a reload
  form.onsubmit = (e) => {
    e.preventDefault();
    ask(field.value.trim());
  };
  quote.onchange = () => ask(inForce); // what is typed but not in use is no part of another choice
  for (const s of hold.seats) {
    const line = quote.querySelector(`[data-quoted="${CSS.escape(s.id)}"]`);
    line?.querySelectorAll(".reduction").forEach((e) => e.remove());
    if (s.list !== undefined && s.list > s.price.total) {
      const before = document.createElement("small");
      before.className = "reduction";
      before.textContent = `instead of ${tools.money(s.list, hold.currency)}${s.promotion ? ", with your code" : ""}`;
      line?.append(before);
    }
    const offered = info.concessions?.filter((c) => c.levels.includes(s.level)) ?? [];
    if (!offered.length) continue;
    const choice = document.createElement("select");
    choice.className = "reduction";
    choice.dataset.concession = s.id;
    choice.ariaLabel = `Price for ${s.label}`;
    choice.append(new Option("Full price", ""), ...offered.map((c) => new Option(c.name, c.id)));
    choice.value = s.concession ?? "";
    line?.append(choice);
  }
}

/** Asks for what is chosen. If it is refused, the hold is shown as it stands. */
async function put(page: Page, hold: Hold, tools: Tools, code: string): Promise<void> {
  const wanted: Record<string, string> = {};
  for (const c of document.querySelectorAll<HTMLSelectElement>("[data-concession]")) {
    if (c.value) wanted[c.dataset.concession!] = c.value;
  }
  const controls = document.querySelectorAll<HTMLButtonElement | HTMLSelectElement>("[data-concession], #code-form button");
  for (const c of controls) c.disabled = true; // one change at a time: answers to two could come in another order
  try {
    const priced: Hold = await (await tools.admitted(page.store.saved.pass?.pass ?? "", "PUT", `/v1/holds/${hold.hold}/reductions`, { concessions: wanted, code })).json();
    priced.code = code;
    page.store.set({ hold: priced });
    page.open(priced);
    tools.say(`The total is now ${tools.money(priced.total, priced.currency)}.`);
  } catch (e) {
    const p = e as Problem;
    if (page.lost(p)) return;
    if (p.status === 410 && p.code !== "promotion-time") return page.over(p.message);
    page.open(hold);
    tools.fail(p.message);
  } finally {
    for (const c of controls) c.disabled = false;
  }
}
