"""`metricdepth scenes`: render procedural scenes with exact depth; cut views from panoramas."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mono.cli.main import guarded


def add_parser(subparsers: Any) -> None:
    """Register the command `scenes` with its actions."""
    add_actions(subparsers.add_parser("scenes", help="render procedural scenes with exact depth"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `metricdepth-scenes` and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="metricdepth-scenes", description="Render procedural scenes with exact depth."
    )
    add_actions(parser)
    args = parser.parse_args(argv)
    return guarded(args.run, args)


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command."""
    actions = parser.add_subparsers(dest="action", required=True)
    render = actions.add_parser("render", help="render a data set for evaluation or training (resumes automatically)")
    render.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, with annotations.json")
    render.add_argument("--frames", type=int, required=True, metavar="N", help="number of frames")
    _add_render_flags(render)
    render.add_argument(
        "--family",
        action="append",
        type=_share,
        metavar="NAME[=SHARE]",
        help="render only these families, with shares; may be repeated",
    )
    render.set_defaults(run=_render, resumes=True)
    cut = actions.add_parser("panoramas", help="cut photographs out of panoramas, optionally with a network's depth")
    cut.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, with annotations.json")
    cut.add_argument("--frames", type=int, required=True, metavar="N", help="number of views")
    cut.add_argument("--assets", type=Path, required=True, metavar="DIR", help="folder with panoramas (index.json)")
    cut.add_argument(
        "--seed", type=int, default=0, metavar="S", help="random seed; equal seeds give equal views (default: 0)"
    )
    cut.add_argument(
        "--teacher", metavar="MODEL", help="predict depth with this model, for --data …:predicted (default: no depth)"
    )
    cut.add_argument(
        "--height",
        type=float,
        metavar="M",
        help="the panoramas were taken so far above their floor [m]: the teacher sees each as a whole, in these metres",
    )
    cut.add_argument(
        "--move",
        action="store_true",
        help="with --teacher and --height: views from beside the tripod, as high as cameras are held",
    )
    cut.add_argument(
        "--sky", action="store_true", help="write labels of sky from sky_labels/ of the assets, for --data …:sky"
    )
    cut.add_argument(
        "--wide", action="store_true", help="cut views of 60 to 115 degrees in all directions, for train-focal"
    )
    cut.set_defaults(run=_cut)
    sequence = actions.add_parser(
        "sequence", help="render a video through a scene with exact depth and poses (resumes automatically)"
    )
    sequence.add_argument(
        "kind", choices=("street", "room"), help="street: a loop of about 560 m by car; room: a walk through a room"
    )
    sequence.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    sequence.add_argument(
        "--frames", type=int, required=True, metavar="N", help="number of frames along the whole path"
    )
    _add_render_flags(sequence)
    sequence.set_defaults(run=_sequence, resumes=True)


def _add_render_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="random seed; equal seeds give equal frames (default: 0)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="W", help="number of processes with one thread each (default: 1)"
    )
    parser.add_argument("--assets", type=Path, metavar="DIR", help="folder with textures and models (index.json)")
    parser.add_argument(
        "--pixels", type=int, default=150_000, metavar="P", help="approximate pixels per frame (default: 150000)"
    )


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share) if share else 1.0
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: the share must be a number, as in street=0.5") from error


def _render(args: argparse.Namespace) -> int:
    from metricdepth_scenes.dataset import render_dataset

    logging.getLogger("metricdepth_scenes").setLevel(logging.INFO)
    render_dataset(
        args.out,
        args.frames,
        seed=args.seed,
        workers=args.workers,
        assets=args.assets,
        pixels=args.pixels,
        weights=dict(args.family) if args.family else None,
    )
    return 0


def _cut(args: argparse.Namespace) -> int:
    import mono
    from metricdepth_scenes.panoramas import cut_dataset

    logging.getLogger("metricdepth_scenes").setLevel(logging.INFO)
    teacher = mono.load_model(args.teacher) if args.teacher else None
    cut_dataset(
        args.out,
        args.frames,
        args.assets,
        args.seed,
        teacher=teacher,
        sky=args.sky,
        wide=args.wide,
        height=args.height,
        move=args.move,
    )
    return 0


def _sequence(args: argparse.Namespace) -> int:
    from metricdepth_scenes.sequence import SequencePlan, render_sequence

    logging.getLogger("metricdepth_scenes").setLevel(logging.INFO)
    plan = SequencePlan(args.kind, args.out, args.frames, args.seed, args.assets, args.pixels)
    render_sequence(plan, workers=args.workers)
    return 0
