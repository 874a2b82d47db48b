// The fan's orders. The page is whole without this: here the fan's own
// time is set beside its instants, and an order whose payment is under way is followed.

import { Api } from "./api";
import { Store } from "./store";
import { besideInstants } from "./time";

const pollEvery = 3_000;

export function showOrders(): void {
  besideInstants();
  document.getElementById("leave")?.addEventListener("submit", () => Store.clearAll());
  for (const row of document.querySelectorAll<HTMLElement>('[data-order][data-state="pending"]')) {
    follow(row.dataset.event!, row.dataset.order!);
  }
}

/** Draws the page anew when the order is settled. */
async function follow(event: string, id: string): Promise<void> {
  try {
    if ((await new Api(event).order(id)).state !== "pending") return location.reload();
  } catch { /* asked again */ }
  setTimeout(() => follow(event, id), pollEvery);
}
