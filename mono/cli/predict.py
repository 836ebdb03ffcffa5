"""`metricdepth predict`: metric depth, normals and point clouds of photos and videos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mono.cli import arguments, camera_flags, console, session
from mono.cli.align_flags import add_align_flags, align_options
from mono.cli.video import add_video_flags, print_video_outputs, print_videos
from mono.data.focal_pool import pool_focal
from mono.data.folder import find_images, find_videos
from mono.data.video import VideoSample, find_readable_frames
from mono.runs.options import RunOptions
from mono.runs.video_outputs import by_video, finish_videos
from mono.system.distributed import join_ranks
from mono.system.errors import MetricDepthError
from mono.system.failure import Failure


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("predict")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="image files, folders, quoted globs, or videos (beyond 34 megapixels, images are read at reduced size)",
    )
    parser.add_argument("-i", "--input", nargs="+", default=[], metavar="INPUT", help="the same, as a flag")
    parser.add_argument("--recursive", action="store_true", help="search subfolders too")
    parser.add_argument("--out", type=Path, default=Path("outputs"), metavar="DIR", help="output folder")
    arguments.add_model_flags(parser)
    camera_flags.add_camera_flags(parser, pool=True)
    camera_flags.add_wide_flags(parser)
    add_align_flags(parser)
    arguments.add_output_flags(parser, save="depth,vis", more=",video")
    add_video_flags(parser)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Predict, and return the exit code."""
    inputs = [*args.inputs, *args.input]
    if not inputs:
        raise MetricDepthError("give photos, folders or videos: metricdepth predict photo.jpg")
    # Results of a whole video are no output of a frame.
    video, args.save = "video" in args.save, tuple(kind for kind in args.save if kind != "video")
    videos = find_videos(inputs, recursive=args.recursive)
    if others := [given for given in inputs if videos and not find_videos([given], recursive=args.recursive)]:
        raise MetricDepthError(
            f"videos are given, and {others[0]}, which is none (a GIF is an image): predict these in runs of their own"
        )
    whole = video or args.smooth_scale is not None
    if whole and not videos:
        raise MetricDepthError("--save video and --smooth-scale are for videos; none is given")
    if whole and "depth" not in args.save:
        raise MetricDepthError(
            "--save video and --smooth-scale are made of depth maps: save these too (--save depth,video)"
        )
    options = replace(arguments.run_options(args, args.out, protocol=None), align=align_options(args))
    frames, damaged = find_readable_frames(videos, args.every, args.start, args.end)
    if damaged and not frames:
        raise damaged[0].error
    samples = [*frames, *damaged] if videos else find_images(inputs, recursive=args.recursive)
    ranks = join_ranks(args.launcher)
    if args.pool_focal and not videos:
        options = replace(options, resolver=pool_focal(samples, options.resolver))
    if frames and ranks.rank == 0:
        print_videos(frames, options)
    predictor = session.load_for_run(args, args.model, args.checkpoint, ranks, samples, options)
    summary = session.execute(samples, predictor, options, ranks)
    code = console.say_summary(summary, options, predictor)
    if summary is not None and whole:
        code |= _finish(frames, options, args.smooth_scale, video)
    return code


def _finish(frames: Sequence[VideoSample], options: RunOptions, width: float | None, video: bool) -> int:
    """Smooth scales and write videos of depth, one video after another; return the exit code."""
    code, groups = 0, by_video(frames)
    with console.progress_line(len(frames), "frame") as line:
        made = []
        for group in groups.values():
            try:
                made += finish_videos(
                    group,
                    options.out,
                    smooth_frames=width,
                    video=video,
                    overwrite=options.overwrite,
                    progress=line.step,
                )
            except MetricDepthError as error:
                if len(groups) == 1:
                    raise
                console.say_failures([Failure(str(group[0].video.path), str(error))])
                code = 1
    print_video_outputs(made, width)
    return code
