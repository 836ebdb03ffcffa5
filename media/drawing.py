"""Views of meshes and points, lines and text: what the figures of README and docs have in common."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK = (28, 32, 38)
MARK = (213, 94, 0)  # vermilion of Okabe and Ito, which the color-blind tell from the photo by its white rim
WHITE = (255, 255, 255)
GAP = 10  # [px]


@dataclass(frozen=True)
class View:
    """Camera that orbits a pivot on its optical axis; without angles it is the camera of the photo.

    Attributes:
        focal: focal length [px].
        size: width and height [px].
        pivot: point that it looks at [m], (3,).
        distance: its distance to the pivot [m].
        yaw: angle around the vertical axis [rad].
        pitch: angle downward [rad].
    """

    focal: float
    size: tuple[int, int]
    pivot: np.ndarray
    distance: float
    yaw: float = 0.0
    pitch: float = 0.0

    @property
    def rotation(self) -> np.ndarray:
        """Return the rotation from the photo's axes to the view's, (3, 3)."""
        turn = cv2.Rodrigues(np.array([0.0, self.yaw, 0.0]))[0]
        return cv2.Rodrigues(np.array([self.pitch, 0.0, 0.0]))[0] @ turn

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the pixels of points [m], (N, 2)."""
        seen = (np.asarray(points) - self.pivot) @ self.rotation.T + [0, 0, self.distance]
        return self.focal * seen[:, :2] / seen[:, 2:] + np.array(self.size) / 2

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the eye (3,) and the directions of all pixels, (H * W, 3)."""
        width, height = self.size
        v, u = np.mgrid[:height, :width].reshape(2, -1) + 0.5
        ways = np.stack([(u - width / 2) / self.focal, (v - height / 2) / self.focal, np.ones_like(u)], axis=1)
        return self.pivot - self.rotation.T @ [0, 0, self.distance], ways @ self.rotation


class Mesh:
    """Mesh with a color per vertex, drawn by casting rays."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, colors: np.ndarray) -> None:
        """Index the triangles; colors are (N, 3) uint8."""
        from metricdepth_scenes.meshes import caster_of

        self.triangles, self.colors = triangles, colors.astype(np.float32)
        self.caster = caster_of(vertices[triangles])

    def draw(self, view: View, fine: int = 2) -> np.ndarray:
        """Draw the mesh on white, (H, W, 3) uint8, from `fine` x `fine` rays a pixel."""
        width, height = (fine * side for side in view.size)
        eye, ways = View(fine * view.focal, (width, height), view.pivot, view.distance, view.yaw, view.pitch).rays()
        starts = np.ascontiguousarray(np.broadcast_to(np.float32(eye), ways.shape))
        found = self.caster.run(starts, np.ascontiguousarray(ways, np.float32), output=True)
        hit = (found["primID"] >= 0) & (found["tfar"] < 1e5)
        u, v = found["u"][hit, None], found["v"][hit, None]
        first, second, third = (self.colors[self.triangles[found["primID"][hit], i]] for i in range(3))
        image = np.full((height * width, 3), 255, np.float32)
        image[hit] = (1 - u - v) * first + u * second + v * third
        small = cv2.resize(image.reshape(height, width, 3), view.size, interpolation=cv2.INTER_AREA)
        return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def measured(image: np.ndarray, ends: np.ndarray, text: str, size: int = 26) -> np.ndarray:
    """Draw a line between two pixels (2, 2), and text below its middle."""
    points = [tuple(int(x) for x in np.rint(end)) for end in ends]
    image, width = image.copy(), max(2, size // 7)
    for color, wider in ((WHITE, 3), (MARK, 0)):
        cv2.line(image, points[0], points[1], color, width + wider, cv2.LINE_AA)
        for point in points:
            cv2.circle(image, point, 2 * width + (wider + 1) // 2, color, -1, cv2.LINE_AA)
    return write(image, np.mean(ends, axis=0) + np.array([0, 0.95 * size]), text, size, MARK) if text else image


def write(
    image: np.ndarray, at: np.ndarray | tuple[float, float], text: str, size: int, color: tuple[int, int, int] = INK,
    anchor: str = "mm",
) -> np.ndarray:  # fmt: skip
    """Write text with a white rim."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    rim = max(2, size // 8)
    draw.text(tuple(at), text, color, ImageFont.load_default(size), anchor, stroke_width=rim, stroke_fill=WHITE)
    return np.asarray(canvas)


def side_by_side(*panels: np.ndarray) -> np.ndarray:
    """Put panels of one height side by side."""
    gap = np.full((len(panels[0]), GAP, 3), 255, np.uint8)
    return np.hstack([part for panel in panels for part in (panel, gap)][:-1])


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink an image into a white panel (width, height)."""
    shrink = min(size[0] / image.shape[1], size[1] / image.shape[0])
    inner = round(image.shape[1] * shrink), round(image.shape[0] * shrink)
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return np.pad(small, ((0, size[1] - inner[1]), (0, size[0] - inner[0]), (0, 0)), constant_values=255)


def from_above(points: np.ndarray, colors: np.ndarray, size: tuple[float, float], scale: float) -> np.ndarray:
    """Draw points from above, without floor and ceiling; the camera is a dot at the bottom center.

    Args:
        points: (N, 3) [m], x right, y down, z forward.
        colors: (N, 3) uint8.
        size: width and length [m].
        scale: pixels a metre.
    """
    canvas = np.full((int(size[1] * scale), int(size[0] * scale), 3), 255, np.uint8)
    chosen = (points[:, 1] > -0.4) & (points[:, 1] < 0.8)
    x = ((points[chosen, 0] + size[0] / 2) * scale).astype(int)
    y = canvas.shape[0] - 12 - (points[chosen, 2] * scale).astype(int)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (x >= 0) & (x + right < canvas.shape[1]) & (y >= 0) & (y + down < canvas.shape[0])
        canvas[y[inside] + down, x[inside] + right] = (0.8 * colors[chosen][inside]).astype(np.uint8)
    cv2.circle(canvas, (canvas.shape[1] // 2, canvas.shape[0] - 12), 6, MARK, -1, cv2.LINE_AA)
    return canvas
