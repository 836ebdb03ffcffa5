"""`metricdepth predict`: photos and videos to depth, surface normals, pictures and point clouds."""

from __future__ import annotations

import argparse
from pathlib import Path

from mono.cli import arguments, console, session
from mono.cli.video import add_video_flags, finish, say_videos
from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "predict", help="photos and videos to metric depth, normals, pictures and point clouds"
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, folders, quoted globs, or videos")
    parser.add_argument("--recursive", action="store_true", help="look into subfolders too")
    parser.add_argument("--out", type=Path, default=Path("outputs"), metavar="DIR", help="(default: outputs)")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint (default: lite)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights for the model")
    arguments.add_camera_flags(parser)
    arguments.add_output_flags(parser, save="depth,vis", more=",video")
    add_video_flags(parser)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Predicts; returns the exit code."""
    from mono.data.folder import find_images, find_videos
    from mono.data.video import find_readable_frames
    from mono.system.distributed import join_ranks

    # What is made of a whole video is no part of what is written for a frame.
    video, args.save = "video" in args.save, tuple(kind for kind in args.save if kind != "video")
    videos = find_videos(args.inputs, recursive=args.recursive)
    if videos and any(not find_videos([given], recursive=args.recursive) for given in args.inputs):
        raise MetricDepthError("videos and images are given: predict them in runs of their own")
    whole = video or args.smooth_scale is not None
    if whole and not videos:
        raise MetricDepthError("--save video and --smooth-scale are for videos; none is given")
    if whole and "depth" not in args.save:
        raise MetricDepthError(
            "--save video and --smooth-scale are made of depth maps: save these too (--save depth,video)"
        )
    options = arguments.run_options(args, args.out, protocol=None)
    frames, damaged = find_readable_frames(videos, args.every, args.start, args.end)
    if damaged and not frames:
        raise damaged[0].error
    samples = [*frames, *damaged] if videos else find_images(args.inputs, recursive=args.recursive)
    ranks = join_ranks(args.launcher)
    if frames and ranks.rank == 0:
        say_videos(frames, options)
    predictor = session.load_predictor(args, args.model, args.checkpoint, ranks)
    summary = session.execute(samples, predictor, options, ranks)
    code = console.say_summary(summary, options, predictor)
    if summary is not None and whole:
        finish(frames, options, args.smooth_scale, video)
    return code
