// Instants for reading: in the venue's zone, which is named, with the fan's own
// time beside it where that is another. The same words as the server's
// (wire.FormatInstant), which writes the venue's time into the page itself.

import { el } from "./dom";

/** The zone of a venue in words: "Europe/Berlin" is "Berlin time". */
export function zoneName(zone: string): string {
  const city = zone.includes("/") && !zone.startsWith("Etc/") ? zone.split("/").pop()!.replaceAll("_", " ") : "";
  return city ? `${city} time` : zone;
}

function reading(at: Date, zone: string | undefined): string {
  const p: Record<string, string> = {};
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
  for (const { type, value } of format.formatToParts(at)) p[type] = value;
  return `${p.weekday} ${p.day} ${p.month} ${p.year}, ${p.hour}:${p.minute}`;
}

/** venueTime is an instant where the event is: "Fri 14 Aug 2026, 20:00 (Berlin time)". */
export function venueTime(instant: string, zone: string): string {
  return `${reading(new Date(instant), zone)} (${zoneName(zone)})`;
}

/** ownTime is the same instant where the fan is, or empty where clocks show the same. */
export function ownTime(instant: string, zone: string): string {
  const at = new Date(instant), own = reading(at, undefined);
  return own === reading(at, zone) ? "" : `${own} your time`;
}

/** Sets the fan's own time beside each instant that the server wrote. */
export function besideInstants(): void {
  for (const t of document.querySelectorAll<HTMLTimeElement>("time[data-zone]")) {
    const own = ownTime(t.dateTime, t.dataset.zone!);
    if (own) t.after(el("small", { class: "own" }, ` · ${own}`));
  }
}

/** A length of time in words: minutes, or seconds where those are few. */
export function span(seconds: number): string {
  const unit = (n: number, one: string) => `${n} ${n === 1 ? one : one + "s"}`;
  return seconds < 120 && seconds % 60 ? unit(seconds, "second") : unit(Math.floor(seconds / 60), "minute");
}
