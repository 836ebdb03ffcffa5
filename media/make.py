"""Make the figures of README and docs.

python media/make.py   (with the package and open3d installed)
"""

from pathlib import Path

import cv2
import numpy as np
from metricdepth_scenes import render_frame

import mono
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.io.point_cloud import point_cloud
from mono.visual.pictures import visualize_depth, write_image

MEDIA = Path(__file__).parent
SCALE = 48  # [px / m] of the views from above


def example() -> None:
    """Make a figure of a demo photo and its depth."""
    path = MEDIA.parent / "data" / "wild_demo" / "leuven.jpg"
    prediction = mono.load_model("lite", device="cpu").predict(path)
    write_image(MEDIA / "example.jpg", visualize_depth(read_image(path).rgb, prediction.depth, max_side=560))


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
    focal_length()
