"""Run `metricdepth finetune` on images of a camera that is new to the small model.

    python benchmarks/finetune.py --data scenes/annotations.json --out tuned

The images are rendered ones of one family as an infrared camera with a long lens could see them: the middle half of
each, gray and inverted. They go into OUT/frames, an RGB-D folder as users have it; the rest is the command line's own.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from mono.cli.main import main as metricdepth
from mono.data.ground_truth import read_annotated_depth
from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.io.images import read_image
from mono.training.data.images import read_frames


def write_shifted(data: Path, family: str, count: int, folder: Path) -> Path:
    """Write the RGB-D folder and return its annotation file."""
    entries = []
    for number, frame in enumerate([f for f in read_frames([data]) if f.family == family][:count]):
        rgb, depth = read_image(frame.rgb).rgb, read_annotated_depth(frame)
        height, width = depth.shape
        left, top = width // 4, height // 4
        part = slice(top, top + height // 2), slice(left, left + width // 2)
        camera = Camera(*frame.intrinsics, width=width, height=height).cropped(left, top, width // 2, height // 2)
        name = f"{number:04d}.png"
        gray = 255 - cv2.cvtColor(np.ascontiguousarray(rgb[part]), cv2.COLOR_RGB2GRAY)
        millimetres = np.minimum(depth[part] * 1000, 65535).round().astype(np.uint16)
        millimetres[depth[part] * 1000 > 65535] = 0
        write_bytes(folder / "rgb" / name, cv2.imencode(".png", gray)[1].tobytes())
        write_bytes(folder / "depth" / name, cv2.imencode(".png", millimetres)[1].tobytes())
        entry = {"rgb": f"rgb/{name}", "depth": f"depth/{name}", "depth_scale": 1000, "scene": frame.scene}
        entries.append(entry | {"cam_in": list(camera.intrinsics)})
    write_bytes(folder / "annotations.json", json.dumps({"files": entries}).encode())
    return folder / "annotations.json"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="JSON", help="annotation file of rendered frames")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--family", default="corridor")
    parser.add_argument("--frames", type=int, default=160, metavar="N")
    args, others = parser.parse_known_args()
    annotations = write_shifted(args.data, args.family, args.frames, args.out / "frames")
    began = time.monotonic()
    code = metricdepth(["finetune", "--data", str(annotations), "--out", str(args.out), *others])
    print(f"{(time.monotonic() - began) / 60:.1f} minutes in all")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
