"""`metricdepth annotate`: annotation files of datasets, and their check."""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mono.cli.values import numbers
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.check import CheckReport, Finding
    from mono.data.datasets.annotation_writer import Annotated, Intrinsics, Progress

Builder = Callable[[argparse.Namespace, "Progress"], "Annotated"]

_SHOWN = 20  # findings of a kind


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command with an action for each dataset, and `check`."""
    parser = commands.add_parser(
        "annotate",
        description="Write the annotation file of a dataset, or check an annotation file for likely mistakes.",
        epilog="example: metricdepth annotate folder my/rgb my/depth --depth-scale 1000 --out my/annotations.json",
    )
    actions = parser.add_subparsers(dest="dataset", metavar="DATASET", required=True)

    kitti = _dataset(
        actions, "kitti", _kitti, "annotate KITTI: raw drives, annotated depth, a split list", "folder of the dates"
    )
    kitti.add_argument(
        "--split", type=Path, metavar="FILE",
        help="list of frames, such as Eigen's test files (default: all with annotated depth)",
    )  # fmt: skip
    kitti.add_argument(
        "--depth-root", type=Path, metavar="DIR",
        help="folder of train/ and val/ with annotated depth (default: ROOT/data_depth_annotated, else ROOT)",
    )  # fmt: skip
    kitti.add_argument("--right", action="store_true", help="include images of the right camera (without --split)")
    _add_keep(kitti)

    nyu = _dataset(
        actions,
        "nyu",
        _nyu,
        "annotate NYU Depth v2: labeled set (.mat) or official_splits",
        ".mat file, or folder",
        "SOURCE",
    )
    nyu.add_argument("--splits", type=Path, metavar="FILE", help="splits.mat (default: beside the labeled set)")
    nyu.add_argument(
        "--part", choices=("test", "train", "all"), default="test", help="images to annotate (default: test)"
    )
    nyu.add_argument(
        "--depth", choices=("raw", "filled"), default="raw",
        help="depth of the .mat file: as measured, as in official_splits, or with filled holes (default: raw)",
    )  # fmt: skip
    _add_files(nyu)

    for name, build, words, root in (
        ("ibims", _ibims, "annotate iBims-1 (ibims1_core_raw)", "folder of rgb/, depth/, calib/"),
        ("diode", _diode, "annotate DIODE, with its masks applied", "val, or a folder in it"),
        ("sunrgbd", _sunrgbd, "annotate SUN RGB-D; writes its depth in millimeters", "SUNRGBD, or a folder in it"),
    ):
        _add_files(_dataset(actions, name, build, words, root))

    tum = _dataset(actions, "tum", _tum, "annotate TUM RGB-D sequences", "a sequence, or a folder of sequences")
    tum.add_argument(
        "--max-difference",
        type=float,
        default=0.02,
        metavar="S",
        help="seconds between image and depth (default: 0.02)",
    )
    _add_intrinsics(tum, "of all images (default: by freiburg1, 2 or 3 in the folder's name)")

    folder = _dataset(
        actions, "folder", _folder, "annotate folders of images and depth maps matched by name",
        "folder of images, or of both (rgb/ and depth/, or side by side)", "RGB",
    )  # fmt: skip
    folder.add_argument("depth", nargs="?", type=Path, metavar="DEPTH", help="folder of depth maps")
    folder.add_argument("--depth-scale", type=float, metavar="S", help="stored value of one meter, such as 1000")
    folder.add_argument(
        "--depth-kind", choices=("z", "ray"), default="z",
        help="depth along the optical axis (z) or along the pixel's ray (default: z)",
    )  # fmt: skip
    folder.add_argument(
        "--depth-invalid", type=_invalid_values, metavar="V,...",
        help='stored values that mean "no depth", besides 0, such as 65535; "none": there are none (default: largest '
        "values of 16-bit and half-float types are detected from their pixels, with a warning)",
    )  # fmt: skip
    camera = folder.add_mutually_exclusive_group()
    _add_intrinsics(camera, "of all images")
    camera.add_argument("--camera", type=Path, metavar="FILE", help="camera file: JSON or COLMAP cameras.txt")
    _add_keep(folder)

    check = actions.add_parser("check", help="validate an annotation file, and report likely mistakes in its data")
    check.add_argument("file", type=Path, metavar="FILE", help="annotation file (JSON)")
    check.add_argument("--data-root", type=Path, metavar="DIR", help="folder that paths in the file are relative to")
    check.add_argument("--sample", type=int, metavar="N", help="open only N entries, evenly spread")
    check.add_argument("--all", action="store_true", help=f"list all findings (default: {_SHOWN} of a kind)")
    check.set_defaults(run=_check)


def _dataset(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    build: Builder,
    words: str,
    root: str,
    metavar: str = "ROOT",
) -> argparse.ArgumentParser:
    example = f"example: metricdepth annotate {name} {metavar} --out {name}.json"
    parser = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=example)
    parser.add_argument("root", type=Path, metavar=metavar, help=root)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="annotation file to write (.json)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing annotation file")
    parser.set_defaults(run=_run, build=build)
    return parser


def _add_keep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-without-depth", action="store_true", help="keep images without ground truth")


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--files",
        type=Path,
        metavar="DIR",
        help="folder for written depth maps (default: FILE without .json)",
    )


def _add_intrinsics(parser: argparse._ActionsContainer, words: str) -> None:
    parser.add_argument("--intrinsics", type=_intrinsics, metavar="FX,FY,CX,CY", help=f"camera in pixels {words}")


def _invalid_values(text: str) -> tuple[float, ...]:
    return () if text == "none" else tuple(numbers(text))


def _intrinsics(text: str) -> Intrinsics:
    values = numbers(text)
    if len(values) != 4:
        raise argparse.ArgumentTypeError(f'"{text}" is not FX,FY,CX,CY')
    return values[0], values[1], values[2], values[3]


def _kitti(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.kitti import annotate_kitti

    cameras = ("image_02", "image_03") if args.right else ("image_02",)
    return annotate_kitti(
        args.root, args.split, depth_root=args.depth_root, cameras=cameras, keep_without_depth=args.keep_without_depth
    )


def _nyu(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.nyu import annotate_nyu

    return annotate_nyu(args.root, args.files, splits=args.splits, part=args.part, depth=args.depth, progress=progress)


def _ibims(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.ibims import annotate_ibims

    return annotate_ibims(args.root, args.files, progress=progress)


def _diode(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.diode import annotate_diode

    return annotate_diode(args.root, args.files, progress=progress)


def _sunrgbd(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.sunrgbd import annotate_sunrgbd

    return annotate_sunrgbd(args.root, args.files, progress=progress)


def _tum(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.tum import annotate_tum

    return annotate_tum(args.root, max_difference=args.max_difference, intrinsics=args.intrinsics)


def _folder(args: argparse.Namespace, progress: Progress) -> Annotated:
    from mono.data.datasets.rgbd_folder import annotate_pairs

    return annotate_pairs(
        args.root,
        args.depth,
        intrinsics=args.intrinsics,
        camera_file=args.camera,
        depth_scale=args.depth_scale,
        depth_kind=args.depth_kind,
        depth_invalid=args.depth_invalid,
        keep_without_depth=args.keep_without_depth,
    )


def _run(args: argparse.Namespace) -> int:
    """Build, write and validate an annotation file."""
    from tqdm import tqdm

    from mono.data.annotations import load_annotations
    from mono.data.datasets.annotation_writer import write_annotations
    from mono.io.atomic import remove_stale_files
    from mono.runs.folder import refuse_existing

    if args.out.suffix.lower() != ".json":
        raise MetricDepthError(f"{args.out}: is no name of an annotation file; it ends in .json")
    refuse_existing(args.out, args.overwrite)
    if getattr(args, "files", None) is None:
        args.files = args.out.with_suffix("")
    if args.files.is_dir():
        remove_stale_files(args.files)
    annotated = args.build(args, lambda items: tqdm(items, unit="frame"))
    write_annotations(args.out, annotated.entries)
    load_annotations(args.out)
    for line in (*annotated.notes, f"written: {args.out}", f"next: metricdepth annotate check {args.out}"):
        sys.stdout.write(line + "\n")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Check a file; return 1 if there are findings."""
    from tqdm import tqdm

    from mono.data.check import check_annotations

    report = check_annotations(
        args.file, args.data_root, sample=args.sample, progress=lambda items: tqdm(items, unit="entry")
    )
    sys.stdout.write("\n".join([f"{args.file}", *_summary(report), *_listed(report.findings, args.all)]) + "\n")
    return 1 if report.findings else 0


