// What must survive a reload: the tokens that a place, a pass and a hold are.
// One record an event in localStorage, so that two tabs are one fan.

import { type Hold, type Pass, type Place, type Promised, now } from "./api";

/** Why a place is used up when its time to buy is over, whether it was used or not. */
export const passEnded = "Your time to buy has ended.";

export interface Saved {
  place?: Place;
  promised?: Promised; // of the place: what the fan pays at most
  aheadAtFirst?: number; // for the progress bar
  commitment?: string; // of the draw, as it was first seen
  pass?: Pass;
  hold?: Hold;
  key?: string; // idempotency key of the hold's checkout
  order?: string;
  more?: string; // the hold that was given more time
  ended?: string; // why the place is used up, for the fan: joining again gives a new one
}

const prefix = "frontrow:";

export class Store {
  private memory: Saved = {};
  private readonly name: string;

  constructor(event: string) {
    this.name = prefix + event;
    this.memory = this.read() ?? {};
  }

  private read(): Saved | undefined {
    try {
      return JSON.parse(localStorage.getItem(this.name) ?? "null") ?? undefined;
    } catch {
      return undefined; // storage is blocked or was meddled with: the page still works until it is closed
    }
  }

  get saved(): Saved { return this.memory = this.read() ?? this.memory; }

  set(change: Partial<Saved>): void {
    this.memory = { ...this.saved, ...change };
    try {
      localStorage.setItem(this.name, JSON.stringify(this.memory));
    } catch { /* as above */ }
  }

  /** The place is used up: the way on is to join again. What is ordered stays. */
  end(why: string): void {
    this.set({ place: undefined, pass: undefined, hold: undefined, key: undefined, ended: why });
  }

  clear(): void {
    this.memory = {};
    try {
      localStorage.removeItem(this.name);
    } catch { /* as above */ }
  }

  /** Nothing of any event stays: this browser is nobody's. */
  static clearAll(): void {
    try {
      for (const name of Object.keys(localStorage)) {
        if (name.startsWith(prefix)) localStorage.removeItem(name);
      }
    } catch { /* as above */ }
  }

  /** The pass while it is good. */
  get pass(): string | undefined {
    const { pass } = this.saved;
    return pass && Date.parse(pass.expires_at) > now() ? pass.pass : undefined;
  }

  /** The hold until its deadline. */
  get hold(): Hold | undefined {
    const { hold } = this.saved;
    return hold && Date.parse(hold.expires_at) > now() ? hold : undefined;
  }
}
