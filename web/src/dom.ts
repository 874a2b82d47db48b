// The few things every view does with the page. Markup is in the templates:
// scripts fill it in, and build only what repeats.

/** by finds an element that the template is known to have. */
export function by<T extends HTMLElement = HTMLElement>(id: string): T {
  const e = document.getElementById(id);
  if (!e) throw new Error(`the page has no #${id}`);
  return e as T;
}

/** el builds an element. Text is always text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attrs: Record<string, string | boolean> = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children);
  return e;
}

/** text sets text only if it differs, so that screen readers aren't told twice. */
export function text(e: HTMLElement, value: string): void {
  if (e.textContent !== value) e.textContent = value;
}

/**
 * fill shows children in e, and leaves everything alone if it already looks so:
 * what is replaced between a press and its release gets no click.
 */
export function fill(e: HTMLElement, ...children: HTMLElement[]): void {
  if (e.children.length === children.length && children.every((c, i) => c.isEqualNode(e.children[i]!))) return;
  e.replaceChildren(...children);
}

/** say tells of a change that needs no act (role=status). */
export function say(message: string): void {
  text(by("message"), message);
  if (message) text(by("error"), "");
}

/** fail tells of something that went wrong, and what to do (role=alert). */
export function fail(message: string): void {
  text(by("error"), message);
  if (message) text(by("message"), "");
}

/** busy disables a button while its act is under way, so that one tap is one request. */
export async function busy(button: HTMLButtonElement, act: () => Promise<void>): Promise<void> {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await act();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

/** A second tap that follows so soon, in ms, at about the same place, in CSS pixels, was meant for what stood there at the first. */
const doubleTap = 400, doubleTapReach = 30;

/**
 * deliberate keeps buttons marked data-deliberate, which hold seats or pay, from
 * being pressed by accident: the press must have begun on the button, with the
 * words that it still has, and not be the second tap of two of which the first
 * went elsewhere. Keys and scripts press without a pointer.
 */
export function deliberate(): void {
  type Press = { on: Element | null; words: string; x: number; y: number; at: number };
  let last: Press | undefined, first: Press | undefined;
  addEventListener("pointerdown", (e) => {
    const on = (e.target as Element).closest("button");
    [first, last] = [last, { on, words: on?.textContent ?? "", x: e.clientX, y: e.clientY, at: e.timeStamp }];
  }, true);
  addEventListener("click", (e) => {
    const button = (e.target as Element).closest?.("button[data-deliberate]");
    if (!button || e.detail === 0) return;
    const second = first && last && first.on !== button && last.at - first.at < doubleTap && Math.hypot(last.x - first.x, last.y - first.y) < doubleTapReach;
    if (last?.on === button && last.words === button.textContent && !second) return;
    e.preventDefault();
    e.stopPropagation();
  }, true);
}

export type View = "waiting" | "seats" | "checkout" | "order";

/** show brings up one view; the style sheet hides the others. */
export function show(view: View): void {
  if (document.body.dataset.view === view) return;
  document.body.dataset.view = view;
  say("");
  fail("");
  scrollTo(0, 0);
  // Focus follows the change, else a keyboard or screen reader stays in what is gone.
  document.querySelector<HTMLElement>(`[data-for="${view}"] h2`)?.focus({ preventScroll: true });
}
