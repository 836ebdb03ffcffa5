import { deliver, get, picture, post } from "./api.js";
import { showColorbar } from "./colorbar.js";
import { compare, compareChoices, showOther } from "./compare.js";
import { paint } from "./drawing.js";
import { focalFields, showFocal } from "./focal.js";
import { showGallery, thumbnail } from "./gallery.js";
import { List, nextName, summary } from "./list.js";
import { models, opening } from "./opening.js";
import {
  base, content, depthAt, described, errorAt, focal, lengthOf, pointOf, release, restored, state,
} from "./photo.js";
import { PhotoView } from "./photo_view.js";
import { coordinates, length, lengthWithError, unit, useUnit } from "./units.js";
import { View3D } from "./view3d.js";

const $ = (id) => document.getElementById(id);
const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);
const open = new Map(); // id: photo with its focal factor, scale and measurements
let photo = null; // the one shown; what ends after an answer, or in a field, is given its own
let tool = "distance", pending = [], hover = null, dragged = null;
let placed = { at: [0, 0], time: -1e9 };
let touched = 0, wanted = 0; // number of the last work, and of the last photo to show

// kind: "", "error", "place", an error of the last click, which the next one takes away, or "compare".
function say(text, kind = "") {
  $("status").textContent = text; $("status").dataset.kind = kind;
  $("status").className = ["error", "place"].includes(kind) ? "error" : "";
}
const unsay = (kind) => { if ($("status").dataset.kind === kind) say(""); };
const guarded = (job, kind = "error") => async (...args) => {
  try { return await job(...args); } catch (error) { say(error.message, kind); }
};
const body = (of) => JSON.stringify(state(of));

