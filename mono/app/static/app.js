import { View3D } from "./view3d.js";

const $ = (id) => document.getElementById(id);
const make = (tag, values = {}, ...children) => { const e = Object.assign(document.createElement(tag), values); e.append(...children); return e; };
const meters = (v) => (v < 0.995 ? `${(100 * v).toFixed(1)} cm` : v < 10 ? `${v.toFixed(3)} m` : `${v.toFixed(2)} m`);
const view = new View3D($("view"));
let info, photo = null, tool = "distance", pending = [], layer = "photo", hover = null, asked = 0;
const open = new Map(); // id: photo with its depth, focal factor, scale and measurements

function say(text, error = false) { $("status").textContent = text; $("status").className = error ? "error" : ""; }

async function request(path, options) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer;
  let text = `the server answered ${answer.status}`;
  try { text = (await answer.json()).error; } catch { /* no JSON */ }
  throw new Error(text);
}
const guarded = (job) => async (...args) => { try { return await job(...args); } catch (error) { say(error.message, true); } };
const post = (path, body) => request(path, { method: "POST", body });
const base = (p = photo) => `api/photos/${p.id}`;
const k = () => photo.factor * photo.scale;
const focal = () => photo.focal_px * photo.factor;

async function start() {
  info = await (await request("api/info")).json();
  for (const name of info.models) $("model").append(new Option(name, name));
  $("model").hidden = info.models.length < 2;
  for (const name of info.examples) $("examples").append(make("button", { textContent: name.replace(/\.\w+$/, ""), onclick: guarded(() => add(name, () => post(`api/examples/${encodeURIComponent(name)}?model=${$("model").value}`))) }));
  for (const name of info.results) $("examples").append(make("button", { textContent: name, onclick: guarded(() => add(name, () => post(`api/results?name=${encodeURIComponent(name)}`))) }));
  document.documentElement.dataset.ready = "1";
}

async function add(name, job) {
  say(`Computing depth of ${name} …`);
  const found = await (await job()).json();
  await show(await load(found));
  say(`${found.name}: ${found.model}, ${found.seconds.toFixed(2)} s`);
}

async function load(found) {
  const image = new Image();
  image.src = `${base(found)}/layers/photo`;
  const [depth, cloud] = await Promise.all(["depth", "cloud"].map(async (n) => (await request(`${base(found)}/${n}`)).arrayBuffer()));
  await image.decode();
  if (found.has_errors) found.errors = new Float32Array(await (await request(`${base(found)}/errors`)).arrayBuffer());
  const project = found.project || {};
  Object.assign(found, { depth: new Float32Array(depth), cloud, images: { photo: image }, measurements: project.measurements || [], scale: project.scale || 1, factor: (project.focal_px || found.focal_px) / found.focal_px });
  open.set(found.id, found);
  return found;
}

async function upload(files) {
  for (const file of files) {
    const most = file.name.endsWith(".zip") ? info.max_project : info.max_upload;
    if (file.size > most) { say(`${file.name} has more than ${most / 1e6} MB; make it smaller first`, true); continue; }
    const path = file.name.endsWith(".zip") ? "api/projects" : `api/photos?name=${encodeURIComponent(file.name)}&model=${encodeURIComponent($("model").value)}`;
    await guarded(() => add(file.name, () => post(path, file)))();
  }
}

async function show(chosen) {
  photo = chosen; pending = []; layer = "photo";
  $("pointer").textContent = "Move over the photo for distances.";
  $("photo").style.maxWidth = `${76 * photo.width / photo.height}vh`;
  $("welcome").hidden = true; $("work").hidden = false;
  $("gallery").replaceChildren(...(open.size > 1 ? [...open.values()].map((p) => make("button", { title: p.name, ariaPressed: String(p === photo), onclick: guarded(() => show(p)) }, make("img", { src: p.images.photo.src, alt: p.name }))) : []));
  $("layers").replaceChildren(...photo.layers.map((name) => make("button", { textContent: name[0].toUpperCase() + name.slice(1), ariaPressed: String(name === layer), onclick: guarded(() => choose(name)) })));
  const doubtful = ["assumed", "estimated"].includes(photo.camera_source);
  $("source").className = doubtful ? "warn" : "";
  $("source").textContent = `${doubtful ? "Unsure: " : ""}${photo.camera_source} – ${photo.camera_detail}`;
  $("compare").replaceChildren(new Option("nothing", ""), ...["1.25", "0.8"].map((f) => new Option(`focal length × ${f}`, f)), ...info.models.filter((m) => m !== photo.model).map((m) => new Option(`model ${m}`, `model:${m}`)));
  $("other").hidden = true; photo.other = null;
  $("downloads").replaceChildren(...photo.files.map((name) => make("button", { textContent: name, onclick: () => save(name) })));
  view.setCloud(photo.cloud, photo); await update(); view.look("camera");
}

