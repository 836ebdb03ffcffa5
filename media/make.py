"""Make the figures of README and docs.

python media/make.py   (with the package and ./scenes installed)
"""

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from metricdepth_scenes import render_frame

import mono
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.io.point_cloud import point_cloud
from mono.visual.color_maps import visualize_depth, write_image

MEDIA = Path(__file__).parent
LINE = ((150, 430), (560, 420))  # two pixels of leuven.jpg, at the feet of two houses
SCALE = 48  # [px / m] of the views from above


def example() -> None:
    """Make the figure of a demo photo with a measured line, its depth and its points, and the moving one."""
    path = MEDIA.parent / "data" / "wild_demo" / "leuven.jpg"
    rgb = read_image(path).rgb
    prediction = mono.load_model("lite_detail", device="cpu").predict(path)
    photo = _measured(rgb.copy(), prediction.points(), *LINE)
    depth = visualize_depth(rgb, prediction.depth, max_side=rgb.shape[1])[:, rgb.shape[1] :]
    cloud = point_cloud(prediction.depth, rgb, prediction.camera, edge_filter=0.05, max_range=45)
    height, width = rgb.shape[:2]
    middle = cloud_view(cloud.points, cloud.colors, (width, height), yaw=0.3)
    gap = np.full((height, 8, 3), 255, np.uint8)
    figure = np.hstack([photo, gap, depth[:height], gap, middle])
    write_image(MEDIA / "example.jpg", cv2.resize(figure, None, fx=0.66, fy=0.66, interpolation=cv2.INTER_AREA))
    views = [
        PIL.Image.fromarray(cloud_view(cloud.points, cloud.colors, (400, 300), yaw=0.35 * np.sin(angle)))
        for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ]
    options = {"save_all": True, "append_images": views[1:], "duration": 70, "loop": 0, "quality": 55, "method": 6}
    views[0].save(MEDIA / "example.webp", **options)


