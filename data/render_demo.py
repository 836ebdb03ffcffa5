"""Render the frames of data/kitti_demo, data/nyu_demo and data/near_demo.

    python data/render_demo.py --assets DIR

The first two have the cameras, sizes, depth scales and layout of those datasets, and none of their content. Of the
assets (a folder with index.json) only those in the public domain (CC0) are used.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from metricdepth_scenes.assets import Assets
from metricdepth_scenes.render import render_frame
from PIL import Image

from mono.geometry.camera import Camera
from mono.io.atomic import atomic_path

HERE = Path(__file__).parent
KITTI = Camera(707.0493, 707.0493, 604.0814, 180.5066, 1224, 370)
NYU = Camera(518.8579, 519.46961, 325.58245, 253.73617, 640, 480)
ROBOT = Camera(615.4, 615.4, 319.5, 239.5, 640, 480)
STREETS = (15, 109, 12)
ROOMS = (109, 113, 114)
CLOSE_UPS = (45, 42, 43)


def as_lidar(depth: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Thin depth like accumulated laser scans: up to 80 m, from 2 degrees above the horizon downward, a fifth of it."""
    rows = np.arange(camera.height)[:, None]
    seen = (rows > camera.cy - camera.fy * np.tan(np.radians(2))) & (depth < 80) & (rng.random(depth.shape) < 0.2)
    return np.where(seen, depth, 0)


def save(path: Path, image: np.ndarray) -> None:
    """Write an image atomically."""
    options = {"optimize": True} if path.suffix == ".png" else {"quality": 92}
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, **options)


def as_stored(depth: np.ndarray, scale: float) -> np.ndarray:
    """Convert depth [m] to 16-bit integers."""
    return np.rint(depth * scale).astype(np.uint16)


def public_domain(folder: Path, place: Path) -> Assets:
    """Select a folder's CC0 assets, through an index and links in `place`."""
    index = json.loads((folder / "index.json").read_text())
    (place / "index.json").write_text(json.dumps([entry for entry in index if entry["licence"] == "CC0-1.0"]))
    for inside in folder.resolve().iterdir():
        if inside.is_dir():
            (place / inside.name).symlink_to(inside)
    return Assets(place)


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(description="Render the demo frames.")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="textures and models (default: procedural ones)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        assets = public_domain(args.assets, Path(place)) if args.assets else None
        for number, seed in enumerate(STREETS):
            frame = render_frame(seed, "street", assets=assets, camera=KITTI)
            depth = as_lidar(frame.depth, KITTI, np.random.default_rng(seed))
            save(args.out / f"kitti_demo/rgb/{number:010d}.png", frame.rgb)
            save(args.out / f"kitti_demo/depth/{number:010d}.png", as_stored(depth, 256))
        for number, seed in enumerate(ROOMS):
            frame = render_frame(seed, "room", assets=assets, camera=NYU)
            depth = np.where(frame.depth < 10, frame.depth, 0)
            save(args.out / f"nyu_demo/rgb/rgb_{number:05d}.jpg", frame.rgb)
            save(args.out / f"nyu_demo/depth/sync_depth_{number:05d}.png", as_stored(depth, 1000))
        for number, seed in enumerate(CLOSE_UPS):
            frame = render_frame(seed, "closeup", assets=assets, camera=ROBOT)
            save(args.out / f"near_demo/rgb/{number:05d}.jpg", frame.rgb)
            save(args.out / f"near_demo/depth/{number:05d}.png", as_stored(frame.depth, 1000))


if __name__ == "__main__":
    main()
