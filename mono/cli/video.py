"""Video flags of `metricdepth predict`, and its lines about videos."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
