"""Write the annotation file of data/nyu_demo.

    python data/gene_annos_nyu_demo.py [--help]

Frames (rgb_00000.jpg) are matched with their depth maps (sync_depth_00000.png) by name. To use other frames, put them
into rgb/ and depth/ and run it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.data.datasets.annotation_writer import write_annotations
from mono.data.datasets.nyu import INTRINSICS
from mono.data.datasets.rgbd_folder import annotate_pairs

HERE = Path(__file__).parent / "nyu_demo"


def main() -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description="Annotate a folder of NYU frames: rgb/*.jpg and depth/*.png.")
    parser.add_argument("--root", type=Path, default=HERE, help="folder of rgb/ and depth/ (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to write (default: ROOT/test_annotations.json)")
    parser.add_argument(
        "--cam-in",
        type=float,
        nargs=4,
        default=INTRINSICS,
        metavar=("FX", "FY", "CX", "CY"),
        help="intrinsics of all frames [px]",
    )
    parser.add_argument("--depth-scale", type=float, default=1000, help="stored value of one metre (default: 1000)")
    args = parser.parse_args()
    found = annotate_pairs(
        args.root / "rgb", args.root / "depth", intrinsics=tuple(args.cam_in), depth_scale=args.depth_scale
    )
    write_annotations(args.out or args.root / "test_annotations.json", found.entries)
    sys.stdout.write("\n".join(found.notes) + "\n")


if __name__ == "__main__":
    main()
