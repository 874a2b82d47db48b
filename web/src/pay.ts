// The page that takes a card. Stripe's script draws the fields, in frames of its own, and
// confirms the payment in this browser; nothing typed there is ours to see. Which payment
// it is says the order, which only its buyer can read: a link from somebody else pays
// for nothing.

import { el } from "./dom";

interface Failure { type: string; message?: string }
interface Elements { create(kind: "payment", options: object): { mount(css: string): void; on(what: "ready" | "loaderror", then: () => void): void } }
interface Stripe {
  elements(options: object): Elements;
  confirmPayment(options: object): Promise<{ error?: Failure }>;
}
declare global { interface Window { Stripe?: (key: string) => Stripe } }

interface Order { state: string; action?: { url: string } }

const { order = "", key = "" } = document.body.dataset;
const form = document.querySelector<HTMLFormElement>("#pay-form")!, button = document.querySelector<HTMLButtonElement>("#pay")!;
const error = document.querySelector("#error")!;

/** Where the fan came from, if that is a page of ours. */
function back(): string {
  try {
    const from = new URL(new URLSearchParams(location.search).get("return") ?? "", location.href);
    if (from.origin === location.origin && from.pathname !== location.pathname) return from.href;
  } catch { /* no address */ }
  return `${location.origin}/orders`;
}

function fail(message: string): void {
  error.textContent = message;
}

async function start(): Promise<void> {
  const response = await fetch(`/v1/orders/${encodeURIComponent(order)}`);
  if (!response.ok) return fail("This order can't be paid for here. Look under My orders.");
  const { state, action } = await response.json() as Order;
  const secret = action && new URL(action.url).hash.slice(1);
  if (state !== "pending" || !secret) return location.replace(back());
  if (!window.Stripe) return fail("The card form can't be loaded: a blocker may be in the way. Your seats are kept meanwhile. Reload this page to try again.");
  const stripe = window.Stripe(key), elements = stripe.elements({ clientSecret: secret, appearance: { disableAnimations: true } });
  const fields = elements.create("payment", { layout: "tabs" });
  fields.on("ready", () => { button.disabled = false; });
  fields.on("loaderror", () => fail("The card form can't be loaded. Your seats are kept meanwhile. Reload this page to try again."));
  fields.mount("#card");
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    button.disabled = true;
    fail("");
    const { error } = await stripe.confirmPayment({ elements, confirmParams: { return_url: back() } }); // leads there, if all is well
    if (error?.type !== "validation_error") return location.replace(back()); // the order says what has become of it
    fail(error.message ?? "The card's details are not complete.");
    button.disabled = false;
  });
}

document.querySelector("#back")!.append(el("a", { href: back() }, "Back to the order"));
start().catch(() => fail("Your order can't be looked up right now. It is not lost: reload this page to try again."));
