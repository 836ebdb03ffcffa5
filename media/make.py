"""Make the pictures of README and docs with today's weights.

    python -m media.make [NAME …] [--frames DIR] [--assets DIR]

needs the package with the extras app, slam and fusion, ./scenes, selenium, chromium and chromedriver. Without names all
pictures are made. Those of real frames need --frames (their folders, as for benchmarks/realdata.py), the panorama needs
--assets (as for `metricdepth scenes`). canonical_claim.svg is not made here: benchmarks/canonical_claim.py trains the
networks that it shows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from media import charts, figures, screenshots, slam_map

PICTURES: dict[str, Callable[..., None]] = {
    "example": figures.example,
    "example_moving": figures.example_moving,
    "edge_filter": figures.edge_filter,
    "guided": figures.guided,
    "focal_length": figures.focal_length,
    "lite_own": figures.lite_own,
    "accuracy": charts.accuracy,
    "speed": charts.speed,
    "app": screenshots.app,
    "slam_map": slam_map.slam_map,
}
OF_FRAMES = {"lite_real": figures.lite_real, "report": screenshots.report}
OF_ASSETS = {"panorama": figures.panorama}


def main() -> None:
    """Make the pictures."""
    names = [*PICTURES, *OF_FRAMES, *OF_ASSETS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="folder of real frames")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="assets of the scenes")
    args = parser.parse_args()
    if unknown := set(args.names) - set(names):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}; choose of {', '.join(names)}")
    for name in args.names or names:
        started = time.perf_counter()
        if name in PICTURES:
            PICTURES[name]()
        elif name in OF_FRAMES and args.frames:
            OF_FRAMES[name](args.frames)
        elif name in OF_ASSETS and args.assets:
            OF_ASSETS[name](args.assets)
        else:
            print(f"{name}: left out; give {'--frames' if name in OF_FRAMES else '--assets'}")
            continue
        print(f"{name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
