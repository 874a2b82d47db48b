// The time to choose: shown while seats are chosen, and told before it ends.

import { now } from "./api";
import { by, say, text } from "./dom";
import type { Store } from "./store";
import { span } from "./time";

/** Seconds before the end at which the fan is told. */
const tellAt = [300, 60, 20];

export class PassClock {
  private timer = 0;
  private before = Infinity;

  constructor(private readonly store: Store, private readonly over: () => void) {}

  /** Runs while seats are being chosen. Idempotent. */
  run(): void {
    clearTimeout(this.timer);
    const { pass } = this.store.saved;
    if (!pass || document.body.dataset.view !== "seats") return;
    const left = Math.max(0, Math.ceil((Date.parse(pass.expires_at) - now()) / 1000));
    text(by("turn-left"), `Hold your seats within ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}. Then you have time to pay.`);
    by("turn-left").classList.toggle("soon", left <= 60);
    if (this.before !== Infinity && tellAt.some((s) => left <= s && this.before > s) && left > 0) say(`${span(left)} left to hold seats.`);
    this.before = left;
    if (left === 0) return this.over();
    this.timer = setTimeout(() => this.run(), 500);
  }
}
