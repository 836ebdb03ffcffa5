"""`metricdepth rescale`: an up-to-scale trajectory or COLMAP model in metres."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import arguments, console, session
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import numpy as np
    import pycolmap

    from mono.data.camera_source import ResolvedCamera
    from mono.data.sample import Sample
    from mono.slam.scale.trajectory_scale import Depth, Rescaling


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("rescale", help="a trajectory or COLMAP model without scale, and frames, in metres")
    parser.add_argument("input", type=Path, metavar="TRAJECTORY|COLMAP_DIR", help="TUM, KITTI or EuRoC file, or model")
    parser.add_argument("--frames", nargs="+", required=True, metavar="PATH", help="folder, pattern or video of frames")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the result and scale.json")
    parser.add_argument(
        "--format", choices=("tum", "kitti", "euroc"), help="of the trajectory (default: by its first line)"
    )
    parser.add_argument("--times", type=Path, metavar="FILE", help="a time a line, of the frames in their order")
    parser.add_argument(
        "--body-from-camera", type=Path, metavar="FILE",
        help="EuRoC: sensor.yaml with T_BS, where the poses are those of a body (default: they are the camera's)",
    )  # fmt: skip
    parser.add_argument(
        "--windowed", action="store_true", help="correct a scale that drifts, where the evidence for it is significant"
    )
    parser.add_argument(
        "--count", type=int, default=40, metavar="N", help="frames to predict depth for, about (default: 40)"
    )
    parser.add_argument(
        "--pred", type=Path, metavar="DIR|JSON", help="depth saved before (or annotated), instead of a model"
    )
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint (default: lite)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights for the model")
    arguments.add_camera_flags(parser)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Finds the scale and applies it; returns the exit code."""
    from mono.slam.scale.colmap_model import is_model

    if args.count < 5:
        raise MetricDepthError(f"--count is {args.count}; at least 5 frames are needed for a scale")
    if args.focal_sweep:
        raise MetricDepthError("--focal-sweep does not go with rescale: a trajectory has one camera")
    samples = _samples(args.frames)
    if args.input.is_dir():
        if not is_model(args.input):
            raise MetricDepthError(
                f"{args.input}: holds no COLMAP model (images.bin or images.txt); give the folder that does"
            )
        return _rescale_model(args, samples)
    return _rescale_trajectory(args, samples)


def _samples(inputs: Sequence[str]) -> list[Sample]:
    from mono.data.folder import find_images
    from mono.data.video import find_frames
    from mono.io.video import is_video

    if len(inputs) == 1 and is_video(inputs[0]):
        return list(find_frames(inputs))
    return find_images(inputs)


def _camera(args: argparse.Namespace, samples: Sequence[Sample]) -> ResolvedCamera:
    """The one camera of all frames."""
    from mono.slam.reconstruction.metric_paths import camera_of_frames

    found = camera_of_frames(samples, arguments.camera_resolver(args))
    warning = "  <- lengths scale with it: give --focal-px, or a camera file" if found.source == "assumed" else ""
    sys.stdout.write(f"  camera          {found.camera.focal:.1f} px: {found.detail}{warning}\n")
    return found


def _depth(
    args: argparse.Namespace, samples: Sequence[Sample], camera: ResolvedCamera | None
) -> tuple[Depth, list[int], dict[str, Any]]:
    """Depth of frames by number, which frames have it, and what must be known to repeat it."""
    from mono.slam.scale.trajectory_scale import annotated_depth, network_depth, saved_depth

    if args.pred:
        depth, there = (annotated_depth if args.pred.is_file() else saved_depth)(args.pred, samples)
        if not there:
            raise MetricDepthError(
                f"{args.pred}: holds depth of none of the {len(samples)} frames; their names must agree"
            )
        return depth, there, {"command": session.command(), "predictions": str(args.pred)}
    from mono.system.distributed import Ranks

    predictor = session.load_predictor(args, args.model, args.checkpoint, Ranks())
    found = camera or _camera(args, samples)
    return network_depth(predictor, samples, found), list(range(len(samples))), session.run_metadata(predictor)


def _rescale_trajectory(args: argparse.Namespace, samples: Sequence[Sample]) -> int:
    import numpy as np

    from mono.slam.scale.trajectory_scale import apply_scale, frames_of, scale_trajectory, track_frames
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
    if target.resolve() == args.input.resolve():
        raise MetricDepthError(f"{target}: is the trajectory that is read, and would be replaced; choose another --out")
    times = read_times(args.times) if args.times else None
    whole, timed = read_timed(args.input, format, times)
    seen = whole
    if args.body_from_camera:
        if format != "euroc":
            raise MetricDepthError("--body-from-camera is for EuRoC files, whose poses are those of a body")
        # The lever arm is in metres and the trajectory is not yet: its few centimetres are left out.
        turn = np.eye(4)
        turn[:3, :3] = read_body_from_camera(args.body_from_camera)[:3, :3]
        seen = Trajectory(whole.poses @ turn, whole.times)
    of_frames = None if times is None or (format == "kitti" and len(times) != len(samples)) else times
    frames = frames_of(seen, samples, timed, of_frames)
    camera = _camera(args, frames.samples)
    depth, available, metadata = _depth(args, frames.samples, camera)
    with _Bar(min(args.count, len(available))) as done:
        tracks = track_frames(frames, camera.camera, args.count, available)
        rescaling = scale_trajectory(frames, camera.camera, depth, tracks, done)
    metric = apply_scale(whole, rescaling.estimate, args.windowed)
    write_trajectory(target, metric, format)
    extra = {
        "camera": {**asdict(camera.camera), "source": camera.source, "detail": camera.detail},
        "path_length_m": metric.length,
    }
    return _say(args, rescaling, metadata, extra, target)


