"""Write the annotation file of data/kitti_demo.

    python data/gene_annos_kitti_demo.py [--help]

Frames are matched with their depth maps by name. To use other frames, put them into rgb/ and depth/ and run it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.data.datasets.annotation_writer import write_annotations
from mono.data.datasets.rgbd_folder import annotate_pairs

HERE = Path(__file__).parent / "kitti_demo"


def main() -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description="Annotate a folder of KITTI frames: rgb/*.png and depth/*.png.")
    parser.add_argument("--root", type=Path, default=HERE, help="folder of rgb/ and depth/ (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to write (default: ROOT/test_annotations.json)")
    parser.add_argument(
        "--cam-in", type=float, nargs=4, default=[707.0493, 707.0493, 604.0814, 180.5066],
        metavar=("FX", "FY", "CX", "CY"), help="intrinsics [px]; see P_rect_02 in the date's calib_cam_to_cam.txt",
    )  # fmt: skip
    parser.add_argument("--depth-scale", type=float, default=256, help="stored value of one metre (default: 256)")
    args = parser.parse_args()
    found = annotate_pairs(
        args.root / "rgb", args.root / "depth", intrinsics=tuple(args.cam_in), depth_scale=args.depth_scale
    )
    write_annotations(args.out or args.root / "test_annotations.json", found.entries)
    sys.stdout.write("\n".join(found.notes) + "\n")


if __name__ == "__main__":
    main()
