// A ticket: what is read at the gate, as a QR code and as text.

import { Api, Problem, ticket } from "./api";
import { by, fail, text } from "./dom";
import { noteWords } from "./notes";
import { ownTime, venueTime } from "./time";

export async function showTicket(id: string): Promise<void> {
  try {
    const t = await ticket(id);
    text(by("ticket-label"), t.label || t.seat);
    text(by("ticket-concession"), t.concession ?? "");
    text(by("ticket-notes"), noteWords(t.notes));
    text(by("ticket-code"), t.barcode);
    const good = t.state === "valid";
    text(by("ticket-state"), good ? "Valid" : "This ticket is void: it will not be accepted at the gate.");
    by("ticket-state").dataset.state = t.state;
    const qr = by<HTMLImageElement>("ticket-qr");
    qr.hidden = !good;
    // The generation keeps a cache from showing the code of a former owner.
    if (good) qr.src = `/v1/tickets/${encodeURIComponent(id)}/qr.svg?generation=${t.generation}`;
    by("ticket").dataset.ready = "true";
    const info = await new Api(t.event).info();
    text(by("ticket-event"), info.name);
    if (info.starts_at) {
      const zone = info.timezone || "UTC";
      text(by("ticket-starts"), venueTime(info.starts_at, zone));
      text(by("ticket-own"), ownTime(info.starts_at, zone));
    }
    text(by("ticket-venue"), info.venue);
  } catch (e) {
    fail((e as Problem).message);
  }
}
