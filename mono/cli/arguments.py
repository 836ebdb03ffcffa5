"""Flags that several commands share, and options built from them."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import camera_flags
from mono.cli.help import add_hidden
from mono.cli.values import depth_scale, names, numbers
from mono.system.errors import MetricDepthError
from mono.system.threads import workers_beside

if TYPE_CHECKING:
    from mono.evaluation.protocols import Protocol
    from mono.runs.options import RunOptions

logger = logging.getLogger(__name__)
_FAR_SKY = 200.0  # [m], depth of far sky of the small models


def data_name(data: Path) -> str:
    """Name a dataset after its folder, and its file where that says more."""
    parent, stem = data.absolute().parent.name or "data", data.stem
    return parent if stem in ("annotations", "test_annotations") else f"{parent}_{stem}"


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the model and its weights."""
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of the model")


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags of device, precision, config overrides, threads and verbosity."""
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--baseline", type=Path, metavar="FILE.py", help="run this file's model class instead of --model; it runs code"
    )
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    group.add_argument(
        "--precision",
        help="float32, bfloat16, float16 or auto (default: float32; with --backend fastest, measured)",
    )
    add_backend_flag(group)
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="predict N images at a time (default: as many as are best for the backend)",
    )
    add_hidden(group, "--batch_size", dest="batch_size", type=int)
    add_config_flags(group)
    group.add_argument("--trust-model", action="store_true", help="run a .ts or .pt2 file, which may contain any code")
    group.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="refine depth N times, for networks with refinement (default: as in the config)",
    )
    group.add_argument(
        "--sky", choices=("invalid", "far", "keep"), help="depth of sky, of models that predict sky: none, the "
        "farthest that the model knows, or what it predicts (default: invalid)",
    )  # fmt: skip
    group.add_argument(
        "--fit", choices=("pad", "tight"), help="pad images to the network's full input, or to its stride only "
        "(default: as in the config)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=int, metavar="N", help="run the network on N threads (default: all cores); images are read "
        "and written beside it, or in turn with 1",
    )  # fmt: skip
    group.add_argument(
        "--launcher",
        default="None",
        help="split images over processes: None, pytorch (torchrun; detected) or slurm",
    )
    group.add_argument("--verbose", action="store_true", help="log more, with tracebacks of failures")


def add_backend_flag(group: argparse._ActionsContainer) -> None:
    """Add the flag of the network's runtime."""
    group.add_argument(
        "--backend", default=os.environ.get("METRICDEPTH_BACKEND") or "auto", metavar="B",
        help="eager, compile, onnxruntime, openvino; auto: OpenVINO or ONNX Runtime for convolutional networks on "
        "CPUs, else eager; fastest: measured once, within the accuracy bound (default: $METRICDEPTH_BACKEND or auto)",
    )  # fmt: skip


def add_config_flags(group: argparse._ActionsContainer) -> None:
    """Add config overrides."""
    group.add_argument(
        "--options",
        nargs="+",
        default=[],
        metavar="K=V",
        help='override config values, such as data_basic.crop_size="(544,928)"',
    )


def add_protocol_flags(parser: argparse.ArgumentParser) -> None:
    """Add the evaluation protocol and changes to it."""
    group = parser.add_argument_group("protocol", "The protocol is printed above every table.")
    group.add_argument(
        "--protocol",
        default="none",
        help="kitti_eigen_garg, kitti_eigen_garg_full (without KITTI's benchmark crop), kitti_eigen, nyu_eigen, "
        "nyu_borders, ibims, diode, none, or a config (.py) with protocol = dict(name=…, …); none: no crop, no cap",
    )
    group.add_argument("--inverse", action="store_true", help="add a tier aligned by scale and shift in inverse depth")
    group.add_argument("--min-depth", type=float, metavar="M", help="count ground truth beyond this depth [m]")
    group.add_argument("--max-depth", type=float, metavar="M", help="count ground truth nearer than this depth [m]")
    group.add_argument(
        "--eval-crop", type=numbers, metavar="T,B,L,R", help="count rows T:B and columns L:R, as fractions of the image"
    )


