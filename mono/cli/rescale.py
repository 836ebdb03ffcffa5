"""`metricdepth rescale`: recover metric scale for a trajectory or COLMAP model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import arguments, camera_flags, console, session
from mono.cli.video import frames_of_one_camera
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.camera_source import ResolvedCamera
    from mono.data.sample import Sample
    from mono.slam.scale.depth_sources import DepthSource
    from mono.slam.scale.rescaling import Rescaling


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("rescale")
    parser.add_argument("input", type=Path, metavar="TRAJECTORY|COLMAP_DIR", help="TUM, KITTI or EuRoC file, or model")
    parser.add_argument("--frames", nargs="+", required=True, metavar="PATH", help="folder, pattern or video of frames")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the result and scale.json")
    parser.add_argument(
        "--format",
        choices=("tum", "kitti", "euroc"),
        help="format of the trajectory (default: detected from its values)",
    )
    parser.add_argument("--times", type=Path, metavar="FILE", help="file with one time [s] per frame, in order")
    parser.add_argument(
        "--body-from-camera", type=Path, metavar="FILE",
        help="EuRoC: sensor.yaml with T_BS, if the poses are those of a body (default: they are the camera's)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace existing files in the output folder")
    parser.add_argument("--windowed", action="store_true", help="correct a scale drift if it is significant")
    parser.add_argument(
        "--count", type=int, default=40, metavar="N", help="predict depth for about this many frames (default: 40)"
    )
    parser.add_argument("--pred", type=Path, metavar="DIR|JSON", help="use saved or annotated depth instead of a model")
    parser.add_argument("--pred-scale", type=float, metavar="N", help="metres = stored value / N in a folder of --pred")
    arguments.add_model_flags(parser)
    camera_flags.add_camera_flags(parser)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rescale the input and return the exit code."""
    from mono.slam.scale.colmap_model import is_model

    if args.count < 5:
        raise MetricDepthError(f"--count is {args.count}; at least 5 frames are needed for a scale")
    if args.focal_sweep:
        raise MetricDepthError("--focal-sweep does not apply to rescale: a trajectory has one camera")
    if args.input.is_dir() and not is_model(args.input):
        raise MetricDepthError(
            f"{args.input}: holds no COLMAP model (images.bin or images.txt); give the folder that does"
        )
    if args.input.is_dir() and args.windowed:
        raise MetricDepthError("--windowed bends a path step by step; a COLMAP model is changed by one similarity only")
    samples = frames_of_one_camera(args.frames)
    return _rescale_model(args, samples) if args.input.is_dir() else _rescale_trajectory(args, samples)


def _camera(args: argparse.Namespace, samples: Sequence[Sample]) -> ResolvedCamera:
    """Resolve and print the camera of all frames."""
    from mono.slam.reconstruction.metric_paths import camera_of_frames

    found = camera_of_frames(samples, camera_flags.camera_resolver(args))
    warning = (
        "  <- lengths scale with it: give --focal-px, or a camera file"
        if found.source in ("estimated", "assumed")
        else ""
    )
    sys.stdout.write(f"  camera          {found.camera.focal:.1f} px: {found.detail}{warning}\n")
    return found


def _depth(args: argparse.Namespace, samples: Sequence[Sample]) -> tuple[DepthSource, dict[str, Any]]:
    """Open the depth source; return it and the metadata that repeat the run."""
    from mono.slam.scale.depth_sources import NetworkDepth, open_depth

    if args.pred:
        depth = open_depth(args.pred, samples, args.pred_scale)
        return depth, {"command": session.command(), "predictions": str(args.pred)}
    if args.pred_scale is not None:
        raise MetricDepthError("--pred-scale is the scale of saved depth: give its folder with --pred")
    predictor = session.load_metric_predictor(args)
    return NetworkDepth(predictor), session.run_metadata(predictor)


