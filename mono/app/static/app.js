import { deliver, get, picture, post } from "./api.js";
import { compare, compareChoices, showOther } from "./compare.js";
import { paint } from "./drawing.js";
import { focalFields, showFocal } from "./focal.js";
import { List, nextName, summary } from "./list.js";
import { base, depthAt, enlarged, errorAt, focal, lengthOf, load, pointOf, restored, state } from "./photo.js";
import { models, opening } from "./opening.js";
import { PhotoView } from "./photo_view.js";
import { coordinates, length, lengthWithError, ticks, unit, useUnit } from "./units.js";
import { View3D } from "./view3d.js";

const $ = (id) => document.getElementById(id);
const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);
const open = new Map(); // id: photo with its depth, focal factor, scale and measurements
let photo = null, tool = "distance", pending = [], hover = null, dragged = null;
let touched = 0, placed = { at: [0, 0], time: -1e9 };

// kind: "", "error" or "place", an error of the last click, which the next one takes away.
function say(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind && "error"; $("status").dataset.kind = kind;
}
const guarded = (job, kind = "error") => async (...args) => {
  try { return await job(...args); } catch (error) { say(error.message, kind); }
};
const body = () => JSON.stringify(state(photo));

const view = new View3D($("view"), $("view3d"));
const list = new List($("list"), {
  rename: (m, name) => { remember(); m.name = name; draw(); },
  remove: guarded(async (m) => {
    remember();
    photo.measurements = photo.measurements.filter((other) => other !== m);
    await update();
  }),
  rescale: guarded(async (m, meters, text) => {
    if (!(meters > 0)) throw new Error(`“${text}” is no length: type one such as 1.2, 120 cm or 4 ft 2 in.`);
    const scale = photo.scale * meters / m.length;
    if (!(scale > 0.02 && scale < 50)) {
      throw new Error(`That would rescale by more than 50 times: is the length ${length(meters)}?`);
    }
    photo.scale = scale; m.given = { scale, factor: photo.factor };
    await update();
  }),
});
const canvas = new PhotoView($("photo"), $("loupe"), {
  scene, place: (at, tolerance) => place(at, tolerance),
  hover: (at) => {
    if (!photo) return;
    hover = at;
    if (at) readout(at);
    if (pending.length) draw();
  },
  drag: (grip, at) => {
    if (dragged !== grip) { if (grip.measurement) remember(); touched++; }
    dragged = grip; grip.points[grip.index] = at;
    readout(at); draw();
  },
  drop: guarded(async (grip, at) => {
    dragged = null;
    const nothing = at && !(depthAt(photo, at) > 0);
    grip.points[grip.index] = at && !nothing ? at : grip.from;
    if (grip.measurement) delete grip.measurement.given;
    if (grip.measurement && (!at || nothing)) { photo.past.pop(); undoable(); }
    draw();
    if (nothing) throw new Error("There is no depth there (sky, or too far): the point stays where it was.");
    if (grip.measurement && at) await update();
  }, "place"),
});

// Load a photo, and show it unless another one was worked on since `mark`.
async function add(name, job, mark) {
  say(`Computing depth of ${name} …`);
  const found = await load(await job());
  open.set(found.id, found);
  gallery();
  if (photo && mark !== touched) { say(`${found.name} is ready: choose it above.`); return; }
  say(`${found.name}: ${found.model}, ${found.seconds.toFixed(2)} s`);
  await show(found);
}

function gallery() {
  $("gallery").replaceChildren(...(open.size > 1 ? [...open.values()].map((p) => {
    const button = make("button", { title: p.name, ariaPressed: String(p === photo) });
    button.append(make("img", { src: p.images.photo.src, alt: p.name }));
    button.onclick = guarded(() => { touched++; return show(p); });
    return button;
  }) : []));
}

async function show(chosen) {
  photo = chosen; pending = []; hover = dragged = null; photo.layer = photo.wanted = "photo";
  $("pointer").textContent = "Point at the photo for distances.";
  $("welcome").hidden = true; $("work").hidden = false;
  $("samples").hidden = $("samples").options.length < 2;
  gallery();
  $("layers").replaceChildren(...photo.layers.map((name) => make("button", {
    textContent: name[0].toUpperCase() + name.slice(1), onclick: guarded(() => choose(name)),
  })));
  compareChoices(photo, models());
  $("downloads").replaceChildren(...photo.files.map((name) => make("button", {
    textContent: name, onclick: guarded(() => save(name)),
  })));
  canvas.setPhoto(photo.width, photo.height);
  view.setCloud(photo.cloud, photo); view.setScale(photo.factor, photo.scale, []); view.look("camera");
  pressed(); undoable();
  await update();
}

