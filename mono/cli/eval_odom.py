"""`metricdepth eval-odom`: an estimated trajectory against the true one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mono.cli.arguments import numbers
from mono.system.errors import MetricDepthError

_FORMATS = ("tum", "kitti", "euroc")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("eval-odom", help="a trajectory against the truth: KITTI's errors, ATE and RPE")
    parser.add_argument("estimate", type=Path, metavar="EST", help="TUM, KITTI or EuRoC file")
    parser.add_argument("ground_truth", type=Path, metavar="GT", help="the same of the true trajectory, in metres")
    parser.add_argument("--format", choices=_FORMATS, help="of the estimate (default: by its first line)")
    parser.add_argument("--gt-format", choices=_FORMATS, help="of the truth (default: by its first line)")
    parser.add_argument(
        "--times", type=Path, metavar="FILE", help="a time [s] a line, for KITTI files that meet files with times"
    )
    parser.add_argument(
        "--max-difference", type=float, metavar="S",
        help="poses nearer in time belong together [s, or lines] (default: half the truth's median step)",
    )  # fmt: skip
    parser.add_argument(
        "--lengths", type=numbers, metavar="M,M,…",
        help="of the relative errors [m]; others than 100 to 800 are not the benchmark's (default: 100,200,…,800)",
    )  # fmt: skip
    parser.add_argument("--step", type=int, metavar="N", help="a stretch begins every N frames (default: 10)")
    parser.add_argument(
        "--delta", type=int, default=1, metavar="N", help="frames of a relative pose error (default: 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write path and error against length")
    parser.add_argument("--plot-format", choices=("svg", "png"), default="svg", help="of the plots (default: svg)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compares; returns the exit code."""
    from mono.slam.trajectory.files import read_timed, read_times
    from mono.slam.trajectory.odometry_metrics import KITTI_LENGTHS, KITTI_STEP, compare_trajectories
    from mono.slam.trajectory.odometry_report import content, text, write_plots

    if min(args.lengths or (1,)) <= 0 or (args.step or 1) < 1 or args.delta < 1:
        raise MetricDepthError("lengths, step and delta must be positive")
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
            "lines belong together by their number, and some are missing; give a TUM file, with --times "
            "FILE for the other"
        )
    errors = compare_trajectories(
        estimate, ground_truth, args.max_difference, args.lengths or KITTI_LENGTHS, args.step or KITTI_STEP, args.delta
    )
    out = sys.stdout.write
    out(text(errors))
    if args.lengths or args.step:
        out(
            "  lengths or starts are not those of the KITTI benchmark: these t_rel and r_rel compare with none of its\n"
        )
    if args.json:
        from mono.io.atomic import write_bytes

        whole = {"estimate": str(args.estimate), "truth": str(args.ground_truth), **content(errors)}
        write_bytes(args.json, json.dumps(whole, indent=1).encode() + b"\n")
        out(f"\n  written: {args.json}\n")
    if args.plots:
        out("  plots: " + "  ".join(map(str, write_plots(errors, args.plots, args.plot_format))) + "\n")
    return 0