def _rescale_trajectory(args: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from dataclasses import replace

    import numpy as np

    from mono.data.video import frame_times
    from mono.slam.scale.trajectory_scale import match_frames, rescale_trajectory
    from mono.slam.trajectory.files import (
        file_format,
        read_body_from_camera,
        read_timed,
        read_times,
        write_trajectory,
    )
    from mono.slam.trajectory.trajectory import Trajectory

    format = args.format or file_format(args.input)
    target = args.out / f"trajectory_{format}.{'csv' if format == 'euroc' else 'txt'}"
    of_camera = args.out / "trajectory_tum.txt"
    written = (target, *[of_camera] * (format == "euroc"))
    for path in written:
        if path.resolve() == args.input.resolve():
            raise MetricDepthError(
                f"{path}: is the trajectory that is read, and would be replaced; choose another --out"
            )
    _refuse_existing(args, *written)
    times = read_times(args.times) if args.times else None
    whole, timed = read_timed(args.input, format, times)
    seen, body_from_camera = whole, np.eye(4)
    if args.body_from_camera:
        if format != "euroc":
            raise MetricDepthError("--body-from-camera is for EuRoC files, whose poses are those of a body")
        # The lever arm is in metres and the trajectory is not yet: its few centimetres are left out.
        body_from_camera, turn = read_body_from_camera(args.body_from_camera), np.eye(4)
        turn[:3, :3] = body_from_camera[:3, :3]
        seen = Trajectory(whole.poses @ turn, whole.times)
    of_frames = None if times is None or (format == "kitti" and len(times) != len(samples)) else times
    frames = replace(match_frames(seen, samples, timed, of_frames), whole=whole)
    camera = _camera(args, frames.samples)
    depth, metadata = _depth(args, frames.samples)
    with console.progress_line(min(args.count, len(frames.samples)), "frame") as line:
        metric, rescaling = rescale_trajectory(frames, camera, depth, args.count, args.windowed, line.update)
    indexed = format == "kitti" and not (args.times or np.array_equal(whole.times, np.arange(len(whole))))
    if indexed and not timed and len(samples) == len(whole):  # paired in order: the frames' numbers, not the file's
        metric = replace(metric, times=frame_times(samples))
    write_trajectory(target, metric, format, indexed)
    if format == "euroc":
        write_trajectory(of_camera, Trajectory(metric.poses @ body_from_camera, metric.times), "tum")
    extra = {
        "camera": {**asdict(camera.camera), "source": camera.source, "detail": camera.detail},
        "path_length_m": metric.length,
    }
    return _report(args, rescaling, metadata, extra, target)


def _refuse_existing(args: argparse.Namespace, *targets: Path) -> None:
    """Refuse to replace existing results."""
    from mono.runs.folder import refuse_existing

    for path in (*targets, args.out / "scale.json"):
        refuse_existing(path, args.overwrite)


def _rescale_model(args: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from mono.slam.scale.model_scale import rescale_model

    target = args.out / "model"
    if target.resolve() != args.input.resolve():  # refused below, by its own message
        _refuse_existing(args, target)
    flags = (args.intrinsics, args.focal_px, args.focal_35mm, args.fov_deg, args.camera)
    depth, metadata = _depth(args, samples)
    given = any(value is not None for value in flags)
    camera = _camera(args, samples) if given and not args.pred else None
    with console.progress_line(args.count, "frame") as line:
        result = rescale_model(args.input, samples, depth, target, camera, args.count, line.update)
    if camera is None and not args.pred:
        focal = result.focal_px
        shown = f"{focal[0]} px" if len(focal) == 1 else f"{focal[0]} to {focal[-1]} px"
        sys.stdout.write(f"  camera          {shown}: the model's own\n")
        metadata |= {"camera": {"focal_px": list(focal), "source": "the COLMAP model"}}
    return _report(args, result.rescaling, metadata, {"images_of_the_model": result.images}, result.folder)


def _report(
    args: argparse.Namespace, rescaling: Rescaling, metadata: dict[str, Any], extra: dict[str, Any], target: Path
) -> int:
    """Write scale.json and print the result."""
    from mono.io.atomic import write_bytes
    from mono.slam.scale.rescaling import format_rescaling, to_json

    content = {**to_json(rescaling, args.windowed), **extra, "input": str(args.input), **metadata}
    write_bytes(args.out / "scale.json", json.dumps(content, indent=1).encode() + b"\n")
    sys.stdout.write(format_rescaling(rescaling, args.windowed))
    sys.stdout.write(f"  results: {target}  {args.out / 'scale.json'}\n")
    console.say_failures(rescaling.failures, 5)
    return 0
