"""Flags that several commands share, and the options that they describe."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.system.errors import MetricDepthError
from mono.system.threads import workers_beside

if TYPE_CHECKING:
    from mono.data.camera_source import CameraResolver
    from mono.evaluation.protocols import Protocol
    from mono.runs.options import RunOptions

logger = logging.getLogger(__name__)


def numbers(text: str) -> tuple[float, ...]:
    """Parses "600,800,1000" for argparse."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a list of numbers separated by commas') from None


def names(text: str) -> tuple[str, ...]:
    """Parses "depth,vis" for argparse; "none" and "" are no names."""
    return tuple(part for part in (p.strip() for p in text.split(",")) if part and part != "none")


def data_name(data: Path) -> str:
    """What a dataset is called: its folder's name, and its file's if that says more."""
    parent, stem = data.absolute().parent.name or "data", data.stem
    return parent if stem in ("annotations", "test_annotations") else f"{parent}_{stem}"


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Adds device, precision, config overrides, iterations, padding, threads and verbosity."""
    group = parser.add_argument_group("machine")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    group.add_argument(
        "--precision",
        help="float32, bfloat16, float16 or auto (default: float32; with --backend auto, what is fastest)",
    )
    group.add_argument(
        "--backend", default="eager", metavar="B",
        help="eager, compile, onnxruntime, openvino, or auto: the fastest within the accuracy bound (default: eager)",
    )  # fmt: skip
    group.add_argument(
        "--batch_size", "--batch-size", type=int, default=1, metavar="N", help="images at a time (default: 1)"
    )
    add_config_flags(group)
    group.add_argument("--trust-model", action="store_true", help="run a .ts or .pt2 file, which may hold any code")
    group.add_argument("--iterations", type=int, metavar="N", help="of the refinement, for networks that have one")
    group.add_argument(
        "--fit", choices=("pad", "tight"), help="pad images to the network's whole input, or only as far as it must be "
        "(default: as the model's config says)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=int, metavar="N", help="of the network (default: all cores); images are read and written "
        "beside it, but with 1 in turn",
    )  # fmt: skip
    group.add_argument(
        "--launcher",
        default="None",
        help="None, pytorch (torchrun; found out by itself) or slurm: images are split over processes (default: None)",
    )
    group.add_argument("--verbose", action="store_true", help="log more, with tracebacks")


def add_config_flags(group: argparse._ActionsContainer) -> None:
    """Adds config overrides."""
    group.add_argument(
        "--options", nargs="+", default=[], metavar="K=V", help='config values, as data_basic.crop_size="(544,928)"'
    )


def add_camera_flags(parser: argparse.ArgumentParser, sweep: bool = True) -> None:
    """Adds the ways to say what the camera is, and with `sweep` to try several focal lengths."""
    group = parser.add_argument_group(
        "camera", "Distances scale with the focal length. Without these flags it is taken from the annotation, a "
        "camera file beside the image or in its folder, EXIF data, or a field of view is assumed, in this order."
    )  # fmt: skip
    given = group.add_mutually_exclusive_group()
    given.add_argument("--intrinsics", type=numbers, metavar="FX,FY,CX,CY", help="of all images [px]")
    given.add_argument("--focal-px", type=float, metavar="F", help="focal length of all images [px]")
    given.add_argument("--focal-35mm", type=float, metavar="F", help="35-mm equivalent of all images [mm], as 26")
    given.add_argument("--fov-deg", type=float, metavar="A", help="horizontal field of view of all images [deg]")
    given.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="camera file for all images: JSON, a matrix, COLMAP, KITTI, ROS, OpenCV or Kalibr",
    )
    if sweep:
        group.add_argument(
            "--focal-sweep",
            type=numbers,
            default=(),
            metavar="F,F,…",
            help="write a point cloud for each of these [px]",
        )


def add_protocol_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the evaluation protocol and what may differ from it."""
    group = parser.add_argument_group("protocol", "It is printed above every table.")
    group.add_argument(
        "--protocol",
        default="none",
        help="kitti_eigen_garg, kitti_eigen, nyu_eigen, nyu_borders, ibims, diode, none, or a config (.py) with "
        "protocol = dict(name=…, …) (default: none: no crop, no cap)",
    )
    group.add_argument("--inverse", action="store_true", help="add a tier aligned by scale and shift in inverse depth")
    group.add_argument("--min-depth", type=float, metavar="M", help="ground truth counts beyond this [m]")
    group.add_argument("--max-depth", type=float, metavar="M", help="ground truth counts nearer than this [m]")
    group.add_argument(
        "--eval-crop", type=numbers, metavar="T,B,L,R", help="rows T:B and columns L:R count, as shares of the frame"
    )


