// Choosing places: the live states of all of them, and asking for a hold of what
// this fan has chosen, of the best available, or of n places of an area.

import { type Api, type Board, type EventInfo, type Hold, type HoldWish, type Level, newKey, Problem, type Stock } from "./api";
import { Basket, Forms } from "./basket";
import { busy, by, el, fail, fill, say, text } from "./dom";
import { SeatList } from "./list";
import type { Live, SeatFrame } from "./live";
import { colours, SeatMap } from "./map";
import { count, money } from "./money";
import { noteWords, notesOf } from "./notes";
import { proving } from "./proof";
import { type Area, Plan, type Section } from "./plan";
import type { Store } from "./store";

/** Snapshots are read at most this often, however many frames were missed. */
const snapshotEvery = 1_000;
/** With more sections in the window than this, all are watched. */
const watchMost = 12;
/** The gateway takes 30 frames in 10 s from a client. */
const watchEvery = 600;

export class Seats {
  states = new Uint8Array();
  plan!: Plan;
  private basket!: Basket;
  private forms!: Forms;
  private map!: SeatMap;
  private list!: SeatList;
  private levelOf = new Uint8Array(); // by place
  private prices: Board["levels"] = [];
  private stock?: Stock;
  // Where we stand on the gateway's sequence: the snapshot, sections that frames
  // took further, and the newest that we were told of and don't have yet.
  private seq = 0;
  private readonly stands = new Map<string, number>();
  private newest = 0;
  private snapshotTimer = 0;
  private watched: string[] = ["*"];
  private wanted: string[] = ["*"];
  private watchTimer = 0;
  private loading?: Promise<void>;
  private failed = false; // the last snapshot could not be read
  private holding = false; // a hold is being asked for
  private asked?: { wish: string; key: string }; // the last hold, if what became of it isn't known
  private dearer?: { wish: string; total: number }; // the price of a wish that was told after it had risen

  constructor(
    private readonly api: Api, private readonly store: Store, private readonly live: Live,
    readonly info: EventInfo, private readonly held: (hold: Hold) => void, private readonly passOver: (p?: Problem) => void,
    private readonly passLost: (p: Problem) => boolean,
  ) {}

  /** Reads the plan and the states, once; the view is complete when it resolves. */
  load(): Promise<void> {
    return this.loading ??= this.begin().catch((e) => {
      this.loading = undefined; // the next refresh tries again
      fail((e as Error).message);
    });
  }

  private async begin(): Promise<void> {
    this.live.watch(this.watched);
    this.plan = new Plan(await this.api.plan(this.info.plan));
    this.states = new Uint8Array(this.plan.places).fill(3);
    this.levelOf = this.plan.levels(this.info.levels);
    await this.snapshot();
    this.basket = new Basket(this);
    this.forms = new Forms(this);
    this.map = new SeatMap(by<HTMLCanvasElement>("map"), this);
    this.list = new SeatList(this);
    this.wire();
    this.changed();
    text(by("hint"), "");
    by<HTMLButtonElement>("list-toggle").disabled = false;
    if (this.seq < this.newest) this.refresh(); // frames came while the map was not there yet
  }