const view = new View3D($("view"), $("view3d"));
const list = new List($("list"), {
  rename: (of, m, name) => { remember(of); m.name = name; draw(); },
  remove: guarded(async (of, m) => {
    remember(of);
    of.measurements = of.measurements.filter((other) => other !== m);
    await update(of);
  }),
  rescale: guarded(async (of, m, meters, text) => {
    if (!(meters > 0)) throw new Error(`“${text}” is no length: type one such as 1.2, 120 cm or 4 ft 2 in.`);
    const scale = of.scale * meters / m.length;
    if (!(scale > 0.02 && scale < 50)) {
      throw new Error(`That would rescale by more than 50 times: is the length ${length(meters)}?`);
    }
    of.scale = scale; m.given = { scale, factor: of.factor }; touched++;
    await update(of);
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
    if (dragged !== grip) { grip.before = state(photo).measurements; touched++; }
    dragged = grip; grip.points[grip.index] = at;
    readout(at); draw();
  },
  drop: guarded(async (grip, at) => {
    const of = photo, nothing = at && !(depthAt(photo, at) > 0);
    dragged = null; grip.points[grip.index] = at && !nothing ? at : grip.from;
    draw();
    if (nothing) throw new Error("There is no depth there (sky, or too far): the point stays where it was.");
    if (!grip.measurement || !at) return;
    delete grip.measurement.given;
    remember(of, grip.before);
    await update(of);
  }, "place"),
});

// Load a photo, and show it unless another one was worked on since `mark`.
async function add(name, job, mark) {
  say(`Computing depth of ${name} …`);
  const found = described(await job()), parts = await content(found);
  found.small = thumbnail(parts.images.photo);
  open.set(found.id, found);
  gallery();
  if (photo && mark !== touched) { say(`${found.name} is ready: choose it above.`); return; }
  say(`${found.name}: ${found.model}, ${found.seconds.toFixed(2)} s`);
  await show(found, parts);
}

const gallery = () => showGallery($("gallery"), [...open.values()], photo, {
  choose: guarded((chosen) => { touched++; return choosePhoto(chosen); }), close: guarded(close),
});
async function choosePhoto(chosen) {
  const number = ++wanted, parts = chosen !== photo && await content(chosen);
  if (parts && number === wanted && open.has(chosen.id)) await show(chosen, parts);
}
async function close(closed) {
  const count = closed.measurements.length, all = [...open.values()], i = all.indexOf(closed);
  if (count && !confirm(`Close ${closed.name} with its ${count} measurement${count > 1 ? "s" : ""}?`)) return;
  try {
    if (closed === photo) { touched++; await choosePhoto(all[i + 1] || all[i - 1]); }
  } finally {
    if (closed !== photo) { open.delete(closed.id); gallery(); }
  }
}

// Show a photo with its content, in the place of the one before.
async function show(chosen, parts) {
  if ($("side").contains(document.activeElement)) document.activeElement.blur(); // what is typed is of the one before
  canvas.reset(); wanted++;
  if (photo) release(photo);
  photo = Object.assign(chosen, parts); pending = []; hover = dragged = null; photo.layer = photo.wanted = "photo";
  $("pointer").textContent = "Point at the photo for distances.";
  $("welcome").hidden = true; $("work").hidden = false;
  $("samples").hidden = $("samples").options.length < 2;
  gallery();
  $("layers").replaceChildren(...photo.layers.map((name) => make("button", {
    textContent: name[0].toUpperCase() + name.slice(1), onclick: guarded(() => choose(chosen, name)),
  })));
  compareChoices(photo, models(), unsay);
  $("downloads").replaceChildren(...photo.files.map((name) => make("button", {
    textContent: name, onclick: guarded(() => save(chosen, name)),
  })));
  canvas.setPhoto(photo.width, photo.height);
  view.setCloud(photo.cloud, photo); view.setScale(photo.factor, photo.scale, []); view.look("camera");
  pressed(); undoable();
  await update(chosen);
}

const pressed = () => {
  for (const [i, b] of [...$("layers").children].entries()) b.ariaPressed = String(photo.layers[i] === photo.layer);
};
async function choose(of, name) {
  const images = of.images;
  of.wanted = name;
  images[name] ??= await picture(`${base(of)}/layers/${name}`);
  if (of.wanted !== name || of.images !== images) return; // another layer, or the photo is not shown since
  of.layer = name;
  pressed(); draw();
}

// The focal length, the scale or a measurement has changed: no inference is needed.
async function update(of) {
  const sent = [...of.measurements], number = ++of.asked;
  if (of === photo) { showFocal(of); numbers(); }
  if (!sent.length) return;
  try {
    const answer = await post(`${base(of)}/measure`, body(of));
    if (number !== of.asked) return;
    sent.forEach((m, i) => result(m, answer.measurements[i]));
  } catch (error) {
    if (number !== of.asked) return;
    for (const m of sent) result(m, { error: "not measured" }); // no numbers of before
    throw error;
  } finally {
    if (number === of.asked && of === photo) numbers();
  }
}
function result(m, found) {
  for (const key of ["length", "straight", "horizontal", "vertical", "area", "relative_error", "points", "error"]) {
    if (found[key] === undefined || typeof found[key] === "boolean") delete m[key]; else m[key] = found[key];
  }
}
function numbers() { list.show(photo); view.setScale(photo.factor, photo.scale, photo.measurements); draw(); }

// What can be taken back: the measurements before each change.
function remember(of, before = state(of).measurements) {
  of.past = [...of.past.slice(-49), before]; touched++;
  undoable();
}
function undoable() { $("undo").hidden = !photo.past.length; }
async function undo() {
  if (pending.length) return takeBack();
  if (!photo.past.length || dragged) return;
  photo.measurements = photo.past.pop().map(restored); touched++;
  undoable();
  await update(photo);
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
  showColorbar($("colorbar"), photo);
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
  remember(photo);
  const closed = tool === "area";
  photo.measurements.push({ name: nextName(photo.measurements, closed), pixels: pending, closed });
  pending = []; hover = null;
  await update(photo);
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
  unsay("place");
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

const refocus = guarded((of, factor) => { of.factor = factor; touched++; return update(of); });
focalFields(() => photo, refocus, (text) => say(text, "error"));
$("rescale").onclick = guarded(() => { photo.scale = 1; touched++; return update(photo); });
$("side").oninput = () => touched++; // typing is work, too
$("compare").onchange = guarded((e) => compare(photo, e.target.value, say, unsay));
$("units").value = unit();
$("units").onchange = (e) => {
  useUnit(e.target.value);
  if (photo) numbers();
};

async function save(of, name) {
  say(`Making ${name} …`);
  deliver(await get(`${base(of)}/files/${name}?focal_px=${focal(of)}&scale=${of.scale}`, "file"));
  say("");
}
for (const b of document.querySelectorAll("[data-save]")) {
  b.onclick = guarded(async () => deliver(await post(`${base(photo)}/${b.dataset.save}`, body(photo), "file")));
}
$("drawn").onclick = () => {
  const c = make("canvas", { width: photo.width, height: photo.height }), most = Math.max(c.width, c.height);
  const name = `${photo.name.replace(/\.\w+$/, "")}_measured.png`;
  paint(c.getContext("2d"), { scale: 1, x: 0, y: 0, width: c.width, height: c.height, unit: most / 800 }, scene());
  c.toBlob((blob) => deliver([blob, name]));
};

opening(add, () => touched, say);