def alignments_of(args: argparse.Namespace) -> tuple[str, ...]:
    """The tiers that the flags ask for."""
    from mono.evaluation.alignment import ALIGNMENTS, TIERS

    return ALIGNMENTS if args.inverse else TIERS


def protocol_of(args: argparse.Namespace) -> Protocol:
    """The protocol that the flags describe."""
    from mono.evaluation.protocols import read_protocol

    changes: dict[str, Any] = {"min_depth": args.min_depth, "max_depth": args.max_depth, "crop": args.eval_crop}
    changes = {name: value for name, value in changes.items() if value is not None}
    if "crop" in changes:
        if len(args.eval_crop) != 4:
            raise MetricDepthError(f"--eval-crop is {args.eval_crop}; it must be four numbers: top,bottom,left,right")
        changes |= {"crop_unit": "fraction", "kitti_benchmark_crop": False}
    return read_protocol(args.protocol, changes)


def add_output_flags(parser: argparse.ArgumentParser, save: str, more: str = "") -> None:
    """Adds what is written; the folder itself is named by each command. `more`: kinds that this command has besides."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--save",
        type=names,
        default=names(save),
        metavar="WHAT",
        help=f"of depth,vis,pcd,normal{more} (default: {save})",
    )
    group.add_argument(
        "--depth-format", choices=("png", "npy", "npz", "exr"), default="png", help="png: 16 bit, scale in the file"
    )
    group.add_argument("--normal-format", choices=("png", "npy"), default="png", help="png: 16 bit, code in the file")
    group.add_argument("--min-range", type=float, metavar="M", help="nearest point of a point cloud [m]")
    group.add_argument("--max-range", type=float, metavar="M", help="farthest point of a point cloud [m]")
    group.add_argument(
        "--edge-filter", type=float, default=0.1, metavar="R",
        help="drop points at relative depth jumps above this; 0 keeps all (default: 0.1)",
    )  # fmt: skip
    group.add_argument("--voxel-size", type=float, metavar="M", help="one point a cube of this size [m]")
    group.add_argument("--min-confidence", type=float, metavar="C", help="of points, in the network's own range")
    group.add_argument("--overwrite", action="store_true", help="redo what is done")


def camera_resolver(args: argparse.Namespace) -> CameraResolver:
    """The camera policy that the flags describe."""
    from mono.data.camera_source import CameraResolver

    return CameraResolver(
        args.intrinsics, args.focal_px, args.fov_deg, camera_file=args.camera, focal_35mm=args.focal_35mm
    )


def run_options(args: argparse.Namespace, out: Path, protocol: Protocol | None) -> RunOptions:
    """The run that the flags describe."""
    from mono.runs.options import RunOptions
    from mono.runs.outputs import CloudOptions, OutputOptions

    filters = {"--min-range": args.min_range, "--max-range": args.max_range, "--voxel-size": args.voxel_size}
    filters["--min-confidence"] = args.min_confidence
    given = [name for name, value in filters.items() if value is not None]
    if given and "pcd" not in args.save and not args.focal_sweep:
        logger.warning("%s: for point clouds, of which none is saved: add pcd to --save", ", ".join(given))
    cloud = CloudOptions(args.min_range, args.max_range, args.edge_filter or None, args.voxel_size, args.min_confidence)
    return RunOptions(
        out=out,
        output=OutputOptions(args.save, args.depth_format, cloud, args.normal_format),
        batch_size=args.batch_size,
        workers=workers_beside(args.threads),
        overwrite=args.overwrite,
        resolver=camera_resolver(args),
        focal_sweep=args.focal_sweep,
        protocol=protocol,
    )


def evaluation_options(args: argparse.Namespace, out: Path, report: bool) -> RunOptions:
    """The run that the flags describe, compared with ground truth."""
    options = run_options(args, out, protocol_of(args))
    return replace(options, alignments=alignments_of(args), report=report)
