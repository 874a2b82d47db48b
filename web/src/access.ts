// An access code: typed, or brought by the link that it came with. It is a
// secret, so it leaves the address bar at once, and is kept in this tab alone.

import { Problem } from "./api";
import { busy, by, fail } from "./dom";

const parameter = "code";
/** Refusals after which the address that the code was sent to is asked for. */
const asksAddress = ["code-email", "code-owner"];

export class Access {
  private readonly key: string;

  constructor(event: string, private readonly enter: (code: string, email: string) => Promise<void>) {
    this.key = `frontrow:code-${event}`;
    const link = new URL(location.href), brought = link.searchParams.get(parameter);
    if (brought) {
      link.searchParams.delete(parameter);
      history.replaceState(null, "", link);
      this.keep(brought);
    }
    by<HTMLInputElement>("access-code").value = this.kept();
    if (this.code) this.box.open = true;
    by("access-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy(by("access-join"), () => this.join());
    });
  }

  private get box(): HTMLDetailsElement { return by<HTMLDetailsElement>("access"); }

  /** What stands in the field. */
  get code(): string { return by<HTMLInputElement>("access-code").value.trim(); }

  /** A fan whose place is as good as a code makes it needs none. */
  show(needed: boolean): void { this.box.hidden = !needed; }

  async join(): Promise<void> {
    const email = by<HTMLInputElement>("access-email");
    try {
      await this.enter(this.code, email.value.trim());
      this.keep("");
      by<HTMLInputElement>("access-code").value = "";
    } catch (e) {
      const p = e as Problem;
      this.box.open = true;
      fail(p.message);
      const address = asksAddress.includes(p.code);
      if (address) by("access-address").hidden = false;
      if (address || p.code.startsWith("code-")) (address ? email : by("access-code")).focus();
    }
  }

  private kept(): string {
    try {
      return sessionStorage.getItem(this.key) ?? "";
    } catch {
      return "";
    }
  }

  private keep(code: string): void {
    try {
      if (code) sessionStorage.setItem(this.key, code);
      else sessionStorage.removeItem(this.key);
    } catch { /* storage is blocked: a reload asks for the code again */ }
  }
}