const pressed = () => {
  for (const [i, b] of [...$("layers").children].entries()) b.ariaPressed = String(photo.layers[i] === photo.layer);
};
async function choose(name) {
  const here = photo;
  here.wanted = name;
  here.images[name] ??= await picture(`${base(here)}/layers/${name}`);
  if (here.wanted !== name) return;
  here.layer = name;
  if (here === photo) { pressed(); draw(); }
}

// The focal length, the scale or a measurement has changed: no inference is needed.
async function update() {
  const here = photo, sent = [...here.measurements], number = ++here.asked;
  showFocal(here); list.show(here); show3D(); draw();
  if (!sent.length) return;
  try {
    const answer = await post(`${base(here)}/measure`, body());
    if (number !== here.asked) return;
    sent.forEach((m, i) => result(m, answer.measurements[i]));
  } catch (error) {
    if (number !== here.asked) return;
    for (const m of sent) result(m, { error: "not measured" }); // no numbers of before
    throw error;
  } finally {
    if (number === here.asked && here === photo) { list.show(here); show3D(); draw(); }
  }
}
function result(m, found) {
  for (const key of ["length", "straight", "horizontal", "vertical", "area", "relative_error", "points", "error"]) {
    if (found[key] === undefined || typeof found[key] === "boolean") delete m[key]; else m[key] = found[key];
  }
}
const show3D = () => view.setScale(photo.factor, photo.scale, photo.measurements);

// What can be taken back: the measurements before each change.
function remember() { photo.past = [...photo.past.slice(-49), state(photo).measurements]; undoable(); }
function undoable() { $("undo").hidden = !photo.past.length; }
async function undo() {
  if (pending.length) return takeBack();
  if (!photo.past.length) return;
  photo.measurements = photo.past.pop().map(restored);
  undoable();
  await update();
}
function takeBack() { pending.pop(); placed.time = -1e9; draw(); }
function drop() { pending = []; hover = null; placed.time = -1e9; draw(); }

function scene() {
  const written = (m) => `${m.name} ${dragged?.measurement === m ? live(m.pixels, m.closed) : summary(m, photo)}`;
  const shapes = photo.measurements.map((m) => (
    { pixels: m.pixels, closed: m.closed, of: m.pixels, measurement: m, text: m.error ? m.name : written(m) }));
  const path = hover && pending.length ? [...pending, hover] : pending;
  const text = path.length > 1 && path.every((at) => depthAt(photo, at) > 0) ? live(path) : "";
  if (path.length) shapes.push({ pixels: path, of: pending, text });
  return { image: photo.images[photo.layer], width: photo.width, height: photo.height, shapes };
}
const live = (pixels, closed) => (pixels.every((at) => depthAt(photo, at) > 0)
  ? lengthWithError(...lengthOf(photo, pixels, closed)) : "–");
const finishable = () => (tool === "path" && pending.length > 1) || (tool === "area" && pending.length > 2);

function draw() {
  canvas.draw();
  $("finish").hidden = !finishable(); $("back").hidden = !pending.length;
  const { near, far, colors } = photo.scale_bar, ramp = make("i"), bar = $("colorbar"); // far on top
  bar.hidden = photo.layer !== "depth";
  if (bar.hidden) return;
  ramp.style.background = `linear-gradient(${colors})`;
  bar.replaceChildren(ramp, ...ticks(near * enlarged(photo), far * enlarged(photo)).map(({ at, text }) => {
    const tick = make("span", { textContent: text });
    tick.style.top = `${100 * (1 - at)}%`;
    return tick;
  }));
}

function readout(at) {
  const point = pointOf(photo, at), z = point[2];
  showOther(photo, at);
  if (!(z > 0)) { $("pointer").textContent = "No depth here."; return; }
  const depth = make("b", { textContent: lengthWithError(z, z * errorAt(photo, at)) });
  const rest = `, from the camera ${length(Math.hypot(...point))}; point ${coordinates(point)}`;
  $("pointer").replaceChildren("Depth ", depth, rest);
}

