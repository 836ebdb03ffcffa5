import { enlarged } from "./photo.js";
import { ticks } from "./units.js";

const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);

// Bar of the colors of the depth layer with lengths beside it, far on top; hidden beside other layers.
export function showColorbar(bar, photo) {
  const { near, far, colors } = photo.scale_bar, ramp = make("i");
  bar.hidden = photo.layer !== "depth";
  if (bar.hidden) return;
  ramp.style.background = `linear-gradient(${colors})`;
  bar.replaceChildren(ramp, ...ticks(near * enlarged(photo), far * enlarged(photo)).map(({ at, text }) => {
    const tick = make("span", { textContent: text });
    tick.style.top = `${100 * (1 - at)}%`;
    return tick;
  }));
}