def _rescale_model(args: argparse.Namespace, samples: Sequence[Sample]) -> int:
    from mono.slam.scale.colmap_model import choose_images, model_name_finder, read_model, rescaled, write_model
    from mono.slam.scale.trajectory_scale import scale_model

    target = args.out / "model"
    if target.resolve() == args.input.resolve():
        raise MetricDepthError(f"{target}: is the model that is read, and would be replaced; choose another --out")
    if args.windowed:
        raise MetricDepthError("--windowed bends a path step by step; a COLMAP model is changed by one similarity only")
    model = read_model(args.input)
    find = model_name_finder(model)
    frame_of: dict[int, int] = {}
    for k, sample in enumerate(samples):
        image = find(sample.source) if find(sample.source) is not None else find(sample.name)
        if image is not None and frame_of.setdefault(image, k) != k:
            other = samples[frame_of[image]].source
            raise MetricDepthError(
                f"{sample.source} and {other} are both called as one image of the model; give one of them"
            )
    if not frame_of:
        raise MetricDepthError(
            f"none of the {len(samples)} frames is one of the model's {model.num_reg_images()} images; names must agree"
        )
    if args.pred or _says_camera(args):
        of_frame, available, metadata = _depth(args, samples, None)
        frame_of = {i: k for i, k in frame_of.items() if k in set(available)}
        depth: Depth = lambda image: of_frame(frame_of[image])  # noqa: E731
    else:
        depth, metadata = _depth_by_the_models_cameras(args, samples, model, frame_of)
    chosen = choose_images(model, args.count, list(frame_of))
    with _Bar(len(chosen)) as done:
        rescaling = scale_model(model, chosen, depth, done)
    write_model(rescaled(model, rescaling.estimate.scale), target, (args.input / "images.txt").is_file())
    return _say(args, rescaling, metadata, {"images_of_the_model": model.num_reg_images()}, target)


def _says_camera(args: argparse.Namespace) -> bool:
    given = (args.intrinsics, args.focal_px, args.focal_35mm, args.fov_deg, args.camera)
    return any(value is not None for value in given)


def _depth_by_the_models_cameras(
    args: argparse.Namespace, samples: Sequence[Sample], model: pycolmap.Reconstruction, frame_of: dict[int, int]
) -> tuple[Depth, dict[str, Any]]:
    """Depth of the model's images by their ids, as their own cameras see it, and what must be known to repeat it."""
    from mono.data.camera_source import ResolvedCamera
    from mono.slam.reconstruction.sfm import camera_of
    from mono.system.distributed import Ranks

    predictor = session.load_predictor(args, args.model, args.checkpoint, Ranks())
    cameras = {i: camera_of(model, i) for i in frame_of}
    focal = sorted({round(camera.focal, 1) for camera in cameras.values()})
    message = f"{focal[0]} px" if len(focal) == 1 else f"{focal[0]} to {focal[-1]} px"
    sys.stdout.write(f"  camera          {message}: the model's own\n")

    def depth(image: int) -> np.ndarray:
        rgb = samples[frame_of[image]].read().rgb
        known, (height, width) = cameras[image], rgb.shape[:2]
        camera = known if (known.width, known.height) == (width, height) else known.resized(width, height)
        return predictor.predict(rgb, ResolvedCamera(camera, "given", "the COLMAP model")).depth

    return depth, session.run_metadata(predictor) | {"camera": {"focal_px": focal, "source": "the COLMAP model"}}


class _Bar:
    """A progress bar of frames."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="frame")

    def __enter__(self) -> Any:
        return self._bar.update

    def __exit__(self, *error: object) -> None:
        self._bar.close()


def _say(
    args: argparse.Namespace, rescaling: Rescaling, metadata: dict[str, Any], extra: dict[str, Any], target: Path
) -> int:
    from mono.io.atomic import write_bytes
    from mono.slam.scale.trajectory_scale import describe, report

    whole = {**report(rescaling, args.windowed), **extra, "input": str(args.input), **metadata}
    write_bytes(args.out / "scale.json", json.dumps(whole, indent=1).encode() + b"\n")
    sys.stdout.write(describe(rescaling, args.windowed))
    sys.stdout.write(f"  results: {target}  {args.out / 'scale.json'}\n")
    console.say_failures(rescaling.failures, 5)
    return 0
