// The waiting room: where the fan's place stands on the board. When it is
// called, it is redeemed for a pass, without a tap.

import { type Api, type Board, Problem, type Pass, type Place } from "./api";
import { Access } from "./access";
import { Carry } from "./carry";
import { busy, by, el, fail, fill, say, text } from "./dom";
import { before, drawn, left, waiting } from "./estimate";
import { count, money, plural } from "./money";
import { prove, proving } from "./proof";
import { passEnded, type Saved, type Store } from "./store";
import { type Turn, turn } from "./turn";

/** Minutes at which a screen reader is told the rest, at most one message a minute. */
const tellAt = [60, 30, 15, 10, 5, 2, 1];
/** Timers can't be set for longer than some weeks. */
const timerMost = 24 * 3600_000;

const sentences: Record<Board["state"], string> = {
  scheduled: "The sale has not opened yet.", // and what can be done meanwhile
  open: "On sale now.",
  paused: "The sale is paused for a moment. Your place is safe.",
  draining: "The queue is being closed: nobody else is called.",
  sold_out: "Sold out: every ticket is sold. Tickets that come back are offered here.",
  closed: "The sale is over.",
};

export class Room {
  private latest?: Board;
  private told = Infinity;
  private redeeming = false;
  private readonly gone = new Set<string>(); // levels that are sold out
  private seen = false; // a board with its levels
  private refused = ""; // why a called place was not let in just now
  private opening = false; // the room is not open yet
  private readonly lottery = document.body.dataset.lottery !== undefined;
  private readonly title = document.title;
  private readonly access: Access;
  private readonly carry: Carry;

  constructor(private readonly api: Api, private readonly store: Store, private readonly admitted: (pass: Pass) => void, private readonly known: () => void) {
    this.access = new Access(api.event, (code, email) => this.enter(true, code, email));
    this.carry = new Carry(api, store);
    const join = by<HTMLButtonElement>("join");
    join.addEventListener("click", () => busy(join, () => this.access.code ? this.access.join() : this.join(true)));
    const lift = by<HTMLButtonElement>("lift");
    lift.addEventListener("click", () => busy(lift, () => this.join(true, this.store.saved.place?.slow?.challenge)));
    this.opensIn(Number(join.dataset.opensIn) || 0);
  }

  /** Nobody can join before the room opens. How long that is, the server says: a fan's clock may be hours off. */
  private opensIn(ms: number): void {
    this.opening = ms > 0;
    by<HTMLButtonElement>("join").disabled = this.opening;
    by("room-opens").hidden = !this.opening;
    this.render();
    if (ms > 0) setTimeout(() => this.opensIn(ms - Math.min(ms, timerMost)), Math.min(ms, timerMost));
  }

  /** A fan who came back gets the same place again; it also renews the cookie. One whose place is used up joins by hand. */
  async start(): Promise<void> {
    this.render();
    if (this.store.saved.place) await this.join(false);
  }

  /** With the address of a challenge, that is done first: the way out of the slow lane. */
  async join(byHand: boolean, challenge?: string): Promise<void> {
    try {
      await this.enter(byHand, undefined, undefined, challenge);
    } catch (e) {
      const p = e as Problem;
      if (byHand) fail(p.message);
      if (p.code === "not-open") setTimeout(() => this.opensIn(p.retryAfter)); // once the button is no longer busy
    }
  }

  /** Joins, with a code or without, or throws why not. */
  private async enter(byHand: boolean, code?: string, email?: string, challenge?: string): Promise<void> {
    const first = challenge ? await prove(challenge, false) : undefined;
    const old = this.store.saved.place, place = await proving((answer) => this.api.join(old?.place, code, email, answer ?? first));
    const other = old?.number !== place.number || old.lane !== place.lane || old.region !== place.region;
    // What is promised is kept whether this page knows it or not.
    const promised = place.priced ? await this.api.promised(place.priced).catch(() => undefined) : undefined;
    if (other) this.store.set({ aheadAtFirst: undefined });
    this.store.set({ place, promised, ended: undefined });
    if (other) this.known();
    this.refused = "";
    if (byHand || other) say(entered(place, !!old && other));
    this.render();
  }

  board(board: Board): void {
    this.latest = board;
    this.keepCommitment(board);
    this.render();
  }

  /** The draw's commitment as it was first seen here: what is revealed later must match it. */
  private keepCommitment(board: Board): void {
    if (board.draw && !this.store.saved.commitment) this.store.set({ commitment: board.draw.commitment });
  }

  /** How long to wait between polls: those who are near look often. */
  pollEvery(): number {
    const ahead = this.turn()?.ahead;
    return ahead === undefined ? 5_000 : Math.min(10_000, Math.max(1_000, ahead * 10));
  }

  /** Where the place stands: by the board or, before there is one, by what was said when it was taken. */
  private turn(): Turn | undefined {
    const { place } = this.store.saved;
    return place && (this.latest && turn(this.latest, place) || { ahead: place.ahead, called: false });
  }