def _measured(photo: np.ndarray, points: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> np.ndarray:
    """Draw a line between two pixels of a photo and its length [m]."""
    metres = np.linalg.norm(points[start[1], start[0]] - points[end[1], end[0]])
    for color, size in (((255, 255, 255), 6), ((200, 30, 30), 3)):
        cv2.line(photo, start, end, color, size, cv2.LINE_AA)
        cv2.circle(photo, start, size + 2, color, -1, cv2.LINE_AA)
        cv2.circle(photo, end, size + 2, color, -1, cv2.LINE_AA)
    at = ((start[0] + end[0]) // 2 - 40, (start[1] + end[1]) // 2 + 34)
    for color, size in (((255, 255, 255), 8), ((200, 30, 30), 2)):
        cv2.putText(photo, f"{metres:.1f} m", at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, color, size, cv2.LINE_AA)
    return photo


def cloud_view(points: np.ndarray, colors: np.ndarray, size: tuple[int, int], yaw: float) -> np.ndarray:
    """Render points from a camera that turns about their middle.

    Args:
        points: (N, 3) [m], x right, y down, z forward.
        colors: (N, 3) uint8.
        size: width and height [px].
        yaw: angle around the vertical axis [rad].
    """
    width, height = size
    middle = np.array([0, 0, np.median(points[:, 2])])
    turn = cv2.Rodrigues(np.array([0.22, 0, 0]))[0] @ cv2.Rodrigues(np.array([0, yaw, 0.0]))[0]
    seen = (points - middle) @ turn.T + [0, 0, 1.25 * middle[2]]
    order = np.argsort(-seen[:, 2])
    x, y = (seen[order, :2] / seen[order, 2:] * 0.95 * width + [width / 2, height / 2]).T
    canvas = np.full((height, width, 3), 255, np.uint8)
    for right, down in np.ndindex(max(2, width // 250), max(2, width // 250)):
        u, v = (x + right).astype(int), (y + down).astype(int)
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        canvas[v[inside], u[inside]] = colors[order[inside]]
    return canvas


def view_from_above(points: np.ndarray, colors: np.ndarray, width: float, length: float) -> np.ndarray:
    """Draw points from above, without floor and ceiling; the camera is a dot at the bottom center."""
    canvas = np.full((int(length * SCALE), int(width * SCALE), 3), 255, np.uint8)
    chosen = (points[:, 1] > -0.4) & (points[:, 1] < 0.8)
    x = ((points[chosen, 0] + width / 2) * SCALE).astype(int)
    y = canvas.shape[0] - 12 - (points[chosen, 2] * SCALE).astype(int)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (x >= 0) & (x + right < canvas.shape[1]) & (y >= 0) & (y + down < canvas.shape[0])
        canvas[y[inside] + down, x[inside] + right] = (0.8 * colors[chosen][inside]).astype(np.uint8)
    cv2.circle(canvas, (canvas.shape[1] // 2, canvas.shape[0] - 12), 5, (220, 40, 40), -1, cv2.LINE_AA)
    return canvas


def edge_filter() -> None:
    """Make the figure of points from the side, without and with the filter of edges."""
    model, rows = mono.load_model("lite", device="cpu"), []
    for name, farthest in (("stream", 30), ("room", 12)):
        path = MEDIA.parent / "data" / "wild_demo" / f"{name}.jpg"
        rgb = read_image(path).rgb
        prediction = model.predict(path)
        height, width = rgb.shape[:2]
        shrink = min(480 / width, 360 / height)
        photo = cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)[:360, :480]
        below, right = 360 - len(photo), 480 - photo.shape[1]
        panels = [np.pad(photo, ((0, below), (0, right), (0, 0)), constant_values=255)]
        for threshold in (None, 0.1):
            cloud = point_cloud(
                prediction.depth, rgb, prediction.camera, confidence=prediction.confidence, edge_filter=threshold,
                max_range=farthest,
            )  # fmt: skip
            panels.append(cloud_view(cloud.points, cloud.colors, (480, 360), yaw=0.7))
        rows.append(np.hstack(panels))
    PIL.Image.fromarray(np.vstack(rows)).save(MEDIA / "edge_filter.webp", quality=60, method=6)


def focal_length(seed: int = 47) -> None:
    """Draw a rendered room from above with its focal length and two wrong ones; depth grows with the focal length."""
    camera = Camera.from_fov(75, 960, 720)
    frame = render_frame(seed, "room", camera=camera)
    panels = []
    for factor in (1.0, 2 / 3, 1.5):
        wrong = Camera(factor * camera.fx, factor * camera.fy, camera.cx, camera.cy, camera.width, camera.height)
        cloud = point_cloud(factor * frame.depth, frame.rgb, wrong, edge_filter=0.05)
        panel = view_from_above(cloud.points @ _upright(frame.pose).T, cloud.colors, width=6.0, length=9.0)
        words = "true focal length" if factor == 1 else f"{factor:.2f} x the true focal length"
        cv2.putText(panel, words, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        panels.append(np.pad(panel, ((2, 2), (2, 2), (0, 0)), constant_values=160))
    height = panels[0].shape[0]
    photo = cv2.resize(frame.rgb, (height * 4 // 5, height * 3 // 5), interpolation=cv2.INTER_AREA)
    photo = np.pad(photo, ((0, height - photo.shape[0]), (0, 12), (0, 0)), constant_values=255)
    write_image(MEDIA / "focal_length.png", np.hstack([photo, *panels]))


def _upright(pose: np.ndarray) -> np.ndarray:
    """Return the rotation from camera axes to level ones of the same heading: x right, y down, z forward."""
    down = -pose[2, :3]  # the scenes' world has z up
    forward = np.array([0.0, 0.0, 1.0]) - down[2] * down
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(down, forward), down, forward])


if __name__ == "__main__":
    example()
    edge_filter()
    focal_length()
