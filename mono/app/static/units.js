// Lengths as text, in metres or in feet and inches, and back. Everything else is in metres.
const FOOT = 0.3048, INCH = 0.0254, KEY = "metricdepth.units";
let feet = false;
try { feet = localStorage.getItem(KEY) === "ft"; } catch { /* storage is switched off: metres */ }

export const unit = () => (feet ? "ft" : "m");
export const unitMeters = () => (feet ? FOOT : 1);
export function useUnit(name) {
  feet = name === "ft";
  try { localStorage.setItem(KEY, unit()); } catch { /* the choice lasts as long as the page */ }
}

const meters = (v) => (v < 0.995 ? `${(100 * v).toFixed(1)} cm` : `${v.toFixed(v < 10 ? 3 : 2)} m`);
function inches(v, digits) {
  const all = Number((v / INCH).toFixed(digits)), whole = Math.floor(all / 12);
  return whole ? `${whole} ft ${(all - 12 * whole).toFixed(digits)} in` : `${all.toFixed(digits)} in`;
}

export const length = (v) => (feet ? inches(v, v < FOOT ? 2 : v < 100 * FOOT ? 1 : 0) : meters(v));

// The error has two digits, and the value ends where the error does.
const digitsOf = (error) => Math.max(0, 1 - Math.floor(Math.log10(error)));
function both(value, error, name) {
  const digits = digitsOf(error);
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)} ${name}`;
}
export function lengthWithError(v, error) {
  if (!error) return length(v);
  if (!feet) return both(v, error, "m");
  if (error >= FOOT) return both(v / FOOT, error / FOOT, "ft");
  const digits = digitsOf(error / INCH);
  return `${inches(v, digits)} ± ${(error / INCH).toFixed(digits)} in`;
}
export function areaWithError(v, error) {
  const size = unitMeters() ** 2, name = `${unit()}²`;
  return error ? both(v / size, error / size, name) : `${(v / size).toFixed(feet ? 2 : 3)} ${name}`;
}
export const coordinates = (point) => `(${point.map((v) => (v / unitMeters()).toFixed(2)).join(", ")}) ${unit()}`;

// Round lengths [m] for a logarithmic bar from near to far, with their text, at least a tenth of the bar apart.
export function ticks(near, far) {
  const found = [], place = (v) => Math.log(v / near) / Math.log(far / near), u = unitMeters();
  for (const steps of [[1], [2, 5], [3, 7], [1.5, 2.5, 4, 6]]) {
    for (let power = -4; power < 6; power++) {
      for (const step of steps) {
        const v = step * 10 ** power * u, at = place(v);
        if (at < 0 || at > 1 || found.some((t) => Math.abs(t.at - at) < 0.1)) continue;
        found.push({ at, text: `${+(v / u).toPrecision(2)} ${unit()}` });
      }
    }
  }
  return found;
}

// Meters of a typed length, such as 1.2, 120 cm, 4 ft 2 in or 4'2"; a bare number is in the chosen unit. Else NaN.
export function parseLength(text) {
  const t = text.trim().toLowerCase().replace(",", ".").replace(/[′’]/g, "'").replace(/[″”]|''/g, '"');
  const bare = /^(\d*\.?\d+|\d+\.)\s*(m|cm|mm)?$/.exec(t);
  if (bare) return bare[1] * ({ m: 1, cm: 0.01, mm: 0.001 }[bare[2]] || unitMeters());
  const number = "(\\d*\\.?\\d+|\\d+\\.)\\s*";
  const parts = new RegExp(`^(?:${number}(?:ft|feet|foot|')\\s*)?(?:${number}(in|inch|inches|")?)?$`).exec(t);
  if (!t || !parts || !(parts[1] || parts[3])) return NaN;
  return (parts[1] || 0) * FOOT + (parts[2] || 0) * INCH;
}