  render(): void {
    const board = this.latest, { place, aheadAtFirst } = this.store.saved;
    if (board) {
      text(by("board-state"), this.state(board));
      by("board-state").dataset.state = board.state;
      text(by("board-message"), board.message ?? "");
      this.renderLevels(board);
      by("draw-link").hidden = !board.draw;
      by("opens").hidden = board.state !== "scheduled";
    }
    const over = board?.state === "closed" || board?.state === "draining", { ended } = this.store.saved;
    by("join").hidden = !!place || over;
    text(by("join"), ended ? "Join again at the end of the queue" : "Join the queue");
    text(by("ended"), !ended || place ? "" : ended === passEnded && !over ? `${ended} You can join again at the end of the queue.` : ended);
    by("place").hidden = !place;
    this.access.show(!over && place?.lane !== "priority");
    this.carry.show(!!place && board?.state !== "closed");
    const mine = this.turn();
    if (!place || !mine) return;

    if (board) text(by("promise"), promise(board, this.store.saved));
    by("slow").hidden = !place.slow;
    text(by("slow-why"), place.slow ? [...place.slow.why, place.slow.detail].join(" ") : "");
    if (aheadAtFirst === undefined || mine.ahead > aheadAtFirst) this.store.set({ aheadAtFirst: mine.ahead });
    text(by("position"), count(place.number));
    // Before the draw nobody is ahead of anybody.
    const drawn = !this.undrawn;
    text(by("ahead"), drawn ? count(mine.ahead) : "–");
    by("progress").hidden = !drawn;
    by<HTMLProgressElement>("progress").value = 1 - mine.ahead / Math.max(1, aheadAtFirst ?? mine.ahead);
    if (board) this.renderTurn(board, mine);
    if (document.body.dataset.view === "waiting") document.title = drawn ? `(${count(mine.ahead)} ahead) ${this.title}` : this.title;
    if (mine.called && board && ["open", "paused", "draining"].includes(board.state)) this.redeem(place.place);
  }

  /** There is a draw, and it is not held yet. */
  private get undrawn(): boolean { return this.latest?.draw ? !this.latest.draw.secret : this.lottery && this.latest?.state === "scheduled"; }

  /** The state of the sale, and what the fan can do about it now. */
  private state(board: Board): string {
    if (board.state !== "scheduled") return sentences[board.state];
    const lottery = this.lottery || !!board.draw;
    if (this.store.saved.place) return lottery ? "The sale has not opened yet. You take part in the draw." : "The sale has not opened yet. You are in the queue.";
    if (this.opening) return "Neither the queue nor the sale has opened yet.";
    return lottery ? "The sale has not opened yet. Join now to take part in the draw." : "The sale has not opened yet. You can join the queue now.";
  }

  /** What the board means for this fan. */
  private renderTurn(board: Board, mine: Turn): void {
    const ahead = before(board, this.store.saved.place!, mine), { sentence, minutes } = waiting(board, mine, ahead);
    text(by("estimate"), mine.called && this.refused ? this.refused : sentence);
    text(by("chance"), left(board, mine, ahead));
    text(by("drawn"), drawn(board, mine));
    text(by("updated"), new Date(board.at).toLocaleTimeString());
    const threshold = minutes === undefined ? undefined : tellAt.filter((m) => minutes <= m).pop();
    if (threshold === undefined || threshold >= this.told) return;
    if (this.told !== Infinity) say(`About ${plural(threshold, "minute")} left.`);
    this.told = threshold;
  }

  private renderLevels(board: Board): void {
    fill(by("levels"), ...(board.levels ?? []).map((l) => {
      const low = l.free > 0 && l.free < 0.1 * l.total;
      return el("li", { "data-level": l.id, "data-stock": l.free ? low ? "low" : "free" : "none" },
        el("span", { class: "name" }, l.name),
        el("span", { class: "stock" }, l.free ? `${low ? "Only " : ""}${count(l.free)} left` : "Sold out"),
        el("strong", { class: "price" }, money(l.from, board.currency)));
    }));
    for (const l of board.levels ?? []) {
      if (l.free) this.gone.delete(l.id);
      else if (!this.gone.has(l.id)) {
        this.gone.add(l.id);
        if (board.state === "open" && this.seen) say(`${l.name} is sold out.`);
      }
    }
    this.seen = true;
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
        if (p.code !== "offline") this.refused = p.message;
        again = Math.min(30_000, Math.max(500, p.retryAfter || 1_000)) * (1 + Math.random() / 4);
        if (p.ahead) await this.join(false); // it stands in another line than its receipt says
      } else if (p.code === "join-again") {
        this.store.end(passEnded);
        this.render();
      } else if (p.status === 410) {
        this.refused = p.message;
        this.render();
        again = 30_000; // tickets may come back
      } else if (p.code === "other-device") {
        fail(p.message); // from here it can't be taken back any more; the place is still theirs
      } else {
        // The receipt is nobody's here any more: ask for a place anew.
        fail(p.message);
        this.store.end(p.message);
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

/** What a fan is told of a place: another than the one that this browser knew of before, if it knew of one. */
function entered(place: Place, other: boolean): string {
  const number = `Your number is ${count(place.number)}.`;
  if (place.again) return `Your time to buy had ended: you are in the queue again, at its end. ${number}`;
  return other ? `Your place in the queue has changed. ${number}` : `You are in the queue. ${number}`;
}

/** What the fan pays at most, and why; "" if the event doesn't promise it. */
function promise({ levels, currency }: Board, { place, promised }: Saved): string {
  return promised ? `Your price is at most ${levels?.map((l) => `${money(promised.levels[l.id], currency)} for ${l.name}`).join(", ")}, because you joined at ${new Date(place!.joined_at!).toLocaleTimeString()}.` : "";
}