def _summary(report: CheckReport) -> list[str]:
    part = "" if report.looked_at == report.entries else f", {report.looked_at} of them opened"
    lines = [f"  entries       {report.entries}{part}"]
    lines.append(f"  sizes         {_sizes(report.sizes)}")
    if set(report.depth_sizes) - set(report.sizes):
        lines.append(f"  depth sizes   {_sizes(report.depth_sizes)}")
    if report.cameras:
        focal = _range([camera.focal for camera in report.cameras], "px")
        fov = _range([camera.horizontal_fov for camera in report.cameras], "deg")
        lines.append(f"  focal length  {focal}; horizontal field of view {fov}")
    without = report.looked_at - len(report.cameras)
    if without:
        lines.append(f"  no camera     {without}")
    if report.depths:
        reach = f"{min(d.least for d in report.depths):.4g}-{max(d.largest for d in report.depths):.4g} m"
        medians = _range([d.median for d in report.depths], "m")
        lines.append(f"  depth         {report.with_depth} maps; {reach}; medians {medians}")
        lines.append(f"  valid pixels  {_range([100 * d.valid for d in report.depths], '%')}")
    else:
        lines.append(f"  depth         {report.with_depth} maps")
    if report.with_normal:
        lines.append(f"  normals       {report.with_normal} maps")
    return lines


def _sizes(counts: Counter[tuple[int, int]]) -> str:
    sizes = [f"{width}x{height} ({count})" for (width, height), count in counts.most_common(6)]
    more = f" and {len(counts) - 6} more" if len(counts) > 6 else ""
    return f"{', '.join(sizes) or 'none'}{more}"


def _range(values: list[float], unit: str) -> str:
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return f"{low} {unit}" if low == high else f"{low}-{high} {unit}"


def _listed(findings: tuple[Finding, ...], everything: bool) -> list[str]:
    if not findings:
        return ["nothing looks wrong: make sure that the ranges above are meters and pixels as you expect"]
    kinds: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds[finding.kind].append(finding)
    lines = [f"{len(findings)} warning{'s' * (len(findings) != 1)}:"]
    for kind, found in kinds.items():
        shown = found if everything else found[:_SHOWN]
        lines += [f"  {finding}" for finding in shown]
        if len(found) > len(shown):
            lines.append(f"  and {len(found) - len(shown)} more: {kind} (--all lists them)")
    return lines
