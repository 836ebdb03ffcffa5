const make = (tag, values = {}) => Object.assign(document.createElement(tag), values);
const HEIGHT = 96, WIDTHS = [48, 192]; // [px] of a small picture, shown at half of it

// A small picture, so that the photo itself is held only while it is shown.
export function thumbnail(image) {
  const { width: w, height: h } = image, width = Math.max(WIDTHS[0], Math.min(WIDTHS[1], Math.round(HEIGHT * w / h)));
  const small = make("canvas", { width, height: HEIGHT }), k = Math.max(width / w, HEIGHT / h);
  small.getContext("2d").drawImage(image, (width - k * w) / 2, (HEIGHT - k * h) / 2, k * w, k * h);
  return small;
}

// Small pictures of the open photos, as soon as there are two, each with a button that closes it.
export function showGallery(element, photos, shown, { choose, close }) {
  element.replaceChildren(...(photos.length < 2 ? [] : photos.map((photo) => {
    const { name, small } = photo, card = make("div");
    const button = make("button", { title: name, ariaLabel: name, ariaPressed: String(photo === shown) });
    button.append(small);
    button.onclick = () => choose(photo);
    const cross = make("button", { textContent: "✕", title: `Close ${name}`, ariaLabel: `Close ${name}` });
    cross.onclick = () => close(photo);
    card.append(button, cross);
    return card;
  })));
}
