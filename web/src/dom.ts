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

/** say tells of a change that needs no act (role=status). */
export function say(message: string): void {
  text(by("message"), message);
  if (message) text(by("error"), "");
}

/** fail tells of something that went wrong, and what to do (role=alert). */
export function fail(message: string): void {
  text(by("error"), message);
  if (message) {
    text(by("message"), "");
    by("error").scrollIntoView({ block: "nearest" });
  }
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
