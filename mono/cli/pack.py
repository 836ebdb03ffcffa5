"""Command `metricdepth pack`: results in the layouts of other programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.cli import console


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("pack")
    parser.add_argument("out", type=Path, metavar="OUT", help="output folder of predict, or annotation file with depth")
    parser.add_argument(
        "--as", dest="layout", required=True, metavar="LAYOUT",
        help="nerfstudio, 3dgs, tum, kitti, open3d, colmap (dense workspace) or ros2 (bag)",
    )  # fmt: skip
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="new folder to write")
    parser.add_argument("--colmap", type=Path, metavar="DIR", help="COLMAP model of the images, as sparse/0")
    parser.add_argument("--poses", type=Path, metavar="TRAJ", help="poses of the camera in metres: TUM or KITTI file")
    parser.add_argument("--fps", type=float, metavar="N", help="images per second, where images are numbered")
    parser.add_argument(
        "--ros-depth", choices=("32FC1", "16UC1"), default="32FC1",
        help="depth in bags: metres with NaN, or millimetres with 0",
    )  # fmt: skip
    parser.add_argument("--verbose", action="store_true", help="log more, with tracebacks of failures")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Pack the run and return the exit code, 1 if frames were left out."""
    from mono.packs.write import pack

    packed = pack(
        args.out,
        args.layout,
        args.to,
        colmap=args.colmap,
        poses=args.poses,
        fps=args.fps,
        ros_depth=args.ros_depth,
    )
    content, write = packed.content, sys.stdout.write
    write(f"{len(packed.frames)} frames packed as {args.layout}: {args.to}/\n")
    write(f"  depth: {content['stored']}, invalid {content['invalid']}, unit {content['unit']}\n")
    write(f"  camera: {content['camera']}; axes {content['camera_axes']}; {content['pixel_centers']}\n")
    beyond = [frame["beyond_range"] for frame in packed.frames if "beyond_range" in frame]
    if beyond:
        write(f"  too far for this layout, and invalid in it: {sum(beyond)} pixels of {len(beyond)} frames\n")
    if "read_with" in content:
        write(f"  read with: {content['read_with']}\n")
    console.say_failures(packed.failures)
    return 1 if packed.failures else 0
