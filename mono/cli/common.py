"""Flags that several commands share, and the run that they describe."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli.model_options import nth_device, refinement_of, with_fit, with_iterations
from mono.system.threads import share_cores, workers_beside

if TYPE_CHECKING:
    from mono.data.camera_source import CameraPolicy
    from mono.data.sample import Sample
    from mono.do_test import RunOptions, RunSummary
    from mono.evaluation.protocols import Protocol
    from mono.inference.predictor import Predictor
    from mono.system.distributed import Ranks


log = logging.getLogger(__name__)


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
    given.add_argument("--fov-deg", type=float, metavar="A", help="horizontal field of view of all images [deg]")
    given.add_argument(
        "--camera", type=Path, metavar="FILE", help="camera file for all images: JSON or COLMAP cameras.txt"
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
    from mono.config import read_protocol

    changes: dict[str, Any] = {"min_depth": args.min_depth, "max_depth": args.max_depth, "crop": args.eval_crop}
    changes = {name: value for name, value in changes.items() if value is not None}
    if "crop" in changes:
        if len(args.eval_crop) != 4:
            raise ValueError(f"--eval-crop is {args.eval_crop}; it must be four numbers: top,bottom,left,right")
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


def camera_policy(args: argparse.Namespace) -> CameraPolicy:
    """The camera policy that the flags describe."""
    from mono.data.camera_source import CameraPolicy

    return CameraPolicy(
        intrinsics=args.intrinsics, focal_px=args.focal_px, fov_deg=args.fov_deg, camera_file=args.camera
    )


def run_options(args: argparse.Namespace, out: Path, protocol: Protocol | None) -> RunOptions:
    """The run that the flags describe."""
    from mono.do_test import RunOptions
    from mono.runs.outputs import CloudOptions, OutputOptions

    filters = {"--min-range": args.min_range, "--max-range": args.max_range, "--voxel-size": args.voxel_size}
    filters["--min-confidence"] = args.min_confidence
    given = [name for name, value in filters.items() if value is not None]
    if given and "pcd" not in args.save and not args.focal_sweep:
        log.warning("%s: for point clouds, of which none is saved: add pcd to --save", ", ".join(given))
    cloud = CloudOptions(args.min_range, args.max_range, args.edge_filter or None, args.voxel_size, args.min_confidence)
    return RunOptions(
        out=out,
        output=OutputOptions(args.save, args.depth_format, cloud, args.normal_format),
        batch_size=args.batch_size,
        workers=workers_beside(args.threads),
        overwrite=args.overwrite,
        policy=camera_policy(args),
        focal_sweep=args.focal_sweep,
        protocol=protocol,
    )


def evaluation_options(args: argparse.Namespace, out: Path, report: bool) -> RunOptions:
    """The run that the flags describe, compared with ground truth."""
    options = run_options(args, out, protocol_of(args))
    return replace(options, alignments=alignments_of(args), report=report)


def load_predictor(args: argparse.Namespace, model: str, checkpoint: Path | None, ranks: Ranks) -> Predictor:
    """The model that the flags describe; processes on one machine take its GPUs in turn."""
    from mono.config import parse_options
    from mono.conversion.formats import is_exported
    from mono.inference.predictor import load_model

    share_cores(args.threads)
    options = with_fit(with_iterations(parse_options(args.options), args.iterations), args.fit)
    exported = is_exported(model)
    spread = ranks.count > 1 and args.device in ("auto", "cuda") and not exported
    device = nth_device(ranks.local) if spread else args.device

    def load(precision: Any, backend: Any) -> Predictor:
        with refinement_of(model, options):
            return load_model(
                model,
                checkpoint=checkpoint,
                device=device,
                precision=precision,
                options=options,
                backend=backend,
                trust=args.trust_model,
            )

    if args.backend != "auto" or ranks.count == 1 or exported:
        return load(args.precision, args.backend)
    # One process measures what is fastest: others would disturb it, and might find something else.
    first = load(args.precision, "auto") if ranks.rank == 0 else None
    precision, backend = ranks.agree(first and (first.precision, first.backend))
    return first or load(precision, backend)


def command() -> list[str]:
    """The command line, as it can be typed again."""
    program = Path(sys.argv[0]).name
    return ["metricdepth" if program in ("__main__.py", "metricdepth") else program, *sys.argv[1:]]


def facts(predictor: Predictor) -> dict[str, Any]:
    """What must be known to repeat a run."""
    from mono.runs.records import versions

    return {
        "command": command(),
        "model": predictor.name,
        "checkpoint": str(predictor.checkpoint),
        "checksum_sha256": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "transform": asdict(predictor.transform),
        "precision": predictor.precision,
        "backend": predictor.backend,
        "device": str(predictor.device),
        "versions": versions(),
    }


def execute(samples: Sequence[Sample], predictor: Predictor, options: RunOptions, ranks: Ranks) -> RunSummary | None:
    """Runs with a progress bar on rank 0; gives the summary there, and None elsewhere."""
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from mono.do_test import run

    total = len(range(ranks.rank, len(samples), ranks.count))
    with logging_redirect_tqdm(), tqdm(total=total, unit="image", disable=ranks.rank != 0) as bar:
        return run(samples, predictor, options, on_done=bar.update, ranks=ranks)


def say_summary(summary: RunSummary | None, options: RunOptions, predictor: Predictor) -> int:
    """Tells how the run went, on rank 0; returns the exit code."""
    if summary is None:
        return 0
    out = sys.stdout.write
    counts = [f"{summary.done} image{'s' * (summary.done != 1)} done"]
    counts += [f"{summary.skipped} were done before"] if summary.skipped else []
    counts += [f"{len(summary.failures)} failed"] if summary.failures else []
    rate = f", {summary.seconds / summary.done:.2f} s an image" if summary.done else ""
    out(f"\n{', '.join(counts)}{rate}, with {predictor.name} on {predictor.device}{_how(predictor)}\n")
    for source, count in sorted(summary.sources.items()):
        hint = "  <- distances may be off by a factor: give --focal-px, or a camera file" if source == "assumed" else ""
        out(f"  focal length: {source:12} {count} image{'s' * (count != 1)}{hint}\n")
    kinds = [*options.output.save, *(["normal_vis"] if "normal" in options.output.save else []), "focal_sweep"]
    where = [f"{options.out / what}/" for what in kinds if (options.out / what).is_dir()]
    where.append(str(options.out / "manifest.jsonl"))
    out("  results: " + "  ".join(where) + "\n")
    say_failures(summary.failures)
    return 1 if summary.failures else 0


def _how(predictor: Predictor) -> str:
    """What computed, where that is not as it always was."""
    return "" if predictor.backend == "eager" else f" by {predictor.backend} in {predictor.precision}"


def say_failures(failures: Sequence[tuple[str, str]], most: int = 20) -> None:
    """Lists (input, reason) pairs."""
    for source, reason in failures[:most]:
        sys.stdout.write(f"  FAILED {source}: {reason}\n")
    if len(failures) > most:
        sys.stdout.write(f"  and {len(failures) - most} more\n")
