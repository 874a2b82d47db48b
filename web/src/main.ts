// The script of an event's page. Its views follow from what is saved and what the
// board says: waiting, seats, checkout, order. See web/doc.go for every state
// that a fan can be in, and the way on from it.

import { Api, type Board, type EventInfo, type Pass, type Problem, now, onSignedOut } from "./api";
import { brought } from "./carry";
import { Checkout } from "./checkout";
import { busy, by, deliberate, el, fail, say, show, text } from "./dom";
import { Live } from "./live";
import { tell } from "./money";
import { PassClock } from "./pass";
import { Room } from "./room";
import { Seats } from "./seats";
import { passEnded, Store } from "./store";
import { besideInstants, span } from "./time";

/** What a state of the sale means for a fan who chooses seats or pays. */
const meanwhile: Partial<Record<Board["state"], string>> = {
  paused: "The queue is paused: nobody else is being called right now. You can carry on.",
  draining: "The queue is being closed: nobody else will be called. You can carry on.",
  sold_out: "Sold out for now. Seats that others give back can be chosen here at once.",
  closed: "The sale is over. Seats that you hold can still be paid for until their time is up.",
};

async function purchase(event: string): Promise<void> {
  const api = new Api(event), store = new Store(event), carried = brought(store);
  let seats: Seats | undefined, asked: Promise<EventInfo> | undefined, sale: Board["state"] | undefined;
  const info = () => asked ??= api.info().catch((e) => { asked = undefined; throw e; });

  const room = new Room(api, store, (pass: Pass) => {
    route();
    const left = Math.max(0, Math.round((Date.parse(pass.expires_at) - now()) / 1000));
    say(`It's your turn. Choose your seats: you have ${span(left)}.`);
  }, () => live.renew());
  const checkout = new Checkout(api, store, info, () => route(), lost);
  const clock = new PassClock(store, () => route());
  const live = new Live(api, {
    board: (b) => { room.board(b); seats?.board(b); operator(b); },
    stock: (s) => seats?.stockChanged(s),
    seats: (f) => seats?.frame(f),
    notice: (n) => checkout.notice(n),
    opened: () => seats?.forget(),
    place: () => store.saved.place,
    refresh: () => {
      route();
      if (document.body.dataset.view === "seats") seats?.refresh();
      checkout.ask();
    },
    pollEvery: () => document.body.dataset.view === "waiting" ? room.pollEvery() : 2_000,
  });

  /** Brings up the view that what is saved asks for. Idempotent. */
  function route(): void {
    const { order, pass } = store.saved, hold = store.hold, view = document.body.dataset.view;
    if (order) {
      if (view !== "order") checkout.follow(order);
    } else if (hold) {
      if (view !== "checkout") checkout.open(hold);
    } else if (store.pass && sale !== "closed") {
      show("seats");
      clock.run();
      openSeats();
    } else {
      if (pass && !store.pass) store.end(passEnded);
      show("waiting");
      room.render();
      if (view === "seats") fail(sale === "closed" ? "The sale has been closed. You held no seats, and nothing was charged." : `${passEnded} You held no seats, and nothing was charged.`);
    }
  }

  /** An operator's word, and what the state of the sale means, wherever the fan is. */
  function operator(board: Board): void {
    text(by("operator"), [board.message, meanwhile[board.state]].filter(Boolean).join(" "));
    const before = sale;
    sale = board.state;
    if (sale !== before) route();
  }

  /** The pass is refused: it has ended or, if it should be good, this browser is another fan by now. */
  function passOver(p?: Problem): void {
    const good = store.pass;
    if (good) store.set({ pass: undefined });
    route();
    if (!good) return;
    fail(p?.message ?? passEnded);
    live.fetchBoard();
    room.join(false);
  }

  /** Refusals that end the pass on this device, whatever it was for; false for others. */
  function lost(p: Problem): boolean {
    if (p.code === "revoked") {
      store.end(p.message);
      route();
      fail(p.message);
    } else if (p.code === "other-device") {
      // By hand only: two devices that took the pass back by themselves would never end.
      const here = el("button", { type: "button", id: "here" }, "Continue here instead");
      here.addEventListener("click", () => busy(here, takeBack));
      fail(p.message);
      by("error").append(" ", here);
    } else {
      return false;
    }
    return true;
  }

  async function takeBack(): Promise<void> {
    try {
      const pass = await api.redeem(store.saved.place?.place ?? "");
      store.set({ pass });
      route();
      say("You can continue here now.");
    } catch (e) {
      fail((e as Problem).message);
    }
  }

  async function openSeats(): Promise<void> {
    try {
      const about = await info();
      seats ??= new Seats(api, store, live, about, (hold) => checkout.open(hold), passOver, lost);
      await seats.load();
    } catch (e) {
      fail((e as Error).message);
    }
  }

  onSignedOut((why) => {
    Store.clearAll();
    store.clear(); // what is in memory, too
    route();
    fail(why);
  });
  deliberate();
  for (const id of ["message", "error"]) by(id).addEventListener("click", () => text(by(id), "")); // they lie over the page
  besideInstants();
  addEventListener("storage", route); // another tab went a step on: one fan is in one place
  route();
  live.start();
  await (carried ? room.join(true) : room.start());
}

const { event, digits } = document.body.dataset;
if (digits) tell(Number(digits));
if (event) purchase(event);
