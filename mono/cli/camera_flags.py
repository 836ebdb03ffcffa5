"""Flags that give the camera, and the source of cameras built from them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mono.cli.values import numbers, view_count

if TYPE_CHECKING:
    from mono.data.camera_source import CameraResolver


_SOURCE = (
    "the annotation, a camera file beside the image (NAME.camera.json) or in its folder (camera.json), EXIF data, or "
    "an assumed field of view"
)


def add_camera_flags(
    parser: argparse.ArgumentParser, sweep: bool = True, pool: bool = False, source: str = _SOURCE
) -> None:
    """Add flags that give the camera.

    Args:
        parser: parser of a command.
        sweep: add several focal lengths to try.
        pool: add one estimate for all images.
        source: where the focal length comes from without these flags.
    """
    about = f"Distances scale with the focal length. Without these flags it comes from {source}, in this order."
    group = parser.add_argument_group("camera", about)
    given = group.add_mutually_exclusive_group()
    given.add_argument("--intrinsics", type=numbers, metavar="FX,FY,CX,CY", help="intrinsics of all images [px]")
    given.add_argument("--focal-px", type=float, metavar="F", help="focal length of all images [px]")
    given.add_argument("--focal-35mm", type=float, metavar="F", help="35-mm equivalent of all images [mm], as 26")
    given.add_argument("--fov-deg", type=float, metavar="A", help="horizontal field of view of all images [deg]")
    given.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="camera file for all images, also annotated ones: JSON, a matrix, COLMAP, KITTI, ROS, OpenCV or Kalibr",
    )
    given.add_argument(
        "--assume-fov", type=float, metavar="A",
        help="assume this field of view of the longer side [deg] for images whose camera is unknown (default: 60)",
    )  # fmt: skip
    given.add_argument(
        "--estimate-focal", action="store_true",
        help="estimate the focal length of images whose camera is unknown from the picture (one for each video), and "
        "warn of pictures that look cropped",
    )  # fmt: skip
    if pool:
        given.add_argument(
            "--pool-focal", action="store_true",
            help="as --estimate-focal, but one focal length for all images of a size",
        )  # fmt: skip
    if sweep:
        group.add_argument(
            "--focal-sweep",
            type=numbers,
            default=(),
            metavar="F,F,…",
            help="write a point cloud for each focal length [px], and one image of all from above",
        )


def add_wide_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags of panoramas, and of the views that wide images are cut into."""
    group = parser.add_argument_group(
        "wide images", "Images wider than 100 degrees are cut into perspective views, whose depths are merged."
    )
    group.add_argument(
        "--panorama", action="store_true",
        help="images are equirectangular panoramas, 360 degrees wide (those that say so in their XMP need no flag)",
    )  # fmt: skip
    group.add_argument(
        "--views", type=view_count, metavar="N",
        help="cut into at most N views; 1 leaves perspective images whole (default: auto, by the field of view)",
    )  # fmt: skip
    group.add_argument("--view-fov", type=float, metavar="A", help="field of view of a view [deg] (default: 90)")


def camera_resolver(args: argparse.Namespace) -> CameraResolver:
    """Build the camera resolver of the flags."""
    from mono.data.camera_source import ASSUMED_FOV, CameraResolver

    estimated = args.estimate_focal or getattr(args, "pool_focal", False)
    return CameraResolver(
        args.intrinsics,
        args.focal_px,
        args.fov_deg,
        camera_file=args.camera,
        assumed_fov_deg=None if estimated else ASSUMED_FOV if args.assume_fov is None else args.assume_fov,
        focal_35mm=args.focal_35mm,
        panorama=getattr(args, "panorama", False),
    )
