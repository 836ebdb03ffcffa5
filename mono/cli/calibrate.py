"""Command `metricdepth calibrate`: a camera's correction of a model, from images with known distances."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from mono.cli import arguments, camera_flags, session
from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("calibrate")
    parser.add_argument(
        "known", type=Path, help="annotation JSON with known, known_length, camera_height or depth of images"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="camera file (JSON) that gets the calibration")
    parser.add_argument("--check", type=Path, metavar="JSON", help="compare with known distances of other images")
    parser.add_argument(
        "--align-model", choices=("auto", "scale", "affine"), default="auto",
        help="fit one scale, scale and exponent, or what predicts other images better",
    )  # fmt: skip
    arguments.add_model_flags(parser)
    camera_flags.add_camera_flags(parser, sweep=False)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Calibrate, and return the exit code: 1 if images failed, or the check found others worse than before."""
    from mono.calibration.calibrate import fit_calibration
    from mono.calibration.camera_calibration import write_calibration
    from mono.calibration.known_file import read_known_images
    from mono.cli.console import say_failures, say_focal_sources
    from mono.runs.calibrate import camera_entries, check_calibration, focal_note, observe_images, refuse_other_file
    from mono.system.distributed import join_ranks

    if args.out is None and args.check is None:
        raise MetricDepthError("name the camera file that gets the calibration (--out camera.json), or --check")
    if args.out is not None and args.out.suffix.lower() != ".json":
        raise MetricDepthError(
            f"{args.out}: a calibration is stored in a camera file of JSON; name one ending in .json"
        )
    images = read_known_images(args.known)
    others = read_known_images(args.check) if args.check else []
    resolver = camera_flags.camera_resolver(args)
    if args.out is not None:
        refuse_other_file(args.out, [args.known, args.check] if args.check else [args.known], images, resolver)
    predictor = session.load_predictor(args, args.model, args.checkpoint, join_ranks("None"), len(images) + len(others))
    observed, failures = observe_images(images, predictor, resolver, to_fit=True)
    say_focal_sources(Counter(image.found.source for image in observed))
    calibration = fit_calibration(
        [image.observations for image in observed], args.align_model, [image.name for image in observed]
    )
    sys.stdout.write(f"  {predictor.name}: {calibration.describe()}\n")
    better = True
    if others:
        checked, failed = observe_images(others, predictor, resolver)
        failures += failed
        rows = check_calibration(checked, calibration)
        sys.stdout.write("  image, AbsRel before and after:\n")
        for row in rows:
            sys.stdout.write(f"  {row.name}: {row.before:.3f} -> {row.after:.3f}\n")
        before, after = (sum(getattr(row, name) for row in rows) / len(rows) for name in ("before", "after"))
        better = after <= before
        sys.stdout.write(f"  mean of {len(rows)}: {before:.3f} -> {after:.3f}{'' if better else '  <- worse'}\n")
    if args.out is not None and not better:
        sys.stdout.write(f"  {args.out} is not written: other images got worse; give more images\n")
    elif args.out is not None:
        cameras = [image.found for image in observed]
        camera = camera_entries([found.camera for found in cameras]) | focal_note(cameras).entries()
        write_calibration(args.out, camera, predictor.checksum, predictor.name, calibration, len(observed))
        sys.stdout.write(
            f"  results: {args.out}; later runs use it with --camera {args.out}, or as camera.json beside the images\n"
        )
    say_failures(failures)
    return 0 if better and not failures else 1
