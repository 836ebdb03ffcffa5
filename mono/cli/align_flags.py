"""Flags of what is known of a scene, and the alignment built from them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.calibration.sources import AlignOptions, DepthFinder

_MODELS = ("auto", "scale", "affine", "field")


def distance(text: str) -> tuple[float, ...]:
    """Parse "412,300:2.0" for argparse: a pixel and its distance."""
    return _split(text, 2, "U,V:METRES, as 412,300:2.0")


def length(text: str) -> tuple[float, ...]:
    """Parse "100,400:900,410:0.80" for argparse: two pixels and the length between them."""
    return _split(text, 4, "U1,V1:U2,V2:METRES, as 100,400:900,410:0.80")


def _split(text: str, count: int, form: str) -> tuple[float, ...]:
    pixels, _, metres = text.rpartition(":")
    try:
        values = tuple(float(part) for part in (*pixels.replace(":", ",").split(","), metres))
    except ValueError:
        values = ()
    if len(values) != count + 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not {form}')
    return values


def add_align_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags that give known distances."""
    group = parser.add_argument_group(
        "known distances",
        "Depth is brought to them; pixels are column,row of the upright image, from 0 at the top left.",
    )
    group.add_argument(
        "--align", type=Path, metavar="PATH",
        help="align with a depth map, a point cloud (PLY, LAS, LAZ, CSV, KITTI .bin), a folder with one per image, or "
        "a COLMAP model (sparse/0), whose unit depth then has",
    )  # fmt: skip
    group.add_argument(
        "--align-metric", action="store_true",
        help="the COLMAP model of --align is in metres, as slam and rescale write it",
    )  # fmt: skip
    group.add_argument(
        "--align-scale", type=float, metavar="N", help="metres = stored value / N in depth maps of --align"
    )
    group.add_argument(
        "--along-ray", action="store_true",
        help="take distances of --known and --align as measured from the camera, not along its axis",
    )  # fmt: skip
    group.add_argument(
        "--extrinsics", type=Path, metavar="FILE",
        help="transform from the cloud's frame to the camera's: 4x4, KITTI calib, or x y z qx qy qz qw",
    )  # fmt: skip
    group.add_argument("--extrinsics-inverse", action="store_true", help="read --extrinsics as the camera's pose")
    group.add_argument(
        "--known", type=distance, action="append", default=[], metavar="U,V:M", help="distance of a pixel (repeatable)"
    )
    group.add_argument(
        "--known-length", type=length, action="append", default=[], metavar="U,V:U,V:M",
        help="length between two pixels (repeatable)",
    )  # fmt: skip
    group.add_argument("--camera-height", type=float, metavar="M", help="height of the camera above the ground")
    group.add_argument(
        "--align-model", choices=_MODELS, default="auto",
        help="fit one scale, scale and exponent, a smooth field, or what the distances support",
    )  # fmt: skip


def align_options(args: argparse.Namespace) -> AlignOptions | None:
    """Build the alignment of the flags; None where nothing is known.

    Raises:
        MetricDepthError: flags do not belong together, or a file cannot be used.
    """
    given = args.align is not None or args.known or args.known_length or args.camera_height is not None
    extra = (
        args.align_metric
        or args.align_scale is not None
        or args.along_ray
        or args.extrinsics
        or args.extrinsics_inverse
    )
    if args.extrinsics_inverse and not args.extrinsics:
        raise MetricDepthError("--extrinsics-inverse says how --extrinsics is meant: give that file, too")
    if not given:
        if extra or args.align_model != "auto":
            raise MetricDepthError(
                "there is nothing to align with: give --align, --known, --known-length or --camera-height"
            )
        return None
    from mono.calibration.known import Known
    from mono.calibration.sources import AlignOptions

    path: Path | None = args.align
    finder: DepthFinder | None = None
    unit = "m"
    is_model = path is not None and any((path / f"images.{s}").is_file() for s in ("bin", "txt"))
    if args.align_metric and not is_model:
        raise MetricDepthError("--align-metric is for a COLMAP model in metres: give its folder with --align")
    if path is not None and is_model:
        distances = args.known or args.known_length or args.camera_height is not None
        if distances and not args.align_metric:
            raise MetricDepthError(
                f"{path}: a COLMAP model has a unit of its own, which distances in metres contradict: give one of "
                "both, or --align-metric if it is in metres"
            )
        from mono.slam.scale.colmap_depth import ColmapDepth

        finder, path, unit = ColmapDepth(path), None, "m" if args.align_metric else "model"
    known = Known(
        points=tuple(args.known),
        lengths=tuple(args.known_length),
        camera_height=args.camera_height,
        unit=unit,
        kind="ray" if args.along_ray else "axis",
    )
    return AlignOptions(
        known,
        path,
        args.align_scale,
        args.along_ray,
        args.extrinsics,
        args.extrinsics_inverse,
        args.align_model,
        finder,
    )
