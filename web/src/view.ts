// Where the map stands: the transform between plan units and CSS pixels, and
// what lies under a point. Pure.

import type { Area, Box, Plan, Section } from "./plan";

/** Seats never grow beyond this many CSS pixels from neighbour to neighbour. */
const pitchMost = 46;

export class Viewport {
  k = 1; // CSS pixels a plan unit
  x = 0; // CSS pixels of the plan's origin
  y = 0;
  width = 1;
  height = 1;
  private least = 0.001;
  private most = 1;

  constructor(private readonly plan: Plan) {}

  resize(width: number, height: number): void {
    const cx = this.width / 2, cy = this.height / 2;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.x += this.width / 2 - cx;
    this.y += this.height / 2 - cy;
    this.most = pitchMost / this.plan.pitch;
    this.least = Math.min(this.most, 0.9 * this.scaleFor([0, 0, this.plan.width, this.plan.height], 0));
  }

  private scaleFor(box: Box, pad: number): number {
    return Math.min((this.width - 2 * pad) / Math.max(1, box[2] - box[0]), (this.height - 2 * pad) / Math.max(1, box[3] - box[1]));
  }

  /** The transform that shows the box as large as it goes. */
  fitted(box: Box, pad: number): { k: number; x: number; y: number } {
    const k = Math.min(this.most, Math.max(this.least, this.scaleFor(box, pad)));
    return { k, x: this.width / 2 - k * (box[0] + box[2]) / 2, y: this.height / 2 - k * (box[1] + box[3]) / 2 };
  }

  get whole(): Box { return [0, 0, this.plan.width, this.plan.height]; }

  zoomAt(px: number, py: number, factor: number): void {
    const k = Math.min(this.most, Math.max(this.least, this.k * factor));
    this.x = px - (px - this.x) * k / this.k;
    this.y = py - (py - this.y) * k / this.k;
    this.k = k;
    this.clamp();
  }

  pan(dx: number, dy: number): void {
    this.x += dx;
    this.y += dy;
    this.clamp();
  }

  /** The middle of the window stays on the plan: nobody gets lost outside it. */
  private clamp(): void {
    const keep = (at: number, size: number, window: number) => Math.max(window / 2 - size, Math.min(window / 2, at));
    this.x = keep(this.x, this.plan.width * this.k, this.width);
    this.y = keep(this.y, this.plan.height * this.k, this.height);
  }

  toPlan(px: number, py: number): [number, number] { return [(px - this.x) / this.k, (py - this.y) / this.k]; }

  /** What of the plan is in the window. */
  get box(): Box {
    const [x0, y0] = this.toPlan(0, 0), [x1, y1] = this.toPlan(this.width, this.height);
    return [x0, y0, x1, y1];
  }
}

export function overlaps(a: Box, b: Box): boolean { return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]; }

/** seatAt finds the seat nearest to a point, within reach, or -1: it scans the sections there, no index is needed. */
export function seatAt(plan: Plan, x: number, y: number, reach: number): number {
  let best = -1, nearest = reach * reach;
  for (const s of plan.sections) {
    if (!overlaps(s.box, [x - reach, y - reach, x + reach, y + reach])) continue;
    for (let i = s.start; i < s.end; i++) {
      const d = (plan.x[i] - x) ** 2 + (plan.y[i] - y) ** 2;
      if (d <= nearest) [best, nearest] = [i, d];
    }
  }
  return best;
}

/** zoneAt finds the section or area around a point. */
export function zoneAt(plan: Plan, x: number, y: number): Section | Area | undefined {
  return [...plan.sections, ...plan.areas].find((z) => overlaps(z.box, [x, y, x, y]) && inside(z.outline, x, y));
}

function inside(p: Float32Array, x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2) {
    if (p[i + 1] > y !== p[j + 1] > y && x < (p[j] - p[i]) * (y - p[i + 1]) / (p[j + 1] - p[i + 1]) + p[i]) odd = !odd;
  }
  return odd;
}
