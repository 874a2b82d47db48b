// The waiting room: the fan's number against the board's head. When the head
// reaches it, the place is redeemed for a pass, without a tap.

import { type Api, type Board, Problem, type Pass } from "./api";
import { busy, by, el, fail, say, text } from "./dom";
import { count, moneyRange, plural } from "./money";
import { prove, proving } from "./proof";
import type { Store } from "./store";

/** Minutes at which a screen reader is told the rest, at most one message a minute. */
const tellAt = [60, 30, 15, 10, 5, 2, 1];
/** The fan's own lane is a better measure of pace than the whole event's, once it was watched for this long. */
const paceFrom = 20_000, paceWindow = 180_000;

const sentences: Record<Board["state"], string> = {
  scheduled: "The sale has not opened yet. You can join the queue now.",
  open: "On sale now.",
  paused: "The sale is paused for a moment. Your place is safe.",
  sold_out: "Sold out: every ticket is sold. Tickets that come back are offered here.",
  closed: "The sale is over.",
};

export class Room {
  private latest?: Board;
  private pace: { at: number; head: number }[] = [];
  private told = Infinity;
  private redeeming = false;
  private readonly title = document.title;

  constructor(private readonly api: Api, private readonly store: Store, private readonly admitted: (pass: Pass) => void, private readonly known: () => void) {
    by("join").addEventListener("click", () => busy(by("join"), () => this.join(true)));
    by("lift").addEventListener("click", () => busy(by("lift"), () => this.join(true, this.store.saved.place?.slow?.challenge)));
  }

  /** A fan who came back gets the same place again; it also renews his cookie. */
  async start(): Promise<void> {
    this.render();
    if (this.store.saved.place) await this.join(false);
  }

  /** With the address of a challenge, that is done first: the way out of the slow lane. */
  async join(byHand: boolean, challenge?: string): Promise<void> {
    try {
      const first = challenge && await prove(challenge, false);
      const place = await proving((answer) => this.api.join(answer ?? first));
      if (this.store.saved.place?.number !== place.number) {
        this.store.set({ place, aheadAtFirst: undefined });
        this.pace = [];
        this.known();
      } else {
        this.store.set({ place });
      }
      if (byHand) say(`You are in the queue. Your number is ${count(place.number)}.`);
      this.render();
    } catch (e) {
      if (byHand) fail((e as Problem).message);
    }
  }

  board(board: Board): void {
    this.latest = board;
    const { place } = this.store.saved;
    if (place) {
      const head = this.head();
      this.pace.push({ at: Date.now(), head });
      while (this.pace.length > 2 && this.pace[0].at < Date.now() - paceWindow) this.pace.shift();
    }
    this.render();
  }

  /** How long to wait between polls: those who are near look often. */
  pollEvery(): number {
    const ahead = this.ahead();
    return ahead === undefined ? 5_000 : Math.min(10_000, Math.max(1_000, ahead * 10));
  }

  private head(): number {
    const { place } = this.store.saved;
    return place && this.latest?.lanes[place.lane]?.regions[place.region]?.head || 0;
  }

  /** Fans before this one who are not called yet, in his lane and region, as the API counts; undefined without a place. */
  private ahead(): number | undefined {
    const { place } = this.store.saved;
    if (!place) return undefined;
    if (!this.latest) return place.ahead;
    return Math.max(0, place.number - this.head() - 1);
  }

