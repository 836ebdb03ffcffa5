"""`metricdepth slam`: reconstruct the metric path of a moving camera."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mono.cli import arguments, camera_flags, console, session
from mono.cli.video import add_frame_flags, frames_of_one_camera
from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("slam")
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="video, or folder, files or quoted patterns of frames in order"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    parser.add_argument(
        "--method", choices=("sfm", "vo"), default="sfm",
        help="sfm: COLMAP, accurate; vo: visual odometry with depth at keyframes, for long videos (default: sfm)",
    )  # fmt: skip
    arguments.add_model_flags(parser)
    add_frame_flags(parser)
    parser.add_argument(
        "--scale-frames", type=int, metavar="N", help="sfm: frames to predict depth for, about (default: 40)"
    )
    parser.add_argument("--refine-focal", action="store_true", help="sfm: refine the focal length")
    parser.add_argument(
        "--max-features", type=int, metavar="N", help="features per frame (default: 8192 with sfm, 800 with vo)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a path of other settings")
    camera_flags.add_camera_flags(parser, sweep=False)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Reconstruct the path and return the exit code.

    It is 1 if a part has no scale, or frames could not be read.
    """
    from mono.runs.folder import lock_output_folder
    from mono.slam.reconstruction.metric_paths import camera_of_frames, paths_by_sfm, paths_by_vo
    from mono.slam.reconstruction.path_files import write_paths
    from mono.slam.reconstruction.result_folder import path_settings, refuse_foreign_files, refuse_other_results
    from mono.slam.reconstruction.sfm import SfmOptions
    from mono.slam.reconstruction.vo import VoOptions, import_gtsam
    from mono.slam.scale.colmap_model import import_pycolmap
    from mono.slam.scale.depth_sources import NetworkDepth

    if args.refine_focal and args.method == "vo":
        raise MetricDepthError("--refine-focal is for --method sfm: odometry keeps the camera as given")
    if args.scale_frames is not None and args.method == "vo":
        raise MetricDepthError("--scale-frames is for --method sfm: odometry predicts the depth of every keyframe")
    scale_frames = 40 if args.scale_frames is None else args.scale_frames
    if scale_frames < 5:
        raise MetricDepthError(f"--scale-frames is {scale_frames}; at least 5 are needed")
    refuse_foreign_files(args.out)
    import_pycolmap() if args.method == "sfm" else import_gtsam()
    resolver = camera_flags.camera_resolver(args)
    samples = frames_of_one_camera(args.inputs, args.every, args.start, args.end)
    features = {} if args.max_features is None else {"max_features": args.max_features}
    found = camera_of_frames(samples, resolver)
    camera = found.camera
    out = sys.stdout.write
    out(
        f"{len(samples)} frames, {camera.width}x{camera.height}; one camera: {found.source}, fx {camera.fx:.1f} px, "
        f"{camera.horizontal_fov:.1f} deg ({found.detail})\n"
    )
    predictor = session.load_metric_predictor(args)
    depth = NetworkDepth(predictor)
    chosen = {"scale_frames": scale_frames, "refine_focal": args.refine_focal, **features}
    settings = path_settings(samples, found, predictor, args.method, chosen)
    with lock_output_folder(args.out), console.progress_line(0, "step") as line:
        if not args.overwrite:
            refuse_other_results(args.out, settings)
        if args.method == "sfm":
            options = SfmOptions(refine_focal=args.refine_focal, threads=args.threads or 0, **features)
            paths, unread = paths_by_sfm(samples, found, depth, args.out / "colmap", options, scale_frames, line.step)
        else:
            paths, unread = paths_by_vo(samples, found, depth, VoOptions(**features), line.step)
        content = write_paths(args.out, paths, found, args.method, len(samples), unread, settings)
    placed = len({name for path in paths for name in path.trajectory.names})
    _report(content, placed, args.out)
    console.say_failures(unread)
    return 1 if unread or any(not path.metric for path in paths) else 0


def _report(content: dict[str, Any], placed: int, out: Path) -> None:
    from mono.slam.reconstruction.result_folder import result_names

    write = sys.stdout.write
    write(f"\n{placed} of {content['frames']} frames have a pose, in {len(content['parts'])} part(s)\n")
    for part in content["parts"]:
        where = out / part["folder"]
        if part["status"] == "refused":
            write(f"  {where}: {part['frames']} frames WITHOUT A SCALE: {part['reason']}\n")
            continue
        error = f" +- {100 * part['standard_error']:.2f} %" if "standard_error" in part else ""
        spread = f", spread {100 * part['spread']:.1f} % between frames" if "spread" in part else ""
        scale = f"scale {part['scale']:.5g}{error}{spread}" if "scale" in part else "scale of the keyframes' depth"
        write(f"  {where}: {part['frames']} frames, {part['length_m']:.2f} m, {scale}\n")
        if part.get("drift", {}).get("significant"):
            drift = part["drift"]["largest_over_smallest"]
            write(f"    the scale drifts by a factor of {drift:.3f} along the path: see rescale --windowed\n")
    if (source := content["camera"]["source"]) in ("estimated", "assumed"):
        write(f"  the focal length is {source}: metres may be off by a factor; give it, or --refine-focal\n")
    for part in content["parts"]:
        if "focal_px" in part:
            write(f"  focal length {part['focal_px']:.1f} px: {out / part['folder'] / 'camera.json'}\n")
    write(f"  results: {out}/ ({', '.join(name for name in result_names() if (out / name).is_file())})\n")
