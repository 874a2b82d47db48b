// The list beside the map: section, row, seat. It does all that the map does,
// with buttons, for keyboards, screen readers and everybody who likes lists.
// Only one step of it is in the page at a time, so at most one row of seats.

import { colours } from "./map";
import type { Plan, Row, Section } from "./plan";
import { Accessible, Companion, Restricted } from "./plan";
import { by, el, text } from "./dom";
import { plural } from "./money";
import { noteWords, notesOf } from "./notes";

export interface ListModel {
  readonly plan: Plan;
  readonly states: Uint8Array;
  readonly chosen: Set<number>;
  level(place: number): number;
  price(place: number): string;
  left(zone: Section): number;
  pickSeat(place: number): void;
}

const stateNames = ["available", "held by another fan", "taken", "not for sale"];

export class SeatList {
  private section?: Section;
  private row?: Row;
  private readonly body = by("list-body");

  constructor(private readonly model: ListModel) {
    by("list-back").addEventListener("click", () => {
      if (this.row) this.open(this.section); else this.open();
    });
    this.body.addEventListener("click", (e) => {
      const { section, row, seat } = (e.target as HTMLElement).closest("button")?.dataset ?? {};
      if (section !== undefined) this.open(this.model.plan.sections.find((s) => s.id === section));
      else if (row !== undefined) this.open(this.section, this.section?.rows.find((r) => String(r.start) === (e.target as HTMLElement).closest("button")!.value));
      else if (seat !== undefined) this.model.pickSeat(this.model.plan.find(seat));
    });
    this.body.addEventListener("keydown", (e) => this.arrow(e));
    this.build();
  }

  private open(section?: Section, row?: Row): void {
    this.section = section;
    this.row = row;
    this.build();
    this.body.querySelector("button")?.focus();
  }

  /** Arrows step through whatever buttons are shown. */
  private arrow(e: KeyboardEvent): void {
    const buttons = [...this.body.querySelectorAll("button")], here = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[e.key];
    if (here < 0 || to === undefined) return;
    buttons[to]?.focus();
    e.preventDefault();
  }

  private build(): void {
    const { plan } = this.model, { section, row } = this;
    by("list-back").hidden = !section;
    text(by("list-title"), row && section ? `${section.label}, Row ${row.label}` : section ? `${section.label}: choose a row` : "Choose a section");
    this.body.className = row ? "seats" : "steps";
    let buttons: HTMLButtonElement[];
    if (row) {
      buttons = [];
      for (let i = row.start; i < row.end; i++) buttons.push(el("button", { type: "button", "data-seat": plan.id(i), value: String(i) }, plan.number(i)));
    } else if (section) {
      buttons = section.rows.filter((r) => r.end > r.start)
        .map((r) => el("button", { type: "button", "data-row": r.label, value: String(r.start) }, el("span", {}, `Row ${r.label}`), el("small")));
    } else {
      buttons = plan.sections.map((s) => el("button", { type: "button", "data-section": s.id }, el("span", {}, s.label), el("small")));
    }
    this.body.replaceChildren(...buttons);
    this.update();
  }

  /** Brings what is shown up to the live states. */
  update(): void {
    const { plan, states, chosen } = this.model;
    for (const b of this.body.querySelectorAll("button")) {
      if (b.dataset.seat !== undefined) {
        const i = Number(b.value), mine = chosen.has(i);
        b.dataset.state = mine ? "chosen" : String(states[i]);
        // Taken seats stay reachable, so that a reader hears the row as it is.
        b.setAttribute("aria-disabled", String(states[i] !== 0 && !mine));
        b.setAttribute("aria-pressed", String(mine));
        const kind = plan.kind[i], notes = noteWords(notesOf(kind));
        const label = [plan.label(i), notes, this.model.price(i) + " including fees", mine ? "chosen" : stateNames[states[i]]].filter(Boolean).join(", ");
        if (b.getAttribute("aria-label") !== label) b.setAttribute("aria-label", label);
        const shape = (kind & 3) === Accessible ? " square" : (kind & 3) === Companion ? " tip" : "";
        b.className = `level-${this.model.level(i) % colours}${shape}${kind & Restricted ? " struck" : ""}`;
        b.title = notes;
      } else {
        let left = 0;
        if (b.dataset.section !== undefined) left = this.model.left(plan.sections.find((s) => s.id === b.dataset.section)!);
        else {
          const row = this.section!.rows.find((r) => String(r.start) === b.value)!;
          for (let i = row.start; i < row.end; i++) if (states[i] === 0) left++;
        }
        text(b.querySelector("small")!, left ? plural(left, "seat") + " left" : "none left");
        b.disabled = !left;
      }
    }
  }
}
