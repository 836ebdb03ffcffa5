"""Command `metricdepth compare`: two evaluations side by side, or a leaderboard of several."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.evaluation.comparison import Comparison
    from mono.evaluation.leaderboard import Leaderboard
    from mono.evaluation.stored_run import StoredRun

_GAP = ("difference", "low", "high")
_HEADINGS = {"delta1": "delta1 ↑", "delta2": "delta2 ↑", "delta3": "delta3 ↑", "boundary_f1": "boundary F1 ↑"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("compare")
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN",
        help="metrics.json files of evaluations under one protocol, or their folders; two are compared, more ranked",
    )  # fmt: skip
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a leaderboard page")
    parser.add_argument("--common", action="store_true", help="compare the common images if the sets differ")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison with the values of each image")
    parser.add_argument(
        "--images", type=int, default=5, metavar="N", help="list the N images that gain and lose most each (default: 5)"
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, metavar="N", help="number of bootstrap resamples (default: 10000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the bootstrap (default: 0)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare two evaluations and return the exit code."""
    from mono.evaluation.comparison import compare_runs
    from mono.evaluation.leaderboard import rank_runs
    from mono.evaluation.stored_run import read_metrics
    from mono.io.atomic import write_bytes

    if len(args.runs) < 2:
        raise MetricDepthError("give two runs or more to compare")
    runs = [read_metrics(path) for path in args.runs]
    board = None
    if args.html or len(runs) > 2:
        board = rank_runs(runs, common=args.common, resamples=args.resamples, seed=args.seed)
    if board is not None and len(runs) > 2:
        sys.stdout.write(leaderboard_text(board))
        values = leaderboard_content(board)
    else:
        comparison = compare_runs(*runs, common=args.common, resamples=args.resamples, seed=args.seed)
        sys.stdout.write(text(comparison, max(0, args.images)))
        values = content(comparison)
    if args.json:
        write_bytes(args.json, json.dumps(values, indent=1).encode() + b"\n")
        sys.stdout.write(f"\n  written: {args.json}\n")
    if board is not None and args.html:
        from mono.evaluation.report.leaderboard_page import write_leaderboard

        write_leaderboard(args.html, board)
        sys.stdout.write(f"\n  written: {args.html}\n")
    return 0


def leaderboard_text(board: Leaderboard) -> str:
    """Format a leaderboard for the terminal, tier by tier."""
    from mono.evaluation.alignment import LABELS

    protocol = board.runs[0].protocol
    described = str(protocol.get("description") or f"protocol {protocol.get('name')}")
    lines = [_printable(described.partition("\n")[0])]
    left_out = f"; left out: {board.left_out} that not all have" if board.left_out else ""
    lines.append(f"{len(board.names)} images in all {len(board.runs)} runs{left_out}")
    for tier, places in board.tiers.items():
        lines += ["", LABELS[tier], f"{'':40}{'AbsRel':>8}{'delta1':>8}{'RMSE':>8}   gap of AbsRel to the best, 95 %"]
        for rank, place in enumerate(places):
            values = "".join(f"{_number(place.value(name)):>8}" for name in ("abs_rel", "delta1", "rmse"))
            gap = f"[{_signed(place.gap.low)}, {_signed(place.gap.high)}]"
            verdict = "" if rank == 0 else f"{gap} {'clearly behind' if place.behind else 'no clear difference'}"
            lines.append(f"{_short(place.label, 38):40}{values}   {verdict}".rstrip())
    lines += [
        "",
        f"Gaps: paired bootstrap over images, {board.resamples} resamples, seed {board.seed}. They hold for other "
        "images like these, not for other data.",
    ]
    return "\n".join(lines) + "\n"


