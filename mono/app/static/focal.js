import { focal, perMm } from "./photo.js";

const $ = (id) => document.getElementById(id);
const number = (text) => (text.trim() === "" ? NaN : Number(text));
const ANGLE = [1, 175]; // [degrees]

// Show the focal length and where it came from.
export function showFocal(photo) {
  $("focal").value = Math.round(1000 * Math.log2(photo.factor) / 2);
  const half = Math.atan(photo.width / 2 / (photo.camera.fx * photo.factor));
  $("fov").value = (2 * half * 180 / Math.PI).toFixed(1);
  $("mm").value = (focal(photo) / perMm(photo)).toFixed(1);
  $("px").value = focal(photo).toFixed(1);
  const { camera_source: source, camera_detail: detail } = photo;
  const came = detail.toLowerCase().startsWith(source) ? detail : `${source} – ${detail}`;
  const unsure = ["assumed", "estimated"].includes(photo.camera_source);
  const doubt = unsure && photo.factor === 1 && photo.scale === 1;
  $("source").className = doubt ? "warn" : "";
  $("source").textContent = photo.factor !== 1 ? `given by you (before: ${came})` : doubt ? `Unsure: ${came}`
    : unsure && photo.scale !== 1 ? `${photo.camera_source}; distances follow the length that you gave` : came;
  $("scale").textContent = photo.scale === 1 ? "" : `Rescaled × ${photo.scale.toPrecision(4)} by a known length`;
  $("rescale").hidden = photo.scale === 1;
}

// The fields call refocus(photo, factor) of the photo() shown; refused(message) hears of values that cannot be.
export function focalFields(photo, refocus, refused) {
  const set = (factor, message = "This focal length cannot be: give one of 0.02 to 50 times the first.") => {
    if (factor > 0.02 && factor < 50) refocus(photo(), factor); else { showFocal(photo()); refused(message); }
  };
  $("focal").oninput = (e) => set(2 ** (2 * e.target.value / 1000));
  $("px").onchange = (e) => set(number(e.target.value) / photo().focal_px);
  $("mm").onchange = (e) => set(number(e.target.value) * perMm(photo()) / photo().focal_px);
  $("fov").onchange = (e) => {
    const angle = number(e.target.value), known = angle >= ANGLE[0] && angle <= ANGLE[1];
    const factor = known ? photo().width / 2 / Math.tan(angle * Math.PI / 360) / photo().camera.fx : NaN;
    set(factor, known ? undefined : `The angle must be ${ANGLE[0]} to ${ANGLE[1]} degrees.`);
  };
  $("refocal").onclick = () => set(1);
}
