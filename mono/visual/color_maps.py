"""Images of depth, with a metric color bar, and of surface normals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError
from mono.system.rounding import round_down, round_up

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

INVALID_COLOR = (48, 48, 48)
_WIDE = 1.5  # aspect ratio above which depth is shown below the photo
_SMALLEST_PANEL = 160  # [px]
_GAP = 4  # [px]
_STRIP = 256  # rows colored at a time
_SUFFIXES = (".png", ".jpg", ".jpeg")


def depth_limits(depth: np.ndarray) -> tuple[float, float]:
    """Choose the ends of a color scale for a depth map.

    Args:
        depth: depth [m] of any shape; values that are not finite and positive are ignored.

    Returns:
        (near, far) [m]: the 1st and 99th percentile, rounded outward to simple numbers; (1, 10) without any depth.
    """
    valid = depth[np.isfinite(depth) & (depth > 0)]
    if valid.size == 0:
        return 1.0, 10.0
    low, high = np.percentile(valid.astype(np.float64), [1, 99], overwrite_input=True)
    near, far = round_down(low), round_up(high)
    return (near, far) if near < far else (round_down(low / 1.5), round_up(high * 1.5))


def colorize(depth: np.ndarray, near: float | None = None, far: float | None = None) -> np.ndarray:
    """Color a depth map on a logarithmic scale.

    Yellow is near, violet is far, dark gray is no depth: a perceptually uniform scale, told apart by the color-blind.

    Args:
        depth: (H, W) depth [m]; values that are not finite and positive are no depth.
        near: near end of the scale [m]; None: chosen by `depth_limits`. Nearer depth has the color of the end.
        far: far end of the scale [m]; None: chosen by `depth_limits`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        MetricDepthError: not 0 < near < far, both finite.
    """
    import cv2

    near, far = _limits(depth, near, far)
    colors, palette = np.empty((*depth.shape, 3), np.uint8), _palette()[:, None]
    for rows in _strips(len(depth)):
        part = depth[rows]
        valid = np.isfinite(part) & (part > 0)
        logs = np.log(np.where(valid, part, near).astype(np.float32))
        position = (logs - math.log(near)) / (math.log(far) - math.log(near))
        steps = np.rint(np.clip(position, 0, 1) * 255).astype(np.uint8)
        colors[rows] = cv2.applyColorMap(steps, palette)  # faster than a look-up in NumPy
        colors[rows][~valid] = INVALID_COLOR
    return colors


def css_gradient(colors: np.ndarray) -> str:
    """Write colors as the stops of a CSS gradient.

    Args:
        colors: (N, 3) RGB, 0 to 255.
    """
    return ", ".join(f"rgb({int(r)} {int(g)} {int(b)})" for r, g, b in colors)


def visualize_depth(
    rgb: np.ndarray, depth: np.ndarray, near: float | None = None, far: float | None = None, *, max_side: int = 1280
) -> np.ndarray:
    """Show a photo and its depth, with a color bar in meters.

    The panels lie side by side, or one below the other where the photo is wide.

    Args:
        rgb: (H, W, 3) uint8 photo.
        depth: (H, W) depth [m].
        near: near end of the scale [m], as in `colorize`.
        far: far end of the scale [m], as in `colorize`.
        max_side: longest side of each panel [px]; larger ones are shrunk.

    Returns:
        (H', W', 3) uint8 RGB of another size.

    Raises:
        MetricDepthError: sizes do not agree, or the ends of the scale are wrong.
    """
    near, far = _limits(depth, near, far)
    body = _beside(rgb, colorize(depth, near, far), max_side)
    return np.concatenate([body, _color_bar(body.shape[0], near, far)], axis=1)


def colorize_normals(normal: np.ndarray) -> np.ndarray:
    """Color surface normals as normal maps in computer graphics.

    Red is right, green is up, blue is toward the viewer: surfaces that face the camera are light blue, (128, 128, 255).
    Black is no normal.

    Args:
        normal: (H, W, 3) unit normals in the camera frame (x right, y down, z forward), 0 where there are none.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    colors = np.empty(normal.shape, np.uint8)
    for rows in _strips(len(normal)):
        part = normal[rows]
        present = np.abs(part).sum(axis=-1, keepdims=True) > 0
        axes = np.clip(part, -1, 1) * np.array([127.5, -127.5, -127.5], np.float32) + np.float32(127.5)
        colors[rows] = np.where(present, np.rint(axes), 0).astype(np.uint8)
    return colors


def visualize_normals(rgb: np.ndarray, normal: np.ndarray, *, max_side: int = 1280) -> np.ndarray:
    """Show a photo and its surface normals.

    The panels lie side by side, or one below the other where the photo is wide.

    Args:
        rgb: (H, W, 3) uint8 photo.
        normal: (H, W, 3) unit normals, as in `colorize_normals`.
        max_side: longest side of each panel [px]; larger ones are shrunk.

    Returns:
        (H', W', 3) uint8 RGB of another size.

    Raises:
        MetricDepthError: sizes do not agree.
    """
    return _beside(rgb, colorize_normals(normal), max_side)


