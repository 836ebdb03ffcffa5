"""Measure time and memory of scoring saved depth.

    python benchmarks/rescore.py [--frames 250 500 1000] [--report]

Images are 640x480 with dense ground truth and a prediction each, 16-bit PNG; twenty different ones are repeated.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from mono.io.depth import write_depth

DIFFERENT = 20


def make(folder: Path, count: int) -> None:
    """Write images, ground truth and predictions."""
    rng = np.random.default_rng(0)
    entries = []
    for i in range(count):
        rgb, depth, predicted = (folder / f"{kind}/{i:05}.png" for kind in ("rgb", "gt", "pred"))
        entries.append({"rgb": str(rgb.relative_to(folder)), "depth": str(depth.relative_to(folder))})
        entries[-1]["depth_scale"] = 1000.0
        for path in (rgb, depth, predicted):
            path.parent.mkdir(exist_ok=True)
        if i >= DIFFERENT:
            for path in (rgb, depth, predicted):
                path.hardlink_to(path.with_name(f"{i % DIFFERENT:05}.png"))
            continue
        smooth = cv2.GaussianBlur(rng.standard_normal((480, 640)), (0, 0), 30)
        gt = (3 * np.exp(0.5 * smooth / smooth.std())).astype(np.float32)
        cv2.imwrite(str(rgb), rng.integers(0, 255, (480, 640, 3), np.uint8))
        cv2.imwrite(str(depth), (1000 * gt).astype(np.uint16))
        noise = cv2.GaussianBlur(rng.standard_normal((480, 640)), (0, 0), 3)  # as smooth as a network's
        write_depth(predicted, gt * np.exp(0.1 * noise / noise.std()).astype(np.float32))
    (folder / "annotations.json").write_text(json.dumps({"files": entries}))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--report", action="store_true", help="write the report page too")
    args = parser.parse_args()
    for count in args.frames:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make(folder, count)
            command = [sys.executable, "-m", "mono", "evaluate", str(folder), "--pred", str(folder / "pred")]
            command += ["--out", str(folder / "out"), *([] if args.report else ["--no-report"])]
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds = time.perf_counter() - started
        # Of the largest process so far: it would grow from line to line if memory did with the frames.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{count:6} frames {seconds:7.1f} s {1000 * seconds / count:7.1f} ms a frame, peak {peak:.0f} MB a process"
        )


if __name__ == "__main__":
    main()