def alignments_of(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the alignment tiers of the flags."""
    from mono.evaluation.alignment import ALIGNMENTS, TIERS

    return ALIGNMENTS if args.inverse else TIERS


def protocol_of(args: argparse.Namespace) -> Protocol:
    """Build the protocol of the flags.

    Raises:
        MetricDepthError: the crop is not four numbers, or the protocol is unknown.
    """
    from mono.evaluation.protocols import read_protocol

    changes: dict[str, Any] = {"min_depth": args.min_depth, "max_depth": args.max_depth, "crop": args.eval_crop}
    changes = {name: value for name, value in changes.items() if value is not None}
    if "crop" in changes:
        if len(args.eval_crop) != 4:
            raise MetricDepthError(f"--eval-crop is {args.eval_crop}; it must be four numbers: top,bottom,left,right")
        changes |= {"crop_unit": "fraction", "kitti_benchmark_crop": False}
    return read_protocol(args.protocol, changes)


def add_output_flags(parser: argparse.ArgumentParser, save: str, more: str = "") -> None:
    """Add flags of kinds and formats of output.

    Args:
        parser: parser of a command, which adds the output folder itself.
        save: kinds that are saved by default, separated by commas.
        more: further kinds of this command, each after a comma.
    """
    group = parser.add_argument_group("output")
    group.add_argument(
        "--save",
        type=names,
        default=names(save),
        metavar="WHAT",
        help=f"save any of depth,vis,pcd,normal,mask,sky,confidence,std,points,mesh{more}; outputs of former runs stay "
        f"(default: {save})",
    )
    group.add_argument(
        "--depth-format",
        choices=("png", "npy", "npz", "exr"),
        default="png",
        help="write depth in this format; png: 16 bits, with its scale in the file",
    )
    group.add_argument(
        "--depth-scale", type=depth_scale, default=1000.0, metavar="N",
        help="store N steps per meter in PNGs, the same for all images; depth beyond 65535/N m becomes invalid; auto: "
        "chosen for each image (default: 1000, millimeters)",
    )  # fmt: skip
    group.add_argument(
        "--invalid", choices=("0", "nan"), default="0", help="mark pixels without depth like this in npy, npz and exr"
    )
    group.add_argument(
        "--normal-format", choices=("png", "npy"), default="png", help="write normals in this format; png: 16 bits"
    )
    group.add_argument(
        "--mesh-format", choices=("glb", "ply", "obj"), default="glb",
        help="write meshes in this format; glb: with the photo as texture and the camera, others: colored vertices",
    )  # fmt: skip
    group.add_argument("--mesh-faces", type=int, metavar="N", help="write meshes of at most N triangles")
    group.add_argument("--min-range", type=float, metavar="M", help="discard points nearer than this [m]")
    group.add_argument("--max-range", type=float, metavar="M", help="discard points farther than this [m]")
    group.add_argument(
        "--edge-filter", type=float, default=0.1, metavar="R",
        help="discard points at relative depth jumps above this; 0 keeps all",
    )  # fmt: skip
    group.add_argument(
        "--voxel-size", type=float, metavar="M", help="voxel edge length in meters; keeps one point per voxel"
    )
    group.add_argument("--min-confidence", type=float, metavar="C", help="discard points below this confidence")
    group.add_argument(
        "--pcd-size", choices=("network", "full"), default="network",
        help="keep at most as many points as the network's input has pixels, or one per pixel",
    )  # fmt: skip
    group.add_argument(
        "--axes", choices=("opencv", "opengl"), default="opencv",
        help="axes of point clouds: opencv has y down and z forward, opengl y up and z backward (for viewers)",
    )  # fmt: skip
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace former results of these images, and other files in their place",
    )


def run_options(args: argparse.Namespace, out: Path, protocol: Protocol | None) -> RunOptions:
    """Build the options of a run from the flags."""
    from mono.io.depth_metadata import DepthEncoding
    from mono.runs.options import RunOptions
    from mono.runs.outputs import CloudOptions, OutputOptions

    filters = {"--min-range": args.min_range, "--max-range": args.max_range, "--voxel-size": args.voxel_size}
    filters["--min-confidence"] = args.min_confidence
    given = [name for name, value in filters.items() if value is not None]
    if given and not {"pcd", "mask", "mesh"} & set(args.save) and not args.focal_sweep:
        logger.warning("%s: no point cloud is saved, so this has no effect; add pcd to --save", ", ".join(given))
    cloud = CloudOptions(
        args.min_range,
        args.max_range,
        args.edge_filter or None,
        args.voxel_size,
        args.min_confidence,
        size=args.pcd_size,
        axes=args.axes,
    )
    encoding = DepthEncoding(args.depth_scale, float(args.invalid))
    if args.sky == "far" and "depth" in args.save and args.depth_format == "png" and encoding.farthest < _FAR_SKY:
        logger.warning(
            "--sky far: depth PNGs end at %.1f m here, and the sky lies at up to %g m, so it stays 0 in them: add "
            "--depth-scale 200, or --depth-format npy",
            encoding.farthest,
            _FAR_SKY,
        )
    return RunOptions(
        out=out,
        output=OutputOptions(
            args.save, args.depth_format, cloud, args.normal_format, args.mesh_format, args.mesh_faces, encoding
        ),
        batch_size=args.batch_size,
        workers=workers_beside(args.threads),
        overwrite=args.overwrite,
        resolver=camera_flags.camera_resolver(args),
        focal_sweep=args.focal_sweep,
        protocol=protocol,
    )


def evaluation_options(args: argparse.Namespace, out: Path, report: bool) -> RunOptions:
    """Build the options of a run that is compared with ground truth."""
    options = run_options(args, out, protocol_of(args))
    return replace(options, alignments=alignments_of(args), report=report)
