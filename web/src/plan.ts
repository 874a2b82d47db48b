// The seating plan as typed arrays, decoded from the compact map (see Compact in
// package plan, which defines the format). Place i here is place i of the
// availability and of the live frames. Pure: no page, no canvas.

/** Box is x0, y0, x1, y1 in plan units. */
export type Box = [number, number, number, number];
/** side is that of a square as large as the outline: what a label has room in, however the zone is turned. */
/** rowText and seatText are how the venue writes the labels, with %s for them. */
export interface Row { label: string; start: number; end: number; rowText: string; seatText: string }
export interface Section { id: string; label: string; level: string; start: number; end: number; outline: Float32Array; box: Box; side: number; rows: Row[] }
export interface Area { id: string; label: string; start: number; end: number; outline: Float32Array; box: Box; side: number }
export interface Shape { kind: "rect" | "circle" | "polygon" | "text"; label: string; color: string; points: Float32Array }

export const Accessible = 1, Companion = 2, Restricted = 4;

interface CompactRow { l: string; p: number[]; n?: number[]; s?: string[]; rt?: string; st?: string }
interface CompactSection {
  id: string; label: string; level?: string; start: number; outline?: number[];
  cats: number[]; kinds?: number[]; ids?: string[]; rows: CompactRow[];
}
interface CompactArea { id: string; label: string; cat: number; start: number; n: number; outline?: number[] }
interface CompactPlan {
  width: number; height: number; categories: string[];
  shapes?: { kind: Shape["kind"]; label?: string; color?: string; points: number[] }[];
  sections: CompactSection[] | null; areas?: CompactArea[];
}

export class Plan {
  readonly width: number;
  readonly height: number;
  readonly categories: string[];
  readonly places: number;
  readonly seats: number;
  readonly x: Float32Array; // by seat
  readonly y: Float32Array;
  readonly category: Uint8Array; // by place
  readonly kind: Uint8Array; // by place: Accessible, Companion, + Restricted
  readonly sections: Section[] = [];
  readonly areas: Area[] = [];
  readonly shapes: Shape[];
  /** The usual distance between neighbours, in plan units. */
  readonly pitch: number;

  private readonly numbers: ((k: number) => string)[] = []; // by row of all sections
  private readonly rowStarts: number[] = [];
  private readonly ids = new Map<Section, string[]>();
  private byID?: Map<string, number>;

  constructor(data: unknown) {
    const m = data as CompactPlan;
    this.width = m.width;
    this.height = m.height;
    this.categories = m.categories;
    const sections = m.sections ?? [], areas = m.areas ?? [];
    this.seats = sections.reduce((n, s) => n + sum(s.cats, 1), 0);
    this.places = this.seats + areas.reduce((n, a) => n + a.n, 0);
    this.x = new Float32Array(this.seats);
    this.y = new Float32Array(this.seats);
    this.category = new Uint8Array(this.places);
    this.kind = new Uint8Array(this.places);
    for (const s of sections) this.addSection(s);
    for (const a of areas) {
      const outline = points(a.outline ?? []);
      this.category.fill(a.cat, a.start, a.start + a.n);
      this.areas.push({ id: a.id, label: a.label || a.id, start: a.start, end: a.start + a.n, outline, box: boxOf(outline), side: sideOf(outline) });
    }
    this.shapes = (m.shapes ?? []).map((s) => ({ kind: s.kind, label: s.label ?? "", color: s.color ?? "", points: points(s.points) }));
    this.pitch = this.usualPitch();
  }

