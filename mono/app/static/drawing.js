// Drawing of a photo with its measurements, on the page, in the magnifier and in the saved picture.
// Frame: scale [screen px per photo px], x and y of the photo's corner, width, height, unit of strokes.
export const toScreen = (f, [x, y]) => [f.x + (x + 0.5) * f.scale, f.y + (y + 0.5) * f.scale];

export function paint(g, frame, scene) {
  const { image, width, height, shapes, cursor } = scene;
  g.clearRect(0, 0, frame.width, frame.height);
  g.imageSmoothingEnabled = frame.scale < 4;
  g.drawImage(image, frame.x, frame.y, width * frame.scale, height * frame.scale);
  const drawn = shapes.map((s) => ({ ...s, points: s.pixels.map((p) => toScreen(frame, p)) }));
  for (const { points, closed } of drawn) stroke(g, points, closed, frame.unit);
  const taken = drawn.flatMap((shape) => covered(shape, frame.unit));
  if (!frame.plain) for (const shape of drawn) if (shape.text) label(g, frame, shape, taken);
  if (cursor) cross(g, toScreen(frame, cursor), frame.unit);
}

function stroke(g, points, closed, unit) {
  g.beginPath();
  points.forEach(([x, y], i) => g[i ? "lineTo" : "moveTo"](x, y));
  if (closed) g.closePath();
  g.lineJoin = "round";
  for (const [color, width] of [["#000", 5], ["#ff3cc8", 2.5]]) {
    g.strokeStyle = color; g.lineWidth = width * unit; g.stroke();
  }
  for (const [x, y] of points) {
    g.beginPath(); g.arc(x, y, 5 * unit, 0, 7);
    g.fillStyle = "#fff"; g.fill();
    g.lineWidth = 2 * unit; g.stroke();
  }
}

function cross(g, [x, y], unit) {
  g.beginPath();
  for (const [a, b] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    g.moveTo(x + 4 * a * unit, y + 4 * b * unit); g.lineTo(x + 18 * a * unit, y + 18 * b * unit);
  }
  for (const [color, width] of [["#000", 4], ["#fff", 1.5]]) {
    g.strokeStyle = color; g.lineWidth = width * unit; g.stroke();
  }
}

const box = (x, y, w, h) => ({ x, y, w, h }); // around a center
const overlap = (a, b) => Math.max(0, (a.w + b.w) / 2 - Math.abs(a.x - b.x))
  * Math.max(0, (a.h + b.h) / 2 - Math.abs(a.y - b.y));

// What a shape takes of the picture: its points, and small boxes along its lines.
function covered({ points, closed }, unit) {
  const ends = closed ? [...points, points[0]] : points, boxes = [];
  points.forEach(([x, y]) => boxes.push(box(x, y, 14 * unit, 14 * unit)));
  for (const [i, [x, y]] of ends.slice(1).entries()) {
    const [u, v] = ends[i], n = Math.min(200, Math.ceil(Math.hypot(x - u, y - v) / (10 * unit)));
    for (let j = 1; j < n; j++) boxes.push(box(u + (x - u) * j / n, v + (y - v) * j / n, 5 * unit, 5 * unit));
  }
  return boxes;
}

// Write a text beside its shape: inside the frame, and where it covers the fewest points and other texts.
function label(g, frame, { points, text }, taken) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]), u = frame.unit;
  const [left, right] = [Math.min(...xs), Math.max(...xs)], [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  if (right < 0 || left > frame.width || bottom < 0 || top > frame.height) return;
  g.font = `600 ${16 * u}px system-ui, sans-serif`; g.textAlign = "center"; g.textBaseline = "middle";
  const w = g.measureText(text).width + 8 * u, h = 22 * u, x = (left + right) / 2, y = (top + bottom) / 2;
  const inside = (v, size, most) => Math.max(size / 2, Math.min(most - size / 2, v));
  const aside = w / 2 + 8 * u;
  const places = [[x, y - h], [x, y + h], [x, top - h], [x, bottom + h], [right + aside, y], [left - aside, y],
    [x + aside, y], [x - aside, y]].map(([a, b]) => box(inside(a, w, frame.width), inside(b, h, frame.height), w, h));
  const cost = (place) => taken.reduce((sum, other) => sum + overlap(place, other), 0);
  const best = places.reduce((a, b) => (cost(b) < cost(a) ? b : a));
  taken.push(best);
  g.lineJoin = "round"; g.lineWidth = 4 * u; g.strokeStyle = "#000"; g.strokeText(text, best.x, best.y);
  g.fillStyle = "#fff"; g.fillText(text, best.x, best.y);
}
