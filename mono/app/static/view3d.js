import { unit, unitMeters } from "./units.js";

// 3D view of a point cloud with grid, axes and frustum. Depth is scaled in the shader: no data moves when it changes.
const VERTEX = `attribute vec3 place; attribute vec4 color;
uniform mat4 matrix; uniform vec4 camera; uniform float depth, size; varying vec4 tint;
void main() { vec3 p = depth > 0.0 ? vec3((place.xy - camera.zw) / camera.xy, 1.0) * place.z * depth : place;
gl_Position = matrix * vec4(p, 1.0); gl_PointSize = size; tint = color; }`;
const FRAGMENT = `precision mediump float; varying vec4 tint; void main() { gl_FragColor = tint; }`;
const TURNS = { ArrowLeft: [-30, 0], ArrowRight: [30, 0], ArrowUp: [0, -30], ArrowDown: [0, 30] };
const ZOOMS = { "+": 0.8, "=": 0.8, "-": 1.25 };

export class View3D {
  // panel: what holds the canvas; without WebGL it says so.
  constructor(canvas, panel) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
    this.count = 0; this.lines = []; this.step = 1;
    Object.assign(this, { yaw: 0, pitch: 0, distance: 3, target: [0, 0, 3], factor: 1, k: 1 });
    if (!this.gl) {
      panel.classList.add("flat"); panel.querySelector(".missing").hidden = false;
      return;
    }
    this.build(); this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }
  listen() {
    const canvas = this.canvas, fingers = new Map();
    let moved = 0;
    const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]) || 1; };
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      moved = fingers.size ? Infinity : 0; // two fingers pick nothing
      fingers.set(e.pointerId, [e.clientX, e.clientY]);
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointerup", (e) => {
      if (fingers.delete(e.pointerId) && moved < 4) this.onpick?.(this.pick(e));
    });
    canvas.addEventListener("pointercancel", (e) => fingers.delete(e.pointerId));
    canvas.addEventListener("pointermove", (e) => {
      const last = fingers.get(e.pointerId), before = fingers.size === 2 && apart();
      if (!last) return;
      fingers.set(e.pointerId, [e.clientX, e.clientY]);
      if (before) return this.zoom(before / apart());
      const dx = e.clientX - last[0], dy = e.clientY - last[1];
      moved += Math.abs(dx) + Math.abs(dy);
      if (fingers.size === 1) this.turn(dx, dy);
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY * (e.deltaMode ? 0.016 : 0.001)));
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || !(TURNS[e.key] || ZOOMS[e.key])) return;
      e.preventDefault(); e.stopPropagation();
      if (TURNS[e.key]) this.turn(...TURNS[e.key]); else this.zoom(ZOOMS[e.key]);
    });
  }
  turn(dx, dy) {
    this.yaw += dx * 0.006;
    this.pitch = Math.max(-1.57, Math.min(1.57, this.pitch + dy * 0.006));
    this.draw();
  }
  zoom(factor) { this.distance *= factor; this.draw(); }
  build() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text); gl.compileShader(shader); gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "place"); gl.bindAttribLocation(program, 1, "color");
    gl.linkProgram(program); gl.useProgram(program);
    const names = ["matrix", "camera", "depth", "size"];
    this.at = Object.fromEntries(names.map((n) => [n, gl.getUniformLocation(program, n)]));
    this.points = gl.createBuffer(); this.linesBuffer = gl.createBuffer();
    gl.enableVertexAttribArray(0); gl.enableVertexAttribArray(1); gl.enable(gl.DEPTH_TEST);
  }
  setCloud(buffer, photo) {
    this.photo = photo; this.count = buffer.byteLength / 16;
    const values = (this.values = new Float32Array(buffer)), z = [];
    for (let i = 2; i < values.length; i += 4 * 16) z.push(values[i]);
    z.sort((a, b) => a - b);
    this.median = z[z.length >> 1] || 3; this.far = z[Math.floor(z.length * 0.95)] || 10;
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.points);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, buffer, this.gl.STATIC_DRAW);
  }
  // factor: of the focal length; k: of all distances.
  setScale(factor, k, measured) { this.factor = factor; this.k = k; this.measured = measured; this.draw(); }
  look(name) {
    const d = this.factor * this.k * this.median;
    this.target = [0, 0, d]; this.distance = d; this.yaw = this.pitch = 0;
    if (name === "orbit") { this.yaw = 0.5; this.pitch = 0.35; this.distance = 1.4 * d; }
    if (name === "top") { this.pitch = 1.57; this.distance = 2 * d; }
    if (name === "side") { this.yaw = 1.57; this.distance = 2 * d; }
    this.view = name; this.draw();
  }
  matrix(w, h) {
    const near = this.distance / 100, far = this.distance * 100, f = 1.6;
    const a = f * Math.min(1, h / w), b = f * Math.min(1, w / h);
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    // Rows of the rotation; x right, y down, z forward become x right, y up, z toward the viewer.
    const right = [cy, 0, sy], down = [sy * sp, cp, -cy * sp], ahead = [-sy * cp, sp, cy * cp];
    const t = this.target, dot = (r) => r[0] * t[0] + r[1] * t[1] + r[2] * t[2], m = [];
    const across = [...right.map((v) => a * v), -a * dot(right)], up = [...down.map((v) => -b * v), b * dot(down)];
    const rows = [across, up, null, [...ahead, this.distance - dot(ahead)]];
    const p = (far + near) / (far - near), q = (-2 * far * near) / (far - near);
    rows[2] = rows[3].map((v, i) => p * v + (i === 3 ? q : 0));
    for (let c = 0; c < 4; c++) for (let r = 0; r < 4; r++) m.push(rows[r][c]);
    return new Float32Array(m);
  }
  // Pixel of the photo whose point is seen at a place of the canvas: the foremost within 5 px, else null.
  pick(e) {
    const r = this.canvas.getBoundingClientRect(), m = this.matrix(r.width, r.height);
    const c = this.photo.camera, v = this.values, k = this.factor * this.k;
    const at = [(e.clientX - r.left) / r.width * 2 - 1, 1 - (e.clientY - r.top) / r.height * 2];
    let best = null, nearest = Infinity;
    for (let i = 0; i < v.length; i += 4) {
      const z = v[i + 2] * k;
      const x = (v[i] - c.cx) / c.fx / this.factor * z, y = (v[i + 1] - c.cy) / c.fy / this.factor * z;
      const [p, q, , w] = [0, 1, 2, 3].map((j) => m[j] * x + m[4 + j] * y + m[8 + j] * z + m[12 + j]);
      if (w <= 0 || w >= nearest) continue;
      if (Math.hypot((p / w - at[0]) * r.width, (q / w - at[1]) * r.height) > 10) continue;
      nearest = w; best = [v[i], v[i + 1]];
    }
    return best;
  }
  scenery() {
    const out = [], add = (p, q, c) => out.push([p, c], [q, c]), gray = [90, 100, 115], yellow = [255, 200, 60];
    const depth = this.factor * this.k, far = this.far * depth / unitMeters();
    const s = 10 ** Math.floor(Math.log10(far / 4));
    this.step = [1, 2, 5].map((v) => v * s).find((v) => far / v <= 12) || 10 * s; // in the unit shown
    const { camera: c, width: w, height: h } = this.photo, step = this.step * unitMeters();
    const y = (h - c.cy) / c.fy / this.factor * this.median * depth;
    for (let i = -6; i <= 6; i++) add([i * step, y, 0], [i * step, y, 12 * step], gray);
    for (let i = 0; i <= 12; i++) add([-6 * step, y, i * step], [6 * step, y, i * step], gray);
    const corners = [[0, 0], [w, 0], [w, h], [0, h]].map(([u, v]) =>
      [(u - c.cx) / c.fx / this.factor, (v - c.cy) / c.fy / this.factor, 1].map((x) => x * step * 0.7));
    corners.forEach((p, i) => { add([0, 0, 0], p, yellow); add(p, corners[(i + 1) % 4], yellow); });
    add([0, 0, 0], [step, 0, 0], [230, 60, 60]); add([0, 0, 0], [0, step, 0], [60, 190, 80]);
    add([0, 0, 0], [0, 0, step], [80, 140, 255]);
    for (const { points = [], closed } of this.measured || []) {
      const all = closed && points.length ? [...points, points[0]] : points;
      for (let i = 1; i < all.length; i++) add(all[i - 1], all[i], [255, 60, 200]);
    }
    const data = new ArrayBuffer(16 * out.length), f = new Float32Array(data), b = new Uint8Array(data);
    out.forEach(([p, col], i) => { f.set(p, 4 * i); b.set([...col, 255], 16 * i + 12); });
    return [data, out.length];
  }
  draw() {
    const gl = this.gl, canvas = this.canvas;
    if (!gl || !this.photo) return;
    const [w, h] = [canvas.clientWidth, canvas.clientHeight].map((v) => Math.round(v * devicePixelRatio));
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    gl.viewport(0, 0, w, h); gl.clearColor(0.066, 0.082, 0.102, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.at.matrix, false, this.matrix(w, h));
    const c = this.photo.camera, bind = (buffer) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 16, 0);
      gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 16, 12);
    };
    bind(this.points);
    gl.uniform4f(this.at.camera, c.fx * this.factor, c.fy * this.factor, c.cx, c.cy);
    gl.uniform1f(this.at.depth, this.factor * this.k); gl.uniform1f(this.at.size, Math.max(1.5, w / 300));
    gl.drawArrays(gl.POINTS, 0, this.count);
    const [data, count] = this.scenery();
    gl.uniform1f(this.at.depth, 0); gl.bindBuffer(gl.ARRAY_BUFFER, this.linesBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    bind(this.linesBuffer); gl.drawArrays(gl.LINES, 0, count);
    document.getElementById("grid").textContent = `${+this.step.toPrecision(2)} ${unit()}`;
  }
}