async function choose(name) {
  if (!photo.images[name]) {
    const image = new Image();
    image.src = `${base()}/layers/${name}`;
    await image.decode();
    photo.images[name] = image;
  }
  layer = name;
  [...$("layers").children].forEach((b, i) => { b.ariaPressed = String(photo.layers[i] === name); });
  draw();
}

// The focal length or the scale has changed, or a measurement: no inference is needed.
async function update() {
  const current = photo, number = ++asked;
  $("focal").value = Math.round(1000 * Math.log2(photo.factor) / 2);
  const diagonal = Math.hypot(photo.width, photo.height);
  $("fov").value = (2 * Math.atan(photo.width / 2 / (photo.camera.fx * photo.factor)) * 180 / Math.PI).toFixed(1);
  $("mm").value = (focal() / diagonal * Math.hypot(36, 24)).toFixed(1);
  $("px").value = focal().toFixed(1);
  $("scale").textContent = photo.scale === 1 ? "" : `Rescaled × ${photo.scale.toPrecision(4)} by a known length`;
  $("rescale").hidden = photo.scale === 1;
  view.setScale(photo.factor, photo.scale, photo.measurements); draw();
  if (photo.measurements.length) {
    const answer = await (await post(`${base()}/measure`, JSON.stringify(state()))).json();
    if (current !== photo || number !== asked) return;
    photo.measurements = answer.measurements;
  }
  list(); view.setScale(photo.factor, photo.scale, photo.measurements); draw();
}