def write_image(path: Path, rgb: np.ndarray) -> None:
    """Write a PNG or JPEG atomically.

    The same pixels always give the same bytes.

    Args:
        path: file to write, with the suffix of its format; parent folders are made.
        rgb: (H, W, 3) uint8 RGB.

    Raises:
        MetricDepthError: another suffix, or not such an array.
        OSError: the file cannot be written.
    """
    import cv2

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise MetricDepthError(f"{path.name}: images are written as {', '.join(_SUFFIXES)}, not as {suffix!r}")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise MetricDepthError(f"{path.name}: an image is (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 3] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    done, data = cv2.imencode(suffix, rgb[..., ::-1], options)
    if not done:
        raise MetricDepthError(f"{path.name}: an image of {rgb.shape[1]}x{rgb.shape[0]} cannot be written as {suffix}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def scale_ticks(near: float, far: float, room: int, spacing: float) -> list[float]:
    """Choose the labels of a logarithmic scale.

    The ends have priority, then 1-2-5 steps, then steps between them.

    Args:
        near: near end of the scale [m].
        far: far end of the scale [m].
        room: length of the scale [px].
        spacing: least distance of labels [px].

    Returns:
        Depths to label [m], ascending.
    """
    decades = range(math.floor(math.log10(near)) - 1, math.ceil(math.log10(far)) + 1)
    candidates = [near, far]
    for steps in ((1,), (2, 5), (1.5, 3, 4, 7)):
        candidates += [step * 10.0**decade for decade in decades for step in steps]
    pixels = room / math.log(far / near)
    ticks: list[float] = []
    for value in candidates:
        inside = near <= value <= far
        if inside and all(abs(math.log(value / tick)) * pixels >= spacing for tick in ticks):
            ticks.append(value)
    return sorted(ticks)


def _color_bar(height: int, near: float, far: float) -> np.ndarray:
    from PIL import Image, ImageDraw

    font = _font(max(11, min(28, height // 28)))
    ascent = round(font.getbbox("0")[3])
    labels = {value: f"{value:.4g} m" for value in scale_ticks(near, far, height - 2 * ascent, 1.6 * ascent)}
    text_width = max(math.ceil(font.getlength(label)) for label in labels.values())
    bar_width = max(10, ascent)
    canvas = Image.new("RGB", (7 * _GAP + bar_width + text_width, height), (255, 255, 255))
    top, bottom = ascent, max(ascent + 1, height - ascent)
    # Far at the top and near at the bottom, as in most photos.
    ramp = _palette()[np.rint(np.linspace(255, 0, bottom - top)).astype(np.uint8)]
    bar = np.repeat(ramp[:, None], bar_width, axis=1)
    left = 2 * _GAP
    canvas.paste(Image.fromarray(bar), (left, top))
    draw = ImageDraw.Draw(canvas)
    for value, label in labels.items():
        y = top + (bottom - 1 - top) * (1 - math.log(value / near) / math.log(far / near))
        draw.line([(left + bar_width, y), (left + bar_width + _GAP, y)], fill=(0, 0, 0))
        draw.text((left + bar_width + 2 * _GAP + 2, y), label, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(canvas)


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _limits(depth: np.ndarray, near: float | None, far: float | None) -> tuple[float, float]:
    if near is None or far is None:
        found = depth_limits(depth)
        near = min(found[0], far / 2 if far else math.inf) if near is None else near
        far = max(found[1], near * 2) if far is None else far
    if not (0 < near < far < math.inf):
        raise MetricDepthError(f"the color scale runs from {near} to {far} m; it must be 0 < near < far")
    return near, far


def _palette() -> np.ndarray:
    import cv2

    ramp = np.arange(255, -1, -1, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1])


def _beside(rgb: np.ndarray, colors: np.ndarray, max_side: int) -> np.ndarray:
    """Put two images of one size side by side, or one below the other where they are wide."""
    import cv2

    height, width = colors.shape[:2]
    if rgb.shape != (height, width, 3):
        raise MetricDepthError(f"the photo {rgb.shape} and its map {(height, width)} must share (height, width)")
    shrink = min(1.0, max_side / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    if size != (width, height):
        rgb, colors = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (rgb, colors))
    panels = [_padded(rgb), _padded(colors)]
    below = size[0] > _WIDE * size[1]
    gap = np.full((_GAP, panels[0].shape[1], 3) if below else (panels[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1]], axis=0 if below else 1)


def _strips(height: int) -> list[slice]:
    return [slice(top, top + _STRIP) for top in range(0, height, _STRIP)]


def _padded(panel: np.ndarray) -> np.ndarray:
    bottom, right = (max(0, _SMALLEST_PANEL - side) for side in panel.shape[:2])
    if not bottom and not right:
        return panel
    return np.pad(panel, ((0, bottom), (0, right), (0, 0)), constant_values=255)
