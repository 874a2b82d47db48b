// One script for every page; what is on it is told by data- attributes of the
// body. On the event's page the views follow from what is saved and what the
// board says: waiting, seats, checkout, order.

import { Api, type EventInfo, type Pass, type Problem } from "./api";
import { brought } from "./carry";
import { Checkout } from "./checkout";
import { busy, by, el, fail, say, show } from "./dom";
import { Live } from "./live";
import { showDraw } from "./lottery";
import { Room } from "./room";
import { Seats } from "./seats";
import { Store } from "./store";
import { showOrders } from "./orders";
import { showTicket } from "./ticket";

async function purchase(event: string): Promise<void> {
  const api = new Api(event), store = new Store(event), carried = brought(store);
  let seats: Seats | undefined, info: Promise<EventInfo> | undefined;

  const room = new Room(api, store, (pass: Pass) => {
    route();
    const until = new Date(pass.expires_at).toLocaleTimeString(undefined, { timeStyle: "short" });
    say(`It's your turn. Choose your seats: you have until ${until}.`);
  }, () => live.renew());
  const checkout = new Checkout(api, store, () => route(), lost);
  const live = new Live(api, {
    board: (b) => { room.board(b); seats?.board(b); },
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
    const { order } = store.saved, hold = store.hold, view = document.body.dataset.view;
    if (order) {
      if (view !== "order") checkout.follow(order);
    } else if (hold) {
      if (view !== "checkout") checkout.open(hold);
    } else if (store.pass) {
      show("seats");
      openSeats();
    } else {
      show("waiting");
    }
  }

  /** The pass has ended: the place may be redeemed again while its turn is kept. */
  function passOver(): void {
    store.set({ pass: undefined });
    route();
    fail("Your turn has ended before seats were held. If your place is still good, you are let in again.");
    live.fetchBoard();
    room.join(false);
  }

  /** Refusals that end the pass on this device, whatever it was for; false for others. */
  function lost(p: Problem): boolean {
    if (p.code === "revoked") {
      store.set({ place: undefined, pass: undefined, hold: undefined, key: undefined });
      route();
      fail(p.message);
    } else if (p.code === "other-device") {
      // By hand only: two devices that took the pass back by themselves would never end.
      const here = el("button", { type: "button", id: "here" }, "Go on here instead");
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
      say("You go on here.");
    } catch (e) {
      fail((e as Problem).message);
    }
  }

  async function openSeats(): Promise<void> {
    try {
      const about = await (info ??= api.info());
      seats ??= new Seats(api, store, live, about, (hold) => checkout.open(hold), passOver, lost);
      await seats.load();
    } catch (e) {
      info = undefined;
      fail((e as Error).message);
    }
  }

  addEventListener("storage", route); // another tab went a step on: one fan is in one place
  route();
  live.start();
  await (carried ? room.join(true) : room.start());
}

const { page, event, ticket } = document.body.dataset;
if (page === "event" && event) purchase(event);
if (page === "draw" && event) showDraw(event);
if (page === "ticket" && ticket) showTicket(ticket);
if (page === "orders") showOrders();