const state = () => ({ focal_px: focal(), scale: photo.scale, measurements: photo.measurements.map(({ name, pixels, area }) => ({ name, pixels, area: Boolean(area) })) });
// Value with its error: the error has two digits, and the value ends where the error does.
function withError(value, error, unit, plain) {
  if (!error) return plain(value);
  const digits = Math.max(0, 1 - Math.floor(Math.log10(error)));
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)} ${unit}`;
}
const length = (m) => withError(m.length, m.length * (m.relative_error || 0), "m", meters);
const area = (m) => withError(m.area, 2 * m.area * (m.relative_error || 0), "m²", (v) => `${v.toFixed(3)} m²`);
const main = (m) => (m.error ? "–" : m.area ? area(m) : length(m));

function list() {
  $("list").replaceChildren(...photo.measurements.map((m, i) => {
    const detail = m.error || (m.straight !== undefined ? `horizontal ${meters(m.horizontal)}, vertical ${meters(m.vertical)} (camera level)${m.pixels.length > 2 ? `, ends ${meters(m.straight)} apart` : ""}` : m.area ? `around it ${meters(m.length)}` : "from the camera");
    const name = make("input", { type: "text", value: m.name, maxLength: 80, ariaLabel: "Name", onchange: (e) => { m.name = e.target.value; draw(); } });
    const known = make("input", { type: "number", className: "true", min: 0, step: "any", placeholder: "true [m]", ariaLabel: "True length", onchange: guarded(async (e) => {
      const v = Number(e.target.value);
      if (!(v > 0)) return;
      const ratio = v / m.length;
      if (!(photo.scale * ratio > 0.02 && photo.scale * ratio < 50)) throw new Error("that would rescale by more than 50 times: is the length in meters?");
      photo.scale *= ratio; await update();
    }) });
    const row = make("div", { className: "item" }, make("div", { className: "top" }, name, make("span", { className: "value", textContent: main(m) }), make("button", { textContent: "✕", ariaLabel: "Remove", onclick: guarded(async () => { photo.measurements.splice(i, 1); await update(); }) })), make("small", { textContent: detail }));
    if (!m.area && !m.error) row.append(known);
    return row;
  }));
}

function draw(target = $("photo")) {
  const shown = photo.images[layer], g = target.getContext("2d");
  if (target.width !== photo.width || target.height !== photo.height) { target.width = photo.width; target.height = photo.height; }
  g.drawImage(shown, 0, 0, photo.width, photo.height);
  const unit = target.clientWidth ? photo.width / target.clientWidth : Math.max(photo.width, photo.height) / 800;
  const stroke = (points, closed) => {
    g.beginPath(); points.forEach(([x, y], i) => g[i ? "lineTo" : "moveTo"](x + 0.5, y + 0.5)); if (closed) g.closePath();
    for (const [color, width] of [["#000", 5], ["#ff3cc8", 2.5]]) { g.strokeStyle = color; g.lineWidth = width * unit; g.stroke(); }
    for (const [x, y] of points) { g.beginPath(); g.arc(x + 0.5, y + 0.5, 5 * unit, 0, 7); g.fillStyle = "#fff"; g.fill(); g.lineWidth = 2 * unit; g.stroke(); }
  };
  for (const m of photo.measurements) {
    stroke(m.pixels, m.area);
    if (m.length === undefined) continue;
    const n = m.pixels.length, x = m.pixels.reduce((s, p) => s + p[0], 0) / n, y = m.pixels.reduce((s, p) => s + p[1], 0) / n - 12 * unit, text = `${m.name} ${main(m)}`;
    g.font = `600 ${16 * unit}px system-ui, sans-serif`; g.textAlign = "center"; g.lineWidth = 4 * unit; g.strokeStyle = "#000"; g.strokeText(text, x, y); g.fillStyle = "#fff"; g.fillText(text, x, y);
  }
  if (pending.length) stroke(hover ? [...pending, hover] : pending, false);
  $("finish").hidden = !(pending.length >= (tool === "area" ? 3 : 2) && ["path", "area"].includes(tool));
  if (target !== $("photo")) return;
  const bar = $("colorbar"), { near, far, ticks, colors } = photo.scale_bar;
  bar.hidden = layer !== "depth";
  if (bar.hidden) return;
  const ramp = make("i"); // far on top
  ramp.style.background = `linear-gradient(${colors})`;
  bar.replaceChildren(ramp, ...ticks.map((t) => { const s = make("span", { textContent: `${+(t * k()).toPrecision(3)} m` }); s.style.top = `${100 * (1 - Math.log(t / near) / Math.log(far / near))}%`; return s; }));
}

function pixel(e) {
  const r = $("photo").getBoundingClientRect();
  return [(e.clientX - r.left) / r.width * photo.width - 0.5, (e.clientY - r.top) / r.height * photo.height - 0.5];
}
function depthAt([x, y], p = photo) {
  const c = Math.max(0, Math.min(p.width - 1, Math.round(x))), r = Math.max(0, Math.min(p.height - 1, Math.round(y)));
  return p.depth[r * p.width + c];
}

// Relative standard error: the network's part of the pixel, and the focal length's while that is as it came.
function errorAt([x, y]) {
  if (!photo.errors) return 0;
  const c = Math.max(0, Math.min(photo.width - 1, Math.round(x))), r = Math.max(0, Math.min(photo.height - 1, Math.round(y)));
  return Math.hypot(photo.errors[r * photo.width + c], photo.factor === 1 && photo.scale === 1 ? photo.focal_error : 0);
}

function readout(at) {
  const z = depthAt(at) * k(), c = photo.camera;
  if (!(z > 0)) { $("pointer").textContent = "No depth here."; return; }
  const x = (at[0] - c.cx) / c.fx / photo.factor * z, y = (at[1] - c.cy) / c.fy / photo.factor * z;
  $("pointer").replaceChildren("Depth ", make("b", { textContent: withError(z, z * errorAt(at), "m", meters) }), `, from the camera ${meters(Math.hypot(x, y, z))}; point (${[x, y, z].map((v) => v.toFixed(2)).join(", ")}) m`);
  if (photo.other) $("othervalue").textContent = `Here: ${meters(photo.other.at(at))}, ${(100 * (photo.other.at(at) / z - 1)).toFixed(1)} % from the photo's`;
}

async function finish() {
  const count = photo.measurements.length + 1, area = tool === "area";
  photo.measurements.push({ name: `${area ? "A" : "L"}${count}`, pixels: pending, area });
  pending = []; hover = null;
  await update();
}

