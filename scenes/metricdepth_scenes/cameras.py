"""Cameras and poses as photographs of a kind of place have them."""

from __future__ import annotations

import math

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

KITTI_ASPECT = 1242 / 375


def sample_camera(style: str, rng: np.random.Generator, pixels: int = 150_000) -> Camera:
    """Draw a camera of about `pixels` pixels for a style of place.

    Args:
        style: "room", "street" (dash boards, half of them very wide), "drive" (all mountings on
            vehicles), "walk" or "near".
        rng: random generator.
        pixels: width times height, about.

    Raises:
        ValueError: the style is unknown.
    """
    aspect = float(rng.choice([4 / 3, 4 / 3, 3 / 2, 16 / 9, 5 / 4]))
    if style == "room":
        fov = float(rng.uniform(50, 75) if rng.random() < 0.7 else rng.uniform(38, 100))
        portrait = rng.random() < 0.15
    elif style == "street":
        portrait = False
        if rng.random() < 0.55:
            aspect = KITTI_ASPECT * float(rng.uniform(0.92, 1.06))
            fov = float(rng.normal(80, 4))
        else:
            aspect = float(rng.choice([16 / 9, 4 / 3, 2.0, 2.5]))
            fov = float(rng.uniform(45, 95))
    elif style == "drive":
        portrait = False
        if rng.random() < 0.3:
            aspect, fov = KITTI_ASPECT * float(rng.uniform(0.95, 1.04)), float(rng.normal(80, 3))
        else:
            aspect = float(rng.choice([4 / 3, 3 / 2, 8 / 5, 16 / 9, 16 / 9, 2.0]))
            usual = float(rng.choice([50.0, 64.0, 90.0])) * float(rng.uniform(0.94, 1.06))
            fov = usual if rng.random() < 0.55 else float(rng.uniform(40, 100))
    elif style == "walk":
        fov = float(rng.uniform(45, 90))
        portrait = rng.random() < 0.2
    elif style == "near":
        aspect = float(rng.choice([4 / 3, 4 / 3, 4 / 3, 16 / 9, 16 / 9, 3 / 2, 1.0]))
        fov = float(rng.choice([rng.uniform(40, 80), rng.normal(55, 2), rng.normal(66, 5)]))
        portrait = rng.random() < 0.3
    else:
        raise MetricDepthError(f"cameras: style {style!r} is unknown; choose room, street, drive, walk or near")
    long, short = math.sqrt(pixels * aspect), math.sqrt(pixels / aspect)
    focal = long / 2 / math.tan(math.radians(np.clip(fov, 30, 110)) / 2)
    width, height = (short, long) if portrait else (long, short)
    w, h = 4 * round(width / 4), 4 * round(height / 4)
    shift = rng.normal(0, 0.012, 2) if rng.random() < 0.5 else np.zeros(2)
    stretch = float(np.exp(rng.normal(0, 0.004)))
    return Camera(focal, focal * stretch, (w - 1) / 2 + w * shift[0], (h - 1) / 2 + h * shift[1], w, h)


def pose_towards(position: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """Build a camera pose at `position` looking at `target` [m].

    The pose is camera to world, (4, 4), turned by `roll` [deg] about the view direction.
    """
    forward = np.asarray(target, np.float64) - position
    forward /= np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    pose = np.eye(4)
    pose[:3, 0] = c * right + s * down
    pose[:3, 1] = c * down - s * right
    pose[:3, 2] = forward
    pose[:3, 3] = position
    return pose


def look(yaw: float, pitch: float) -> np.ndarray:
    """Compute a unit view direction from `yaw` (0 along +x) and `pitch` (up positive) [deg]."""
    y, p = math.radians(yaw), math.radians(pitch)
    return np.array([math.cos(y) * math.cos(p), math.sin(y) * math.cos(p), math.sin(p)])
