"""`metricdepth fuse`: fuse depth maps into a point cloud and mesh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("fuse")
    parser.add_argument(
        "depth", type=Path, metavar="DEPTH", help="output folder of predict, or annotation file with depth"
    )
    parser.add_argument(
        "--poses", type=Path, required=True, metavar="TRAJ",
        help="TUM or KITTI file in metres: camera to world, x right, y down, z forward",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="point cloud to write (.ply)")
    parser.add_argument("--mesh", type=Path, metavar="FILE", help="mesh to write (.ply)")
    parser.add_argument(
        "--voxel-size",
        type=float,
        metavar="M",
        help="voxel edge length in metres (default: far end of the depth / 400)",
    )
    parser.add_argument("--min-range", type=float, metavar="M", help="nearest depth to fuse, in metres")
    parser.add_argument(
        "--max-range", type=float, metavar="M", help="farthest depth to fuse, in metres (default: 95th percentile)"
    )
    parser.add_argument(
        "--edge-filter", type=float, default=0.1, metavar="R",
        help="discard pixels at relative depth jumps above this; 0 keeps all (default: 0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--min-views", type=int, default=2, metavar="N", help="keep places seen by at least N frames (default: 2)"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="fuse every N-th frame (default: 1)")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--verbose", action="store_true", help="log more, with tracebacks")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fuse the depth maps and return the exit code."""
    from mono.cli.console import progress_line, say_failures
    from mono.io.point_cloud import write_ply
    from mono.runs.folder import refuse_existing
    from mono.slam.fusion.fuse import FuseOptions, fuse, import_open3d
    from mono.slam.fusion.pose_matching import read_poses
    from mono.slam.fusion.posed_depth import find_depth

    for flag, path in (("--out", args.out), ("--mesh", args.mesh)):
        if path is not None and path.suffix.lower() != ".ply":
            raise MetricDepthError(f"{path}: maps are written as .ply")
        if path is not None:
            refuse_existing(path, args.overwrite, flag)
    if args.mesh is not None and args.mesh.resolve() == args.out.resolve():
        raise MetricDepthError(f"{args.mesh}: is the file of --out too; give the mesh (--mesh) a name of its own")
    if args.every < 1:
        raise MetricDepthError(f"--every is {args.every}; it must be at least 1")
    options = FuseOptions(
        voxel_size=args.voxel_size,
        min_range=args.min_range,
        max_range=args.max_range,
        edge_filter=args.edge_filter or None,
        min_views=args.min_views,
    )
    import_open3d()  # before poses and frames are looked for
    frames = read_poses(find_depth(args.depth), args.poses)[:: args.every]
    with progress_line(len(frames), "frame") as line:
        found = fuse(frames, options, line.update)
    world = "the world of the poses"
    write_ply(args.out, found.vertices, found.colors, found.normals, frame=world)
    if args.mesh:
        write_ply(args.mesh, found.vertices, found.colors, found.normals, found.triangles, frame=world)
    low, high = found.vertices.min(axis=0), found.vertices.max(axis=0)
    size = " x ".join(f"{v:.2f}" for v in high - low)
    sys.stdout.write(
        f"\n{found.frames} frames fused: {len(found.vertices)} points, {len(found.triangles)} triangles, {size} m\n"
        f"  voxels of {found.voxel_size:g} m, depth up to {found.max_range:.4g} m\n"
        f"  results: {'  '.join(str(p) for p in (args.out, args.mesh) if p)}\n"
    )
    say_failures(found.failures)
    return 1 if found.failures else 0