  private wire(): void {
    by("zoom-in").addEventListener("click", () => this.map.zoom(1.6));
    by("zoom-out").addEventListener("click", () => this.map.zoom(1 / 1.6));
    by("zoom-fit").addEventListener("click", () => this.map.fit());
    const toggle = by("list-toggle");
    toggle.addEventListener("click", () => {
      const list = by("list").hidden;
      by("list").hidden = !list;
      by("map-box").hidden = list;
      toggle.setAttribute("aria-pressed", String(list));
      text(toggle, list ? "Show the map" : "Choose from a list");
    });
    by("hold").addEventListener("click", () => busy(by("hold"), () => this.hold(this.basket.wish, this.basket.total)));
    by("best-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy(by("best"), () => this.hold(this.forms.best, this.forms.bestTotal));
    });
    by("area-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy(by("area-hold"), () => this.hold(this.forms.standing, this.forms.standingTotal));
    });
  }

  get chosen(): Set<number> { return this.basket.chosen; }

  get area(): Area | undefined { return this.basket.area; }

  pickSeat(place: number): void { this.basket.pickSeat(place); }

  pickArea(area: Area): void { this.basket.pickArea(area); }

  level(place: number): number { return this.levelOf[place]; }

  /** The all-in price of a place in minor units. */
  amount(place: number): number { return this.cost(this.info.levels[this.level(place)]); }

  /** What a level costs this fan: the board's price if it says, for prices move, and no more than was promised. */
  private cost({ id, price }: Level): number {
    return Math.min(this.prices?.find((l) => l.id === id)?.from ?? price.total, this.store.saved.promised?.levels[id] ?? Infinity);
  }

  price(place: number): string { return money(this.amount(place), this.info.currency); }

  left(zone: Section | Area): number {
    if (this.stock?.sections[zone.id]) return this.stock.sections[zone.id].free;
    let n = 0;
    for (let i = zone.start; i < zone.end; i++) if (this.states[i] === 0) n++;
    return n;
  }

  hover(place: number): void {
    const notes = place < 0 ? "" : noteWords(notesOf(this.plan.kind[place]));
    text(by("hint"), place < 0 ? "" : [this.plan.label(place), ["", "held by another fan", "taken", "not for sale"][this.states[place]] || this.price(place), notes].filter(Boolean).join(" · "));
  }

  // Following the states.

  board(board: Board): void {
    this.prices = board.levels;
    if (!this.map) return;
    this.renderLegend();
    this.basket.render(); // prices move
    this.forms.render();
  }

  stockChanged(stock: Stock): void {
    this.stock = stock;
    if (this.map) this.show();
  }

  /** Applies a frame; one that doesn't follow what we have means that we missed some. */
  frame(f: SeatFrame): void {
    const { section, from = 0, to = 0, changes = [] } = f, stand = this.stands.get(section) ?? this.seq;
    if (to <= stand) return;
    if (!this.map || from > stand) {
      this.newest = Math.max(this.newest, to);
      return this.refresh();
    }
    for (const [place, state] of changes) this.states[place] = state;
    this.stands.set(section, to);
    this.lost();
    this.show();
  }

  /** A new socket may be another gateway's: it counts anew. */
  forget(): void {
    this.stands.clear();
    this.newest = 0;
  }

  /** Reads the states again, soon. */
  refresh(): void {
    if (!this.map) return void this.load();
    if (this.snapshotTimer) return;
    this.snapshotTimer = setTimeout(async () => {
      this.snapshotTimer = 0;
      try {
        await this.snapshot();
        if (this.failed) say("");
        this.failed = false;
        this.lost();
        this.show();
        if (this.seq < this.newest) this.refresh(); // a cache gave us an old one
      } catch {
        if (!this.failed) say("No connection right now: the map may be out of date.");
        this.failed = true;
      }
    }, snapshotEvery * Math.random());
  }

  private async snapshot(): Promise<void> {
    const { seq, states } = await this.api.availability(this.plan.places);
    // Snapshots may come from a cache: sections that frames took further keep what they have.
    for (const z of [...this.plan.sections, ...this.plan.areas]) {
      if ((this.stands.get(z.id) ?? 0) > seq) states.set(this.states.subarray(z.start, z.end), z.start);
      else this.stands.delete(z.id);
    }
    this.states.set(states);
    this.seq = seq;
  }

  /** Drops chosen seats that others got, and says which. */
  private lost(): void {
    const gone = [...this.chosen].filter((i) => this.states[i] !== 0);
    if (!gone.length) return;
    for (const i of gone) this.chosen.delete(i);
    fail(`${gone.map((i) => this.plan.label(i)).join("; ")} ${gone.length > 1 ? "were" : "was"} just taken by another fan and is no longer in your selection.`);
    this.changed();
  }

  /** Watches what is in the window, once it has come to rest. */
  inView(sections: Section[]): void {
    this.wanted = sections.length > watchMost || !sections.length ? ["*"] : [...sections, ...this.plan.areas].map((z) => z.id);
    this.watchTimer ||= setTimeout(() => this.watch(), watchEvery);
  }

  /** A wider watch needs a snapshot of what wasn't followed; a narrower one pays only from "all" to a few. */
  private watch(): void {
    this.watchTimer = 0;
    const all = this.watched[0] === "*", wider = !all && this.wanted.some((id) => !this.watched.includes(id));
    if (!wider && (!all || this.wanted[0] === "*")) return;
    this.watched = this.wanted;
    this.live.watch(this.watched);
    if (wider) this.refresh();
  }

  private show(): void {
    this.map.draw();
    if (!by("list").hidden) this.list.update();
  }

  changed(): void {
    this.show();
    this.list.update();
    this.renderLegend();
    this.basket.render();
  }

  private renderLegend(): void {
    const levels = this.info.levels.map((l, i) => {
      const b = this.prices?.find((p) => p.id === l.id);
      return el("li", {}, el("i", { class: `dot level-${i % colours}` }), `${l.name} `, el("strong", {}, money(this.cost(l), this.info.currency)), b && !b.free ? " sold out" : "");
    });
    fill(by("legend"), ...levels);
  }

  // Asking for a hold.

  /** Asks for a hold that costs no more than was shown. */
  private async hold(wish: HoldWish, shown: number): Promise<void> {
    const pass = this.store.pass;
    if (!pass) return this.passOver();
    if (this.holding) return; // by another button
    this.holding = true;
    const same = JSON.stringify(wish);
    if (this.asked?.wish !== same) this.asked = { wish: same, key: newKey() };
    const { key } = this.asked, expect = Math.max(shown, this.dearer?.wish === same ? this.dearer.total : 0);
    this.dearer = undefined;
    try {
      const hold = await proving((answer) => this.api.hold(pass, wish, expect, key, answer));
      this.asked = undefined;
      this.basket.clear();
      this.changed();
      this.store.set({ hold, key: newKey(), order: undefined, more: undefined });
      this.held(hold);
    } catch (e) {
      const p = e as Problem;
      if (p.status && p.status < 500) this.asked = undefined; // else it may be held: the same again finds it
      if (p.status === 401) return this.passOver(p);
      if (this.passLost(p)) return;
      if (p.code === "price-changed") {
        this.dearer = { wish: same, total: p.total }; // who asks again has read it
        return fail(`The price has changed: it is ${money(p.total, this.info.currency)} now, not ${money(expect, this.info.currency)}. Nothing is held yet. Press again to hold.`);
      }
      if (p.code !== "taken") return fail(p.message);
      const gone = p.seats.map((id) => this.plan.find(id)).filter((i) => i >= 0);
      for (const i of gone) {
        this.states[i] = 1;
        this.chosen.delete(i);
      }
      fail(gone.length ? `Another fan was faster: ${gone.map((i) => this.plan.label(i)).join("; ")}. ${this.chosen.size ? `${count(this.chosen.size)} of your seats can still be held.` : "Choose others."}` : p.message);
      this.changed();
      this.refresh();
    } finally {
      this.holding = false;
      // busy() enables the button again; an empty basket can't be held.
      setTimeout(() => this.basket.render());
    }
  }
}
