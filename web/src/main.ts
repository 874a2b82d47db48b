// One script for every page; what is on it is told by data- attributes of the
// body. On the event's page the views follow from what is saved and what the
// board says: waiting, seats, checkout, order.

import { Api, type EventInfo, type Pass } from "./api";
import { Checkout } from "./checkout";
import { fail, say, show } from "./dom";
import { Live } from "./live";
import { Room } from "./room";
import { Seats } from "./seats";
import { Store } from "./store";
import { showOrders } from "./orders";
import { showTicket } from "./ticket";

async function purchase(event: string): Promise<void> {
  const api = new Api(event), store = new Store(event);
  let seats: Seats | undefined, info: Promise<EventInfo> | undefined;

  const room = new Room(api, store, (pass: Pass) => {
    route();
    const until = new Date(pass.expires_at).toLocaleTimeString(undefined, { timeStyle: "short" });
    say(`It's your turn. Choose your seats: you have until ${until}.`);
  }, () => live.renew());
  const checkout = new Checkout(api, store, () => route());
  const live = new Live(api, {
    board: (b) => { room.board(b); seats?.board(b); },
    stock: (s) => seats?.stockChanged(s),
    seats: (f) => seats?.frame(f),
    notice: (n) => checkout.notice(n),
    opened: () => seats?.forget(),
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

  async function openSeats(): Promise<void> {
    try {
      const about = await (info ??= api.info());
      seats ??= new Seats(api, store, live, about, (hold) => checkout.open(hold), passOver);
      await seats.load();
    } catch (e) {
      info = undefined;
      fail((e as Error).message);
    }
  }

  addEventListener("storage", route); // another tab went a step on: one fan is in one place
  route();
  live.start();
  await room.start();
}

const { page, event, ticket } = document.body.dataset;
if (page === "event" && event) purchase(event);
if (page === "ticket" && ticket) showTicket(ticket);
if (page === "orders") showOrders();
