"""Video flags of `metricdepth predict`, and its lines about videos."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.sample import Sample
    from mono.data.video import VideoSample
    from mono.runs.options import RunOptions
    from mono.runs.video_outputs import VideoOutput


def add_video_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags of a video's frames and of results of whole videos."""
    group = parser.add_argument_group("video", "Frames of one video share one camera.")
    add_frame_flags(group)
    group.add_argument(
        "--smooth-scale", type=float, nargs="?", const=5.0, metavar="N",
        help="smooth the frames' scale over N frames (5 without N), into depth_smooth/ beside depth/",
    )  # fmt: skip


def add_frame_flags(group: argparse._ActionsContainer) -> None:
    """Add flags that select frames of a video."""
    group.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame of a video")
    group.add_argument("--start", type=float, default=0.0, metavar="S", help="start at this time [s]")
    group.add_argument("--end", type=float, metavar="S", help="end at this time [s] (default: the video's end)")


def frames_of_one_camera(
    inputs: Sequence[str], every: int = 1, start: float = 0.0, end: float | None = None
) -> list[Sample]:
    """List the frames of one video, or images.

    Args:
        inputs: a video, or a folder or pattern with one; or files, folders or patterns of images.
        every: step between frames.
        start: begin of the interval of a video [s].
        end: end of the interval of a video [s]; None: its end.

    Raises:
        MetricDepthError: there are several videos, videos and images, or no frame at all; or an option does not apply.
    """
    from mono.data.folder import find_images, find_videos
    from mono.data.video import find_frames

    videos = find_videos(inputs)
    if len(videos) > 1 or (videos and len(inputs) > 1):
        named = ", ".join([*videos[:5], *(["..."] if len(videos) > 5 else [])])
        raise MetricDepthError(
            f"give one video, or the frames of one camera: one path is reconstructed at a time ({named})"
        )
    if videos:
        return list(find_frames(videos, every, start, end))
    if start or end is not None:
        raise MetricDepthError("--start and --end are seconds of a video; frames in files have none")
    if every < 1:
        raise MetricDepthError(f"--every is {every}; it must be at least 1")
    return find_images(inputs)[::every]


def print_videos(samples: Sequence[VideoSample], options: RunOptions) -> None:
    """Print the selected frames and the camera of each video."""
    from mono.runs.video_outputs import by_video

    for video, frames in by_video(samples).items():
        found = options.resolver.resolve_for(frames[0], video)
        camera = found.camera
        sys.stdout.write(
            f"{video.path}: {len(frames)} of {len(video)} frames, {video.width}x{video.height}, "
            f"{frames[0].seconds:.2f} to {frames[-1].seconds:.2f} s\n"
            f"  one camera: {found.source}, fx {camera.fx:.1f} px, {camera.horizontal_fov:.1f} deg ({found.detail})\n"
        )


def print_video_outputs(outputs: Sequence[VideoOutput], width: float | None) -> None:
    """Print the changes of scale and the files of each video."""
    for made in outputs:
        if made.smoothing is not None and width is not None:
            changes = made.smoothing
            before, after = (f"{100 * f:.2f} %" for f in changes.flicker)
            sys.stdout.write(
                f"  scale smoothed over {width:g} frames: median change {100 * changes.median_change:.2f} %, "
                f"largest {100 * changes.largest_change:.2f} %; flicker {before} before, {after} after; "
                f"{len(changes.cuts)} cuts\n  results: {made.smooth_folder}/\n"
            )
        if made.video is not None and made.limits is not None:
            near, far = made.limits
            sys.stdout.write(f"  video: {made.video}, colors from {near:g} m to {far:g} m\n")
