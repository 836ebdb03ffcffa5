import { paint, toScreen } from "./drawing.js";

// The photo with zoom, pan, touch and keyboard. Points are in pixels of the photo; the middle of the first is (0, 0).
// `on` holds what happens: scene(), place(at, tolerance), hover(at or null), drag(grip, at), drop(grip, at or null).
const HOLD = 150; // [ms] after which a finger aims and does not scroll the page
const LARGEST = 40; // [screen px] of a photo's pixel
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class PhotoView {
  constructor(canvas, loupe, on) {
    Object.assign(this, { canvas, loupe, on, size: null, zoom: 1, middle: [0, 0], pointers: new Map(), wheeled: 0 });
    Object.assign(this, { aim: null, pinch: null, cursor: null, keyed: false });
    for (const name of ["down", "move", "up", "cancel"]) {
      canvas.addEventListener(`pointer${name}`, (e) => this[name](e));
    }
    canvas.addEventListener("pointerleave", () => { if (!this.aim) this.on.hover(null); });
    canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    canvas.addEventListener("touchmove", (e) => this.hold(e), { passive: false });
    canvas.addEventListener("contextmenu", (e) => { if (this.aim?.touch) e.preventDefault(); });
    canvas.addEventListener("keydown", (e) => this.key(e));
    canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) this.aimByKeys(); });
    canvas.addEventListener("blur", () => { this.keyed = false; this.draw(); });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  setPhoto(width, height) {
    this.size = [width, height]; this.cursor = null; this.keyed = false; this.reset();
    const shape = Math.max(0.4, Math.min(3, width / height)); // strips get a margin
    this.canvas.style.aspectRatio = shape; this.canvas.style.maxWidth = `${76 * shape}vh`;
    this.fit();
  }

  // Where the photo lies on the canvas: it covers the canvas, or lies in its middle.
  frame() {
    const { width, height } = this.canvas.getBoundingClientRect(), sides = [width, height];
    const scale = this.fitted() * this.zoom;
    this.middle = this.middle.map((v, i) => {
      const half = sides[i] / 2 / scale, all = this.size[i];
      return all <= 2 * half ? all / 2 : Math.max(half, Math.min(all - half, v));
    });
    const [x, y] = this.middle.map((v, i) => sides[i] / 2 - v * scale);
    return { scale, x, y, width, height, unit: 1 };
  }
  fitted() {
    const { width, height } = this.canvas.getBoundingClientRect(); // not rounded
    return Math.min(width / this.size[0], height / this.size[1]) || 1;
  }
  place(e) { const r = this.canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; }
  // Pixel of the photo at a place of the canvas, also between pixels.
  pixel([x, y]) {
    const f = this.frame(), at = [(x - f.x) / f.scale - 0.5, (y - f.y) / f.scale - 0.5];
    return at.map((v, i) => Math.max(-0.5, Math.min(this.size[i] - 0.5, v)));
  }

  fit() { if (this.size) { this.zoom = 1; this.draw(); } }
  zoomBy(factor) {
    if (!this.size) return;
    const f = this.frame();
    this.zoomAt(this.keyed && this.cursor ? toScreen(f, this.cursor) : [f.width / 2, f.height / 2], factor);
  }
  // Zoom about a place of the canvas, which may have come from another one (two fingers).
  zoomAt(to, factor, from = to) {
    const f = this.frame(), q = [(from[0] - f.x) / f.scale, (from[1] - f.y) / f.scale];
    this.zoom = Math.max(1, Math.min(Math.max(1, LARGEST / this.fitted()), this.zoom * factor));
    const scale = this.fitted() * this.zoom;
    this.middle = [q[0] - (to[0] - f.width / 2) / scale, q[1] - (to[1] - f.height / 2) / scale];
    this.draw();
  }
  wheel(e) {
    if (!this.size) return;
    const step = e.deltaY * (e.deltaMode ? 16 : 1) * (e.ctrlKey ? 0.01 : 0.002), now = performance.now();
    if (this.zoom === 1 && step > 0 && !e.ctrlKey && now - this.wheeled > 300) return; // the page scrolls
    e.preventDefault();
    this.wheeled = now;
    this.zoomAt(this.place(e), Math.exp(-step));
    this.on.hover(this.pixel(this.place(e)));
  }

  down(e) {
    if (!this.size || e.button !== 0) return;
    this.canvas.setPointerCapture(e.pointerId);
    const at = this.place(e), touch = e.pointerType === "touch";
    this.pointers.set(e.pointerId, at); this.keyed = false;
    if (this.pointers.size > 1) {
      this.let(); this.pinch = this.fingers(); this.on.hover(null);
      return;
    }
    const grip = this.grip(at, touch ? 18 : 9);
    this.aim = { touch, grip, start: at, middle: this.middle, moved: false, time: performance.now() };
    if (touch) this.show(e, this.pixel(at));
  }
  move(e) {
    if (!this.size) return;
    const at = this.place(e), aim = this.aim;
    if (this.pointers.has(e.pointerId)) this.pointers.set(e.pointerId, at);
    if (this.pinch) {
      const now = this.fingers();
      if (this.pointers.size === 2) this.zoomAt(now.middle, now.apart / this.pinch.apart, this.pinch.middle);
      this.pinch = now;
    } else if (!aim) {
      this.canvas.style.cursor = this.grip(at, 9) ? "move" : "crosshair";
      this.on.hover(this.pixel(at));
    } else {
      const by = [at[0] - aim.start[0], at[1] - aim.start[1]];
      aim.moved ||= Math.hypot(...by) > 6;
      const pixel = aim.grip ? this.dragged(by) : this.pixel(at);
      if (aim.touch) this.show(e, pixel);
      if (aim.grip && aim.moved) this.on.drag(aim.grip, pixel);
      else if (aim.touch) this.on.hover(pixel);
      else if (aim.moved) this.pan(by);
    }
  }
  up(e) {
    const aim = this.aim, at = this.place(e);
    if (!this.pointers.delete(e.pointerId)) return;
    this.loupe.hidden = true; this.aim = null;
    if (this.pinch) { this.pinch = this.pointers.size ? this.fingers() : null; return; }
    if (!aim) return;
    if (aim.grip && aim.moved) {
      this.on.drop(aim.grip, this.dragged([at[0] - aim.start[0], at[1] - aim.start[1]], aim));
      return;
    }
    const { width, height } = this.frame(), inside = at[0] >= 0 && at[1] >= 0 && at[0] <= width && at[1] <= height;
    if (aim.touch) this.on.hover(null);
    if (inside && (aim.touch || !aim.moved)) this.on.place(this.pixel(at), 4 / this.frame().scale);
  }
  cancel(e) {
    this.pointers.delete(e.pointerId);
    this.let();
    if (!this.pointers.size) this.pinch = null;
    this.on.hover(null);
  }
  // Let go of what was begun with a pointer.
  let() {
    const aim = this.aim;
    this.aim = null; this.loupe.hidden = true;
    if (aim?.grip && aim.moved) this.on.drop(aim.grip, null);
  }
  reset() { this.let(); this.pointers.clear(); this.pinch = null; }
  pan([dx, dy]) {
    const { scale } = this.frame();
    this.canvas.style.cursor = this.zoom > 1 ? "grabbing" : "crosshair";
    this.middle = [this.aim.middle[0] - dx / scale, this.aim.middle[1] - dy / scale];
    this.draw();
  }
  dragged([dx, dy], aim = this.aim) {
    const { scale } = this.frame(), [x, y] = aim.grip.from;
    return [x + dx / scale, y + dy / scale].map((v, i) => Math.max(-0.5, Math.min(this.size[i] - 0.5, v)));
  }
  fingers() {
    const [a, b = a] = [...this.pointers.values()];
    const apart = Math.max(10, Math.hypot(a[0] - b[0], a[1] - b[1]));
    return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], apart };
  }
  hold(e) {
    const held = this.aim && (this.aim.grip || performance.now() - this.aim.time > HOLD);
    if (e.cancelable && (this.zoom > 1 || e.touches.length > 1 || held)) e.preventDefault();
  }
  // Point within a distance of a place of the canvas: its shape and its number there.
  grip(at, radius) {
    const f = this.frame();
    let best = null, least = radius;
    for (const shape of this.on.scene().shapes) {
      if (!shape.of) continue;
      shape.of.forEach((from, index) => {
        const [x, y] = toScreen(f, from), away = Math.hypot(x - at[0], y - at[1]);
        if (away < least) { least = away; best = { points: shape.of, measurement: shape.measurement, index, from }; }
      });
    }
    return best;
  }

  aimByKeys() {
    if (!this.size) return;
    this.frame();
    this.cursor ??= this.middle.map((v, i) => Math.max(0, Math.min(this.size[i] - 1, Math.round(v - 0.5))));
    this.keyed = true;
    this.reveal(); this.on.hover(this.cursor);
  }
  key(e) {
    if (!this.size || e.ctrlKey || e.metaKey || e.altKey) return;
    const arrow = ARROWS[e.key], press = e.key === " " || (e.key === "Enter" && this.keyed);
    if (!arrow && !press) return;
    e.preventDefault(); e.stopPropagation();
    if (press && this.keyed) { if (!e.repeat) this.on.place(this.cursor, 0); return; }
    this.aimByKeys();
    const by = e.shiftKey ? 10 : 1;
    if (arrow) this.cursor = this.cursor.map((v, i) => Math.max(0, Math.min(this.size[i] - 1, v + by * arrow[i])));
    this.reveal(); this.on.hover(this.cursor);
  }
  // Move the photo until the crosshair is seen.
  reveal() {
    const f = this.frame(), at = toScreen(f, this.cursor), sides = [f.width, f.height];
    const beyond = at.map((v, i) => Math.max(20 - v, 0) + Math.min(sides[i] - 20 - v, 0));
    this.middle = this.middle.map((v, i) => v - beyond[i] / f.scale);
    this.draw();
  }

  draw() {
    if (!this.size || !this.canvas.clientWidth) return;
    const f = this.frame();
    paint(context(this.canvas, f.width, f.height), f, { ...this.on.scene(), cursor: this.keyed ? this.cursor : null });
  }
  // Magnified circle above the finger, or beside it where there is no room.
  show(e, at) {
    this.loupe.hidden = false;
    const side = this.loupe.clientWidth, c = side / 2, scale = Math.max(4, 2.5 * this.frame().scale);
    const above = e.clientY - side - 36 >= 4, beside = e.clientX > innerWidth / 2 ? -side - 36 : 36;
    const left = e.clientX + (above ? -c : beside);
    this.loupe.style.left = `${Math.max(4, Math.min(innerWidth - side - 4, left))}px`;
    this.loupe.style.top = `${above ? e.clientY - side - 36 : 4}px`;
    const [x, y] = at.map((v) => c - (v + 0.5) * scale);
    const f = { scale, x, y, width: side, height: side, unit: 1, plain: true };
    paint(context(this.loupe, side, side), f, { ...this.on.scene(), cursor: at });
  }
}

// Drawing context in screen pixels, sharp on any screen.
function context(canvas, width, height) {
  const w = Math.round(width * devicePixelRatio), h = Math.round(height * devicePixelRatio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const g = canvas.getContext("2d");
  g.setTransform(w / width, 0, 0, h / height, 0, 0);
  return g;
}
