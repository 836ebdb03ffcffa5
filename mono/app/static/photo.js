import { floats, get, picture } from "./api.js";

// A photo as the page holds it: its description by the server, the factor of its focal length, the scale of all
// distances, and its measurements; while it is shown also depth [m] as predicted, points, errors and layers.
// Pixels are [x, y], the middle of the first is (0, 0).
export const base = (photo) => `api/photos/${photo.id}`;

export function described(found) {
  const project = found.project || {};
  return Object.assign(found, {
    layer: "photo", wanted: "photo", past: [], asked: 0, other: null,
    measurements: (project.measurements || []).map(restored),
    scale: project.scale || 1, factor: (project.focal_px || found.focal_px) / found.focal_px,
  });
}

// What a photo needs while it is shown; `release` drops it.
export async function content(photo) {
  const parts = [picture(`${base(photo)}/layers/photo`), floats(`${base(photo)}/depth`)];
  parts.push(get(`${base(photo)}/cloud`, "arrayBuffer"), photo.has_errors && floats(`${base(photo)}/errors`));
  const [image, depth, cloud, errors] = await Promise.all(parts);
  return { depth, cloud, errors, images: { photo: image } };
}
export function release(photo) {
  for (const name of ["depth", "cloud", "errors", "images", "other"]) photo[name] = null;
}

// Measurement of a request or of the past, without its results.
export const restored = ({ name, pixels, area }) => (
  { name, pixels: pixels.map((p) => [...p]), closed: Boolean(area) });
export const state = (photo) => ({
  focal_px: focal(photo), scale: photo.scale,
  measurements: photo.measurements.map(({ name, pixels, closed }) => ({
    name, pixels: pixels.map((p) => [...p]), area: Boolean(closed),
  })),
});

export const focal = (photo) => photo.focal_px * photo.factor;
export const enlarged = (photo) => photo.factor * photo.scale; // of all depths
export const perMm = (photo) => Math.hypot(photo.width, photo.height) / Math.hypot(36, 24); // px per mm of 35-mm film

const nearest = (photo, [x, y]) => Math.max(0, Math.min(photo.height - 1, Math.round(y))) * photo.width
  + Math.max(0, Math.min(photo.width - 1, Math.round(x)));
export const depthAt = (photo, at) => photo.depth[nearest(photo, at)];

// Relative standard error: the network's part of the pixel, and the focal length's while that is as it came.
export function errorAt(photo, at) {
  if (!photo.errors) return 0;
  return Math.hypot(photo.errors[nearest(photo, at)], photo.factor === 1 && photo.scale === 1 ? photo.focal_error : 0);
}

export function pointOf(photo, at) {
  const z = depthAt(photo, at) * enlarged(photo), c = photo.camera;
  return [(at[0] - c.cx) / c.fx / photo.factor * z, (at[1] - c.cy) / c.fy / photo.factor * z, z];
}

// Length of a path and its standard error, as the server computes them, for what is being drawn.
export function lengthOf(photo, pixels, closed = false) {
  const points = pixels.map((at) => pointOf(photo, at));
  if (closed) points.push(points[0]);
  const parts = points.slice(1).map((p, i) => Math.hypot(...p.map((v, j) => v - points[i][j])));
  const sum = points.length === 1 ? Math.hypot(...points[0]) : parts.reduce((a, b) => a + b, 0);
  return [sum, sum * Math.sqrt(pixels.reduce((s, at) => s + errorAt(photo, at) ** 2, 0) / pixels.length)];
}
