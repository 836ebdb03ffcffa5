import { areaWithError, length, lengthWithError, parseLength, unit } from "./units.js";

const make = (tag, values = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...children);
  return element;
};

// A typed length is what it is, as long as nothing else rescales.
const given = (m, photo) => m.given && m.given.scale === photo.scale && m.given.factor === photo.factor;

// Main number of a measurement, with its standard error.
export function summary(m, photo) {
  if (m.error || m.length === undefined) return "–";
  const error = m.relative_error || 0;
  if (m.area) return areaWithError(m.area, 2 * m.area * error);
  return given(m, photo) ? length(m.length) : lengthWithError(m.length, m.length * error);
}

function detail(m, photo) {
  if (m.error) return m.error;
  if (m.length === undefined) return "";
  const known = given(m, photo) ? "as given by you; " : "";
  if (m.straight === undefined) return known + (m.area ? `around it ${length(m.length)}` : "from the camera");
  const ends = m.pixels.length > 2 ? `, ends ${length(m.straight)} apart` : "";
  return `${known}horizontal ${length(m.horizontal)}, vertical ${length(m.vertical)} (camera level)${ends}`;
}

// Next free name of lengths (L) and areas (A); numbers are not given twice.
export function nextName(measurements, closed) {
  const taken = measurements.map((m) => Number(/^[LA](\d+)$/.exec(m.name)?.[1] || 0));
  return `${closed ? "A" : "L"}${Math.max(0, ...taken) + 1}`;
}

// Rows of the measurements. A row stays the same element while its numbers change: what is being typed in it stays.
export class List {
  // on: rename(photo, m, name), remove(photo, m), rescale(photo, m, meters, text), all of a measurement of the photo.
  constructor(element, on) { Object.assign(this, { element, on, rows: new Map() }); }

  show(photo) {
    const rows = new Map(photo.measurements.map((m) => [m, this.rows.get(m) || this.row(photo, m)]));
    const gone = [...this.rows].filter(([m]) => !rows.has(m));
    this.rows = rows; // before the removal: what is typed in a row that leaves is a change, and shows the list again
    for (const [, row] of gone) row.root.remove();
    [...rows.values()].forEach(({ root }, i) => {
      if (this.element.children[i] !== root) this.element.insertBefore(root, this.element.children[i] || null);
    });
    for (const [m, row] of rows) {
      row.value.textContent = summary(m, photo); row.detail.textContent = detail(m, photo);
      row.known.hidden = Boolean(m.closed || m.error || m.length === undefined);
      row.known.placeholder = unit() === "ft" ? "true, as 4 ft 2 in" : "true [m]";
      if (row.name !== document.activeElement) row.name.value = m.name;
    }
  }

  row(photo, m) {
    const name = make("input", { type: "text", maxLength: 80, ariaLabel: "Name" });
    name.onchange = () => this.on.rename(photo, m, name.value);
    const value = make("span", { className: "value" });
    const remove = make("button", { textContent: "✕", ariaLabel: "Remove" });
    remove.onclick = () => this.on.remove(photo, m);
    const small = make("small");
    const known = make("input", { type: "text", className: "true", ariaLabel: "True length", autocomplete: "off" });
    known.onchange = () => {
      const text = known.value;
      known.value = "";
      if (text.trim()) this.on.rescale(photo, m, parseLength(text), text);
    };
    const top = make("div", { className: "top" }, name, value, remove);
    return { root: make("div", { className: "item" }, top, small, known), name, value, detail: small, known };
  }
}
