// The seat map on a 2D canvas, with three levels of detail: sections with what
// is left in them, every seat as a block of pixels in its live colour, and drawn
// seats with numbers. At each only what is in the window is drawn, so that a
// frame of an 80,000 seat house costs about a millisecond without a GPU.

import { type Area, Accessible, type Box, Companion, type Plan, Restricted, type Section } from "./plan";
import { attach } from "./gestures";
import { count } from "./money";
import { Viewport, overlaps, seatAt, zoneAt } from "./view";

/** Distance from seat to seat, in CSS pixels, from which a level of detail is drawn. */
const pixelsFrom = 1.1, vectorsFrom = 9, numbersFrom = 19;

/** Free seats have the colour of their price level; there are six, then they repeat. Names stand beside them. */
export const colours = 6;
const held = colours, taken = colours + 1, blocked = colours + 2, paints = colours + 3;

export interface MapModel {
  readonly plan: Plan;
  readonly states: Uint8Array;
  readonly chosen: Set<number>;
  readonly area: Area | undefined; // that is chosen
  level(place: number): number;
  left(zone: Section | Area): number;
  pickSeat(place: number): void;
  pickArea(area: Area): void;
  hover(place: number): void;
  /** The sections now in the window. */
  inView(sections: Section[]): void;
}

const font = (size: number) => `600 ${size}px system-ui, sans-serif`;

interface Theme { css: string[]; packed: Uint32Array; line: string; floor: string; shape: string; ink: string; paper: string; accent: string }

export class SeatMap {
  private readonly view: Viewport;
  private readonly context: CanvasRenderingContext2D;
  private readonly scratch = document.createElement("canvas");
  private image?: ImageData;
  private theme!: Theme;
  private scheduled = false;
  private flight = 0;
  private fitted = true; // nobody has moved the map yet: it stays fitted when its size changes

