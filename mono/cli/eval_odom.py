"""`metricdepth eval-odom`: compare a trajectory with ground truth."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from mono.cli.values import numbers
from mono.system.errors import MetricDepthError

_FORMATS = ("tum", "kitti", "euroc")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("eval-odom")
    parser.add_argument("estimate", type=Path, metavar="EST", help="TUM, KITTI or EuRoC file")
    parser.add_argument("ground_truth", type=Path, metavar="GT", help="ground-truth trajectory in metres")
    parser.add_argument("--format", choices=_FORMATS, help="format of the estimate (default: detected from its values)")
    parser.add_argument("--gt-format", choices=_FORMATS, help="format of the ground truth (default: likewise)")
    parser.add_argument(
        "--times", type=Path, metavar="FILE", help="file with one time [s] per line, for KITTI files without times"
    )
    parser.add_argument(
        "--max-difference", type=float, metavar="S",
        help="pair poses up to this far apart in time [s, or lines] (default: half the ground truth's median step)",
    )  # fmt: skip
    parser.add_argument(
        "--lengths", type=numbers, metavar="M,M,…",
        help="lengths of the KITTI errors [m]; others than 100,200,…,800 are not the benchmark's "
        "(default: 100,200,…,800)",
    )  # fmt: skip
    parser.add_argument("--step", type=int, metavar="N", help="start a stretch every N frames (default: 10)")
    parser.add_argument(
        "--delta",
        type=int,
        default=1,
        metavar="N",
        help="compared poses from one to the other of a relative error (default: 1)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to this file")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write plots of the path and of error by length")
    parser.add_argument("--plot-format", choices=("svg", "png"), default="svg", help="plot format (default: svg)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare the trajectories and return the exit code."""
    from mono.slam.trajectory.files import read_timed, read_times
    from mono.slam.trajectory.odometry_metrics import KITTI_LENGTHS, KITTI_STEP, compare_trajectories
    from mono.slam.trajectory.odometry_report import format_table, to_json, write_plots

    if args.max_difference is not None and not 0 <= args.max_difference < math.inf:
        raise MetricDepthError(f"--max-difference is {args.max_difference}; it must be 0 or more")
    times = read_times(args.times) if args.times else None
    estimate, timed = read_timed(args.estimate, args.format, times)
    ground_truth, true_timed = read_timed(args.ground_truth, args.gt_format, times)
    if timed != true_timed:
        without = args.estimate if true_timed else args.ground_truth
        raise MetricDepthError(
            f"{without} is a KITTI file without times, the other has times; give them with --times FILE"
        )
    if not timed and len(estimate) != len(ground_truth):
        raise MetricDepthError(
            f"{args.estimate} has {len(estimate)} lines and {args.ground_truth} {len(ground_truth)}: without times, "
            "poses are paired by line, and some are missing; give a TUM file, with --times FILE for the other"
        )
    step = KITTI_STEP if args.step is None else args.step
    errors = compare_trajectories(
        estimate, ground_truth, args.max_difference, args.lengths or KITTI_LENGTHS, step, args.delta
    )
    out = sys.stdout.write
    out(format_table(errors))
    if args.lengths or args.step:
        out("  lengths or starts are not those of the KITTI benchmark: do not compare these t_rel and r_rel with it\n")
    if args.json:
        from mono.io.atomic import write_bytes

        content = {"estimate": str(args.estimate), "ground_truth": str(args.ground_truth), **to_json(errors)}
        write_bytes(args.json, json.dumps(content, indent=1).encode() + b"\n")
        out(f"\n  written: {args.json}\n")
    if args.plots:
        out("  plots: " + "  ".join(map(str, write_plots(errors, args.plots, args.plot_format))) + "\n")
    return int(errors.by_chance)