  private render(): void {
    const board = this.latest, { place, aheadAtFirst } = this.store.saved;
    if (board) {
      const state = board.state === "scheduled" && place ? "The sale has not opened yet. You are in the queue." : sentences[board.state];
      text(by("board-state"), state);
      by("board-state").dataset.state = board.state;
      text(by("board-message"), board.message ?? "");
      this.renderLevels(board);
    }
    const over = board?.state === "closed";
    by("join").hidden = !!place || over;
    by("place").hidden = !place;
    if (!place) return;

    by("slow").hidden = !place.slow;
    text(by("slow-why"), place.slow ? [...place.slow.why, place.slow.detail].join(" ") : "");
    const ahead = this.ahead()!;
    if (aheadAtFirst === undefined || ahead > aheadAtFirst) this.store.set({ aheadAtFirst: ahead });
    text(by("position"), count(place.number));
    text(by("ahead"), count(ahead));
    by<HTMLProgressElement>("progress").value = 1 - ahead / Math.max(1, aheadAtFirst ?? ahead);
    this.renderEstimate(ahead);
    if (document.body.dataset.view === "waiting") document.title = `(${count(ahead)} ahead) ${this.title}`;
    const called = board && place.number <= this.head();
    if (called && (board.state === "open" || board.state === "sold_out" || board.state === "paused")) this.redeem(place.place);
  }

  /** Fans called in a minute, in this fan's lane if that is known. */
  private perMinute(): number {
    const first = this.pace[0], last = this.pace[this.pace.length - 1];
    if (first && last.at - first.at >= paceFrom && last.head > first.head) return (last.head - first.head) * 60_000 / (last.at - first.at);
    return this.latest?.rate_per_minute ?? 0;
  }

  private renderEstimate(ahead: number): void {
    const board = this.latest, rate = this.perMinute();
    let sentence = "An estimate follows once fans are being called.";
    if (board?.state === "paused") sentence = "Nobody is called just now. The wait goes on when the sale does.";
    else if (board?.state === "scheduled") sentence = "Fans are called once the sale opens.";
    else if (ahead === 0) sentence = "You are next.";
    else if (rate > 0) {
      const minutes = ahead / rate, from = Math.floor(0.7 * minutes), to = Math.ceil(1.5 * minutes);
      sentence = to <= 1 ? "About a minute" : `About ${from < 1 ? 1 : count(from)} to ${count(Math.max(2, to))} minutes`;
      const threshold = tellAt.filter((m) => minutes <= m).pop();
      if (threshold !== undefined && threshold < this.told) {
        if (this.told !== Infinity) say(`About ${plural(threshold, "minute")} left.`);
        this.told = threshold;
      }
    }
    text(by("estimate"), sentence);
    if (board) text(by("updated"), new Date(board.at).toLocaleTimeString());
  }

  private renderLevels(board: Board): void {
    by("levels").replaceChildren(...(board.levels ?? []).map((l) => {
      const low = l.free > 0 && l.free < 0.1 * l.total;
      return el("li", { "data-level": l.id, "data-stock": l.free ? low ? "low" : "free" : "none" },
        el("span", { class: "name" }, l.name),
        el("span", { class: "stock" }, l.free ? `${low ? "Only " : ""}${count(l.free)} left` : "Sold out"),
        el("strong", { class: "price" }, moneyRange(l.from, l.to, board.currency)));
    }));
  }

  private async redeem(receipt: string): Promise<void> {
    if (this.redeeming || this.store.pass) return;
    this.redeeming = true;
    let again = 0;
    try {
      const pass = await proving((answer) => this.api.redeem(receipt, answer));
      this.store.set({ pass });
      document.title = this.title;
      this.admitted(pass);
    } catch (e) {
      const p = e as Problem;
      if (p.status === 425 || p.status === 503 || p.status === 429 || p.status === 0) {
        again = Math.min(30_000, Math.max(500, p.retryAfter || 1_000)) * (1 + Math.random() / 4);
      } else if (p.status === 410) {
        text(by("estimate"), p.message);
        fail(p.message);
        again = 30_000; // tickets may come back
      } else {
        // The receipt is nobody's here any more: ask for a place anew.
        fail(p.message);
        this.store.set({ place: undefined });
        this.render();
      }
    } finally {
      setTimeout(() => {
        this.redeeming = false;
        if (again) this.render();
      }, again);
    }
  }
}
