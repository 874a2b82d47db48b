// What the fan has chosen: seats, or places of one standing area, since a hold is
// of one kind. Choosing only selects; the button says what it holds, and for how much.

import type { EventInfo, HoldWish } from "./api";
import { by, el, fill, say, text } from "./dom";
import { money, plural } from "./money";
import { noteWords, notesOf } from "./notes";
import type { Area, Plan } from "./plan";

export interface BasketModel {
  readonly plan: Plan;
  readonly info: EventInfo;
  readonly states: Uint8Array;
  amount(place: number): number;
  price(place: number): string;
  level(place: number): number;
  left(area: Area): number;
  /** The choice is another one. */
  changed(): void;
}

const standing = (n: number) => plural(n, "standing place");

/** countOptions are the numbers of tickets that a fan may have. */
export function countOptions(most: number): HTMLOptionElement[] {
  return Array.from({ length: most }, (_, i) => el("option", { value: String(i + 1), selected: i + 1 === Math.min(2, most) }, String(i + 1)));
}

export class Basket {
  readonly chosen = new Set<number>();
  area?: Area;
  private readonly areaCount = by<HTMLSelectElement>("basket-count");

  constructor(private readonly model: BasketModel) {
    by("basket").addEventListener("click", (e) => {
      const place = (e.target as HTMLElement).closest<HTMLElement>("[data-remove]")?.dataset.remove;
      if (place === "area") this.pickArea(this.area!);
      else if (place !== undefined) this.pickSeat(Number(place));
    });
    this.areaCount.replaceChildren(...countOptions(model.info.limits.per_fan));
    this.areaCount.addEventListener("change", () => this.render());
  }

  private get most(): number { return this.model.info.limits.per_fan; }

  pickSeat(place: number): void {
    if (place < 0) return;
    const { plan, states } = this.model;
    if (this.chosen.delete(place)) return this.model.changed();
    if (states[place] !== 0) return say(`${plan.label(place)} is ${states[place] === 1 ? "held by another fan" : "not available"}.`);
    if (this.chosen.size >= this.most) return say(`You can choose up to ${plural(this.most, "seat")}. Remove one first.`);
    const instead = this.area ? ` instead of ${this.area.label}` : "";
    this.area = undefined;
    this.chosen.add(place);
    const notes = noteWords(notesOf(plan.kind[place]));
    say(`${plan.label(place)} chosen${instead}, ${this.model.price(place)} including fees.${notes ? ` ${notes}.` : ""}`);
    this.model.changed();
  }

  /** Chooses an area, or leaves it again. */
  pickArea(area: Area): void {
    if (this.area === area) this.area = undefined;
    else if (!this.model.left(area)) return say(`${area.label} has no place left.`);
    else {
      const instead = this.chosen.size ? " instead of your seats" : "";
      this.chosen.clear();
      this.area = area;
      say(`${area.label} chosen${instead}, ${this.model.price(area.start)} each including fees. Nothing is held yet.`);
    }
    this.model.changed();
  }

  /** Forgets the choice: it is held now. */
  clear(): void {
    this.chosen.clear();
    this.area = undefined;
  }

  /** What the hold button asks for. */
  get wish(): HoldWish {
    if (this.area) return { area: this.area.id, count: Number(this.areaCount.value) };
    return { seats: [...this.chosen].map((i) => this.model.plan.id(i)) };
  }

  /** What the choice costs, as it is shown. */
  get total(): number {
    return this.area ? Number(this.areaCount.value) * this.model.amount(this.area.start) : [...this.chosen].reduce((sum, i) => sum + this.model.amount(i), 0);
  }

