"""Pictures of depth (colours on a logarithmic scale, a metric colour bar beside them) and of surface normals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

INVALID_COLOR = (48, 48, 48)
_NICE = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_WIDE = 1.5  # photos wider than this times their height have the depth below them
_SMALLEST_PANEL = 160  # [px]
_GAP = 4  # [px]
_SUFFIXES = (".png", ".jpg", ".jpeg")


def depth_limits(depth: np.ndarray) -> tuple[float, float]:
    """The range (near, far) [m] that holds nearly all valid depth, rounded outwards to numbers good for a scale.

    A map without any valid depth gives (1, 10).
    """
    valid = depth[np.isfinite(depth) & (depth > 0)]
    if valid.size == 0:
        return 1.0, 10.0
    low, high = np.percentile(valid.astype(np.float64), [1, 99])
    near, far = _round_down(low), _round_up(high)
    return (near, far) if near < far else (_round_down(low / 1.5), _round_up(high * 1.5))


def colorize(depth: np.ndarray, near: float | None = None, far: float | None = None) -> np.ndarray:
    """Colours of a depth map: red is near, blue far, on a logarithmic scale; dark grey where there is no depth.

    Args:
        depth: depth [m], (height, width); 0, negative or not finite is no depth.
        near, far: ends of the scale [m]; found by `depth_limits` where not given. Depth beyond them has the colour of
            the end.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ValueError: not 0 < near < far, both finite.
    """
    import cv2

    near, far = _limits(depth, near, far)
    valid = np.isfinite(depth) & (depth > 0)
    logs = np.log(np.where(valid, depth, near).astype(np.float32))
    position = (logs - math.log(near)) / (math.log(far) - math.log(near))
    steps = np.rint(np.clip(position, 0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(steps, _palette()[:, None])  # a table of colours, looked up faster than NumPy does
    colors[~valid] = INVALID_COLOR
    return colors


def visualize_depth(
    rgb: np.ndarray, depth: np.ndarray, near: float | None = None, far: float | None = None, *, max_side: int = 1280
) -> np.ndarray:
    """The photo and its depth side by side (below each other where the photo is wide), with a colour bar in metres.

    Args:
        rgb: (height, width, 3) uint8.
        depth: depth [m], (height, width).
        near, far: ends of the scale [m], as in `colorize`.
        max_side: longest side of each of the two panels [px]; larger ones are made smaller.

    Returns:
        A picture of another size, (height', width', 3) uint8 RGB.

    Raises:
        ValueError: sizes do not fit, or the limits are wrong.
    """
    near, far = _limits(depth, near, far)
    body = _beside(rgb, colorize(depth, near, far), max_side)
    return np.concatenate([body, _color_bar(body.shape[0], near, far)], axis=1)


def colorize_normals(normal: np.ndarray) -> np.ndarray:
    """Colours of surface normals, as normal maps in graphics have them: red to the right, green up, blue to the viewer.

    What faces the camera is light blue, (128, 128, 255); black is no normal.

    Args:
        normal: unit normals in the camera's frame (x right, y down, z forward), (height, width, 3), 0 where none.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    present = np.abs(normal).sum(axis=-1, keepdims=True) > 0
    axes = np.clip(normal, -1, 1) * np.array([127.5, -127.5, -127.5], np.float32) + np.float32(127.5)
    return np.where(present, np.rint(axes), 0).astype(np.uint8)


def visualize_normals(rgb: np.ndarray, normal: np.ndarray, *, max_side: int = 1280) -> np.ndarray:
    """The photo and its surface normals side by side (below each other where the photo is wide).

    Args:
        rgb: (height, width, 3) uint8.
        normal: as for `colorize_normals`.
        max_side: longest side of each of the two panels [px]; larger ones are made smaller.

    Returns:
        A picture of another size, (height', width', 3) uint8 RGB.

    Raises:
        ValueError: sizes do not fit.
    """
    return _beside(rgb, colorize_normals(normal), max_side)


def write_image(path: Path, rgb: np.ndarray) -> None:
    """Write a PNG or JPEG, by the suffix of `path`, whole or not at all; the same pixels give the same bytes.

    Args:
        path: where to; parent folders are made.
        rgb: (height, width, 3) uint8 RGB.

    Raises:
        ValueError: another suffix, or not such an array.
        OSError: the file cannot be written.
    """
    import cv2

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise MetricDepthError(f"{path.name}: pictures are written as {', '.join(_SUFFIXES)}, not as {suffix!r}")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise MetricDepthError(f"{path.name}: a picture is (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 3] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    done, data = cv2.imencode(suffix, rgb[..., ::-1], options)
    if not done:
        raise MetricDepthError(f"{path.name}: a picture of {rgb.shape[1]}x{rgb.shape[0]} cannot be written as {suffix}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def scale_ticks(near: float, far: float, room: int, spacing: float) -> list[float]:
    """Depths [m] to label on a logarithmic scale of `room` px, at least `spacing` px apart, in rising order.

    The ends come first, then 1-2-5 steps, then what lies between them.
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
        raise MetricDepthError(f"the colour scale runs from {near} to {far} m; it must be 0 < near < far")
    return near, far


def _palette() -> np.ndarray:
    import cv2

    ramp = np.arange(255, -1, -1, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[:, 0, ::-1])


def _beside(rgb: np.ndarray, colors: np.ndarray, max_side: int) -> np.ndarray:
    """Two pictures of one size side by side, or below each other where they are wide."""
    import cv2

    height, width = colors.shape[:2]
    if rgb.shape != (height, width, 3):
        raise MetricDepthError(f"the picture {rgb.shape} and its map {(height, width)} must share (height, width)")
    shrink = min(1.0, max_side / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    if size != (width, height):
        rgb, colors = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (rgb, colors))
    panels = [_padded(rgb), _padded(colors)]
    below = size[0] > _WIDE * size[1]
    gap = np.full((_GAP, panels[0].shape[1], 3) if below else (panels[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1]], axis=0 if below else 1)


def _padded(panel: np.ndarray) -> np.ndarray:
    bottom, right = (max(0, _SMALLEST_PANEL - side) for side in panel.shape[:2])
    if not bottom and not right:
        return panel
    return np.pad(panel, ((0, bottom), (0, right), (0, 0)), constant_values=255)


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(step for step in _NICE if step * power <= value * (1 + 1e-9)) * power


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(step for step in _NICE if step * power >= value * (1 - 1e-9)) * power