async function finish() {
  if (!pending.length) return;
  remember(); touched++;
  const closed = tool === "area";
  photo.measurements.push({ name: nextName(photo.measurements, closed), pixels: pending, closed });
  pending = []; hover = null;
  await update();
}

// tolerance [px]: a point nearer than this to the one before is the same again, as by a double click.
const place = guarded(async (at, tolerance = 0) => {
  if (!at) throw new Error("There is no point here: click one of the cloud's.");
  const same = (other) => Math.hypot(at[0] - other[0], at[1] - other[1]) <= tolerance;
  if (pending.length && same(pending.at(-1))) {
    if (finishable()) return finish();
    if (performance.now() - placed.time < 500) return;
    throw new Error("This is the same point again: choose another.");
  }
  if (!pending.length && same(placed.at) && performance.now() - placed.time < 500) return;
  if (!(depthAt(photo, at) > 0)) throw new Error("There is no depth here (sky, or too far): choose another point.");
  if ($("status").dataset.kind === "place") say("");
  placed = { at, time: performance.now() }; touched++;
  pending.push(at); hover = null;
  readout(at);
  if (tool === "point" || (tool === "distance" && pending.length === 2)) await finish(); else draw();
}, "place");
view.onpick = place;

addEventListener("keydown", guarded(async (e) => {
  if (!photo || $("camera").open) return;
  const field = e.target.matches("input[type=text], input[type=number]");
  if ((e.ctrlKey || e.metaKey) && !e.shiftKey && e.key.toLowerCase() === "z" && !field) {
    e.preventDefault();
    await undo();
  }
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Escape") drop();
  if (field) return;
  if (e.key === "Enter" && finishable() && !e.target.matches("button")) { e.preventDefault(); await finish(); }
  if (e.key === "Backspace") takeBack();
  if (e.target.matches("select")) return;
  if (e.key === "+" || e.key === "=") canvas.zoomBy(1.5);
  if (e.key === "-") canvas.zoomBy(1 / 1.5);
  if (e.key === "0") canvas.fit();
}));
for (const [id, job] of Object.entries({ finish, back: takeBack, undo })) $(id).onclick = guarded(job);
$("in").onclick = () => canvas.zoomBy(1.5);
$("out").onclick = () => canvas.zoomBy(1 / 1.5);
$("fit").onclick = () => canvas.fit();
const tools = [...$("tools").querySelectorAll("[data-tool]")];
for (const b of tools) {
  b.onclick = () => {
    tool = b.dataset.tool;
    for (const o of tools) o.ariaPressed = String(o === b);
    drop();
  };
}
for (const b of document.querySelectorAll("[data-view]")) b.onclick = () => view.look(b.dataset.view);

const refocus = guarded((factor) => { photo.factor = factor; return update(); });
focalFields(() => photo, refocus, (text) => say(text, "error"));
$("rescale").onclick = guarded(() => { photo.scale = 1; return update(); });
$("compare").onchange = guarded((e) => compare(photo, e.target.value, say));
$("units").value = unit();
$("units").onchange = (e) => {
  useUnit(e.target.value);
  if (photo) { list.show(photo); show3D(); draw(); }
};

const stem = () => photo.name.replace(/\.\w+$/, "");
async function save(name) {
  say(`Making ${name} …`);
  deliver(await get(`${base(photo)}/files/${name}?focal_px=${focal(photo)}&scale=${photo.scale}`, "file"));
  say("");
}
for (const b of document.querySelectorAll("[data-save]")) {
  b.onclick = guarded(async () => deliver(await post(`${base(photo)}/${b.dataset.save}`, body(), "file")));
}
$("drawn").onclick = () => {
  const c = make("canvas", { width: photo.width, height: photo.height }), most = Math.max(c.width, c.height);
  paint(c.getContext("2d"), { scale: 1, x: 0, y: 0, width: c.width, height: c.height, unit: most / 800 }, scene());
  c.toBlob((blob) => deliver([blob, `${stem()}_measured.png`]));
};

opening(add, () => touched, say);