  render(): void {
    const { plan, info } = this.model, places = [...this.chosen].sort((a, b) => a - b), { area, total } = this;
    const n = area ? Number(this.areaCount.value) : places.length;
    by("basket").classList.toggle("empty", !n);
    by("basket-area").hidden = !area;
    text(by("basket-area-name"), area ? `${area.label}, ${this.model.price(area.start)} each` : "");
    fill(by("basket-seats"), ...places.map((i) => {
      const notes = noteWords(notesOf(plan.kind[i]));
      return el("li", { "data-chosen": plan.id(i) },
        el("span", {}, plan.label(i), ...(notes ? [el("small", { class: "note" }, notes)] : [])), el("strong", {}, this.model.price(i)),
        el("button", { type: "button", class: "remove", "data-remove": String(i), "aria-label": `Remove ${plan.label(i)}` }, "×"));
    }));
    text(by("basket-total"), n ? money(total, info.currency) : "");
    text(by("hold"), n ? `Hold ${area ? standing(n) : plural(n, "seat")} · ${money(total, info.currency)}` : "Choose seats on the map");
    by<HTMLButtonElement>("hold").disabled = !n;
  }
}

/** Forms are the two other ways to a hold: the best available, and so many of an area. */
export class Forms {
  constructor(private readonly model: BasketModel) {
    const { plan, info } = model, most = info.limits.per_fan;
    for (const id of ["best-count", "area-count"]) by(id).replaceChildren(...countOptions(most));
    by("best-level").append(...info.levels.filter((l) => this.places(l.id, "").length)
      .map((l) => el("option", { value: l.id }, `${l.name} – ${money(l.price.total, info.currency)}`)));
    by("best-section").append(...plan.sections.map((s) => el("option", { value: s.id }, s.label)));
    by("best-form").hidden = !plan.seats;
    by("area-form").hidden = !plan.areas.length;
    by("area").append(...plan.areas.map((a) => el("option", { value: a.id }, `${a.label} – ${model.price(a.start)}`)));
    for (const id of ["best-form", "area-form"]) by(id).addEventListener("change", () => this.render());
    this.render();
  }

  get best(): HoldWish {
    return { best: {
      count: Number(value("best-count")), level: value("best-level") || undefined, section: value("best-section") || undefined,
      accessible: by<HTMLInputElement>("best-accessible").checked || undefined,
    } };
  }

  /** What each may cost at most, as it is shown. */
  get bestTotal(): number { return Math.max(...this.bestAmounts()); }
  get standingTotal(): number {
    const area = this.model.plan.areas.find((a) => a.id === value("area"));
    return area ? Number(value("area-count")) * this.model.amount(area.start) : 0;
  }

  get standing(): HoldWish { return { area: value("area"), count: Number(value("area-count")) }; }

  /** A seat of each level that may come: what it costs is the same all over it. */
  private places(level: string, section: string): number[] {
    const { plan, info } = this.model;
    const found = new Map<number, number>();
    for (const s of plan.sections) {
      if (section && s.id !== section) continue;
      for (let i = s.start; i < s.end; i++) {
        const l = this.model.level(i);
        if (!found.has(l) && (!level || info.levels[l].id === level)) found.set(l, i);
      }
    }
    return [...found.values()];
  }

  private bestAmounts(): number[] {
    return this.places(value("best-level"), value("best-section")).map((i) => Number(value("best-count")) * this.model.amount(i));
  }

  /** What the buttons hold, and for how much. */
  render(): void {
    const { plan, info } = this.model, n = Number(value("best-count")), amounts = this.bestAmounts();
    const from = Math.min(...amounts), to = Math.max(...amounts);
    const cost = !amounts.length ? "" : from === to ? ` · ${money(from, info.currency)}` : ` · ${money(from, info.currency)} to ${money(to, info.currency)}`;
    text(by("best"), `Hold the best ${n === 1 ? "seat" : `${n} seats`}${cost}`);
    const area = plan.areas.find((a) => a.id === value("area")), m = Number(value("area-count"));
    if (area) text(by("area-hold"), `Hold ${standing(m)} · ${money(this.standingTotal, info.currency)}`);
  }
}

const value = (id: string) => by<HTMLSelectElement>(id).value;