  constructor(private readonly canvas: HTMLCanvasElement, private readonly model: MapModel) {
    this.view = new Viewport(model.plan);
    this.context = canvas.getContext("2d")!;
    this.readTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.readTheme(); this.draw(); });
    new ResizeObserver(() => this.resize()).observe(canvas);
    attach(canvas, {
      pan: (dx, dy) => this.moved(() => this.view.pan(dx, dy)),
      zoom: (x, y, factor) => this.moved(() => this.view.zoomAt(x, y, factor)),
      tap: (x, y) => this.tap(x, y),
      hover: (x, y) => this.hover(x, y),
      fit: () => this.fit(),
    });
    this.resize();
  }

  /** Zooms about the middle. */
  zoom(factor: number): void { this.moved(() => this.view.zoomAt(this.view.width / 2, this.view.height / 2, factor)); }

  fit(): void {
    this.fitted = true;
    this.fly(this.view.whole, 10);
  }

  /** Asks for a frame; many changes make one frame. */
  draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  private moved(move: () => void): void {
    cancelAnimationFrame(this.flight);
    this.fitted = false;
    move();
    this.draw();
  }

  private resize(): void {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    if (!w || !h) return; // not shown
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = this.scratch.width = Math.round(w * ratio);
    this.canvas.height = this.scratch.height = Math.round(h * ratio);
    this.image = undefined;
    this.view.resize(w, h);
    if (this.fitted) Object.assign(this.view, this.view.fitted(this.view.whole, 10));
    this.render(); // at once: a resized canvas is blank
  }

  /** Moves to a box, in a few frames unless the fan prefers no motion. */
  private fly(box: Box, pad: number): void {
    const { k, x, y } = this.view, to = this.view.fitted(box, pad);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const start = performance.now(), lasts = still ? 0 : 220;
    cancelAnimationFrame(this.flight);
    const step = (now: number) => {
      const f = lasts ? Math.min(1, Math.max(0, now - start) / lasts) : 1, e = 1 - (1 - f) ** 3;
      this.view.k = k * (to.k / k) ** e;
      // The point that stays put while the scale changes keeps the path straight.
      const g = k === to.k ? e : (this.view.k - k) / (to.k - k);
      this.view.x = x + (to.x - x) * g;
      this.view.y = y + (to.y - y) * g;
      this.render();
      if (f < 1) this.flight = requestAnimationFrame(step);
    };
    step(start);
  }

  private get pitch(): number { return this.model.plan.pitch * this.view.k; }

  private tap(px: number, py: number): void {
    const { plan } = this.model, [x, y] = this.view.toPlan(px, py);
    if (this.pitch >= vectorsFrom) {
      // A finger is about 24 px wide whatever the zoom.
      const seat = seatAt(plan, x, y, Math.max(0.7 * plan.pitch, 12 / this.view.k));
      if (seat >= 0) return this.model.pickSeat(seat);
    }
    const zone = zoneAt(plan, x, y);
    if (!zone) return;
    if ("rows" in zone) {
      this.fitted = false;
      // Close enough to choose a seat, even if the section is wider than the window.
      const half = (zone.box[2] - zone.box[0]) / 2 * this.view.k;
      const close = this.view.fitted(zone.box, 16);
      if (close.k * plan.pitch >= vectorsFrom + 3 || half === 0) return this.fly(zone.box, 16);
      const r = 0.5 * Math.min(this.view.width, this.view.height) * plan.pitch / (vectorsFrom + 5);
      this.fly([x - r, y - r, x + r, y + r], 0);
    } else {
      this.model.pickArea(zone);
    }
  }

  private hover(px: number, py: number): void {
    const [x, y] = this.view.toPlan(px, py);
    const seat = this.pitch >= vectorsFrom ? seatAt(this.model.plan, x, y, 0.6 * this.model.plan.pitch) : -1;
    this.canvas.style.cursor = seat >= 0 && this.model.states[seat] === 0 ? "pointer" : "";
    this.model.hover(seat);
  }

  private readTheme(): void {
    const style = getComputedStyle(document.documentElement), of = (name: string) => style.getPropertyValue(name).trim();
    const css = [...Array(colours).keys()].map((i) => of(`--level-${i}`)).concat(of("--held"), of("--taken"), of("--blocked"));
    const packed = new Uint32Array(css.map((c) => {
      this.context.fillStyle = c;
      const n = parseInt(String(this.context.fillStyle).slice(1), 16); // #rrggbb
      return (0xff000000 | (n & 0xff) << 16 | n & 0xff00 | n >> 16) >>> 0; // bytes r, g, b, a
    }));
    this.theme = { css, packed, line: of("--line"), floor: of("--floor"), shape: of("--shape"), ink: of("--ink"), paper: of("--paper"), accent: of("--accent") };
  }

  private paint(i: number): number {
    const state = this.model.states[i];
    return state === 0 ? this.model.level(i) % colours : held - 1 + state;
  }

  private render(): void {
    const { context: c, view, model } = this, { plan } = model;
    const ratio = this.canvas.width / view.width;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, view.width, view.height);
    const window = view.box;
    const sections = plan.sections.filter((s) => overlaps(s.box, window));
    this.drawFloors(c, sections);
    this.drawShapes(c);
    this.drawZones(c, sections);
    this.drawShapeLabels(c);
    if (this.pitch >= vectorsFrom) this.drawSeats(c, sections, window);
    else {
      if (this.pitch >= pixelsFrom) this.drawPixels(c, sections, ratio);
      this.drawLabels(c, sections);
    }
    model.inView(sections);
  }

  private trace(c: CanvasRenderingContext2D, p: Float32Array): void {
    const { k, x, y } = this.view;
    c.beginPath();
    for (let i = 0; i < p.length; i += 2) c.lineTo(p[i] * k + x, p[i + 1] * k + y);
    c.closePath();
  }

  /** The ground that seats stand on. It lies lowest: a section may run around a court or a stage, which must be seen. */
  private drawFloors(c: CanvasRenderingContext2D, sections: Section[]): void {
    c.fillStyle = this.theme.floor;
    for (const z of [...sections, ...this.model.plan.areas]) {
      if (!z.outline.length) continue;
      this.trace(c, z.outline);
      c.fill();
    }
  }

  /** Decoration, in the plan's order and colours: what comes later lies on top. */
  private drawShapes(c: CanvasRenderingContext2D): void {
    const { k, x, y } = this.view;
    for (const s of this.model.plan.shapes) {
      const p = s.points;
      c.beginPath();
      if (s.kind === "rect") c.rect(p[0] * k + x, p[1] * k + y, (p[2] - p[0]) * k, (p[3] - p[1]) * k);
      else if (s.kind === "circle") c.arc(p[0] * k + x, p[1] * k + y, Math.hypot(p[2] - p[0], p[3] - p[1]) * k, 0, 7);
      else if (s.kind === "polygon") this.trace(c, p);
      c.fillStyle = this.theme.shape; // stays, if the canvas does not know the plan's colour
      if (s.color) c.fillStyle = s.color;
      c.fill();
    }
  }

  /** The labels of decoration lie on top of all of it, readable on any colour. */
  private drawShapeLabels(c: CanvasRenderingContext2D): void {
    const { k, x, y } = this.view, { ink, paper } = this.theme;
    for (const s of this.model.plan.shapes) {
      if (!s.label) continue;
      const p = s.points;
      let mx = 0, my = 0;
      // A circle's label is at its centre, the others' amid their points.
      const n = s.kind === "circle" ? 2 : p.length;
      for (let i = 0; i < n; i += 2) [mx, my] = [mx + 2 * p[i] / n, my + 2 * p[i + 1] / n];
      this.write(c, s.label, mx * k + x, my * k + y, 13, ink, paper);
    }
  }

  /** The edges of sections and areas, and what is left where no seats are seen. */
  private drawZones(c: CanvasRenderingContext2D, sections: Section[]): void {
    const { model, theme } = this;
    c.lineWidth = 1;
    c.strokeStyle = theme.line;
    for (const z of [...sections, ...model.plan.areas]) {
      if (!z.outline.length) continue;
      this.trace(c, z.outline);
      // Where seats are too small to be seen, the section's colour says what is left of it.
      const left = model.left(z), share = left / Math.max(1, z.end - z.start);
      if (left && (this.pitch < pixelsFrom || !("rows" in z))) {
        c.globalAlpha = 0.3 + 0.6 * share;
        c.fillStyle = theme.css[model.level(z.start) % colours];
        c.fill();
        c.globalAlpha = 1;
      }
      if (z === model.area) [c.lineWidth, c.strokeStyle] = [4, theme.accent];
      c.stroke();
      [c.lineWidth, c.strokeStyle] = [1, theme.line];
    }
    if (this.pitch >= vectorsFrom) this.drawLabels(c, []);
  }

  /** Section names and what is left, where there is room; areas' always. */
  private drawLabels(c: CanvasRenderingContext2D, sections: Section[]): void {
    const { k, x, y } = this.view, { ink, paper } = this.theme, drawn: Box[] = [];
    for (const z of [...sections, ...this.model.plan.areas]) {
      const side = z.side * k;
      if (side < 15) continue;
      const mx = (z.box[0] + z.box[2]) / 2 * k + x, my = (z.box[1] + z.box[3]) / 2 * k + y;
      // "Block 101" is "101" where there is no room for more.
      c.font = font(12);
      const long = c.measureText(z.label).width, name = long < side + 8 ? z.label : z.id;
      const left = this.model.left(z), two = side > 56;
      const wide = (name === z.label ? long : c.measureText(name).width) / 2, high = two ? 16 : 7;
      const box: Box = [mx - wide, my - high, mx + wide, my + high];
      if (drawn.some((other) => overlaps(box, other))) continue;
      drawn.push(box);
      this.write(c, name, mx, two ? my - 8 : my, two ? 12 : 11, ink, paper);
      if (two && z === this.model.area) this.write(c, "✓ chosen", mx, my + 8, 11, ink, paper);
      else if (two) this.write(c, left ? `${count(left)} left` : "none left", mx, my + 8, 11, ink, paper);
    }
  }

  private drawPixels(c: CanvasRenderingContext2D, sections: Section[], ratio: number): void {
    const { plan, chosen } = this.model, { packed, accent } = this.theme;
    const w = this.canvas.width, h = this.canvas.height, brush = this.scratch.getContext("2d")!;
    const image = this.image ??= brush.createImageData(w, h);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0);
    const size = Math.max(1, Math.round(this.pitch * ratio * 0.75)), half = size >> 1;
    const k = this.view.k * ratio, x = this.view.x * ratio, y = this.view.y * ratio;
    for (const s of sections) {
      for (let i = s.start; i < s.end; i++) {
        const left = (plan.x[i] * k + x - half) | 0, top = (plan.y[i] * k + y - half) | 0;
        if (left < 0 || top < 0 || left + size > w || top + size > h) continue;
        const colour = packed[this.paint(i)];
        for (let row = top * w + left, end = row + size * w; row < end; row += w) pixels.fill(colour, row, row + size);
      }
    }
    brush.putImageData(image, 0, 0);
    c.drawImage(this.scratch, 0, 0, this.view.width, this.view.height);
    c.strokeStyle = accent;
    c.lineWidth = 2;
    for (const i of chosen) {
      if (i >= plan.seats) continue;
      c.beginPath();
      c.arc(plan.x[i] * this.view.k + this.view.x, plan.y[i] * this.view.k + this.view.y, Math.max(5, this.pitch), 0, 7);
      c.stroke();
    }
  }

  /** State is told by shape as well: free is full, held a ring, taken a dot, blocked a cross. So is the kind of a free or chosen seat: wheelchair places are square, companions' on their tip, and a restricted view is struck through. */
  private drawSeats(c: CanvasRenderingContext2D, sections: Section[], window: Box): void {
    const { plan, chosen } = this.model, { css, ink, paper, accent } = this.theme, { k, x, y } = this.view;
    const r = this.pitch * 0.4, margin = plan.pitch;
    const paths = Array.from({ length: paints }, () => new Path2D());
    const labelled: number[] = [], struck = new Path2D();
    const strike = (i: number, px: number, py: number) => {
      if (!(plan.kind[i] & Restricted)) return;
      struck.moveTo(px - r, py + r);
      struck.lineTo(px + r, py - r);
    };
    for (const s of sections) {
      for (let i = s.start; i < s.end; i++) {
        const sx = plan.x[i], sy = plan.y[i];
        if (sx < window[0] - margin || sx > window[2] + margin || sy < window[1] - margin || sy > window[3] + margin) continue;
        if (chosen.has(i)) continue;
        const paint = this.paint(i), path = paths[paint], px = sx * k + x, py = sy * k + y;
        if (paint < colours) {
          labelled.push(i);
          strike(i, px, py);
        }
        if (paint === blocked) {
          path.moveTo(px - r / 2, py - r / 2);
          path.lineTo(px + r / 2, py + r / 2);
          path.moveTo(px + r / 2, py - r / 2);
          path.lineTo(px - r / 2, py + r / 2);
        } else if (paint < colours && plan.kind[i] & 3) {
          outline(path, plan.kind[i], px, py, r);
        } else {
          const radius = paint === taken ? r * 0.5 : paint === held ? r * 0.8 : r;
          path.moveTo(px + radius, py);
          path.arc(px, py, radius, 0, 7);
        }
      }
      if (this.pitch >= vectorsFrom + 3) this.drawRowLabels(c, s);
    }
    c.lineWidth = Math.max(1.5, r / 5);
    paths.forEach((path, paint) => {
      c.fillStyle = c.strokeStyle = css[paint];
      if (paint === held || paint === blocked) c.stroke(path); else c.fill(path);
    });
    c.strokeStyle = paper;
    c.stroke(struck);
    if (this.pitch >= numbersFrom) for (const i of labelled) this.write(c, plan.number(i), plan.x[i] * k + x, plan.y[i] * k + y, r * 0.95, paper);
    for (const i of chosen) {
      if (i >= plan.seats) continue;
      const px = plan.x[i] * k + x, py = plan.y[i] * k + y;
      const shape = new Path2D();
      outline(shape, plan.kind[i], px, py, r * 1.1);
      c.fillStyle = ink;
      c.fill(shape);
      c.lineWidth = Math.max(2, r / 4);
      c.strokeStyle = accent;
      c.stroke(shape);
      this.write(c, this.pitch >= numbersFrom ? plan.number(i) : "✓", px, py, r * 0.95, paper);
    }
  }

  private drawRowLabels(c: CanvasRenderingContext2D, s: Section): void {
    const { plan } = this.model, { k, x, y } = this.view;
    for (const row of s.rows) {
      if (row.end - row.start < 2 || !row.label) continue;
      const a = row.start, dx = plan.x[a] - plan.x[a + 1], dy = plan.y[a] - plan.y[a + 1];
      this.write(c, row.label, (plan.x[a] + dx) * k + x, (plan.y[a] + dy) * k + y, Math.max(9, Math.min(13, this.pitch * 0.42)), this.theme.ink);
    }
  }

  private write(c: CanvasRenderingContext2D, text: string, x: number, y: number, size: number, colour: string, halo?: string): void {
    c.font = font(size);
    c.textAlign = "center";
    c.textBaseline = "middle";
    if (halo) {
      c.lineWidth = 4;
      c.lineJoin = "round";
      c.strokeStyle = halo;
      c.strokeText(text, x, y);
    }
    c.fillStyle = colour;
    c.fillText(text, x, y);
  }
}

/** The shape of a seat by its kind: round, square for a wheelchair, on its tip for a companion. */
function outline(path: Path2D, kind: number, x: number, y: number, r: number): void {
  if ((kind & 3) === Accessible) return path.roundRect(x - r, y - r, 2 * r, 2 * r, r / 3);
  path.moveTo(x + r, y);
  if ((kind & 3) === Companion) {
    for (const [dx, dy] of [[0, 1], [-1, 0], [0, -1]]) path.lineTo(x + dx * r, y + dy * r);
    path.closePath();
  } else {
    path.arc(x, y, r, 0, 7);
  }
}