  private addSection(s: CompactSection): void {
    let at = s.start;
    for (let i = 0; i < s.cats.length; i += 2) this.category.fill(s.cats[i], at, at += s.cats[i + 1]);
    const end = at;
    at = s.start;
    const kinds = s.kinds ?? [];
    for (let i = 0; i < kinds.length; i += 2) {
      at += kinds[i]; // ordinary seats before it
      this.kind[at++] = kinds[i + 1];
    }

    at = s.start;
    const arc = [0, 0, 0, 0, 0]; // x0, y0, x1, y1, sag of the arc before
    const rows: Row[] = [];
    for (const r of s.rows) {
      const start = at;
      for (let i = 0; i < r.p.length; i += 6) {
        for (let k = 0; k < 5; k++) arc[k] += r.p[i + 1 + k];
        at = this.addArc(at, r.p[i], arc);
      }
      rows.push({ label: r.l, start, end: at, rowText: r.rt || "Row %s", seatText: r.st || "Seat %s" });
      this.rowStarts.push(start);
      this.numbers.push(numbering(r));
    }
    let outline = points(s.outline ?? []);
    const box = boxOf(outline);
    for (let i = s.start; i < end; i++) grow(box, this.x[i], this.y[i]);
    if (outline.length < 6) box.forEach((_, k) => { box[k] += k < 2 ? -40 : 40; }); // half a row around the seats
    if (outline.length < 6) outline = new Float32Array([box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]]);
    const section = { id: s.id, label: s.label || s.id, level: s.level ?? "", start: s.start, end, outline, box, side: sideOf(outline), rows };
    if (s.ids) this.ids.set(section, s.ids);
    this.sections.push(section);
  }

  /** Sets n seats evenly on an arc of a circle, or on a line; returns the next index. */
  private addArc(at: number, n: number, [x0, y0, x1, y1, sag]: number[]): number {
    const dx = x1 - x0, dy = y1 - y0, c = Math.hypot(dx, dy);
    const r = sag ? (c * c / 4 + sag * sag) / (2 * sag) : 0;
    const h = sag ? 2 * Math.atan(2 * sag / c) : 0;
    for (let k = 0; k < n; k++, at++) {
      const f = n > 1 ? k / (n - 1) : 0;
      let x = x0 + dx * f, y = y0 + dy * f;
      if (sag && c && n > 1) {
        const t = h * (2 * f - 1), along = r * Math.sin(t), height = r * Math.cos(t) - r + sag;
        x = x0 + dx / 2 + (dx * along - dy * height) / c;
        y = y0 + dy / 2 + (dy * along + dx * height) / c;
      }
      this.x[at] = x;
      this.y[at] = y;
    }
    return at;
  }

  private usualPitch(): number {
    const gaps: number[] = [];
    for (const s of this.sections) {
      for (const r of s.rows) {
        if (r.end - r.start > 1) gaps.push(Math.hypot(this.x[r.start + 1] - this.x[r.start], this.y[r.start + 1] - this.y[r.start]));
      }
    }
    return gaps.sort((a, b) => a - b)[gaps.length >> 1] || 50;
  }

  /** The section of seat i, or the area of standing place i. */
  zone(i: number): Section | Area {
    const list: (Section | Area)[] = i < this.seats ? this.sections : this.areas;
    return list[last(list.length, (k) => list[k].start <= i)];
  }

  number(i: number): string {
    if (i >= this.seats) return String(i - this.zone(i).start + 1);
    const row = last(this.rowStarts.length, (k) => this.rowStarts[k] <= i);
    return this.numbers[row](i - this.rowStarts[row]);
  }

  rowOf(i: number): Row | undefined {
    const zone = this.zone(i);
    return "rows" in zone ? zone.rows[last(zone.rows.length, (k) => zone.rows[k].start <= i)] : undefined;
  }

  id(i: number): string {
    const zone = this.zone(i);
    if (!("rows" in zone)) return `${zone.id}/${this.number(i)}`;
    return this.ids.get(zone)?.[i - zone.start] ?? `${zone.id}-${this.rowOf(i)!.label}-${this.number(i)}`;
  }

  label(i: number): string {
    const zone = this.zone(i), row = this.rowOf(i);
    if (!row) return `${zone.label}, place ${this.number(i)}`;
    const written = (pattern: string, label: string) => pattern.replaceAll("%s", () => label);
    return `${zone.label}${row.label ? `, ${written(row.rowText, row.label)}` : ""}, ${written(row.seatText, this.number(i) || this.id(i))}`;
  }

  /** The level of each place: the one of its category and section, else the one of its category without sections (LevelIndex in package wire). */
  levels(all: { categories: string[]; sections?: string[] }[]): Uint8Array<ArrayBuffer> {
    const of = new Uint8Array(this.places);
    for (const z of [...this.sections, ...this.areas]) {
      const level = this.categories.map((c) => {
        const find = (ok: (sections?: string[]) => boolean | undefined) => all.findIndex((l) => l.categories.includes(c) && ok(l.sections));
        const own = find((s) => s?.includes(z.id));
        return Math.max(0, own < 0 ? find((s) => !s) : own);
      });
      for (let i = z.start; i < z.end; i++) of[i] = level[this.category[i]];
    }
    return of;
  }

  /** The place with this id, or -1. */
  find(id: string): number {
    if (!this.byID) {
      this.byID = new Map();
      for (let i = 0; i < this.places; i++) this.byID.set(this.id(i), i);
    }
    return this.byID.get(id) ?? -1;
  }
}

/** numbering decodes the numbers of a row's seats: literal, in runs, or 1, 2, 3… */
function numbering(r: CompactRow): (k: number) => string {
  if (r.s) return (k) => r.s![k];
  const runs = r.n;
  if (!runs) return (k) => String(k + 1);
  return (k) => {
    for (let i = 0; i < runs.length; i += 3) {
      if (k < runs[i + 2]) return String(runs[i] + runs[i + 1] * k);
      k -= runs[i + 2];
    }
    return "";
  };
}

/** points decodes a PATH: x, y of the first point, then the differences. */
function points(path: number[]): Float32Array {
  const out = new Float32Array(path);
  for (let i = 2; i < out.length; i++) out[i] += out[i - 2];
  return out;
}

function boxOf(p: Float32Array): Box {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < p.length; i += 2) grow(box, p[i], p[i + 1]);
  return box;
}

function sideOf(p: Float32Array): number {
  let twice = 0;
  for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2) twice += p[j] * p[i + 1] - p[i] * p[j + 1];
  return Math.sqrt(Math.abs(twice) / 2);
}

function grow(box: Box, x: number, y: number): void {
  if (x < box[0]) box[0] = x;
  if (y < box[1]) box[1] = y;
  if (x > box[2]) box[2] = x;
  if (y > box[3]) box[3] = y;
}

function sum(runs: number[], offset: number): number {
  let n = 0;
  for (let i = offset; i < runs.length; i += 2) n += runs[i];
  return n;
}

/** The last k of n for which ok holds, where ok holds for a first part; 0 if for none. */
function last(n: number, ok: (k: number) => boolean): number {
  let low = 0, high = n;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ok(middle)) low = middle; else high = middle;
  }
  return low;
}