def leaderboard_content(board: Leaderboard) -> dict[str, Any]:
    """Convert a leaderboard to the content of `--json`."""
    return {
        "runs": [{"file": str(run.path), "run": dict(run.run)} for run in board.runs],
        "protocol": dict(board.runs[0].protocol),
        "images": len(board.names),
        "left_out": board.left_out,
        "bootstrap": {"resamples": board.resamples, "seed": board.seed, "interval_percent": 95},
        "tiers": {
            tier: [
                {
                    "label": place.label,
                    "file": str(place.run.path),
                    "clearly_behind": place.behind,
                    "gap_to_best": {key: value for key, value in asdict(place.gap).items() if key in _GAP},
                    "metrics": {name: row.b for name, row in place.differences.items()},
                }
                for place in places
            ]
            for tier, places in board.tiers.items()
        },
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def text(comparison: Comparison, images: int) -> str:
    """Format a comparison for the terminal.

    Args:
        comparison: the comparison.
        images: number of images to list that gain most, and that lose most.
    """
    from mono.evaluation.alignment import LABELS

    protocol = comparison.a.protocol
    described = str(protocol.get("description") or f"protocol {protocol.get('name')}")
    lines = [_printable(described.partition("\n")[0])]
    lines += [f"A: {_title(comparison.a)}", f"B: {_title(comparison.b)}"]
    lines.append(f"{len(comparison.names)} images in both" + _left_out(comparison))
    tier = ""
    for row in comparison.differences:
        if row.tier != tier:
            tier = row.tier
            lines += ["", LABELS[tier], f"{'':16}{'A':>10}{'B':>10}{'B - A':>11}   95 % interval of B - A"]
        heading = _HEADINGS.get(row.metric, f"{row.metric} ↓")
        interval = f"[{_signed(row.low)}, {_signed(row.high)}]"
        verdict = f"{row.better} is better" if row.better else "no clear difference"
        fewer = f" ({row.images} images)" if row.images < len(comparison.names) else ""
        lines.append(
            f"{heading:16}{row.a:10.4f}{row.b:10.4f}{_signed(row.difference):>11}   {interval:22} {verdict}{fewer}"
        )
    lines += [
        "",
        f"Intervals: paired bootstrap over images, {comparison.resamples} resamples, seed {comparison.seed}. They hold "
        "for other images like these, not for other data.",
    ]
    changes = comparison.changes(comparison.tier)
    if images and changes:
        lines += ["", f"{f'AbsRel of each image, {comparison.tier}':40}{'A':>10}{'B':>10}{'B - A':>11}"]
        few = len(changes) <= 2 * images
        shown = changes if few else [*changes[:images], None, *changes[-images:]]
        lines += [
            f"{_short(item[0], 38):40}{item[1]:10.4f}{item[2]:10.4f}{_signed(item[2] - item[1]):>11}" if item else "…"
            for item in shown
        ]
    return "\n".join(lines) + "\n"


def content(comparison: Comparison) -> dict[str, Any]:
    """Convert a comparison to the content of `--json`.

    Args:
        comparison: the comparison.

    Returns:
        JSON values: the runs, the differences, and both runs' values of each image.
    """
    a, b = comparison.a, comparison.b
    return {
        "a": {"file": str(a.path), "run": dict(a.run)},
        "b": {"file": str(b.path), "run": dict(b.run)},
        "protocol": dict(a.protocol),
        "images": len(comparison.names),
        "only_a": list(comparison.only_a),
        "only_b": list(comparison.only_b),
        "bootstrap": {"resamples": comparison.resamples, "seed": comparison.seed, "interval_percent": 95},
        "differences": [{**asdict(row), "better": row.better} for row in comparison.differences],
        "per_image": {
            name: {
                tier: {"a": asdict(a.images[name][tier]), "b": asdict(b.images[name][tier])}
                for tier in a.images[name]
                if tier in b.images[name]
            }
            for name in comparison.names
        },
    }


def _title(run: StoredRun) -> str:
    parts = [_printable(str(run.run["model"]))] if run.run.get("model") else []
    parts += [f"checksum {_printable(str(run.run['checksum_sha256']))[:12]}"] if run.run.get("checksum_sha256") else []
    return str(run.path) + (f" ({', '.join(parts)})" if parts else "")


def _left_out(comparison: Comparison) -> str:
    if not comparison.only_a and not comparison.only_b:
        return ""
    return f"; left out: {len(comparison.only_a)} only in A, {len(comparison.only_b)} only in B"


def _signed(value: float) -> str:
    return f"{round(value, 4) + 0.0:+.4f}"  # + 0.0: no "-0.0000"


def _short(name: str, room: int) -> str:
    shown = _printable(name)
    return shown if len(shown) <= room else "…" + shown[1 - room :]


def _printable(text: str) -> str:
    """Replace what a terminal might obey, as names and descriptions are read from files."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