$("photo").addEventListener("pointermove", (e) => { if (!photo) return; hover = pending.length ? pixel(e) : null; readout(pixel(e)); if (pending.length) draw(); });
const place = guarded(async (at) => {
  if (!at) throw new Error("There is no point here: click one of the cloud's.");
  if (!(depthAt(at) > 0)) throw new Error("There is no depth here (sky, or too far): choose another point.");
  say(""); pending.push(at); readout(at); hover = null;
  if (tool === "point" || (tool === "distance" && pending.length === 2)) await finish(); else draw();
});
$("photo").addEventListener("click", (e) => place(pixel(e)));
view.onpick = place;
addEventListener("keydown", guarded(async (e) => {
  if (!photo || /INPUT|SELECT/.test(e.target.tagName)) return;
  if (e.key === "Escape") { pending = []; draw(); }
  if (e.key === "Enter" && !$("finish").hidden) await finish();
}));
$("finish").onclick = guarded(finish);
for (const b of $("tools").querySelectorAll("[data-tool]")) b.onclick = () => { tool = b.dataset.tool; pending = []; for (const o of $("tools").querySelectorAll("[data-tool]")) o.ariaPressed = String(o === b); draw(); };
for (const b of document.querySelectorAll("[data-view]")) b.onclick = () => view.look(b.dataset.view);

async function refocus(factor) {
  if (!(factor > 0.02 && factor < 50)) throw new Error("this focal length is out of range (a factor of 0.02 to 50)");
  photo.factor = factor; await update();
}
$("focal").oninput = guarded((e) => refocus(2 ** (2 * e.target.value / 1000)));
$("px").onchange = guarded((e) => refocus(e.target.value / photo.focal_px));
$("mm").onchange = guarded((e) => refocus(e.target.value / Math.hypot(36, 24) * Math.hypot(photo.width, photo.height) / photo.focal_px));
$("fov").onchange = guarded((e) => refocus(photo.width / 2 / Math.tan(e.target.value * Math.PI / 360) / photo.camera.fx));
$("refocal").onclick = guarded(() => refocus(1));
$("rescale").onclick = guarded(async () => { photo.scale = 1; await update(); });

$("compare").onchange = guarded(async (e) => {
  const value = e.target.value, here = photo;
  photo.other = null; $("other").hidden = !value;
  if (!value) return;
  if (!value.startsWith("model:")) {
    photo.other = { at: (at) => depthAt(at, here) * Number(value) * k() };
    $("otherdepth").src = `${base()}/layers/depth`;
  } else {
    const blob = await (await request(photo.images.photo.src)).blob();
    const found = await (await post(`api/photos?name=${encodeURIComponent(photo.name)}&model=${encodeURIComponent(value.slice(6))}`, blob)).json();
    const depth = new Float32Array(await (await request(`${base(found)}/depth`)).arrayBuffer()), f = photo.focal_px / found.focal_px;
    here.other = { at: (at) => depthAt(at, { ...found, depth }) * f * k() };
    $("otherdepth").src = `${base(found)}/layers/depth`;
  }
  $("othervalue").textContent = "Move over the photo to compare.";
});

function deliver(blob, name) { const a = make("a", { href: URL.createObjectURL(blob), download: name }); a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 60000); }
const stem = () => photo.name.replace(/\.\w+$/, "");
function save(name) { make("a", { href: `${base()}/files/${name}?focal_px=${focal()}&scale=${photo.scale}`, download: "" }).click(); }
for (const b of document.querySelectorAll("[data-save]")) b.onclick = guarded(async () => { const what = b.dataset.save; deliver(await (await post(`${base()}/${what}`, JSON.stringify(state()))).blob(), `${stem()}${what === "project" ? ".depth.zip" : ".csv"}`); });
$("drawn").onclick = () => { const c = make("canvas"); draw(c); c.toBlob((b) => deliver(b, `${stem()}_measured.png`)); };

$("file").onchange = (e) => { upload(e.target.files).then(() => { e.target.value = ""; }); };
addEventListener("paste", (e) => { if (e.clipboardData.files.length) upload(e.clipboardData.files); });
addEventListener("dragover", (e) => { e.preventDefault(); document.body.classList.add("drop"); });
addEventListener("dragleave", () => document.body.classList.remove("drop"));
addEventListener("drop", (e) => { e.preventDefault(); document.body.classList.remove("drop"); upload(e.dataTransfer.files); });
const stop = () => { for (const t of $("video").srcObject?.getTracks() || []) t.stop(); $("camera").close(); };
$("webcam").onclick = guarded(async () => { $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1920, facingMode: "environment" } }); $("camera").showModal(); await $("video").play(); });
$("close").onclick = stop;
$("shoot").onclick = () => { const v = $("video"), c = make("canvas", { width: v.videoWidth, height: v.videoHeight }); c.getContext("2d").drawImage(v, 0, 0); c.toBlob((b) => { stop(); upload([new File([b], "webcam.jpg")]); }, "image/jpeg", 0.95); };
guarded(start)();
