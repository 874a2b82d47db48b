// Mouse, touch and keys on the map, as pans, zooms and taps. Nothing can be done
// by dragging alone: there are buttons, keys and the list beside it.

export interface Gestures {
  pan(dx: number, dy: number): void;
  zoom(x: number, y: number, factor: number): void;
  tap(x: number, y: number): void;
  hover(x: number, y: number): void;
  fit(): void;
}

/** A pointer that moved further, in CSS pixels, drags; it doesn't tap. */
const tapSlop = 7;

export function attach(canvas: HTMLCanvasElement, on: Gestures): void {
  const pointers = new Map<number, { x: number; y: number }>();
  let tapping = false, tapped = false, startX = 0, startY = 0;

  const at = (e: MouseEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  };

  canvas.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    canvas.setPointerCapture(e.pointerId);
    const p = at(e);
    pointers.set(e.pointerId, p);
    tapping = pointers.size === 1;
    tapped = false;
    [startX, startY] = [p.x, p.y];
  });
  canvas.addEventListener("pointermove", (e) => {
    const p = at(e), before = pointers.get(e.pointerId);
    if (!before) {
      if (e.pointerType === "mouse") on.hover(p.x, p.y);
      return;
    }
    if (tapping && Math.hypot(p.x - startX, p.y - startY) <= tapSlop) return;
    tapping = false;
    if (pointers.size === 2) {
      // Two fingers: the point between them moves, their distance zooms.
      const other = [...pointers].find(([id]) => id !== e.pointerId)![1];
      const gap = Math.hypot(p.x - other.x, p.y - other.y), gapBefore = Math.hypot(before.x - other.x, before.y - other.y);
      on.pan((p.x - before.x) / 2, (p.y - before.y) / 2);
      if (gapBefore > 0) on.zoom((p.x + other.x) / 2, (p.y + other.y) / 2, gap / gapBefore);
    } else {
      on.pan(p.x - before.x, p.y - before.y);
    }
    pointers.set(e.pointerId, p);
  });
  const up = (e: PointerEvent) => {
    if (!pointers.delete(e.pointerId)) return;
    tapped = tapping && e.type === "pointerup";
    tapping = false;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  // A tap counts once its click is here: whatever it moves, no click follows that
  // could land on something else.
  canvas.addEventListener("click", () => {
    if (tapped) on.tap(startX, startY);
    tapped = false;
  });

  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    const p = at(e), lines = e.deltaMode === 1 ? 16 : 1;
    // A pinch on a touchpad comes as a wheel with ctrl, in smaller steps.
    on.zoom(p.x, p.y, Math.exp(-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.002)));
  }, { passive: false });

  canvas.addEventListener("keydown", (e) => {
    const middle = { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 };
    switch (e.key) {
      case "ArrowLeft": on.pan(60, 0); break;
      case "ArrowRight": on.pan(-60, 0); break;
      case "ArrowUp": on.pan(0, 60); break;
      case "ArrowDown": on.pan(0, -60); break;
      case "+": case "=": on.zoom(middle.x, middle.y, 1.4); break;
      case "-": on.zoom(middle.x, middle.y, 1 / 1.4); break;
      case "0": on.fit(); break;
      case "Enter": case " ": on.tap(middle.x, middle.y); break;
      default: return;
    }
    e.preventDefault();
  });
}
