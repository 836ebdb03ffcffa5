"""Time the writing of depth files, images and point clouds.

python benchmarks/point_cloud.py [--folder DIR]   (with the package installed, or PYTHONPATH=. before it)
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.io.depth_encoding import encode_png16, quantise
from mono.io.point_cloud import point_cloud, voxel_grid, write_ply
from mono.visual.color_maps import visualize_depth, write_image


def street(height: int, width: int) -> np.ndarray:
    """Make depth [m] of a street with boxes and slight roughness, as smooth as a network's."""
    import cv2

    rng = np.random.default_rng(0)
    rows = np.arange(height)[:, None] - 0.45 * height
    depth = np.where(rows > 0, np.minimum(0.57 * width * 1.65 / np.maximum(rows, 1), 60), 60) + np.zeros((1, width))
    for _ in range(25):
        x, y = rng.integers(0, width), rng.integers(height // 4, height)
        depth[y : y + height // 4, x : x + width // 8] = rng.uniform(5, 50)
    rough = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 4)
    return cv2.GaussianBlur(depth * (1 + 0.006 * rough / rough.std()), (0, 0), 1).astype(np.float32)


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median time of `run` [ms]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def encoders(steps: np.ndarray) -> dict[str, Callable[[], bytes]]:
    """Return functions that encode 16-bit PNG."""
    import cv2
    from PIL import Image

    def opencv(level: int) -> bytes:
        return cv2.imencode(".png", steps, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()

    def pillow(level: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(steps).save(buffer, "PNG", compress_level=level)
        return buffer.getvalue()

    ways: dict[str, Callable[[], bytes]] = {"own (used)": lambda: encode_png16(steps, {"depth_scale": "200"})}
    for level in (1, 2, 3):
        ways[f"OpenCV level {level}"] = partial(opencv, level)
        ways[f"Pillow level {level}"] = partial(pillow, level)
    return ways


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="folder to write (default: a temporary one)")
    parser.add_argument("--repeats", type=int, default=11, help="runs that the median is taken over (default: 11)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        height, width = 1224, 1632
        depth, camera = street(height, width), Camera.from_fov(80, width, height)
        rgb = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
        cloud = point_cloud(depth, rgb, camera)
        print(f"2 megapixels ({width}x{height}), median of {arguments.repeats} runs:")
        jobs: dict[str, Callable[[], object]] = {
            "points": lambda: point_cloud(depth, rgb, camera),
            "points, edges filtered": lambda: point_cloud(depth, rgb, camera, edge_filter=0.1, max_range=80),
            "voxels of 5 cm": lambda: voxel_grid(cloud, 0.05),
            f"PLY of {len(cloud)} points": lambda: write_ply(folder / "a.ply", cloud.points, cloud.colors),
            "depth PNG": lambda: write_depth(folder / "a.png", depth),
            "depth NPY": lambda: write_depth(folder / "a.npy", depth),
            "depth NPZ": lambda: write_depth(folder / "a.npz", depth),
            "picture": lambda: visualize_depth(rgb, depth),
            "picture as JPEG": lambda: write_image(folder / "a.jpg", visualize_depth(rgb, depth)),
        }
        for job, run in jobs.items():
            print(f"  {job:32} {milliseconds(run, arguments.repeats):8.1f} ms")
        steps, scale = quantise(street(375, 1242))
        print(f"16-bit PNG of a KITTI frame (1242x375, {scale} steps a metre):")
        for way, encode in encoders(steps).items():
            print(f"  {way:32} {milliseconds(encode, arguments.repeats):8.1f} ms {len(encode()) / 1000:8.0f} kB")


if __name__ == "__main__":
    main()
