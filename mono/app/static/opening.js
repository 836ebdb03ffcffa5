import { get, isProject, post, servedBy } from "./api.js";
import { webcam } from "./webcam.js";

const $ = (id) => document.getElementById(id);
const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);
let info = null;
export const models = () => info.models;

// Ways to open photos: examples, results, files, paste, drop, camera. Each calls add(name, job, mark) with what mark()
// was when it was begun; say(text, kind) tells of errors.
export function opening(add, mark, say) {
  const model = () => encodeURIComponent($("model").value);

  async function start() {
    const found = await get("api/info");
    if (info) return; // asked twice
    info = found;
    for (const name of info.models) $("model").append(new Option(name, name));
    $("model").hidden = info.models.length < 2;
    const place = (name) => `api/examples/${encodeURIComponent(name)}`;
    const samples = [
      ...info.examples.map((name) => [name, () => `${place(name)}?model=${model()}`]),
      ...info.results.map((name) => [name, () => `api/results?name=${encodeURIComponent(name)}`]),
    ];
    for (const [i, [name]] of samples.entries()) {
      const photo = i < info.examples.length, text = photo ? name.replace(/\.\w+$/, "").replaceAll("_", " ") : name;
      const button = make("button", { textContent: text, onclick: () => choose(samples[i]) });
      if (photo) button.prepend(make("img", { src: place(name), alt: "" }));
      $("examples").append(button);
      $("samples").append(new Option(text, i));
    }
    $("samples").onchange = (e) => { choose(samples[e.target.value]); e.target.selectedIndex = 0; };
    if (!info.models.length) { // results of a run
      servedBy("metricdepth view");
      $("samples").options[0].textContent = "Results"; $("opentext").textContent = "Open project";
      $("file").accept = ".zip"; $("webcam").hidden = true; $("first").textContent = "Choose a result below.";
    }
    document.documentElement.dataset.ready = "1";
  }

  async function choose([name, path]) {
    const all = [...$("examples").children, $("samples")];
    for (const b of all) b.disabled = true; // a second click opens nothing
    try { await add(name, () => post(path()), mark()); } catch (error) { say(error.message, "error"); }
    for (const b of all) b.disabled = false;
  }

  async function openFile(file, begun) {
    if (!info) await start();
    const project = await isProject(file), most = project ? info.max_project : info.max_upload;
    if (file.size > most) throw new Error(`${file.name} has more than ${most / 1e6} MB; make it smaller first.`);
    if (!project && !info.models.length) throw new Error("Photos need a model: start `metricdepth app` for them.");
    const path = project ? "api/projects" : `api/photos?name=${encodeURIComponent(file.name)}&model=${model()}`;
    await add(file.name, () => post(path, file), begun);
  }

  async function upload(files) {
    const begun = mark(), failed = [];
    for (const file of files) {
      try { await openFile(file, begun); } catch (error) {
        failed.push(error.message.includes(file.name) ? error.message : `${file.name}: ${error.message}`);
      }
    }
    if (!failed.length) return;
    if (files.length > 1) failed.unshift(`${files.length - failed.length} of ${files.length} opened.`);
    say(failed.join(" "), "error");
  }

  $("file").onchange = (e) => { const files = [...e.target.files]; e.target.value = ""; upload(files); };
  addEventListener("paste", (e) => upload([...e.clipboardData.files]));
  addEventListener("dragover", (e) => { e.preventDefault(); document.body.classList.add("drop"); });
  addEventListener("dragleave", () => document.body.classList.remove("drop"));
  addEventListener("drop", (e) => {
    e.preventDefault(); document.body.classList.remove("drop");
    upload([...e.dataTransfer.files]);
  });
  webcam({ button: $("webcam"), dialog: $("camera"), video: $("video"), shoot: $("shoot"), close: $("close") }, say,
    (file) => upload([file]));
  start().catch((error) => say(error.message, "error"));
}
