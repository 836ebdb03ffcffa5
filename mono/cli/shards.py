"""`metricdepth shards`: depth of tar shards of images, by processes or by Ray."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mono.cli import arguments, camera_flags, console
from mono.cli.values import names
from mono.system.errors import MetricDepthError

LAYOUTS = ("tar", "parquet", "files")  # as in mono.scale_out.jobs, whose import takes a second

if TYPE_CHECKING:
    from mono.scale_out.run import ShardReport


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("shards")
    parser.add_argument(
        "inputs", nargs="+", metavar="IN",
        help="tar or Parquet shards, folders of them or of images, quoted globs, {00000..00041}.tar, or URLs",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="output folder, or its URL")
    parser.add_argument("--model", default="lite", help="zoo name, config, checkpoint, exported file or hf:…")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of the model")
    arguments.add_config_flags(parser)
    parser.add_argument("--trust-model", action="store_true", help="run a .ts or .pt2 file, which may contain any code")
    parser.add_argument(
        "--overwrite", action="store_true", help="process shards again whose results are there, also of other settings"
    )
    parser.add_argument(
        "--save", type=names, default=("depth", "mask", "camera"), metavar="KIND,…",
        help="results of each image: depth, mask, camera",
    )  # fmt: skip
    parser.add_argument(
        "--depth-scale", type=int, default=1000, metavar="N",
        help="store N steps per meter in depth PNGs; 1000: millimeters, up to 65.5 m",
    )  # fmt: skip
    layout = parser.add_argument_group("layout")
    layout.add_argument(
        "--format", default="tar", choices=LAYOUTS,
        help="write tar shards with an index, Parquet tables, or folders of files with an index",
    )  # fmt: skip
    layout.add_argument(
        "--images-per-shard", type=int, default=1000, metavar="N", help="process N images of a folder as a shard"
    )
    layout.add_argument("--image-column", metavar="NAME", help="column of images in Parquet files (default: found)")
    source = "intrinsics or fx beside the image (KEY.json, or a column), its EXIF data, or an assumed field of view"
    camera_flags.add_camera_flags(parser, sweep=False, source=source)
    workers = parser.add_argument_group("workers")
    workers.add_argument("--engine", default="processes", choices=("processes", "ray"), help="spread shards by")
    workers.add_argument("--workers", type=int, default=1, metavar="N", help="run N processes or Ray actors")
    workers.add_argument("--num-gpus", type=float, default=0, metavar="G", help="reserve G GPUs for each Ray actor")
    workers.add_argument("--address", metavar="URL", help="use this Ray cluster (default: start Ray on this machine)")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    machine.add_argument("--precision", help="float32, bfloat16, float16 or auto (default: float32)")
    arguments.add_backend_flag(machine)
    machine.add_argument("--batch-size", type=int, default=1, metavar="N", help="predict N images at a time")
    machine.add_argument("--threads", type=int, default=1, metavar="N", help="run each worker's network on N threads")
    machine.add_argument("--verbose", action="store_true", help="log more, with tracebacks of failures")
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Process shards, and return the exit code."""
    from mono.config import parse_options
    from mono.scale_out.mapper import DepthMapper
    from mono.scale_out.run import run_shards

    if args.engine != "ray" and (args.address or args.num_gpus):
        raise MetricDepthError("--address and --num-gpus are for --engine ray")
    mapper = DepthMapper(
        model=args.model,
        outputs=args.save,
        checkpoint=str(args.checkpoint) if args.checkpoint else None,
        device=args.device,
        precision=args.precision,
        backend=args.backend,
        batch_size=args.batch_size,
        threads=args.threads,
        depth_scale=args.depth_scale,
        resolver=camera_flags.camera_resolver(args),
        options=parse_options(args.options),
        trust=args.trust_model,
    )
    with console.progress_line(0, "shard") as line:
        report = run_shards(
            args.inputs,
            args.out,
            mapper,
            layout=args.format,
            image_column=args.image_column,
            images_per_shard=args.images_per_shard,
            workers=args.workers,
            engine=args.engine,
            gpus=args.num_gpus,
            address=args.address,
            overwrite=args.overwrite,
            progress=line.step,
        )
    return say_report(report, args.out, args.depth_scale)


def say_report(report: ShardReport, out: str, depth_scale: int) -> int:
    """Print the outcome of a run over shards; return the exit code."""
    from mono.io.depth_metadata import DepthEncoding

    write = sys.stdout.write
    parts = [f"{report.shards} shard{'s' * (report.shards != 1)} done"]
    parts += [f"{report.kept} of them before"] if report.kept else []
    parts += [f"{report.failed_shards} failed"] if report.failed_shards else []
    write(f"\n{', '.join(parts)}; {report.images} images, {report.failed_images} of them failed\n")
    for source, count in sorted(report.camera_sources.items()):
        write(f"  focal length: {source:12} {count} image{'s' * (count != 1)}\n")
    for reason, count in report.reasons.most_common(10):
        write(f"  {count} x {reason}\n")
    if report.beyond_range:
        images = f"{report.beyond_range} image{'s' * (report.beyond_range != 1)}"
        farthest = DepthEncoding(depth_scale).farthest
        wider = "; --depth-scale 200 reaches 327 m" if farthest < 300 else ""
        write(f"  depth beyond {farthest:.1f} m is invalid in the PNGs of {images}{wider}\n")
    write(f"  results: {out.rstrip('/')}/  {out.rstrip('/')}/report.json\n")
    console.say_failures(report.failed)
    return 1 if report.failed_shards or report.failed_images else 0
